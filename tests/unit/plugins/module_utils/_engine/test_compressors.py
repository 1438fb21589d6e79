# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gzip members by whatever library is installed."""

from __future__ import annotations

import gzip
import zlib

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import compressors, stream
from hypothesis import given
from hypothesis import strategies as st


@given(block=st.binary(), level=st.integers(1, 9))
def test_a_member_is_an_ordinary_gzip_file(block: bytes, level: int) -> None:
    member = compressors.compressor(level)(block)
    assert gzip.decompress(member) == block


@given(block=st.binary())
def test_a_decompressor_reads_what_gzip_writes(block: bytes) -> None:
    reader = compressors.decompressor()
    assert compressors.inflate(reader, gzip.compress(block), 2**20) == block
    assert reader.eof


def test_no_more_text_than_asked_for_comes_at_once() -> None:
    reader = compressors.decompressor()
    assert compressors.inflate(reader, gzip.compress(b"x" * 1000), 10) == b"x" * 10
    assert compressors.inflate(reader, reader.unconsumed_tail, 1000) == b"x" * 990


def test_concatenated_members_are_one_gzip_file() -> None:
    compress = compressors.compressor(6)
    assert gzip.decompress(compress(b"one ") + compress(b"two")) == b"one two"


def test_a_higher_level_gives_a_smaller_member() -> None:
    text = b"".join(b"INSERT INTO t VALUES (%d, 'row %d');\n" % (number, number * 7) for number in range(20_000))
    assert len(compressors.compressor(9)(text)) < len(compressors.compressor(1)(text))


def test_damaged_data_is_a_named_error() -> None:
    with pytest.raises(compressors.DamagedError):
        compressors.inflate(compressors.decompressor(), b"-- not gzip at all", 100)


def test_each_level_has_the_library_that_is_best_at_it() -> None:
    assert [compressors.name(level) for level in range(1, 10)] == ["isal"] * 2 + ["libdeflate"] * 7


@pytest.mark.parametrize("present", [{"_isal"}, {"_deflate"}, {"_zlib"}, set()])
@pytest.mark.parametrize("level", [1, 3, 6, 9])
def test_whatever_is_missing_members_are_ordinary(
    present: set[str], level: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for library in {"_isal", "_deflate"} - present:
        monkeypatch.setattr(compressors, library, None)
    if "_zlib" not in present:
        monkeypatch.setattr(compressors, "_zlib", zlib)
    assert gzip.decompress(compressors.compressor(level)(b"text " * 1000)) == b"text " * 1000
    if not present:
        assert compressors.name(level) == compressors.SLOW_LIBRARY


@pytest.mark.parametrize("level", range(1, 10))
def test_no_level_is_larger_than_gzip_of_that_level(level: int) -> None:
    text = b"".join(
        b"%d\tcustomer %d of %d\t%.3f\n" % (number, number * 7919 % 100003, number % 97, number / 7)
        for number in range(60_000)
    )
    compress = compressors.compressor(level)
    blocks = [text[start : start + stream.BLOCK_BYTES] for start in range(0, len(text), stream.BLOCK_BYTES)]
    assert sum(len(compress(block)) for block in blocks) <= len(gzip.compress(text, level))
