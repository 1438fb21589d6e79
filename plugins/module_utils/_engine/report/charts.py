# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes of a report's charts: numbers -> paths of SVG, which the page puts into its own size and colours."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Callable

from .data import Day, Point

POINTS = 60
#: The units of the drawings; the page stretches them.
WIDTH, HEIGHT = 600, 100
# Room for the width of the line at the top, and of the dot that ends it.
MARGIN = 6
OUTSIDE = 20
# What is not nothing is to be seen.
LEAST = 3


@dataclass(frozen=True)
class Curve:
    """A quantity in the course of time: its line with the area below it, the dot at its end, and what they show.

    The path closes outside of the drawing, so that only its upper edge is seen as a line.
    """

    line: str
    dot: str
    first: datetime
    last: datetime
    lowest: float
    highest: float
    latest: float


@dataclass(frozen=True)
class BarPart:
    """A rectangle of a bar: ``good`` or ``failed`` backups, or ``none`` for a day without any."""

    kind: str
    y: int
    height: int


@dataclass(frozen=True)
class Bar:
    """A day in a row of bars: where its bar is, its parts from the bottom up, and what they show."""

    x: int
    width: int
    parts: list[BarPart]
    day: Day


def thinned(points: Sequence[Point], limit: int = POINTS) -> list[Point]:
    """Return at the most ``limit`` of the points, in their order: the first, the last, and of each stretch between
    them the one whose size is furthest from the stretch's median, so that a leap stays to be seen.
    """
    if len(points) <= limit:
        return list(points)
    inner = points[1:-1]
    stretches = limit - 2
    kept = [points[0]]
    for number in range(stretches):
        stretch = inner[number * len(inner) // stretches : (number + 1) * len(inner) // stretches]
        middle = statistics.median(point.size_bytes for point in stretch)
        kept.append(max(stretch, key=lambda point: abs(point.size_bytes - middle)))
    return [*kept, points[-1]]


def curve(points: Sequence[Point], quantity: Callable[[Point], float]) -> Curve | None:
    """Given points in their order, return the curve of a quantity of theirs above zero; None where there are none."""
    if not points:
        return None
    values = [quantity(point) for point in points]
    first, last = points[0].timestamp, points[-1].timestamp
    span = (last - first).total_seconds()
    highest = max(values)
    corners = [
        (
            round(_share((point.timestamp - first).total_seconds(), span, 1.0) * (WIDTH - 2 * MARGIN)) + MARGIN,
            HEIGHT - round(_share(value, highest, 0.0) * (HEIGHT - MARGIN)),
        )
        for point, value in zip(points, values)
    ]
    way = "L".join(f"{x} {y}" for x, y in corners)
    end_x, end_y = corners[-1]
    return Curve(
        line=f"M{-OUTSIDE} {corners[0][1]}L{way}H{WIDTH + OUTSIDE}V{HEIGHT + OUTSIDE}H{-OUTSIDE}Z",
        # A stroke of almost no length is a dot that stays round however the drawing is stretched.
        dot=f"M{end_x} {end_y}h.01",
        first=first,
        last=last,
        lowest=min(values),
        highest=highest,
        latest=values[-1],
    )


def _share(part: float, whole: float, otherwise: float) -> float:
    return part / float(whole) if whole > 0 else otherwise


def bars(days: Sequence[Day]) -> list[Bar]:
    """Return a bar for each day, as high as the backups of it are many."""
    step = WIDTH // max(len(days), 1)
    most = max((day.good + day.failed for day in days), default=0)
    return [Bar(number * step + 2, step - 4, _parts(day, most), day) for number, day in enumerate(days)]


def _parts(day: Day, most: int) -> list[BarPart]:
    parts, y = [], HEIGHT
    for kind, count in (("good", day.good), ("failed", day.failed)):
        if count:
            # One of many still has a height.
            height = max(round(_share(count, most, 0.0) * (HEIGHT - LEAST)), LEAST)
            y -= height
            parts.append(BarPart(kind, y, height))
    return parts or [BarPart("none", HEIGHT - LEAST, LEAST)]
