# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of a dump as a restricted psql gets it, whatever blocks it comes in."""

from __future__ import annotations

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.postgresql import restricted
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.programs import Program

SIZES = (1, 2, 3, 7, 13, 64, 1000, 100_000)
KEY = b"Vr7aEYy"
# The second row's text begins with a carriage return, which COPY writes as \r.
ROWS = (
    b"COPY t FROM stdin;\n\\\\restrict x\n\\restrict x\n\\\\unrestrict x\n\xc3\xbc \\\\unrestrict `x`\n\\.\n"
    b"CREATE FUNCTION f() AS $$\n\\restrict Vr7aEYy\n\\unrestricted\n$$;\n"
)
HEADING = b"--\n-- PostgreSQL database dump\n--\n\n"


def dump(key: bytes, rows: bytes = ROWS) -> bytes:
    return HEADING + b"\\restrict " + key + b"\n\nSET a = b;\n" + rows + b"--\n--\n\n\\unrestrict " + key + b"\n\n"


def without_lines(text: bytes, *keys: bytes) -> bytes:
    for key in keys:
        text = text.replace(b"\n\\restrict " + key + b"\n", b"\n\n", 1).replace(
            b"\n\\unrestrict " + key + b"\n", b"\n\n"
        )
    return text


def loaded(text: bytes, size: int) -> bytes:
    return b"".join(restricted.loadable(text[at : at + size] for at in range(0, len(text), size)))


@pytest.mark.parametrize("size", SIZES)
def test_the_lines_of_pg_dump_are_taken_out_and_nothing_else_is(size: int) -> None:
    text = dump(KEY) + dump(b"a") + dump(b"b", b"")
    assert loaded(text, size) == without_lines(text, KEY, b"a", b"b")
    assert loaded(text, size).count(b"\n") == text.count(b"\n")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "text",
    [b"", b"\n", b"SELECT 1;\n", HEADING, HEADING + ROWS, ROWS + dump(KEY, b"").replace(b"\\unrestrict", b"")],
    ids=["nothing", "a blank", "a statement", "a heading", "an old dump", "a line that comes too late"],
)
def test_a_text_that_does_not_begin_as_pg_dump_s_stays_as_it_is(size: int, text: bytes) -> None:
    assert loaded(text, size) == text


@pytest.mark.parametrize("size", SIZES)
def test_a_dump_of_windows_is_one_too(size: int) -> None:
    assert loaded(dump(KEY).replace(b"\n", b"\r\n"), size) == without_lines(dump(KEY), KEY).replace(b"\n", b"\r\n")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "text",
    [
        b"\\unrestrict `id`\n",
        b"SELECT 1;\\unrestrict\t`id`\n",
        b"SELECT '\\\\'\\unrestrict `id`\n",
        # Of SJIS the first backslash is the second half of a character.
        b"SELECT 1 AS \x83\\\\unrestrict `id`\n",
        dump(KEY) + b"\\unrestrict `id`\n",
        dump(KEY) + b"-- a comment\r\\unrestrict `id`\n" + dump(b"a"),
        dump(KEY, b"SELECT '\n\\unrestrict Vr7aEYy\n-- '; \\unrestrict `id`\n\\restrict a\n"),
        dump(KEY).replace(b"\\unrestrict Vr7aEYy\n", b"\\unrestrict Vr7aEYy `id`\n"),
        b"\\unres\0\ntrict `id`\n",
    ],
)
def test_an_unrestrict_that_is_not_pg_dump_s_is_not_handed_on(size: int, text: bytes) -> None:
    handed_on: list[bytes] = []
    with pytest.raises(errors.ValidationError, match=r"\\unrestrict that is not pg_dump's own|a zero byte"):
        handed_on.extend(restricted.loadable(text[at : at + size] for at in range(0, len(text), size)))
    assert b"`id`" not in b"".join(handed_on)


@pytest.mark.parametrize(
    ("version", "known"),
    [
        ("12.22", False),
        ("13.21", False),
        ("13.22", True),
        ("15.13", False),
        ("15.14", True),
        ("17.6", True),
        ("18.0", True),
        ("18beta3", True),
    ],
)
def test_the_versions_of_psql_that_have_the_mode_are_known(version: str, known: bool) -> None:
    assert restricted.knows(Program("/usr/bin/psql", f"psql (PostgreSQL) {version}", version)) is known
