# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blocks -> gzip members -> hash -> file, and back.

A file of concatenated gzip members is an ordinary gzip file (RFC 1952, section 2.2). Each block
of 1 MiB or a little more becomes a member of its own, so blocks compress side by side while their order is kept; at
most a few blocks per thread are under way, however many files are written, so memory stays flat whatever is dumped.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from . import compressors, errors, logbook

BLOCK_BYTES = 1024 * 1024
# While one of a thread's blocks is compressed the next one waits; the others are what the reading may be ahead.
BLOCKS_PER_THREAD = 2
BLOCKS_AHEAD = 4
GZIP_MAGIC = b"\x1f\x8b"
GZIP_SUFFIX = ".gz"
# Enough for the preamble and the trailer of every dump tool.
HEAD_BYTES = 16 * 1024
TAIL_BYTES = 4 * 1024
DISTRUST = "Restore another artifact; this one cannot be trusted"


@dataclass(frozen=True)
class Text:
    """What is known of a dump's text once it has passed: its length and both its ends."""

    raw_size_bytes: int
    head: bytes
    tail: bytes


@dataclass(frozen=True)
class Written:
    """Text as it was written: the size of its compressed form, and what is known of it."""

    size_bytes: int
    text: Text


class Digest(Protocol):
    """A checksum in the making, as hashlib has them."""

    def update(self, data: bytes, /) -> None:
        """Take in more data."""


class _Observer:
    """Keeps the two ends of a text that flows by."""

    def __init__(self) -> None:
        self._size = 0
        self._head = b""
        self._tail = b""

    def see(self, block: bytes) -> None:
        self._size += len(block)
        if len(self._head) < HEAD_BYTES:
            self._head += block[: HEAD_BYTES - len(self._head)]
        self._tail = (self._tail + block[-TAIL_BYTES:])[-TAIL_BYTES:]

    def text(self) -> Text:
        return Text(self._size, self._head, self._tail)


class Compressing(ThreadPoolExecutor):
    """Threads that compress for all who write at a time; ``room`` is for the blocks under way among them."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads, "compress")
        self.room = threading.Semaphore(BLOCKS_PER_THREAD * threads + BLOCKS_AHEAD)


def write(
    sink: BinaryIO, blocks: Iterable[bytes], *, level: int, compressing: Compressing, digest: Digest | None
) -> Written:
    """Compress ``blocks`` into ``sink`` in their order, feeding ``digest`` with what is written, in one pass.

    Raise StorageError when the sink cannot take more (no space left); what ``blocks`` raises passes.
    """
    compress = compressors.compressor(level)
    observer = _Observer()
    pending: deque[Future[bytes]] = deque()
    size = 0

    def drain_one() -> None:
        nonlocal size
        try:
            member = pending.popleft().result()
            write_block(sink, member, digest)
        finally:
            compressing.room.release()
        size += len(member)

    try:
        for block in _even(blocks):
            observer.see(block)
            # Nobody waits for others while they may wait for what is under way here.
            while pending and not compressing.room.acquire(blocking=False):
                drain_one()
            if not pending:
                compressing.room.acquire()
            pending.append(compressing.submit(compress, block))
        while pending:
            drain_one()
    finally:
        for future in pending:
            future.cancel()
            compressing.room.release()
    return Written(size, observer.text())


def until_stopped(blocks: Iterable[bytes], stop: threading.Event, what: str) -> Iterator[bytes]:
    """Yield blocks until work beside this has failed. Raise BackupDBError then; ``what`` names what has failed."""
    for block in blocks:
        if stop.is_set():
            raise errors.BackupDBError(f"another part of {what} has failed")
        yield block


def write_block(sink: BinaryIO, block: bytes, digest: Digest | None) -> None:
    """Write all of a block and feed the digest with it. Raise StorageError when the sink cannot take it."""
    if digest is not None:
        digest.update(block)
    # An unbuffered file may take less, without an error, where the room runs out.
    rest = memoryview(block)
    try:
        while rest:
            rest = rest[sink.write(rest) :]
    except OSError as error:
        raise errors.StorageError(f"{sink.name} cannot be written: {error.strerror}") from error


def _even(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Join blocks until they are worth a gzip member of their own: from 1 MiB to below 2 MiB each."""
    held: list[bytes] = []
    size = 0
    for block in blocks:
        held.append(block)
        size += len(block)
        if size >= BLOCK_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def checksum(path: Path, checksum_algorithm: str) -> str:
    """Return the hex digest of the file, read from the disk and not from the system's cache.

    Raise StorageError if it cannot be read.
    """
    digest = hashlib.new(checksum_algorithm)
    for block in _file_blocks(path, uncached=True):
        digest.update(block)
    return digest.hexdigest()


def read(path: Path, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
    """Yield the text of a gzip file, or of a section of it (in bytes of the file), in blocks of at most 1 MiB.

    A file that is not compressed is its own text. Raise ValidationError when the file is truncated, damaged or followed
    by anything else, StorageError when it cannot be read.
    """
    return _text_of(path, _file_blocks(path, offset=offset, length=length))


@dataclass(frozen=True)
class Inspected:
    """A compressed file after it was read to its end: its checksum (hex) and its text."""

    checksum: str
    text: Text


def inspect(path: Path, checksum_algorithm: str) -> Inspected:
    """Read a data file once, to its end, and return its checksum and what its text looks like.

    Raise ValidationError when it is not one whole gzip file, StorageError when it cannot be read.
    """
    digest = hashlib.new(checksum_algorithm)

    def hashed() -> Iterator[bytes]:
        for block in _file_blocks(path):
            digest.update(block)
            yield block

    text = observe(_text_of(path, hashed()))
    return Inspected(digest.hexdigest(), text)


def observe(blocks: Iterable[bytes]) -> Text:
    """Let a text flow by and return what is known of it then."""
    observer = _Observer()
    for block in blocks:
        observer.see(block)
    return observer.text()


def _text_of(path: Path, blocks: Iterator[bytes]) -> Iterator[bytes]:
    first = next(blocks, b"")
    compressed = first.startswith(GZIP_MAGIC) or path.suffix == GZIP_SUFFIX
    whole = itertools.chain([first], blocks)
    return _inflate(path, whole) if compressed else whole


def _inflate(path: Path, blocks: Iterable[bytes]) -> Iterator[bytes]:
    member = compressors.decompressor()
    whole = False
    try:
        for block in blocks:
            while True:
                text = compressors.inflate(member, block, BLOCK_BYTES)
                if text:
                    yield text
                whole = member.eof
                if whole:
                    block, member = member.unused_data, compressors.decompressor()
                    if not block:
                        break
                else:
                    block = member.unconsumed_tail
                    # A full output block may leave text inside the decompressor with no input left.
                    if not block and len(text) < BLOCK_BYTES:
                        break
    except compressors.DamagedError as error:
        raise errors.ValidationError(f"{path} is damaged: its gzip data cannot be read to the end", DISTRUST) from error
    if not whole:
        raise errors.ValidationError(f"{path} is truncated: its last gzip member has no end", DISTRUST)


def _file_blocks(path: Path, *, uncached: bool = False, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
    try:
        with path.open("rb", buffering=0) as source:
            logbook.event("file_opened", level="DEBUG", file=str(path), mode="read")
            if uncached:
                os.posix_fadvise(source.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            source.seek(offset)
            while True:
                block = source.read(BLOCK_BYTES if length is None else min(BLOCK_BYTES, length))
                if not block:
                    return
                if length is not None:
                    length -= len(block)
                yield block
    except FileNotFoundError as error:
        raise errors.NotFoundError(f"{path} does not exist") from error
    except OSError as error:
        raise errors.StorageError(f"{path} cannot be read: {error.strerror}") from error
