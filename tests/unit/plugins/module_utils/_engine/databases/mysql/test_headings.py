# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the rows of a table begin in a dump's text."""

from __future__ import annotations

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql import headings
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.blocks import in_blocks

NAMES = st.text(st.characters(exclude_characters="\n\0", max_codepoint=0xFFFF, exclude_categories=["Cs"]), min_size=1)


def rows_of(name: str, content: bytes) -> bytes:
    quoted = name.replace("`", "``").encode()
    return b"\n--\n-- Dumping data for table `%s`\n--\n\nLOCK TABLES `%s` WRITE;\n%s;\n" % (quoted, quoted, content)


@given(
    tables=st.lists(st.tuples(NAMES.filter(lambda name: len(name) <= 64), st.binary(max_size=3000)), max_size=5),
    lengths=st.lists(st.integers(1, 2000), min_size=1),
)
def test_the_rows_of_each_table_are_found_wherever_the_blocks_end(
    tables: list[tuple[str, bytes]], lengths: list[int]
) -> None:
    tables = [(name, content.replace(b"\n", b"")) for name, content in tables]
    whole = b"-- MariaDB dump\n\n" + b"".join(rows_of(*table) for table in tables) + b"\n-- Dump completed\n"
    runs = list(headings.cut(in_blocks(whole, lengths)))
    assert b"".join(text for text, _table in runs) == whole
    assert [table for _text, table in runs if table is not None] == [name for name, _content in tables]
    for text, table in runs:
        assert table is None or text.startswith(headings.MARKER + table.replace("`", "``").encode() + b"`\n")


def test_a_heading_inside_a_line_is_none() -> None:
    text = b"INSERT INTO `a` VALUES ('\\n--\\n-- Dumping data for table `b`\\n');\n-- Dumping data for table `c`\n"
    assert b"".join(run for run, _table in headings.cut([text])) == text
    assert all(table is None for _text, table in headings.cut([text]))


def test_a_name_is_read_only_where_it_has_no_line_feed() -> None:
    assert headings.can_name("a`b --")
    assert not headings.can_name("a\nb")


@pytest.mark.parametrize(
    "line",
    [
        b"-- Table structure for table `a`\n",
        b"-- Temporary table structure for view `a`\n",
        b"-- Temporary view structure for view `a`\n",
        b"-- Sequence structure for `a`\n",
        b"-- Dumping data for table `a`\n",
        b"-- Dumping events for database 'a'\n",
    ],
)
def test_a_program_that_writes_a_heading_has_its_snapshot(line: bytes) -> None:
    assert headings.show_snapshot(b"-- MariaDB dump 10.19\n\n--\n" + line)


def test_the_first_lines_of_a_dump_do_not_show_a_snapshot() -> None:
    assert not headings.show_snapshot(b"-- MariaDB dump 10.19\n--\n-- Host: a    Database: -- Dumping\n")


@given(st.lists(st.binary(), min_size=1))
def test_only_a_section_that_begins_with_rows_is_given_the_settings(blocks: list[bytes]) -> None:
    dump = [b"-- MariaDB dump", *blocks]
    assert b"".join(headings.loadable(dump)) == b"".join(dump)
    section = [headings.MARKER + b"a`\n", *blocks]
    assert b"".join(headings.loadable(section)) == headings.SETTINGS + b"".join(section)
    assert b"\n" not in headings.SETTINGS
