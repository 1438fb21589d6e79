# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn what runs of the matrix came to into the tables of docs/compatibility.md: no cell is written by hand."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

BEGIN = "<!-- Written by the matrix, from here: -->"
END = "<!-- to here. -->"


class Place(NamedTuple):
    """Where a test belongs: a table, a row and a column of it."""

    table: str
    row: str
    column: str


@dataclasses.dataclass
class Cell:
    """What the tests of one place came to, when, and on what: a version and who made it."""

    passed: int = 0
    failed: int = 0
    reasons: list[str] = dataclasses.field(default_factory=list)
    detail: str = ""
    day: str = ""

    @property
    def was_run(self) -> bool:
        """Whether any of the tests was run to its end."""
        return bool(self.passed or self.failed)


@dataclasses.dataclass(frozen=True)
class Table:
    """A table: its name, what its rows are, its rows and its columns in order."""

    name: str
    heading: str
    rows: Sequence[str]
    columns: Sequence[str]

    def lines(self, cells: Mapping[Place, Cell]) -> list[str]:
        """Given the cells of all tables, return the lines of Markdown of this one.

        A row of which no cell is given is left out; there are no lines without a row.
        """
        notes: list[str] = []
        body = []
        for row in self.rows:
            found = [cells.get(Place(self.name, row, column)) for column in self.columns]
            given = [cell for cell in found if cell is not None]
            if given:
                details = dict.fromkeys(cell.detail for cell in given if cell.detail)
                body.append(_line([row, "; ".join(details) or "-", *[_text(cell, notes) for cell in found]]))
        if not body:
            return []
        head = [_line([self.heading, "what was run", *self.columns]), "|---" * (len(self.columns) + 2) + "|"]
        reasons = [f"{number}. {note}" for number, note in enumerate(notes, 1)]
        return [*head, *body, *(["", "Not run, because:", "", *reasons] if reasons else [])]


def _text(cell: Cell | None, notes: list[str]) -> str:
    """Return the text of a cell; the reason why it was not run is added to the notes."""
    if cell is None:
        return "-"
    if cell.failed:
        return f"**{cell.failed} of {cell.passed + cell.failed} failed**"
    if cell.was_run:
        return f"{cell.passed} passed"
    reason = "; ".join(dict.fromkeys(cell.reasons))
    if reason not in notes:
        notes.append(reason)
    return f"not run ({notes.index(reason) + 1})"


def _line(texts: Iterable[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"


def render(tables: Sequence[Table], cells: Mapping[Place, Cell]) -> str:
    """Return all tables as Markdown, and when their cells were run."""
    days = sorted({cell.day for cell in cells.values() if cell.was_run and cell.day})
    parts = [f"Run on {' and '.join(dict.fromkeys([days[0], days[-1]]))}."] if days else []
    for table in tables:
        lines = table.lines(cells)
        if lines:
            parts.append("\n".join([f"## {table.name}", "", *lines]))
    return "\n\n".join(parts) + "\n"


def load(file: Path) -> dict[Place, Cell]:
    """Return the cells that earlier runs left in a file, which need not be there."""
    if not file.exists():
        return {}
    return {Place(*place): Cell(**cell) for place, cell in json.loads(file.read_text(encoding="utf-8"))}


def save(file: Path, cells: Mapping[Place, Cell]) -> None:
    """Leave cells for later runs."""
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps([[place, dataclasses.asdict(cell)] for place, cell in cells.items()], indent=1)
    file.write_text(text + "\n", encoding="utf-8")


def replace(page: Path, text: str) -> None:
    """Put a text between the two marks of a page. Raise ValueError if the page has not both."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} lacks the marks between which the tables go")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")
