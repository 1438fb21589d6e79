# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order and the statements of memberships among PostgreSQL roles."""

from __future__ import annotations

from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.postgresql import accounts
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.accounts import AccountName, MembershipInfo


def membership(role: str, member: str, **more: Any) -> MembershipInfo:
    return MembershipInfo(role=AccountName(name=role), member=AccountName(name=member), **more)


def test_a_membership_follows_the_one_that_lets_its_grantor_grant_it() -> None:
    last = membership("r", "a", grantor="c")
    middle = membership("r", "c", grantor="b", admin=True)
    first = membership("r", "b", admin=True)
    assert accounts.in_order_of_grantors([last, middle, first], 16) == [first, middle, last]


def test_a_grantor_who_may_not_grant_is_forgotten_where_the_server_would_refuse_it() -> None:
    free, bound = membership("r", "b"), membership("r", "a", grantor="b")
    forgotten = membership("r", "a")
    assert accounts.in_order_of_grantors([bound, free], 16) == [free, forgotten]
    assert accounts.in_order_of_grantors([bound, free], 15) == [free, bound]


def test_options_of_a_membership_are_written_for_the_version_of_the_server() -> None:
    one = membership("r", 'a"b', admin=True, inherit=True, set_role=False)
    assert accounts.membership_statement(one, 15, None) == 'GRANT "r" TO "a""b" WITH ADMIN OPTION'
    assert accounts.membership_statement(one, 16, "c") == (
        'GRANT "r" TO "a""b" WITH ADMIN OPTION, INHERIT TRUE, SET FALSE GRANTED BY "c"'
    )
    assert accounts.membership_statement(membership("r", "a"), 16, None) == 'GRANT "r" TO "a"'
