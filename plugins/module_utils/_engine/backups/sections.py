# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A dump of several parts -> one file of sections, some of them written side by side.

The first part comes first and the last ones last; those between may come in any order. One worker at a time
has the pen and writes straight into the artifact; the others write into nameless temporary files beside it, which
are copied in behind as soon as the pen is free. So the file never waits for a part, and the temporary files together
are never larger than the artifact itself. A part's text may be cut into several sections; that changes where gzip
members begin, never the text.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .. import errors, progress, stream
from ..databases.values import Dump, Part, Run
from ..models.metadata import SectionInfo

CheckText = Callable[[stream.Text], None]
#: Gives what is held while a part is read: its turn among all that share the machine.
Lane = Callable[[], contextlib.AbstractContextManager[object]]

# A section is not ended before its text is that long, so that thousands of small tables make few sections.
SMALLEST_CUT_BYTES = 8 * 1024 * 1024
# For so long programs that run already can wait to be read: servers lose patience after 60 s (net_write_timeout).
FIRST_PATIENCE_SECONDS = 10


@dataclass(frozen=True)
class Compression:
    """How members are made: the level, the threads that make them, and the algorithm of the file's checksum."""

    level: int
    compressing: stream.Compressing
    checksum_algorithm: str


@dataclass(frozen=True)
class Written:
    """A file as it was written: its size, checksum (hex), the length of all text, and its sections in order."""

    size_bytes: int
    checksum: str
    raw_size_bytes: int
    sections: list[SectionInfo]


def write(
    sink: BinaryIO,
    dump: Dump,
    lanes: int,
    compression: Compression,
    check_text: CheckText,
    *,
    lane: Lane = contextlib.nullcontext,
    meter: progress.Meter | None = None,
) -> Written:
    """Write all parts of a dump, up to ``lanes`` of them side by side, each of these while it has its ``lane``.

    ``check_text`` looks at the ends of each part's text, and ``meter`` notes how much of it has passed. Raise what
    it, a part or the sink raises; then every other part has been ended.
    """
    writer = _Writer(sink, compression, check_text, meter)
    if dump.data:
        _write_side_by_side(writer, dump, lanes, lane)
    else:
        writer.write(dump.first)
    for part in dump.last:
        writer.write(part)
    return writer.written()


def _write_side_by_side(writer: _Writer, dump: Dump, lanes: int, lane: Lane) -> None:
    """Write the first part and all parts of the data."""

    def write_in_turn(part: Part) -> None:
        with contextlib.nullcontext() if part.is_running else lane():
            if not writer.stop.is_set():
                writer.write_or_spool(part)

    patience = FIRST_PATIENCE_SECONDS if any(part.is_running for part in dump.data) else None
    largest_first = sorted(dump.data, key=lambda part: part.size_bytes, reverse=True)
    with contextlib.ExitStack() as stack:
        pools = [concurrent.futures.ThreadPoolExecutor(workers, "section") for workers in (1, lanes)]
        for pool in pools:
            stack.enter_context(pool)
        work = [pools[0].submit(writer.write_or_spool, dump.first)]
        try:
            for done in concurrent.futures.wait(work, patience).done:
                done.result()
            work += [pools[1].submit(write_in_turn, part) for part in largest_first]
            for done in concurrent.futures.as_completed(work):
                done.result()
        except BaseException:
            writer.stop.set()
            for waiting in work:
                waiting.cancel()
            raise
    writer.append_spools()


@dataclass(frozen=True)
class _Section:
    """A section as it was written: how long it and its text are, and whose rows are in it."""

    tables: Sequence[str]
    size_bytes: int
    text: stream.Text


@dataclass(frozen=True)
class _Spool:
    """A finished part that waits for the pen."""

    part: Part
    file: BinaryIO
    sections: list[_Section]


class _Writer:
    """The artifact's file while sections are added to it."""

    def __init__(
        self, sink: BinaryIO, compression: Compression, check_text: CheckText, meter: progress.Meter | None
    ) -> None:
        self.stop = threading.Event()
        self._sink = sink
        self._compression = compression
        self._check_text = check_text
        self._meter = meter
        self._digest = hashlib.new(compression.checksum_algorithm)
        self._sections: list[SectionInfo] = []
        self._positions: dict[int, range] = {}
        self._offset = 0
        self._pen = threading.Lock()
        self._spools: list[_Spool] = []
        self._folder = Path(sink.name).parent

    def write(self, part: Part) -> None:
        """Write a part at the end of the file; the caller has the pen or is alone."""
        self._add(part, self._compress(part, self._sink, self._digest))

    def write_or_spool(self, part: Part) -> None:
        """Write a part into the file if the pen is free, else into a spool."""
        if not self._pen.acquire(blocking=False):
            self._spool(part)
            if not self._pen.acquire(blocking=False):
                return
        else:
            try:
                self.write(part)
            except BaseException:
                self._pen.release()
                raise
        try:
            self._copy_spools()
        finally:
            self._pen.release()

    def append_spools(self) -> None:
        """Copy in the spools that are left when all parts are done."""
        with self._pen:
            self._copy_spools()

    def written(self) -> Written:
        """Return what the file has become."""
        raw_size = sum(section.raw_length_bytes for section in self._sections)
        return Written(self._offset, self._digest.hexdigest(), raw_size, self._sections)

    def _compress(self, part: Part, sink: BinaryIO, digest: stream.Digest | None) -> list[_Section]:
        with contextlib.closing(part.open()) as blocks:
            text = stream.until_stopped(blocks, self.stop, "the dump")
            text = self._meter.counted(text) if self._meter else text
            sections = [
                self._compress_section(tables, section, sink, digest)
                for tables, section in (_cut(part.cut(text)) if part.cut else [(part.tables, text)])
            ]
        self._check(part, sections)
        return sections

    def _compress_section(
        self, tables: Sequence[str], text: Iterator[bytes], sink: BinaryIO, digest: stream.Digest | None
    ) -> _Section:
        level, compressing = self._compression.level, self._compression.compressing
        written = stream.write(sink, text, level=level, compressing=compressing, digest=digest)
        return _Section(tables, written.size_bytes, written.text)

    def _check(self, part: Part, sections: list[_Section]) -> None:
        size = sum(section.text.raw_size_bytes for section in sections)
        self._check_text(stream.Text(size, sections[0].text.head, sections[-1].text.tail))
        missing = set(part.tables) - {table for section in sections for table in section.tables}
        if missing:
            raise errors.ValidationError(f"the dump lacks the rows of {', '.join(sorted(missing))}")

    def _spool(self, part: Part) -> None:
        try:
            # Nameless, so that nothing stays of it however this process ends.
            file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - closed when it is copied in
        except OSError as error:
            raise errors.StorageError(f"no temporary file can be made in {self._folder}: {error.strerror}") from error
        try:
            sections = self._compress(part, file, None)
        except errors.StorageError as error:
            file.close()
            raise errors.StorageError(f"a temporary file in {self._folder} cannot be written: no room") from error
        except BaseException:
            file.close()
            raise
        self._spools.append(_Spool(part, file, sections))

    def _copy_spools(self) -> None:
        while self._spools:
            spool = self._spools.pop(0)
            with spool.file:
                self._copy(spool.file)
            self._add(spool.part, spool.sections)

    def _copy(self, file: BinaryIO) -> None:
        file.seek(0)
        while block := file.read(stream.BLOCK_BYTES):
            stream.write_block(self._sink, block, self._digest)

    def _add(self, part: Part, sections: list[_Section]) -> None:
        first = len(self._sections)
        self._positions[id(part)] = range(first, first + len(sections))
        for section in sections:
            self._sections.append(
                SectionInfo(
                    kind=part.kind,
                    tables=list(section.tables),
                    offset_bytes=self._offset,
                    length_bytes=section.size_bytes,
                    raw_length_bytes=section.text.raw_size_bytes,
                    depends_on=self._positions_of(part.depends_on),
                )
            )
            self._offset += section.size_bytes

    def _positions_of(self, parts: Sequence[Part] | None) -> list[int] | None:
        if parts is None:
            return None
        return sorted(position for part in parts for position in self._positions[id(part)])


def _cut(runs: Iterator[Run]) -> Iterator[tuple[list[str], Iterator[bytes]]]:
    """Yield sections that are long enough, each to be read to its end before the next; then it has named its tables."""
    following = next(runs, None)

    def section(tables: list[str]) -> Iterator[bytes]:
        nonlocal following
        size = 0
        while following is not None:
            text, table = following
            if table is not None:
                if size > 0 and size >= SMALLEST_CUT_BYTES:
                    return
                tables.append(table)
            size += len(text)
            yield text
            following = next(runs, None)

    while following is not None:
        tables: list[str] = []
        yield tables, section(tables)
