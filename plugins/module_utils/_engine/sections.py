# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A dump of several parts -> one file of sections, some of them written side by side.

The first part comes first and the last ones last; those between may come in any order. One worker at a time
has the pen and writes straight into the artifact; the others write into nameless temporary files beside it, which
are copied in behind as soon as the pen is free. So the file never waits for a part, and the temporary files together
are never larger than the artifact itself.
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

from . import errors, stream
from .databases.base import Dump, Part
from .models.metadata import SectionInfo

CheckText = Callable[[stream.Text], None]


@dataclass(frozen=True)
class Compression:
    """How members are made: the level, the threads that make them, and the algorithm of the file's checksum."""

    level: int
    executor: concurrent.futures.Executor
    checksum_algorithm: str


@dataclass(frozen=True)
class Written:
    """A file as it was written: its size, checksum (hex), the length of all text, and its sections in order."""

    size_bytes: int
    checksum: str
    raw_size_bytes: int
    sections: list[SectionInfo]


def write(sink: BinaryIO, dump: Dump, lanes: int, compression: Compression, check_text: CheckText) -> Written:
    """Write all parts of a dump, up to ``lanes`` of them side by side.

    ``check_text`` looks at the ends of each part's text. Raise what it, a part or the sink raises; then every
    other part has been ended.
    """
    writer = _Writer(sink, compression, check_text)
    writer.write(dump.first)
    if dump.data:
        with concurrent.futures.ThreadPoolExecutor(lanes, "section") as pool:
            largest_first = sorted(dump.data, key=lambda part: part.size_bytes, reverse=True)
            work = [pool.submit(writer.write_or_spool, part) for part in largest_first]
            try:
                for done in concurrent.futures.as_completed(work):
                    done.result()
            except BaseException:
                writer.stop.set()
                for waiting in work:
                    waiting.cancel()
                raise
        writer.append_spools()
    for part in dump.last:
        writer.write(part)
    return writer.written()


@dataclass(frozen=True)
class _Spool:
    """A finished section that waits for the pen."""

    part: Part
    file: BinaryIO
    size_bytes: int
    raw_size_bytes: int


class _Writer:
    """The artifact's file while sections are added to it."""

    def __init__(self, sink: BinaryIO, compression: Compression, check_text: CheckText) -> None:
        self.stop = threading.Event()
        self._sink = sink
        self._compression = compression
        self._check_text = check_text
        self._digest = hashlib.new(compression.checksum_algorithm)
        self._sections: list[SectionInfo] = []
        self._positions: dict[int, list[int]] = {}
        self._offset = 0
        self._pen = threading.Lock()
        self._spools: list[_Spool] = []
        self._folder = Path(sink.name).parent

    def write(self, part: Part) -> None:
        """Write a part at the end of the file; the caller has the pen or is alone."""
        written = self._compress(part, self._sink, self._digest)
        self._add(part, written.size_bytes, written.text.raw_size_bytes)

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

    def _compress(self, part: Part, sink: BinaryIO, digest: stream.Digest | None) -> stream.Written:
        with contextlib.closing(part.open()) as blocks:
            written = stream.write(
                sink,
                self._until_stopped(blocks),
                level=self._compression.level,
                executor=self._compression.executor,
                digest=digest,
            )
        self._check_text(written.text)
        return written

    def _until_stopped(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        for block in blocks:
            if self.stop.is_set():
                raise errors.BackupDBError("another part of the dump has failed")
            yield block

    def _spool(self, part: Part) -> None:
        try:
            # Nameless, so that nothing stays of it however this process ends.
            file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - closed when it is copied in
        except OSError as error:
            raise errors.StorageError(f"no temporary file can be made in {self._folder}: {error.strerror}") from error
        try:
            written = self._compress(part, file, None)
        except errors.StorageError as error:
            file.close()
            raise errors.StorageError(f"a temporary file in {self._folder} cannot be written: no room") from error
        except BaseException:
            file.close()
            raise
        self._spools.append(_Spool(part, file, written.size_bytes, written.text.raw_size_bytes))

    def _copy_spools(self) -> None:
        while self._spools:
            spool = self._spools.pop(0)
            with spool.file:
                self._copy(spool.file)
            self._add(spool.part, spool.size_bytes, spool.raw_size_bytes)

    def _copy(self, file: BinaryIO) -> None:
        file.seek(0)
        while block := file.read(stream.BLOCK_BYTES):
            stream.write_block(self._sink, block, self._digest)

    def _add(self, part: Part, size_bytes: int, raw_size_bytes: int) -> None:
        self._positions.setdefault(id(part), []).append(len(self._sections))
        self._sections.append(
            SectionInfo(
                kind=part.kind,
                tables=list(part.tables),
                offset_bytes=self._offset,
                length_bytes=size_bytes,
                raw_length_bytes=raw_size_bytes,
                depends_on=self._positions_of(part.depends_on),
            )
        )
        self._offset += size_bytes

    def _positions_of(self, parts: Sequence[Part] | None) -> list[int] | None:
        if parts is None:
            return None
        return sorted(position for part in parts for position in self._positions[id(part)])
