# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sequences the server's own text of a default names."""

from __future__ import annotations

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql.defaults import named


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("nextval(`old`.`numbers`)", "nextval(`new`.`numbers`)"),
        ("(lastval(`old`.`odd ``name`) + 1)", "(lastval(`new`.`odd ``name`) + 1)"),
        ("nextval(`other`.`numbers`)", "nextval(`other`.`numbers`)"),
        ("nextval(`old`.`unknown`)", "nextval(`old`.`unknown`)"),
        ("concat('`old`.`numbers`',nextval(`old`.`numbers`))", "concat('`old`.`numbers`',nextval(`new`.`numbers`))"),
        (r"concat('\'`old`.`numbers`','''`old`.`numbers`')", r"concat('\'`old`.`numbers`','''`old`.`numbers`')"),
    ],
)
def test_only_sequences_of_the_wrong_database_are_named_anew(expression: str, expected: str) -> None:
    assert named(expression, {"old"}, "new", {"numbers", "odd `name"}) == expected
