# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a dump of one PostgreSQL database: text of pg_dump and pg_restore on one exported snapshot."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from ... import process
from .. import programs
from ..base import Server, rows_of
from ..values import Part
from . import catalogue, plan, postdata
from .connection import command


@dataclass(frozen=True)
class Source:
    """What the processes of a dump have in common: the database, the program, its arguments, the time they have."""

    server: Server
    database: str
    program: programs.Program
    arguments: tuple[str, ...]
    timeout: float | None

    @property
    def what(self) -> str:
        """What is being done, for messages."""
        return f"dumping {self.database}"

    def part(self, planned: plan.PlannedPart, depends_on: Sequence[Part] | None = None) -> Part:
        """Return a part that pg_dump writes."""

        def start() -> Generator[bytes, None, None]:
            return self._pg_dump("--format=plain", *planned.arguments)

        return Part(planned.kind, start, planned.tables, planned.size_bytes, depends_on)

    def post_data(self, cursor: Any, large: frozenset[str], data: Sequence[Part]) -> list[Part]:
        """Return the parts of the post-data, which can be loaded side by side as far as they say."""
        renderer = process.find_program(["pg_restore"], [os.path.dirname(self.program.path)])
        if renderer is None:
            return [self.part(plan.PlannedPart("post_data", ("--section=post-data",)))]
        archive = _Archive(self, renderer, b"".join(self._pg_dump("--format=custom", "--section=post-data")))
        objects = [postdata.Object.of_row(row) for row in rows_of(cursor, postdata.OBJECTS)]
        part_of = {table: number for number, part in enumerate(data) for table in part.tables}
        parts: list[Part] = []
        for group in postdata.plan_groups(archive.contents(), objects, part_of, large):
            depends_on = None
            if group.depends_on is not None:
                numbers = sorted({part_of[table] for table in group.tables if table in part_of})
                depends_on = [data[number] for number in numbers] + [parts[position] for position in group.depends_on]
            parts.append(archive.part(group, depends_on))
        return parts

    def _pg_dump(self, *arguments: str) -> Generator[bytes, None, None]:
        dumping = command(self.server.endpoint, self.database, self.program.path, *self.arguments, *arguments)
        return self.server.text_of(process.stream_out(dumping, self.timeout), self.program, self.what)


@dataclass(frozen=True)
class _Archive:
    """The post-data as an archive of pg_dump, in memory: it holds statements and no rows."""

    source: Source
    renderer: str
    content: bytes

    def contents(self) -> bytes:
        """Return the table of contents."""
        return b"".join(self._pg_restore("--list"))

    def part(self, group: postdata.Group, depends_on: Sequence[Part] | None) -> Part:
        """Return a part that holds the statements of a group."""
        chosen = "".join(f"{entry};\n" for entry in group.entries).encode("ascii")
        entries = process.PrivateFile(chosen, option="--use-list=")

        def start() -> Generator[bytes, None, None]:
            return self._pg_restore("--file=-", choice=entries)

        return Part("post_data", start, group.tables, depends_on=depends_on)

    def _pg_restore(self, *arguments: str, choice: process.PrivateFile | None = None) -> Generator[bytes, None, None]:
        archive = process.PrivateFile(self.content, last_argument=True)
        files = (archive,) if choice is None else (choice, archive)
        rendering = process.Command((self.renderer, *arguments), private_files=files)
        source = self.source
        return source.server.text_of(process.stream_out(rendering, source.timeout), source.program, source.what)


def plan_parts(cursor: Any, excluded: Sequence[tuple[str, str]], lanes: int) -> plan.Plan:
    """Return the plan of a dump without the excluded tables, and lock what several processes will read."""
    left_out = set(excluded)
    tables = [
        plan.Table(schema, name, int(size))
        for schema, name, size in rows_of(cursor, catalogue.TABLE_SIZES)
        if (schema, name) not in left_out
    ]
    planned = plan.plan(tables, int(rows_of(cursor, catalogue.LARGE_OBJECTS_SIZE)[0][0]), lanes)
    if planned.data:
        # A part that starts late must find every table as the snapshot has it: TRUNCATE does not respect snapshots.
        for table in tables:
            cursor.execute(f"LOCK TABLE ONLY {table.pattern} IN ACCESS SHARE MODE")
    return planned
