# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes of charts."""

from __future__ import annotations

import re
from datetime import date, timedelta

from ansible_collections.vya.backupdb.plugins.module_utils._engine.report import charts
from ansible_collections.vya.backupdb.plugins.module_utils._engine.report.data import Day, Point

from tests.unit.reports import NOW


def points(*sizes: int) -> list[Point]:
    return [Point(NOW + timedelta(hours=number), size, 1.0) for number, size in enumerate(sizes)]


def corners(*sizes: int) -> list[tuple[int, int]]:
    curve = charts.curve(points(*sizes), lambda point: point.size_bytes)
    assert curve is not None
    return [(int(x), int(y)) for x, y in re.findall(r"L(\d+) (\d+)", curve.line)]


def test_a_curve_runs_through_time_above_zero() -> None:
    assert corners(0, 50, 100) == [(6, 100), (300, 53), (594, 6)]


def test_half_of_the_size_is_half_of_the_height() -> None:
    (_x, high), (_x, low) = corners(1000, 500)
    assert charts.HEIGHT - high == 2 * (charts.HEIGHT - low)


def test_one_point_and_points_of_no_size_have_a_curve() -> None:
    assert corners(7) == [(594, 6)]
    assert corners(0, 0) == [(6, 100), (594, 100)]
    assert charts.curve([], lambda point: point.size_bytes) is None


def test_a_curve_knows_what_it_shows() -> None:
    curve = charts.curve(points(3, 9, 5), lambda point: point.size_bytes)
    assert curve is not None
    assert (curve.lowest, curve.highest, curve.latest) == (3, 9, 5)
    assert (curve.first, curve.last) == (NOW, NOW + timedelta(hours=2))
    assert curve.dot == f"M594 {charts.HEIGHT - 52}h.01"


def test_the_way_back_below_a_curve_is_outside_of_the_drawing() -> None:
    curve = charts.curve(points(10, 20), lambda point: point.size_bytes)
    assert curve is not None
    assert curve.line == "M-20 53L6 53L594 6H620V120H-20Z"


def test_bars_stand_on_each_other_and_fit_in() -> None:
    days = [Day(date(2026, 1, number), good, failed) for number, good, failed in [(1, 3, 1), (2, 500, 1), (3, 0, 0)]]
    bars = charts.bars(days)
    for column in bars:
        y = charts.HEIGHT
        for part in column.parts:
            assert part.y == y - part.height
            y = part.y
        assert y >= 0
    assert [[part.kind for part in column.parts] for column in bars] == [
        ["good", "failed"],
        ["good", "failed"],
        ["none"],
    ]
    assert bars[1].parts[1].height == charts.LEAST
