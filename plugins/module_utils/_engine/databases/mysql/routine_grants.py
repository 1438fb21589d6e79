# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Privileges on single routines: all others are kept by name, but these go when MySQL drops the routine."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from ..base import rows_of
from .connection import identifier

GRANTS = "SELECT User, Host, Routine_name, Routine_type, Proc_priv FROM mysql.procs_priv WHERE Db = %s"
GRANT_OPTION = "Grant"


def read(cursor: Any, database: str, routines: Collection[tuple[str, str]]) -> list[str]:
    """Return statements that give accounts what they have on routines, which are pairs of kind and name."""
    statements = []
    for user, host, name, kind, privileges in rows_of(cursor, GRANTS, [database]):
        if (kind, name) in routines:
            given = str(privileges).split(",")
            listed = ", ".join(privilege for privilege in given if privilege != GRANT_OPTION) or "USAGE"
            statements.append(
                f"GRANT {listed} ON {kind} {identifier(database)}.{identifier(name)}"
                f" TO {identifier(user)}@{identifier(host)}"
                f"{' WITH GRANT OPTION' if GRANT_OPTION in given else ''}"
            )
    return statements


def give(cursor: Any, statements: Iterable[str]) -> list[str]:
    """Run such statements; return a sentence for each that cannot be run."""
    said = []
    for statement in statements:
        try:
            cursor.execute(statement)
        except cursor.connection.OperationalError as error:
            said.append(f"{statement} could not be repeated (error {error.args[0]})")
    return said
