# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture in docs/retention.md shows what the planner decides, and nothing else."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tools import retention_picture

REPOSITORY = Path(__file__).resolve().parents[3]
SVG = "{http://www.w3.org/2000/svg}"


def days(year: int, month: int, *numbers: int) -> list[date]:
    return [date(year, month, number) for number in numbers]


def titles(svg: str) -> list[str]:
    return [title.text or "" for title in ElementTree.fromstring(svg).iter(f"{SVG}title")][1:]


def test_the_committed_picture_is_what_the_script_draws() -> None:
    assert retention_picture.PICTURE.read_text(encoding="utf-8") == retention_picture.draw(), (
        "draw it anew: PYTHONPATH=.collections python -m tools.retention_picture"
    )


def test_the_page_shows_the_picture() -> None:
    page = REPOSITORY / "docs" / "retention.md"
    assert "](images/retention.svg)" in page.read_text(encoding="utf-8")
    assert page.with_name("images") / "retention.svg" == retention_picture.PICTURE


def test_the_first_calendar_keeps_what_the_page_says() -> None:
    nightly, _stopped = retention_picture.panels()
    assert nightly.kept == [
        *days(2025, 1, 31),
        *days(2025, 2, 28),
        *days(2025, 3, 16, 23, 25, 26, 27, 28, 29, 30, 31),
    ]
    assert len(nightly.decisions) == 90


def test_the_second_calendar_keeps_what_the_page_says() -> None:
    _nightly, stopped = retention_picture.panels()
    assert stopped.kept == [
        *days(2025, 1, 12, 15, 19, 26, 31),
        *days(2025, 2, 2, 3, 4, 6, 7, 8, 9),
    ]


def test_each_day_of_a_calendar_tells_the_reasons_of_the_planner() -> None:
    told = titles(retention_picture.draw())
    assert len(told) == 2 * 90
    assert told[89] == (
        "2025-03-31 stays: newest good backup, newest of day 2025-03-31, newest of week 2025-W14,"
        " newest of month 2025-03"
    )
    assert told[90 + 35] == (
        "2025-02-05 goes: found bad by the drill of 2025-02-10 (checksum), and a newer one is good"
    )
    assert told[90 + 40] == "2025-02-10 no backup"


def test_every_letter_of_the_legend_is_in_the_picture_and_every_kept_day_has_one() -> None:
    decisions = [decision for panel in retention_picture.panels() for decision in panel.decisions.values()]
    kept = [retention_picture.marks_of(decision) for decision in decisions if decision.keep]
    assert all(kept)
    assert {mark for marks in kept for mark in marks} == set(retention_picture.MARKS)


def test_a_reason_that_the_legend_does_not_know_is_an_error() -> None:
    decision = retention_picture.panels()[0].decisions[date(2025, 3, 31)]
    with pytest.raises(ValueError, match="has no mark"):
        retention_picture.marks_of(dataclasses.replace(decision, reasons=("newest of year 2025",)))
