# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of what was run claim nothing that was not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.compatibility_table import BEGIN, END, Cell, Place, Table, load, render, replace, save

SERVERS = Table("Servers", "server", ("old", "new", "odd"), ("round trip", "drill"))
CELLS = {
    Place("Servers", "new", "drill"): Cell(reasons=["no programs", "no programs"]),
    Place("Servers", "new", "round trip"): Cell(passed=3, detail="2.1, Debian", day="2026-01-02"),
    Place("Servers", "old", "round trip"): Cell(passed=2, failed=1, day="2026-01-01"),
}


def test_a_row_has_what_was_run_and_rows_without_a_test_are_left_out() -> None:
    assert render([SERVERS], CELLS).splitlines() == [
        "Run on 2026-01-01 and 2026-01-02.",
        "",
        "## Servers",
        "",
        "| server | what was run | round trip | drill |",
        "|---|---|---|---|",
        "| old | - | **1 of 3 failed** | - |",
        "| new | 2.1, Debian | 3 passed | not run (1) |",
        "",
        "Not run, because:",
        "",
        "1. no programs",
    ]


def test_a_table_without_rows_is_not_there() -> None:
    assert render([SERVERS], {}) == "\n"


def test_the_cells_that_a_run_leaves_are_there_for_the_next(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "matrix.json"
    assert load(file) == {}
    save(file, CELLS)
    assert load(file) == CELLS


def test_what_is_around_the_marks_of_a_page_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{BEGIN}\nold\n{END}\n\nafter\n", encoding="utf-8")
    for text in ("first\n", "second\n"):
        replace(page, text)
    assert page.read_text(encoding="utf-8") == f"before\n\n{BEGIN}\n\nsecond\n\n{END}\n\nafter\n"


def test_a_page_without_the_marks_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing\n", encoding="utf-8")
    with pytest.raises(ValueError, match="lacks the marks"):
        replace(page, "text")
