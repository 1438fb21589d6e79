# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pg_dump processes make a dump: one, or several on one snapshot.

The plan for several cannot lose anything: the part named *rest* is a dump of all data without the rows of the tables
that have a part of their own. So the values of sequences, the configuration tables of extensions and whatever
else a table list would forget are in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..base import SectionKind
from .connection import identifier

# Below this size a second process costs more than it saves.
SMALLEST_PARALLEL_BYTES = 64 * 1024 * 1024
# A table gets a part of its own when it is larger than this share of what one lane has to do.
OWN_PART_SHARE = 0.25
MOST_OWN_PARTS = 64


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


@dataclass(frozen=True)
class PlannedPart:
    """One process: what it dumps, and by which arguments."""

    kind: SectionKind
    arguments: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    size_bytes: int = 0


@dataclass(frozen=True)
class Plan:
    """The parts of a dump, as Dump has them."""

    first: PlannedPart
    data: tuple[PlannedPart, ...] = ()
    last: tuple[PlannedPart, ...] = ()


def plan(tables: Sequence[Table], large_objects_bytes: int, lanes: int) -> Plan:
    """Given the tables to dump, the bytes of large objects and the number of lanes, return the plan."""
    total = sum(table.size_bytes for table in tables) + large_objects_bytes
    if lanes < 2 or total < SMALLEST_PARALLEL_BYTES:
        return Plan(PlannedPart("full"))
    threshold = total / lanes * OWN_PART_SHARE
    largest = sorted(tables, key=lambda table: (-table.size_bytes, table.schema, table.name))[:MOST_OWN_PARTS]
    own = [table for table in largest if table.size_bytes >= threshold]
    objects_apart = large_objects_bytes >= threshold
    apart = set(own)
    rest = [table for table in tables if table not in apart]
    data = [
        PlannedPart(
            "data",
            ("--section=data", "--no-blobs", f"--table={table.pattern}"),
            (f"{table.schema}.{table.name}",),
            table.size_bytes,
        )
        for table in own
    ]
    without_own = tuple(f"--exclude-table-data={table.pattern}" for table in own)
    data.append(
        PlannedPart(
            "data",
            ("--section=data", *(["--no-blobs"] if objects_apart else []), *without_own),
            tuple(f"{table.schema}.{table.name}" for table in rest),
            sum(table.size_bytes for table in rest) + (0 if objects_apart else large_objects_bytes),
        )
    )
    if objects_apart:
        arguments = ("--section=data", "--blobs", "--exclude-table-data=*.*")
        data.append(PlannedPart("large_objects", arguments, (), large_objects_bytes))
    last = (PlannedPart("post_data", ("--section=post-data",)),)
    return Plan(PlannedPart("pre_data", ("--section=pre-data",)), tuple(data), last)
