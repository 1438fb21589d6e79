# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blocks to file and back."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, stream
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def compressing() -> Iterator[stream.Compressing]:
    with stream.Compressing(2) as pool:
        yield pool


def written(compressing: stream.Compressing, blocks: list[bytes]) -> tuple[bytes, stream.Written, str]:
    sink, digest = io.BytesIO(), hashlib.sha256()
    return_value = stream.write(sink, blocks, level=1, compressing=compressing, digest=digest)
    return sink.getvalue(), return_value, digest.hexdigest()


@given(blocks=st.lists(st.binary()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_blocks_become_one_gzip_file_of_their_text(compressing: stream.Compressing, blocks: list[bytes]) -> None:
    content, told, digest = written(compressing, blocks)
    text = b"".join(blocks)
    assert (gzip.decompress(content) if content else b"") == text
    assert told == stream.Written(
        len(content), stream.Text(len(text), text[: stream.HEAD_BYTES], text[-stream.TAIL_BYTES :])
    )
    assert digest == hashlib.sha256(content).hexdigest()


def test_many_blocks_keep_their_order(compressing: stream.Compressing) -> None:
    blocks = [bytes([number]) * MIB for number in range(40)]
    content, told, _digest = written(compressing, blocks)
    assert gzip.decompress(content) == b"".join(blocks)
    assert told.text.raw_size_bytes == 40 * MIB
    assert (told.text.head, told.text.tail) == (blocks[0][: stream.HEAD_BYTES], blocks[-1][: stream.TAIL_BYTES])


def test_small_blocks_share_a_member(compressing: stream.Compressing) -> None:
    content, _told, _digest = written(compressing, [b"x" * 1024] * 1500)
    assert content.count(b"\x1f\x8b\x08") == 2


@pytest.mark.parametrize("writers", [1, 2, 5])
def test_memory_holds_only_a_few_blocks_however_many_files_are_written(writers: int) -> None:
    lock = threading.Lock()
    under_way = highest = 0

    class Counting(stream.Compressing):
        def submit(self, function, /, *arguments, **options):  # type: ignore[no-untyped-def]
            nonlocal under_way, highest
            with lock:
                under_way += 1
                highest = max(highest, under_way)
            return super().submit(function, *arguments, **options)

    class Sink(io.BytesIO):
        def write(self, member: object) -> int:
            nonlocal under_way
            with lock:
                under_way -= 1
            return len(member)  # type: ignore[arg-type]

    def write(_number: int) -> int:
        blocks = (b"x" * MIB for _block in range(20))
        return stream.write(Sink(), blocks, level=1, compressing=counting, digest=None).text.raw_size_bytes

    with Counting(2) as counting, ThreadPoolExecutor(writers) as pool:
        assert list(pool.map(write, range(writers))) == [20 * MIB] * writers
    assert 2 < highest <= 2 * stream.BLOCKS_PER_THREAD + stream.BLOCKS_AHEAD


def test_room_is_given_back_by_one_who_fails(compressing: stream.Compressing) -> None:
    def broken() -> Iterator[bytes]:
        yield from [b"x" * MIB] * 3
        raise ValueError

    for _attempt in range(stream.BLOCKS_PER_THREAD * 2 + stream.BLOCKS_AHEAD):
        with pytest.raises(ValueError):  # noqa: PT011 - raised above
            stream.write(io.BytesIO(), broken(), level=1, compressing=compressing, digest=None)
        with open("/dev/full", "wb", buffering=0) as sink, pytest.raises(errors.StorageError):
            stream.write(sink, [b"x"], level=1, compressing=compressing, digest=None)
    assert written(compressing, [b"x" * MIB] * 20)[1].text.raw_size_bytes == 20 * MIB


def test_a_full_disk_is_a_storage_error(compressing: stream.Compressing) -> None:
    with (
        open("/dev/full", "wb", buffering=0) as sink,
        pytest.raises(errors.StorageError, match="/dev/full cannot be written: No space left"),
    ):
        stream.write(sink, [b"x"], level=1, compressing=compressing, digest=None)


def test_what_the_source_raises_passes_and_ends_the_work() -> None:
    class BrokenError(Exception):
        pass

    def blocks() -> Iterator[bytes]:
        yield b"x" * MIB
        raise BrokenError

    waiting: list[Future[bytes]] = []

    class Idle(stream.Compressing):
        def submit(self, function, /, *arguments, **options):  # type: ignore[no-untyped-def]
            waiting.append(Future())
            return waiting[-1]

    with pytest.raises(BrokenError):
        stream.write(io.BytesIO(), blocks(), level=1, compressing=Idle(1), digest=None)
    assert [future.cancelled() for future in waiting] == [True]


@given(members=st.lists(st.binary(), min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_ordinary_gzip_file_is_read_back(tmp_path: Path, members: list[bytes]) -> None:
    path = tmp_path / "f.gz"
    path.write_bytes(b"".join(map(gzip.compress, members)))
    assert b"".join(stream.read(path)) == b"".join(members)


@pytest.mark.parametrize("size", [MIB - 1, MIB, MIB + 1, 3 * MIB, 5 * MIB + 7])
def test_a_text_that_shrinks_much_is_read_in_bounded_blocks(tmp_path: Path, size: int) -> None:
    path = tmp_path / "f.gz"
    path.write_bytes(gzip.compress(b"x" * size) + gzip.compress(b"y"))
    blocks = list(stream.read(path))
    assert b"".join(blocks) == b"x" * size + b"y"
    assert max(map(len, blocks)) <= MIB


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.gz"
    first = gzip.compress(b"first member")
    whole = first + gzip.compress(os.urandom(200))
    for length in set(range(len(whole))) - {len(first)}:
        path.write_bytes(whole[:length])
        with pytest.raises(errors.ValidationError, match="is truncated"):
            list(stream.read(path))


def test_a_flipped_byte_is_noticed_by_the_text_or_by_the_checksum(tmp_path: Path) -> None:
    path = tmp_path / "f.gz"
    whole = gzip.compress(b"some text " * 5)
    expected = hashlib.sha256(whole).hexdigest()
    for index in range(len(whole)):
        path.write_bytes(whole[:index] + bytes([whole[index] ^ 0xFF]) + whole[index + 1 :])
        with contextlib.suppress(errors.ValidationError):
            assert stream.inspect(path, "sha256").checksum != expected


@pytest.mark.parametrize("tail", [b"garbage", b"\0" * 16, b"\x1f\x8b"])
def test_anything_after_the_last_member_is_refused(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "f.gz"
    path.write_bytes(gzip.compress(b"text") + tail)
    with pytest.raises(errors.ValidationError):
        list(stream.read(path))


def test_an_inspection_tells_the_checksum_and_both_ends(tmp_path: Path) -> None:
    path = tmp_path / "f.gz"
    text = b"-- head\n" + os.urandom(100_000) + b"-- Dump completed\n"
    path.write_bytes(gzip.compress(text))
    inspected = stream.inspect(path, "md5")
    assert inspected.checksum == hashlib.md5(path.read_bytes()).hexdigest()
    assert inspected.text == stream.Text(len(text), text[: stream.HEAD_BYTES], text[-stream.TAIL_BYTES :])


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_checksum_is_that_of_the_file(tmp_path: Path, algorithm: str) -> None:
    path = tmp_path / "f"
    path.write_bytes(os.urandom(3 * MIB))
    assert stream.checksum(path, algorithm) == hashlib.new(algorithm, path.read_bytes()).hexdigest()


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(errors.NotFoundError):
        stream.checksum(tmp_path / "f", "sha256")
    with pytest.raises(errors.NotFoundError):
        list(stream.read(tmp_path / "f"))


def test_a_file_that_cannot_be_read_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(errors.StorageError, match="cannot be read: Is a directory"):
        stream.inspect(tmp_path, "sha256")
