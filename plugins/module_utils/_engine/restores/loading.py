# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sections of an artifact -> a database, as many side by side as there are jobs.

A section is loaded when all that it depends on has been. The data file is read by offset, so a restore of some tables
reads their sections alone.
"""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .. import progress, stream
from ..databases.base import Server
from ..models.metadata import SectionInfo


@dataclass(frozen=True)
class Source:
    """A verified data file: its path, both ends of its text, and its sections (none: it is loaded as a whole)."""

    path: Path
    text: stream.Text
    sections: Sequence[SectionInfo] = ()


@dataclass(frozen=True)
class Loaded:
    """What was read of a data file, in bytes of the file, and by how many programs."""

    bytes_read: int
    sections_loaded: int


@dataclass(frozen=True)
class Options:
    """How a data file is loaded: by how many programs at a time, each for how long (seconds), and which tables' rows.

    ``tables`` are named as in the metadata of sections; None is all. ``meter`` notes how much has been handed on.
    """

    jobs: int = 1
    timeout: float | None = None
    tables: frozenset[str] | None = None
    meter: progress.Meter | None = None


def load(server: Server, database: str, source: Source, options: Options) -> Loaded:
    """Load a data file into an empty database. Raise what the first program that fails means; then all have ended."""
    chosen = choose(source.sections, options.tables)
    # By one program, one stream of the whole file is the quickest.
    if len(chosen) == len(source.sections) and (options.jobs < 2 or len(chosen) < 2):
        server.load(database, _counted(stream.read(source.path), options), source.text, options.timeout)
        return Loaded(source.path.stat().st_size, 1)
    _Loading(server, database, source, options, chosen).run()
    return Loaded(sum(source.sections[position].length_bytes for position in chosen), len(chosen))


def _counted(blocks: Iterable[bytes], options: Options) -> Iterable[bytes]:
    return options.meter.counted(blocks) if options.meter else blocks


def expected_bytes(source: Source, tables: Collection[str] | None) -> int:
    """Return how much text a load of some tables, or of all (None), hands on."""
    if not is_partial(source, tables):
        return source.text.raw_size_bytes
    return sum(source.sections[position].raw_length_bytes for position in choose(source.sections, tables))


def is_partial(source: Source, tables: Collection[str] | None) -> bool:
    """Say whether a load of some tables, or of all (None), leaves out any section."""
    return len(choose(source.sections, tables)) < len(source.sections)


def choose(sections: Sequence[SectionInfo], tables: Collection[str] | None) -> list[int]:
    """Return the positions of the sections that are needed for the rows of some tables, or for all (None).

    Of the post-data, what concerns tables with and others without their rows is left out, as a foreign key between them
    is. What concerns other tables alone is loaded, for more than their tables may need it: they are empty, so it takes
    no time. Which tables are not wanted at all is for the caller to tell.
    """
    positions = range(len(sections))
    if tables is None:
        return list(positions)
    wanted = set(tables)
    loaded: set[str] = set()
    chosen = []
    for position in positions:
        section = sections[position]
        concerned = set(section.tables)
        if section.kind == "large_objects":
            continue
        if section.kind == "data":
            if not concerned & wanted:
                continue
            loaded |= concerned
        elif concerned & loaded and not concerned <= loaded:
            continue
        chosen.append(position)
    return chosen


def dependencies(sections: Sequence[SectionInfo], chosen: Sequence[int]) -> dict[int, set[int]]:
    """Return, for each chosen section, those of the chosen ones that must be loaded before it.

    All need the pre-data, also those that name nothing, as of partitioned tables, or only what is not chosen.
    """
    return {
        position: {
            before
            for before in chosen
            if before < position
            and (
                (needs := sections[position].depends_on) is None
                or before in needs
                or sections[before].kind == "pre_data"
            )
        }
        for position in chosen
    }


@dataclass
class _Loading:
    """A load by several programs."""

    server: Server
    database: str
    source: Source
    options: Options
    chosen: Sequence[int]
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Load all chosen sections, each as soon as that is allowed, the largest of them first."""
        waiting = dependencies(self.source.sections, self.chosen)
        under_way: dict[concurrent.futures.Future[None], int] = {}
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs, "load") as pool:
            try:
                while waiting or under_way:
                    for position in self._ready(waiting)[: self.options.jobs - len(under_way)]:
                        del waiting[position]
                        under_way[pool.submit(self._load, position)] = position
                    done, _rest = concurrent.futures.wait(under_way, return_when=concurrent.futures.FIRST_COMPLETED)
                    for future in done:
                        future.result()
                        finished = under_way.pop(future)
                        for needs in waiting.values():
                            needs.discard(finished)
            except BaseException:
                self.stop.set()
                raise

    def _ready(self, waiting: dict[int, set[int]]) -> list[int]:
        """Return what may be loaded now: rows first, by their size, then everything else as the file has it."""
        sections = self.source.sections
        ready = [position for position, needs in waiting.items() if not needs]
        return sorted(
            ready,
            key=lambda position: (
                sections[position].kind != "data",
                -sections[position].raw_length_bytes if sections[position].kind == "data" else position,
            ),
        )

    def _load(self, position: int) -> None:
        section = self.source.sections[position]
        blocks = stream.until_stopped(
            stream.read(self.source.path, section.offset_bytes, section.length_bytes), self.stop, "the load"
        )
        self.server.load(self.database, _counted(blocks, self.options), self.source.text, self.options.timeout)
