# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a swap of two databases is to do, as a value: read once, kept in a table, and followed by whoever finishes it.

The tables of both change places by one RENAME TABLE. That refuses a table with triggers unless it stays in its
database, so such tables of the new one are taken into the target before, under names of our own and with triggers of
our own names, and such tables of the old one leave it afterwards. In MySQL, which renames tables that are locked, the
triggers are dropped and made again while all tables are locked.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..base import rows_of
from ..values import Endpoint
from . import definitions
from .connection import identifier
from .definitions import Definition

OWN = "__backupdb_"
# The table that keeps a plan: in the new database, then, moved by the same RENAME TABLE, beside the old tables.
JOURNAL = f"{OWN}swap"
JOURNAL_AFTER = f"{OWN}swapped"
# What it becomes when nothing is left to do but to drop the old tables.
DROPPING = f"{OWN}dropping"
DATABASES = "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA ORDER BY 1"
TABLES = """
    SELECT TABLE_NAME FROM information_schema.TABLES
    WHERE TABLE_SCHEMA = %s AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE') ORDER BY TABLE_NAME
"""
SEQUENCES = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_TYPE = 'SEQUENCE'"
FOREIGN_KEYS = """
    SELECT r.TABLE_NAME, r.CONSTRAINT_NAME, r.UPDATE_RULE, r.DELETE_RULE, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA,
        k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME
    FROM information_schema.REFERENTIAL_CONSTRAINTS r JOIN information_schema.KEY_COLUMN_USAGE k
        ON k.CONSTRAINT_SCHEMA = r.CONSTRAINT_SCHEMA AND k.TABLE_NAME = r.TABLE_NAME
        AND k.CONSTRAINT_NAME = r.CONSTRAINT_NAME
    WHERE r.CONSTRAINT_SCHEMA = %s ORDER BY r.TABLE_NAME, r.CONSTRAINT_NAME, k.ORDINAL_POSITION
"""
KEYS_OF_OTHERS = """
    SELECT DISTINCT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME FROM information_schema.KEY_COLUMN_USAGE
    WHERE REFERENCED_TABLE_SCHEMA = %s AND TABLE_SCHEMA NOT IN (%s, %s) ORDER BY 1, 2, 3
"""
KEYS_REMEDY = "Drop these foreign keys, and create them again when the database has been restored"
PROPERTIES = (
    "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s"
)


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key: which columns of a table name which rows of another, and what becomes of them."""

    table: str
    name: str
    on_update: str
    on_delete: str
    columns: tuple[str, ...]
    other_database: str
    other_table: str
    other_columns: tuple[str, ...]

    @property
    def follows_its_table(self) -> bool:
        """Whether its name is one that InnoDB made, which a rename of the table changes with it."""
        return self.name.startswith(f"{self.table}_ibfk_")

    def renaming(self, database: str, present: str, wanted: str, other_database: str | None = None) -> str:
        """Return the statement that gives it another name, in a table that is in a database now."""
        other = qualified(other_database or self.other_database, self.other_table)
        return (
            f"ALTER TABLE {qualified(database, self.table)} DROP FOREIGN KEY {identifier(present)},"
            f" ADD CONSTRAINT {identifier(wanted)} FOREIGN KEY ({_listed(self.columns)})"
            f" REFERENCES {other} ({_listed(self.other_columns)})"
            f"{_rule('UPDATE', self.on_update)}{_rule('DELETE', self.on_delete)}"
        )


@dataclass(frozen=True)
class Contents:
    """What a database consists of: its tables and sequences, everything that has a definition, its foreign keys."""

    character_set: str
    collation: str
    tables: list[str] = field(default_factory=list)
    definitions: list[Definition] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)

    def of_kind(self, kind: str) -> list[Definition]:
        """Return the definitions of one kind."""
        return [one for one in self.definitions if one.kind == kind]

    @property
    def with_triggers(self) -> list[str]:
        """The tables that have triggers."""
        return sorted({one.table for one in self.of_kind("TRIGGER") if one.table is not None})


@dataclass(frozen=True)
class Plan:
    """Which database takes the place of which, and what both consist of; ``previous`` is None where none is replaced.

    ``source`` is the name that the new database had where it was dumped: defaults may name its sequences by it.
    ``routine_grants`` give accounts again what they lose with a routine that is dropped. Without ``keep_previous`` the
    old database is to be dropped.
    """

    mariadb: bool
    new: str
    target: str
    previous: str | None
    source: str | None
    incoming: Contents
    outgoing: Contents
    routine_grants: list[str] = field(default_factory=list)
    keep_previous: bool = True

    @cached_property
    def arriving(self) -> dict[str, str]:
        """New tables that come by way of a name of our own in the target, with that name."""
        tables = self.incoming.with_triggers if self.mariadb else []
        return {table: f"{OWN}new_{number}" for number, table in enumerate(tables)}

    @cached_property
    def leaving(self) -> dict[str, str]:
        """Old tables that go by way of a name of our own in the target, with that name."""
        tables = self.outgoing.with_triggers if self.mariadb else []
        return {table: f"{OWN}old_{number}" for number, table in enumerate(tables)}

    @cached_property
    def arriving_triggers(self) -> list[tuple[Definition, Definition]]:
        """The triggers of those new tables: as they are to be, and as they arrive."""
        return [
            (one, one.renamed(f"{OWN}trigger_{number}", self.arriving[one.table]))
            for number, one in enumerate(self.incoming.of_kind("TRIGGER"))
            if one.table in self.arriving
        ]

    @cached_property
    def arriving_keys(self) -> list[tuple[ForeignKey, str]]:
        """Foreign keys of the new tables that must arrive under a name of our own, with that name.

        A name of a foreign key is unique in its database, and there are moments when both versions of a table are in
        the target.
        """
        old_names = {key.name for key in self.outgoing.foreign_keys if not key.follows_its_table}
        staying = {key.name for key in self.outgoing.foreign_keys if key.table in self.leaving}
        return [
            (key, f"{OWN}key_{number}")
            for number, key in enumerate(self.incoming.foreign_keys)
            if not key.follows_its_table and key.name in (old_names if key.table in self.arriving else staying)
        ]

    @property
    def renames(self) -> str:
        """The statement by which the tables of both databases, and the journal's name, change at once."""
        moves = []
        for table in self.outgoing.tables:
            place = (self.target, self.leaving[table]) if table in self.leaving else (self.previous or "", table)
            moves.append(((self.target, table), place))
        for table in self.incoming.tables:
            place = (self.target, self.arriving[table]) if table in self.arriving else (self.new, table)
            moves.append((place, (self.target, table)))
        moves.append(((self.new, JOURNAL), (self.previous or self.target, JOURNAL_AFTER)))
        return "RENAME TABLE " + ", ".join(f"{qualified(*old)} TO {qualified(*new)}" for old, new in moves)

    @property
    def hidden_views(self) -> list[str]:
        """Old views whose names are those of new tables."""
        return sorted({one.name for one in self.outgoing.of_kind("VIEW")} & set(self.incoming.tables))

    def as_json(self) -> str:
        """Return the plan as text."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Return the plan of a text."""
        data = json.loads(text)
        for side in ("incoming", "outgoing"):
            data[side] = _contents_of(data[side])
        return cls(**data)


def _rule(event: str, action: str) -> str:
    # RESTRICT is what the catalogue says where no rule was given; said aloud, MariaDB makes NO ACTION of it.
    return "" if action == "RESTRICT" else f" ON {event} {action}"


def _contents_of(data: dict[str, Any]) -> Contents:
    made = [
        Definition(**{**one, "composed": one["composed"] and tuple(one["composed"])}) for one in data["definitions"]
    ]
    keys = [
        ForeignKey(**{**one, "columns": tuple(one["columns"]), "other_columns": tuple(one["other_columns"])})
        for one in data["foreign_keys"]
    ]
    return Contents(**{**data, "definitions": made, "foreign_keys": keys})


def qualified(database: str, name: str) -> str:
    """Return a name with its database's, as SQL quotes them."""
    return f"{identifier(database)}.{identifier(name)}"


def tables_of(cursor: Any, database: str) -> list[str]:
    """Return the tables and sequences of a database."""
    return [name for (name,) in rows_of(cursor, TABLES, [database])]


def read_contents(cursor: Any, database: str, held_events: Iterable[Definition] = ()) -> Contents:
    """Return what a database consists of; its ``held_events`` were other than they are now."""
    held = {one.name: one for one in held_events}
    (character_set, collation), *_others = rows_of(cursor, PROPERTIES, [database])
    found = definitions.read(cursor, database)
    return Contents(
        character_set=character_set,
        collation=collation,
        tables=tables_of(cursor, database),
        definitions=[held.get(one.name, one) if one.kind == "EVENT" else one for one in found],
        foreign_keys=foreign_keys_of(cursor, database),
    )


def foreign_keys_of(cursor: Any, database: str) -> list[ForeignKey]:
    """Return the foreign keys of the tables of a database."""
    found: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for row in rows_of(cursor, FOREIGN_KEYS, [database]):
        found.setdefault((row[0], row[1]), []).append(row)
    return [
        ForeignKey(
            table, name, rows[0][2], rows[0][3],
            tuple(row[4] for row in rows), rows[0][5], rows[0][6], tuple(row[7] for row in rows),
        )
        for (table, name), rows in found.items()
    ]  # fmt: skip


def keys_of_others(cursor: Any, target: str, new: str | None = None) -> list[str]:
    """Return the foreign keys of other databases than these that name tables of ``target``, by their tables."""
    found = rows_of(cursor, KEYS_OF_OTHERS, [target, target, target if new is None else new])
    return [f"{schema}.{table} ({key})" for schema, table, key in found]


def of_keys(endpoint: Endpoint, target: str, keys: Iterable[str]) -> str:
    """Return the sentence that says why a database cannot be replaced to whose tables such keys lead."""
    return (
        f"{target} cannot be replaced on {endpoint}: foreign keys of other databases lead to its tables, and would stay"
        f" with the old ones: {', '.join(keys)}"
    )


def _listed(columns: Iterable[str]) -> str:
    return ", ".join(identifier(column) for column in columns)
