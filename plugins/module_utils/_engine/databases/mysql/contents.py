# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a dump is planned by: the tables of a database, how large they are, and which are excluded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ... import errors
from ..base import rows_of
from . import catalogue, plan

# Only this is asked for while writers are kept out: it opens no table.
NAMES = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s"
SIZES = f"""
    SELECT TABLE_NAME, COALESCE(ENGINE, ''), COALESCE(DATA_LENGTH, 0) FROM information_schema.TABLES
    WHERE TABLE_SCHEMA = %s AND TABLE_TYPE IN {catalogue.TABLE_TYPES} ORDER BY BINARY TABLE_NAME
"""
COLUMNS = """
    SELECT TABLE_NAME, ORDINAL_POSITION, COLUMN_NAME, COLUMN_TYPE FROM information_schema.COLUMNS
    WHERE TABLE_SCHEMA = %s
"""


@dataclass(frozen=True)
class Contents:
    """The tables to dump, those left out, and the names of all that the database has, views and sequences too."""

    connection: Any
    database: str
    patterns: Sequence[str]
    names: frozenset[str]
    tables: Sequence[plan.Table]
    excluded: Sequence[str]

    @classmethod
    def read(cls, connection: Any, database: str, patterns: Sequence[str]) -> Contents:
        """Read what is there now, without the tables that the patterns name.

        Raise ConfigError when the dump program cannot leave these out without another one.
        """
        with connection.cursor() as cursor:
            names = frozenset(row[0] for row in rows_of(cursor, NAMES, [database]))
            excluded = catalogue.find_tables(cursor, database, patterns)
            also = plan.also_left_out(excluded, names)
            if also:
                raise errors.ConfigError(
                    f"the dump program cannot leave out {', '.join(excluded)} of {database}"
                    f" without {', '.join(sorted(also))}",
                    "It does not tell these names apart: exclude all of them, or none",
                )
            tables = [
                plan.Table(name, engine, int(size))
                for name, engine, size in rows_of(cursor, SIZES, [database])
                if name not in excluded
            ]
        return cls(connection, database, patterns, names, tables, excluded)

    def plan(self, lanes: int) -> plan.Plan:
        """Return the plan for ``lanes`` processes that read rows; none of them (0) is one process for all."""
        return plan.plan(self.tables, self.excluded, lanes)

    def read_again(self) -> Contents:
        """Return what is there now, reading no more than names unless there are others."""
        with self.connection.cursor() as cursor:
            names = frozenset(row[0] for row in rows_of(cursor, NAMES, [self.database]))
        return self if names == self.names else self.read(self.connection, self.database, self.patterns)


class Columns:
    """The columns of all tables at one moment, to be compared with those at another.

    The processes of a dump read the structure of a table and its rows at different times, and MariaDB shows rows
    of a snapshot with the columns of now when a column was added, dropped or moved at once.
    """

    def __init__(self, connection: Any, database: str) -> None:
        self._connection = connection
        self._database = database
        self._before = self._read()

    def require_unchanged(self, tables: Sequence[plan.Table]) -> None:
        """Raise ValidationError if a table of those that still exist has other columns than it had."""
        after = self._read()
        changed = [
            table.name
            for table in tables
            if table.name in after and self._before.get(table.name, after[table.name]) != after[table.name]
        ]
        if changed:
            raise errors.ValidationError(
                f"the columns of {', '.join(f'{self._database}.{name}' for name in changed)} were changed"
                " while the database was dumped, so rows and structure may not fit",
                "Take the backup again",
            )

    def _read(self) -> dict[str, list[tuple[Any, ...]]]:
        columns: dict[str, list[tuple[Any, ...]]] = {}
        with self._connection.cursor() as cursor:
            for table, *column in sorted(rows_of(cursor, COLUMNS, [self._database])):
                columns.setdefault(table, []).append(tuple(column))
        return columns
