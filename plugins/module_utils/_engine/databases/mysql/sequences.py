# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which number each sequence and each automatic column of a MySQL or MariaDB database gives next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...models.metadata import SequenceInfo
from ..base import rows_of
from ..values import Flavour
from . import catalogue
from .connection import identifier

# MySQL otherwise tells numbers that are up to a day old.
FRESH_NUMBERS = "SET SESSION information_schema_stats_expiry = 0"
# Other engines may count each group of a key by itself.
AUTOMATIC = f"""
    SELECT TABLE_NAME, AUTO_INCREMENT FROM information_schema.TABLES
    WHERE TABLE_SCHEMA = %s AND TABLE_TYPE IN {catalogue.TABLE_TYPES} AND ENGINE = 'InnoDB'
      AND AUTO_INCREMENT IS NOT NULL ORDER BY TABLE_NAME
"""
# MariaDB alone has them.
SEQUENCES = """
    SELECT TABLE_NAME FROM information_schema.TABLES
    WHERE TABLE_SCHEMA = %s AND TABLE_TYPE = 'SEQUENCE' ORDER BY TABLE_NAME
"""
NO_SUCH_TABLE = 1146


def read(cursor: Any, flavour: Flavour, database: str, exclude_tables: Sequence[str] = ()) -> list[SequenceInfo]:
    """Return what does not begin anew, without the numbers of tables that the patterns name."""
    if flavour == "mysql":
        cursor.execute(FRESH_NUMBERS)
    excluded = set(catalogue.find_tables(cursor, database, exclude_tables))
    found = [
        SequenceInfo(name=table, number=int(number))
        for table, number in rows_of(cursor, AUTOMATIC, [database])
        if table not in excluded
    ]
    for (name,) in rows_of(cursor, SEQUENCES, [database]):
        found += _read(cursor, database, name)
    return found


def _read(cursor: Any, database: str, name: str) -> list[SequenceInfo]:
    """Return one sequence of MariaDB, nothing if it begins anew, or has been dropped since it was listed."""
    query = f"SELECT next_not_cached_value, increment, cycle_option FROM {identifier(database)}.{identifier(name)}"
    try:
        number, increment, cycles = rows_of(cursor, query)[0]
    except cursor.connection.ProgrammingError as error:
        if error.args[0] != NO_SUCH_TABLE:
            raise
        return []
    return [] if cycles else [SequenceInfo(name=name, number=int(number), descending=increment < 0)]
