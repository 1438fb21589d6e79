# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases that a restore is to drop, noted by a table in them, lest they stay when the restore is killed.

The table tells for which database it was made. So it means nothing where it came to another one, by a dump or a swap.
"""

from __future__ import annotations

from typing import Any

from ..base import rows_of
from . import definitions
from .swap_plan import DROPPING, JOURNAL_AFTER, OWN, Plan, qualified

# In a database that is loaded under its own name.
UNFINISHED = f"{OWN}unfinished"
MARKED = "SELECT TABLE_SCHEMA, TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_NAME = %s ORDER BY 1"


def mark_unfinished(cursor: Any, database: str) -> None:
    """Note that a new database is not whole yet."""
    cursor.execute(f"CREATE TABLE {qualified(database, UNFINISHED)} (id int) ENGINE = InnoDB COMMENT = %s", [database])


def mark_finished(cursor: Any, database: str) -> None:
    """Note that a database is whole."""
    cursor.execute(f"DROP TABLE IF EXISTS {qualified(database, UNFINISHED)}")


def mark_replaced(cursor: Any, plan: Plan) -> None:
    """Make of the journal beside the old tables, when nothing is left to do, the note that they are to be dropped."""
    previous = plan.previous or ""
    # One that came with the tables, of a backup of such a database.
    cursor.execute(f"DROP TABLE IF EXISTS {qualified(previous, DROPPING)}")
    cursor.execute(f"RENAME TABLE {qualified(previous, JOURNAL_AFTER)} TO {qualified(previous, DROPPING)}")


def drop(cursor: Any, target: str, replaced: list[Plan]) -> list[str]:
    """Drop what is noted of the databases of a restore to ``target``; return a sentence for each.

    ``replaced`` are the plans of swaps whose old databases are noted.
    """
    said = []
    for plan in replaced:
        if plan.target == target and plan.previous is not None:
            said.append(_drop(cursor, plan.previous, f"which was to be dropped when {target} had been replaced"))
    for database, noted in rows_of(cursor, MARKED, [UNFINISHED]):
        if database == target == noted:
            said.append(_drop(cursor, database, "which was not whole, for the restore to it was killed"))
    return said


def _drop(cursor: Any, database: str, why: str) -> str:
    try:
        definitions.drop(cursor, "DATABASE", database)
    except cursor.connection.Error as error:
        return f"the database {database}, {why}, could not be dropped (error {error.args[0]})"
    return f"the database {database}, {why}, was dropped"
