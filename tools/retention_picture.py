# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw docs/images/retention.svg: two made-up calendars, and what the engine's own planner decides on them.

``PYTHONPATH=.collections python -m tools.retention_picture`` writes it anew. Nothing here knows a rule of retention:
what stays, what goes and the letters come from the planner's decisions and their reasons.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import RetentionConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.retention import planning

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "retention.svg"
POLICY = RetentionConfig()
SERIES = ("db01", "prod-postgres-01", "shop")
FIRST, TODAY = date(2025, 1, 1), date(2025, 3, 31)
NOW = datetime(2025, 3, 31, 20, tzinfo=UTC)

# The second calendar.
LAST_BACKUP = date(2025, 2, 9)
LAST_DRILL = date(2025, 1, 12)
HELD = {date(2025, 1, 15): "held: until the audit is closed"}
BAD = {date(2025, 2, 5): "found bad by the drill of 2025-02-10 (checksum)"}

COLUMN, ROW = 58, 36
LEFT, TOP, MARGIN = 46, 62, 14
PANEL = TOP + 7 * ROW + 22
LEGEND = 66
CHIP = 13
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
INK, PALE, GREY, PAPER = "#1f2328", "#6e7781", "#e7e9ec", "#ffffff"
FONT = "system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', Arial, sans-serif"


@dataclass(frozen=True)
class Mark:
    """A letter for the reasons to keep that begin in one way, and what it means."""

    reason: str
    letter: str
    colour: str
    meaning: str


MARKS = (
    Mark("newest good backup", "N", INK, "newest good backup"),
    Mark("newest of day ", "D", "#0060a0", f"newest of one of the last {POLICY.daily_keep} days with a backup"),
    Mark("newest of week ", "W", "#00704f", f"newest of one of the last {POLICY.weekly_keep} ISO weeks with one"),
    Mark("newest of month ", "M", "#b34700", f"newest of one of the last {POLICY.monthly_keep} months with one"),
    Mark("newest verified backup", "V", "#882255", "newest that a drill has found good"),
    Mark("held", "H", "#5b5f66", "held by a person"),
)


@dataclass(frozen=True)
class Panel:
    """A calendar: what it shows, in two lines, and the planner's decision for each day that has a backup."""

    heading: str
    subheading: str
    decisions: Mapping[date, planning.Decision]

    @property
    def kept(self) -> list[date]:
        """The days whose backup stays, the oldest first."""
        return sorted(day for day, decision in self.decisions.items() if decision.keep)


def panels() -> list[Panel]:
    """Return both calendars, as the planner decides on them."""
    nightly = [backup(day) for day in days(FIRST, TODAY)]
    stopped = [with_a_past(backup(day)) for day in days(FIRST, LAST_BACKUP)]
    return [
        Panel("A backup each night", f"the evening of {long_name(TODAY)}, with the defaults", decide(nightly)),
        Panel(
            f"No backup since {long_name(LAST_BACKUP)}",
            f"the same evening, {(TODAY - LAST_BACKUP).days} days later: backups are counted, they do not age",
            decide(stopped),
        ),
    ]


def backup(day: date) -> planning.Candidate:
    """Return the good backup of a night."""
    moment = datetime(day.year, day.month, day.day, 2, tzinfo=UTC)
    return planning.Candidate(SERIES, moment, f"shop_{moment:%Y%m%d_%H%M%S}_full.sql.gz")


def with_a_past(candidate: planning.Candidate) -> planning.Candidate:
    """Return a backup as the second calendar has it: held, found bad, or verified by the drill of a Sunday."""
    day = candidate.moment.date()
    verified = day <= LAST_DRILL and WEEKDAYS[day.weekday()] == "Sun"
    return replace(candidate, held=HELD.get(day), flaw=BAD.get(day), verified=verified)


def decide(candidates: Iterable[planning.Candidate]) -> dict[date, planning.Decision]:
    """Return what the planner decides, by day."""
    decisions = planning.plan(candidates, POLICY, NOW)
    return {decision.candidate.moment.date(): decision for decision in decisions}


def days(first: date, last: date) -> list[date]:
    """Return all days from the first to the last."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def long_name(day: date) -> str:
    """Return a day as in 9 February 2025."""
    return f"{day.day} {day:%B %Y}"


def marks_of(decision: planning.Decision) -> list[Mark]:
    """Return the marks of a decision's reasons, none for what goes. Raise ValueError for a reason that has none."""
    return [mark_of(reason) for reason in decision.reasons] if decision.keep else []


def mark_of(reason: str) -> Mark:
    """Return the mark of a reason to keep. Raise ValueError if it has none."""
    for mark in MARKS:
        if reason.startswith(mark.reason):
            return mark
    raise ValueError(f"the reason {reason!r} has no mark in the picture")


def told(decision: planning.Decision | None) -> str:
    """Return what became of a backup and why, in the planner's words."""
    if decision is None:
        return "no backup"
    return f"{'stays' if decision.keep else 'goes'}: {', '.join(decision.reasons)}"


def draw() -> str:
    """Return the whole picture as SVG."""
    shown = panels()
    weeks = column_of(TODAY) + 1
    width, height = LEFT + weeks * COLUMN + MARGIN, len(shown) * PANEL + LEGEND
    title = "Which backups stay, on two made-up calendars"
    root = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width} {height}",
            "width": f"{width}",
            "height": f"{height}",
            "role": "img",
            "aria-label": title,
            "font-family": FONT,
        },
    )
    root.append(ElementTree.Comment(" Drawn by tools/retention_picture.py, which asks the planner of the engine. "))
    add(root, "title").text = title
    add(root, "rect", width=width, height=height, fill=PAPER)
    for number, panel in enumerate(shown):
        draw_panel(add(root, "g", transform=f"translate(0 {number * PANEL})"), panel)
    draw_legend(add(root, "g", transform=f"translate({LEFT} {len(shown) * PANEL})"))
    ElementTree.indent(root, " ")
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def draw_panel(group: ElementTree.Element, panel: Panel) -> None:
    """Draw a calendar: a column for each ISO week, a row for each day of the week."""
    write(group, LEFT, 22, panel.heading, size=16, weight="bold")
    write(group, LEFT, 40, f"{panel.subheading}; {len(panel.kept)} of {len(panel.decisions)} backups stay", size=12)
    for row, name in enumerate(WEEKDAYS):
        write(group, LEFT - 8, TOP + row * ROW + 22, name, size=11, colour=PALE, anchor="end")
    for day in days(FIRST, TODAY):
        x, y = LEFT + column_of(day) * COLUMN, TOP + day.weekday() * ROW
        if day == FIRST or day.weekday() == 0:
            write(
                group, x + COLUMN / 2, TOP - 6, f"W{day.isocalendar().week:02}", size=11, colour=PALE, anchor="middle"
            )
        draw_day(group, x, y, day, panel.decisions.get(day))
    draw_months(group)


def draw_day(group: ElementTree.Element, x: int, y: int, day: date, decision: planning.Decision | None) -> None:
    """Draw a day: what stays has its letters, what goes is grey, and where there is no backup there is only a frame."""
    cell = add(group, "g", transform=f"translate({x} {y})")
    add(cell, "title").text = f"{day.isoformat()} {told(decision)}"
    look = {"fill": GREY} if decision else {"fill": "none", "stroke": GREY, "stroke-dasharray": "2 2"}
    colour = PALE
    if decision and decision.keep:
        look, colour = {"fill": PAPER, "stroke": INK}, INK
    add(cell, "rect", x=2, y=2, width=COLUMN - 4, height=ROW - 4, rx=3, **look)
    write(cell, 6, 14, f"{day.day} {day:%b}" if day.day == 1 or day == FIRST else f"{day.day}", size=11, colour=colour)
    if decision and decision.candidate.flaw:
        write(cell, COLUMN - 6, 14, "bad", size=11, colour=INK, anchor="end")
    for number, mark in enumerate(marks_of(decision) if decision else ()):
        draw_chip(cell, 4 + number * CHIP, 18, mark)


def draw_chip(group: ElementTree.Element, x: int, y: int, mark: Mark) -> None:
    """Draw a letter on its colour."""
    add(group, "rect", x=x, y=y, width=CHIP - 1, height=CHIP - 1, rx=2, fill=mark.colour)
    write(group, x + (CHIP - 1) / 2, y + 9.5, mark.letter, size=9, weight="bold", colour=PAPER, anchor="middle")


def draw_months(group: ElementTree.Element) -> None:
    """Draw the lines between the months."""
    for day in days(FIRST, TODAY):
        x, y = LEFT + column_of(day) * COLUMN, TOP + day.weekday() * ROW
        before, above = day - timedelta(days=7), day - timedelta(days=1)
        if before >= FIRST and before.month != day.month:
            line(group, x, y, x, y + ROW)
        if above >= FIRST and above.month != day.month and day.weekday() > 0:
            line(group, x, y, x + COLUMN, y)


def draw_legend(group: ElementTree.Element) -> None:
    """Say what the letters and the looks of the days mean."""
    for number, mark in enumerate(MARKS):
        x, y = (number // 3) * 330, (number % 3) * 18
        draw_chip(group, x, y, mark)
        write(group, x + 20, y + 10, mark.meaning, size=12)
    add(group, "rect", x=690, y=0, width=22, height=12, rx=2, fill=GREY)
    write(group, 720, 10, "goes", size=12)
    add(group, "rect", x=690, y=18, width=22, height=12, rx=2, fill="none", stroke=PALE, **{"stroke-dasharray": "2 2"})
    write(group, 720, 28, "no backup", size=12)


def column_of(day: date) -> int:
    """Return the number of the week's column."""
    monday = FIRST - timedelta(days=FIRST.weekday())
    return (day - monday).days // 7


def add(parent: ElementTree.Element, kind: str, **attributes: object) -> ElementTree.Element:
    """Add an element."""
    return ElementTree.SubElement(parent, kind, {name: f"{value}" for name, value in attributes.items()})


def line(parent: ElementTree.Element, x1: int, y1: int, x2: int, y2: int) -> None:
    """Add a line."""
    add(parent, "line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=INK)


def write(
    parent: ElementTree.Element,
    x: float,
    y: float,
    text: str,
    *,
    size: int,
    weight: str = "normal",
    colour: str = INK,
    anchor: str = "start",
) -> None:
    """Add a text."""
    look = {"font-size": size, "font-weight": weight, "fill": colour, "text-anchor": anchor}
    add(parent, "text", x=x, y=y, **look).text = text


def main() -> None:
    """Write the picture."""
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
