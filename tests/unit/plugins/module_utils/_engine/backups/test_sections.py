# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts written side by side become one file whose sections are gzip files of their own."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import random
import tempfile
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, stream
from ansible_collections.vya.backupdb.plugins.module_utils._engine.backups import sections
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.programs import Program
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.values import Dump, Inspection, Part
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PROGRAM = Program("/usr/bin/dump", "dump 1", "1")
TEXTS = st.lists(st.binary(min_size=1, max_size=100), max_size=6)


@pytest.fixture
def compression() -> Iterator[sections.Compression]:
    with stream.Compressing(2) as compressing:
        yield sections.Compression(6, compressing, "sha256")


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[BinaryIO]:
    with (tmp_path / "artifact").open("wb", buffering=0) as file:
        yield file


def part(text: bytes, kind: str = "data", pause: float = 0) -> Part:
    def start() -> Generator[bytes, None, None]:
        for position in range(0, len(text), 40):
            time.sleep(pause)
            yield text[position : position + 40]

    return Part(kind, start, (text[:8].hex(),), len(text))  # type: ignore[arg-type]


def inspect() -> Inspection:
    raise AssertionError("contract violation: the writer of sections does not inspect")


def accept(text: stream.Text) -> None:
    """Find every text right."""


def read_sections(path: Path, written: sections.Written) -> dict[str, list[bytes]]:
    """Return the text of each section, unpacked by itself, by its kind."""
    content = path.read_bytes()
    texts: dict[str, list[bytes]] = {}
    for section in written.sections:
        end = section.offset_bytes + section.length_bytes
        texts.setdefault(section.kind, []).append(gzip.decompress(content[section.offset_bytes : end]))
        assert len(texts[section.kind][-1]) == section.raw_length_bytes
    return texts


@given(texts=TEXTS, lanes=st.integers(1, 4), seed=st.integers())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_every_part_is_in_the_file_once_and_whole(
    texts: list[bytes], lanes: int, seed: int, tmp_path: Path, compression: sections.Compression
) -> None:
    pauses = random.Random(seed)
    data = [part(text, pause=pauses.random() / 2000) for text in texts]
    dump = Dump(PROGRAM, part(b"first", "pre_data"), inspect, data, [part(b"last", "post_data")])
    path = tmp_path / "artifact"
    with path.open("wb", buffering=0) as sink:
        written = sections.write(sink, dump, lanes, compression, accept)
    found = read_sections(path, written)
    assert found["pre_data"] == [b"first"]
    assert found["post_data"] == [b"last"]
    assert sorted(found.get("data", [])) == sorted(texts)
    assert [section.kind for section in written.sections][:: len(texts) + 1] == ["pre_data", "post_data"]
    content = path.read_bytes()
    assert (written.size_bytes, written.checksum) == (len(content), hashlib.sha256(content).hexdigest())
    assert len(gzip.decompress(content)) == written.raw_size_bytes


def test_a_slow_part_does_not_keep_the_others_from_being_read(
    sink: BinaryIO, compression: sections.Compression
) -> None:
    others_done = threading.Event()

    def slow() -> Generator[bytes, None, None]:
        yield b"begin "
        assert others_done.wait(10)
        yield b"end"

    def quick() -> Generator[bytes, None, None]:
        yield b"quick"
        others_done.set()

    dump = Dump(PROGRAM, part(b"first", "pre_data"), inspect, [Part("data", slow, (), 2), Part("data", quick, (), 1)])
    written = sections.write(sink, dump, 2, compression, accept)
    assert [section.raw_length_bytes for section in written.sections] == [5, 9, 5]


def test_a_failed_part_ends_the_others_and_is_what_is_told(sink: BinaryIO, compression: sections.Compression) -> None:
    ended = threading.Event()

    def endless() -> Generator[bytes, None, None]:
        try:
            while True:
                time.sleep(0.001)
                yield b"x"
        finally:
            ended.set()

    def broken() -> Generator[bytes, None, None]:
        yield b"y"
        raise errors.ValidationError("the dump program was killed")

    dump = Dump(PROGRAM, part(b"first", "pre_data"), inspect, [Part("data", endless, (), 2), Part("data", broken)])
    with pytest.raises(errors.ValidationError, match="was killed"):
        sections.write(sink, dump, 2, compression, accept)
    assert ended.is_set()


def test_the_text_of_each_part_is_looked_at(sink: BinaryIO, compression: sections.Compression) -> None:
    seen: list[bytes] = []
    dump = Dump(PROGRAM, part(b"a", "pre_data"), inspect, [part(b"b"), part(b"c")], [part(b"d", "post_data")])
    sections.write(sink, dump, 2, compression, lambda text: seen.append(text.head))
    assert sorted(seen) == [b"a", b"b", b"c", b"d"]


def test_no_temporary_file_is_ever_seen_by_its_name(
    tmp_path: Path, sink: BinaryIO, compression: sections.Compression
) -> None:
    names: set[str] = set()

    def look() -> Generator[bytes, None, None]:
        for number in range(50):
            names.update(path.name for path in tmp_path.iterdir())
            time.sleep(0.001)
            yield b"%d" % number

    dump = Dump(PROGRAM, part(b"first", "pre_data"), inspect, [Part("data", look), Part("data", look)])
    sections.write(sink, dump, 2, compression, accept)
    assert names == {"artifact"}


def test_parts_wait_for_their_lane_and_without_a_second_one_nothing_is_put_aside(
    tmp_path: Path, compression: sections.Compression, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_lane = threading.Lock()
    monkeypatch.setattr(tempfile, "TemporaryFile", None)
    dump = Dump(PROGRAM, part(b"first", "pre_data"), inspect, [part(b"%d" % number) for number in range(9)])
    path = tmp_path / "artifact"
    with path.open("wb", buffering=0) as sink:
        written = sections.write(sink, dump, 3, compression, accept, lane=lambda: one_lane)
    assert sorted(read_sections(path, written)["data"]) == [b"%d" % number for number in range(9)]


def test_a_lane_that_is_refused_ends_the_dump_before_the_part_begins(
    sink: BinaryIO, compression: sections.Compression
) -> None:
    def refuse() -> contextlib.AbstractContextManager[None]:
        raise errors.BackupDBError("the run was ended")

    def begin() -> Generator[bytes, None, None]:
        raise AssertionError("the part has begun")

    dump = Dump(PROGRAM, part(b"first", "pre_data"), inspect, [Part("data", begin), Part("data", begin)])
    with pytest.raises(errors.BackupDBError, match="the run was ended"):
        sections.write(sink, dump, 2, compression, accept, lane=refuse)


def runs(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, str | None]]:
    """Find a table in each block that begins with a capital letter."""
    for block in blocks:
        yield block, block[:1].decode() if block[:1].isupper() else None


def in_blocks(texts: list[bytes]) -> Generator[bytes, None, None]:
    yield from texts


RUNS = st.lists(st.sampled_from([b"A" * 30, b"B" * 70, b"C" * 100, b"x" * 50]), max_size=12)


@given(texts=RUNS, smallest=st.sampled_from([0, 60, 120, 10_000]), lanes=st.integers(1, 3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_a_part_is_cut_at_headings_once_a_section_is_long_enough_and_its_text_stays_the_same(
    texts: list[bytes], smallest: int, lanes: int, tmp_path: Path, compression: sections.Compression
) -> None:
    first = part(b"first", "pre_data")
    data = [
        Part("data", lambda: in_blocks([b"head", *texts]), depends_on=[first], cut=runs) for _number in range(lanes)
    ]
    path = tmp_path / "artifact"
    with pytest.MonkeyPatch.context() as patch, path.open("wb", buffering=0) as sink:
        patch.setattr(sections, "SMALLEST_CUT_BYTES", smallest)
        written = sections.write(sink, Dump(PROGRAM, first, inspect, data), lanes, compression, accept)
    content = gzip.decompress(path.read_bytes())
    assert content == b"first" + b"".join([b"head", *texts]) * lanes
    cut = read_sections(path, written)["data"]
    tables = [table for section in written.sections[1:] for table in section.tables]
    assert tables == [text[:1].decode() for text in texts if text[:1].isupper()] * lanes
    assert all(section.depends_on == [0] for section in written.sections[1:])
    for text, following in zip(cut, cut[1:]):
        assert following[:1].isupper() or following.startswith(b"head")
        assert len(text) >= smallest or following.startswith(b"head")


def test_the_ends_that_are_looked_at_are_those_of_a_whole_part(
    sink: BinaryIO, compression: sections.Compression, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sections, "SMALLEST_CUT_BYTES", 0)
    seen: list[stream.Text] = []
    data = [Part("data", lambda: in_blocks([b"head", b"A1", b"B2", b"tail"]), cut=runs)]
    sections.write(sink, Dump(PROGRAM, part(b"first", "pre_data"), inspect, data), 1, compression, seen.append)
    assert seen[1] == stream.Text(12, b"head", b"B2tail")


def test_a_part_without_the_rows_of_one_of_its_tables_is_refused(
    sink: BinaryIO, compression: sections.Compression
) -> None:
    data = [Part("data", lambda: in_blocks([b"head", b"A1"]), ("A", "B"), cut=runs)]
    with pytest.raises(errors.ValidationError, match="lacks the rows of B"):
        sections.write(sink, Dump(PROGRAM, part(b"first", "pre_data"), inspect, data), 1, compression, accept)


def test_programs_that_run_already_are_read_without_waiting_for_lanes_or_long_for_the_first_part(
    sink: BinaryIO, compression: sections.Compression, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sections, "FIRST_PATIENCE_SECONDS", 0.05)
    both_begun = threading.Barrier(3)

    def slow_first() -> Generator[bytes, None, None]:
        yield b"first"
        both_begun.wait(10)

    def running() -> Generator[bytes, None, None]:
        yield b"begin"
        both_begun.wait(10)

    data = [Part("data", running, is_running=True) for _number in range(2)]
    lane = threading.Lock()
    with lane:
        written = sections.write(
            sink, Dump(PROGRAM, Part("pre_data", slow_first), inspect, data), 2, compression, accept, lane=lambda: lane
        )
    assert [section.kind for section in written.sections] == ["pre_data", "data", "data"]
