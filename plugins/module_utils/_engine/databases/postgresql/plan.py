# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pg_dump processes make a dump: one, or several on one snapshot.

A large database has several even where they run one after the other, so that its tables can be restored side by side,
and one alone. The plan for several cannot lose anything: the part named *rest* is a dump of all data without the rows
of the tables that are named to other parts. So the values of sequences, the configuration tables of extensions and
whatever else a table list would forget are in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..values import SectionKind
from .connection import identifier

# Below this size a second process costs more than it saves.
SMALLEST_PARALLEL_BYTES = 64 * 1024 * 1024
# For how many lanes a dump is planned at least: a restore may have more than the dump had.
FEWEST_LANES = 4
# A table has a part of its own when it is larger than this share of what one lane has to do,
OWN_PART_SHARE = 0.25
# and when that is worth a process that reads the whole catalogue.
CATALOGUE_BYTES_PER_TABLE = 10 * 1024
MOST_OWN_PARTS = 64
# How many tables are named to the processes; all others are dumped together.
MOST_NAMED_TABLES = 500


@dataclass(frozen=True)
class Table:
    """A table with rows of its own, and the bytes that they take, indexes aside."""

    schema: str
    name: str
    size_bytes: int

    @property
    def pattern(self) -> str:
        """The table as a pattern of pg_dump that matches nothing else."""
        return f"{identifier(self.schema)}.{identifier(self.name)}"

    @property
    def full_name(self) -> str:
        """The table as the metadata of sections names it."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class PlannedPart:
    """One process: what it dumps, and by which arguments."""

    kind: SectionKind
    arguments: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    size_bytes: int = 0


@dataclass(frozen=True)
class Plan:
    """The parts of a dump, as Dump has them; its last ones are the groups of postdata.

    ``large`` are the tables that have a part of their own.
    """

    first: PlannedPart
    data: tuple[PlannedPart, ...] = ()
    large: frozenset[str] = frozenset()


def plan(tables: Sequence[Table], large_objects_bytes: int, lanes: int) -> Plan:
    """Given the tables to dump, the bytes of large objects and the number of lanes, return the plan."""
    total = sum(table.size_bytes for table in tables) + large_objects_bytes
    if total < SMALLEST_PARALLEL_BYTES:
        return Plan(PlannedPart("full"))
    lanes = max(lanes, FEWEST_LANES)
    smallest = max(SMALLEST_PARALLEL_BYTES / FEWEST_LANES, len(tables) * CATALOGUE_BYTES_PER_TABLE)
    threshold = max(total / lanes * OWN_PART_SHARE, smallest)
    largest = sorted(tables, key=lambda table: (-table.size_bytes, table.schema, table.name))[:MOST_NAMED_TABLES]
    own = [table for table in largest[:MOST_OWN_PARTS] if table.size_bytes >= threshold]
    others_bytes = total - large_objects_bytes - sum(table.size_bytes for table in own)
    parts = max(1, min(lanes, int(others_bytes / max(smallest, 1))))
    shared = _share_out(largest[len(own) :], parts - 1, others_bytes / parts)
    named = [*own, *(table for group in shared for table in group)]
    rest = sorted(set(tables) - set(named), key=lambda table: (table.schema, table.name))
    objects_apart = large_objects_bytes >= threshold
    data = [_named_part([table]) for table in own]
    data += [_named_part(group) for group in shared]
    data.append(
        PlannedPart(
            "data",
            (
                "--section=data",
                *(["--no-blobs"] if objects_apart else []),
                *(f"--exclude-table-data={table.pattern}" for table in named),
            ),
            tuple(table.full_name for table in rest),
            sum(table.size_bytes for table in rest) + (0 if objects_apart else large_objects_bytes),
        )
    )
    if objects_apart:
        arguments = ("--section=data", "--blobs", "--exclude-table-data=*.*")
        data.append(PlannedPart("large_objects", arguments, (), large_objects_bytes))
    large = frozenset(table.full_name for table in own)
    return Plan(PlannedPart("pre_data", ("--section=pre-data",)), tuple(data), large)


def _share_out(tables: Sequence[Table], parts: int, enough_bytes: float) -> list[list[Table]]:
    """Share tables out, each to the part that has the least, until every part has enough; what is left is not named."""
    groups: list[list[Table]] = [[] for dummy in range(parts)]
    loads = [0] * parts
    for table in tables:
        if not groups or min(loads) >= enough_bytes:
            break
        lightest = loads.index(min(loads))
        groups[lightest].append(table)
        loads[lightest] += table.size_bytes
    return [group for group in groups if group]


def _named_part(tables: Sequence[Table]) -> PlannedPart:
    return PlannedPart(
        "data",
        ("--section=data", "--no-blobs", *(f"--table={table.pattern}" for table in tables)),
        tuple(table.full_name for table in tables),
        sum(table.size_bytes for table in tables),
    )
