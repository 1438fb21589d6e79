# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison says the same in README.md as in docs/comparison.md, and tells of each cell what was seen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.peers import table
from tests.peers.rows import ROWS, Row

PAGE = table.PAGE.read_text(encoding="utf-8")
README = table.README.read_text(encoding="utf-8")
VERDICT = re.compile(r"(yes|no|not its job|not run|with .+)")


def lines_of(markdown: str) -> list[str]:
    """Return the lines of the first table of a text."""
    found = re.search(r"^\|.*(?:\n\|.*)+", markdown, re.MULTILINE)
    assert found
    return found.group().splitlines()


def cells_of(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_the_readme_has_the_lines_of_the_page_that_it_should_have() -> None:
    head, rule, *rows = lines_of(PAGE)
    wanted = [line for line, row in zip(rows, ROWS, strict=True) if row.in_readme]
    assert table.marked(README).splitlines() == [head, rule, *wanted]


def test_the_page_has_every_row_in_its_order() -> None:
    assert [cells_of(line)[0] for line in lines_of(PAGE)[2:]] == [row.title for row in ROWS]


def test_every_cell_is_a_verdict_for_all_families_or_one_for_each() -> None:
    for line in lines_of(PAGE)[2:]:
        for cell in cells_of(line)[1:]:
            for verdict in re.sub(r"(PostgreSQL|MariaDB): ", "", cell).split("; "):
                assert VERDICT.fullmatch(verdict), line


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_tells_how_it_was_checked_and_what_was_seen_of_each_tool(row: Row) -> None:
    title = row.title[0].upper() + row.title[1:]
    section = PAGE.partition(f"### {title}\n")[2].partition("\n### ")[0]
    assert table.wrapped(row.how) in section
    tools = cells_of(lines_of(PAGE)[0])[1:]
    assert re.findall(r"^- ([^:]+): .", section, re.MULTILINE) == tools


def test_no_path_of_the_machine_that_ran_it_is_told() -> None:
    assert not re.search(rf"/tmp/|/root/|{re.escape(str(Path.home()))}", PAGE)


def test_a_table_takes_the_place_of_the_one_between_the_marks() -> None:
    text = f"before\n\n{table.BEGIN}\n\n| old |\n\n{table.END}\n\nafter\n"
    assert table.with_marked(text, "| new |") == text.replace("old", "new")
    assert table.marked(text) == "| old |"


def test_a_text_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="marks"):
        table.with_marked("no table", "| new |")


def test_families_that_differ_are_told_apart_in_a_cell() -> None:
    assert table.Cell({"postgresql": "yes", "mysql": "yes"}).text == "yes"
    assert table.Cell({"postgresql": "yes", "mysql": "no"}).text == "PostgreSQL: yes; MariaDB: no"
