# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processes make a dump: one, or several on one snapshot.

Each process of a plan for several dumps the whole database but for the tables that it is told to leave out, so nothing
but the rows of tables is ever listed: sequences and their values, views and routines are in the first part, triggers
and events in the last one, whatever there is of them.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..values import SectionKind
from . import headings

# Below this size a second process costs more than it saves; for each thousand tables it is as much again, since more
# than one process has to ask about each of them.
SMALLEST_PARALLEL_BYTES = 64 * 1024 * 1024
# The queries that a dump program makes for each table take as long as so many bytes of rows.
TABLE_BYTES = 64 * 1024
# Engines whose tables have rows of their own, for which the dump programs always write a heading.
ENGINES = frozenset(("InnoDB", "MyISAM", "Aria", "ROCKSDB", "RocksDB", "TokuDB", "MEMORY", "CSV", "ARCHIVE"))

WHOLE = ("--routines", "--events", "--triggers")
STRUCTURE = ("--no-data", "--routines", "--skip-events", "--skip-triggers")
ROWS = ("--no-create-info", "--skip-routines", "--skip-events", "--skip-triggers")
# Triggers would fire while rows are loaded, and events while they are not there yet.
ACTIONS = ("--no-create-info", "--no-data", "--skip-routines", "--events", "--triggers")


@dataclass(frozen=True)
class Table:
    """A table, its engine, and the bytes that its rows take, secondary indexes aside."""

    name: str
    engine: str
    size_bytes: int


@dataclass(frozen=True)
class PlannedPart:
    """One process: what it dumps, by which arguments, which tables it is to leave out, and which must be in it."""

    kind: SectionKind
    arguments: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    size_bytes: int = 0

    @property
    def can_be_cut(self) -> bool:
        """Whether the headings in the text tell which table's rows are where."""
        return self.kind == "data" and all(map(headings.can_name, self.tables))


@dataclass(frozen=True)
class Plan:
    """The parts of a dump, as Dump has them."""

    first: PlannedPart
    data: tuple[PlannedPart, ...] = ()
    last: tuple[PlannedPart, ...] = ()


def plan(tables: Sequence[Table], excluded: Sequence[str], lanes: int) -> Plan:
    """Given the tables to dump and those to leave out, return the plan for ``lanes`` processes that read rows.

    None of them (0) is one process for all.
    """
    out = tuple(excluded)
    smallest = SMALLEST_PARALLEL_BYTES * (1 + len(tables) // 1000)
    if lanes < 1 or not tables or sum(table.size_bytes for table in tables) < smallest:
        return Plan(PlannedPart("full", WHOLE, out))
    data = []
    for group in group_tables(tables, lanes):
        inside = {table.name for table in group}
        data.append(
            PlannedPart(
                "data",
                ROWS,
                out + tuple(table.name for table in tables if table.name not in inside),
                tuple(table.name for table in group if table.engine in ENGINES),
                sum(table.size_bytes for table in group),
            )
        )
    return Plan(PlannedPart("pre_data", STRUCTURE, out), tuple(data), (PlannedPart("post_data", ACTIONS, out),))


def group_tables(tables: Sequence[Table], lanes: int) -> list[list[Table]]:
    """Divide tables into at most ``lanes`` groups of about the same work: the largest to whoever has the least."""
    alike: dict[bytes, list[Table]] = {}
    for table in tables:
        alike.setdefault(fold(table.name), []).append(table)
    loads = [(0, number) for number in range(max(1, min(lanes, len(alike))))]
    groups: list[list[Table]] = [[] for _load in loads]
    for together in sorted(alike.values(), key=lambda each: (-_work(each), each[0].name)):
        load, number = heapq.heappop(loads)
        groups[number].extend(together)
        heapq.heappush(loads, (load + _work(together), number))
    return groups


def _work(tables: Iterable[Table]) -> int:
    return sum(table.size_bytes + TABLE_BYTES for table in tables)


def fold(name: str) -> bytes:
    """Return what is the same for all names that a dump program may take for one when it is told to leave it out.

    It compares them as Latin-1 without regard to case and accents (seen with MariaDB 10.11 and 11.8, MySQL 9.7), in
    which only the bytes that begin a character of UTF-8 are letters.
    """
    return bytes(min(byte, 0xC0) for byte in name.encode("utf-8").lower())


def also_left_out(left_out: Iterable[str], tables: Iterable[str]) -> list[str]:
    """Return the tables that a dump program might take for one of those that it is to leave out."""
    excluded = set(left_out)
    folded = {fold(name) for name in excluded}
    return [name for name in tables if name not in excluded and fold(name) in folded]
