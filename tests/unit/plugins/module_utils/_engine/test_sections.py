# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts written side by side become one file whose sections are gzip files of their own."""

from __future__ import annotations

import gzip
import hashlib
import random
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, sections, stream
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.base import Dump, Inspection, Part
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.programs import Program
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PROGRAM = Program("/usr/bin/dump", "dump 1", "1")
TEXTS = st.lists(st.binary(min_size=1, max_size=100), max_size=6)


@pytest.fixture
def compression() -> Iterator[sections.Compression]:
    with ThreadPoolExecutor(2) as executor:
        yield sections.Compression(6, executor, "sha256")


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
