# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kind of a statement is told, and nothing that is in it."""

from __future__ import annotations

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases import statements


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("SELECT secret FROM customers", "SELECT"),
        ("  /* why */ SELECT 1", "SELECT"),
        ('CREATE DATABASE "shop"', "CREATE DATABASE"),
        ("RENAME TABLE a.b TO c.d", "RENAME TABLE"),
        ("DROP USER bob", "DROP USER"),
        ("CREATE\n  TABLE t (i int)", "CREATE TABLE"),
        ("INSERT INTO t VALUES ('secret')", "INSERT"),
        ("SET SESSION sql_mode = ''", "SET SESSION"),
        ("CALL SECRET()", "CALL"),
        ("DROP DATABASES_OF_BOB", "DROP"),
        ("SET search_path = ''", "SET"),
        ("secret", "other"),
        ("", "other"),
    ],
)
def test_the_kind_is_the_first_word_and_what_it_is_about(statement: str, kind: str) -> None:
    assert statements.kind_of(statement) == kind


def test_a_cursor_that_is_told_of_executes_as_the_driver_does() -> None:
    class Driver:
        def execute(self, statement: str, parameters: object = None) -> tuple[str, object]:
            return statement, parameters

    class Cursor(statements.ToldCursor, Driver):
        pass

    assert Cursor().execute("SELECT %s", [1]) == ("SELECT %s", [1])
    assert Cursor().execute("SELECT 1") == ("SELECT 1", None)
