# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made of the statements by which the servers of the MySQL family show accounts."""

from __future__ import annotations

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql import accounts
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.accounts import (
    AccountName,
    MembershipInfo,
    ObjectGrantInfo,
)

APP = AccountName(name="app", host="%")
ROLE = AccountName(name="reader")


@pytest.mark.parametrize(
    ("shown", "statement"),
    [
        ("GRANT SELECT ON `shop`.* TO `app`@`%`", "GRANT SELECT ON `shop`.* TO 'app'@'%'"),
        (
            "GRANT SELECT, DELETE HISTORY ON `s\\_``x`.* TO `app`@`%` WITH GRANT OPTION",
            "GRANT SELECT, DELETE HISTORY ON `s\\_``x`.* TO 'app'@'%' WITH GRANT OPTION",
        ),
        (
            "GRANT FILE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*' WITH GRANT OPTION MAX_QUERIES_PER_HOUR 5",
            "GRANT FILE ON *.* TO 'app'@'%' WITH GRANT OPTION",
        ),
        (
            "GRANT FILE ON *.* TO `app`@`%` IDENTIFIED VIA pam USING ' WITH GRANT OPTION'",
            "GRANT FILE ON *.* TO 'app'@'%'",
        ),
        ("GRANT USAGE ON *.* TO `app`@`%` WITH GRANT OPTION", "GRANT USAGE ON *.* TO 'app'@'%' WITH GRANT OPTION"),
        ("REVOKE SELECT ON `secret`.* FROM `app`@`%`", "REVOKE SELECT ON `secret`.* FROM 'app'@'%'"),
    ],
)
def test_privileges_on_everything_and_on_databases_are_taken_over(shown: str, statement: str) -> None:
    assert accounts.grant_statement(shown, APP) == statement


@pytest.mark.parametrize(
    "shown",
    [
        "GRANT USAGE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*14C1'",
        "GRANT `reader` TO `app`@`%` WITH ADMIN OPTION",
        "GRANT PROXY ON 'a'@'b' TO 'app'@'%' WITH GRANT OPTION",
        "GRANT SELECT ON `shop`.`*` TO `app`@`%`",
        "GRANT SELECT (`a) ON ``shop``.* TO b`) ON `shop`.`t` TO `app`@`%`",
        "GRANT EXECUTE ON PROCEDURE `shop`.`p` TO `app`@`%`",
        "SET DEFAULT ROLE `reader` FOR `app`@`%`",
        "GRANT CREATE ON *.* TO `another`",
        "GRANT CREATE ON *.* TO `app`@`%``x`",
    ],
)
def test_what_is_read_as_data_or_belongs_to_another_account_is_left_out(shown: str) -> None:
    assert accounts.grant_statement(shown, APP) is None


def test_default_roles_are_taken_out_of_an_account_and_nothing_else_is() -> None:
    tail = ' REQUIRE NONE ATTRIBUTE \'{"a": " DEFAULT ROLE `x`@`%` "}\''
    text = " IDENTIFIED WITH 'caching_sha2_password' AS 0x24 DEFAULT ROLE `a``,b`@`%`,`c`@`%`"
    assert accounts._without_default_roles(text + tail) == (" IDENTIFIED WITH 'caching_sha2_password' AS 0x24" + tail)
    assert accounts._without_default_roles(tail) == tail


def test_a_name_is_a_string_on_one_line() -> None:
    assert accounts.quoted(AccountName(name="it's\n\\`x`", host="%")) == "'it''s\\n\\\\`x`'@'%'"
    assert accounts.quoted(ROLE) == "'reader'"
    assert accounts.quoted(AccountName(name="PUBLIC")) == "PUBLIC"
    assert accounts.quoted(AccountName(name="PUBLIC", host="%")) == "'PUBLIC'@'%'"


def test_all_default_roles_of_a_member_are_set_at_once() -> None:
    memberships = [
        MembershipInfo(role=AccountName(name=role, host="%"), member=APP, is_default=role != "c") for role in "abc"
    ]
    assert accounts.default_roles_statements(memberships, "mysql") == [
        (APP, "SET DEFAULT ROLE 'a'@'%', 'b'@'%' TO 'app'@'%'")
    ]


def test_a_privilege_on_an_object_names_column_kind_and_option() -> None:
    grant = ObjectGrantInfo(account=0, database="sh`op", kind="TABLE", name="t", privileges=["SELECT", "INSERT"])
    column = grant.model_copy(update={"column": "a b", "grantable": True})
    routine = grant.model_copy(update={"kind": "PROCEDURE", "privileges": ["EXECUTE"]})
    option = grant.model_copy(update={"privileges": [], "grantable": True})
    assert accounts.object_statement(ROLE, grant) == "GRANT SELECT, INSERT ON `sh``op`.`t` TO 'reader'"
    assert accounts.object_statement(APP, column) == (
        "GRANT SELECT (`a b`), INSERT (`a b`) ON `sh``op`.`t` TO 'app'@'%' WITH GRANT OPTION"
    )
    assert accounts.object_statement(ROLE, routine) == "GRANT EXECUTE ON PROCEDURE `sh``op`.`t` TO 'reader'"
    assert accounts.object_statement(ROLE, option) == "GRANT USAGE ON `sh``op`.`t` TO 'reader' WITH GRANT OPTION"
