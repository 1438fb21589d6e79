# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison as Markdown: docs/comparison.md as a whole, and the table of README.md."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .rows import ROWS, Row

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PAGE = REPOSITORY / "docs" / "comparison.md"
README = REPOSITORY / "README.md"
BEGIN = "<!-- The table of tests/peers begins here: make peers writes it. -->"
END = "<!-- The table of tests/peers ends here. -->"
FAMILIES = {"postgresql": "PostgreSQL", "mysql": "MariaDB"}
YES, NO, NOT_ITS_JOB, NOT_RUN = "yes", "no", "not its job", "not run"


@dataclass(frozen=True)
class Attempt:
    """What was seen of a tool on one family, used in one way; the label of the plain way is empty."""

    family: str
    label: str
    what: str


@dataclass(frozen=True)
class Cell:
    """What a tool does, by family, and what was seen."""

    verdicts: Mapping[str, str]
    attempts: Sequence[Attempt] = ()

    @property
    def text(self) -> str:
        """The cell's text: one verdict, or one for each family where they differ."""
        if len(set(self.verdicts.values())) == 1:
            return next(iter(self.verdicts.values()))
        return "; ".join(f"{FAMILIES[family]}: {verdict}" for family, verdict in self.verdicts.items())


Cells = dict[str, dict[str, Cell]]


def load(file: Path) -> Cells:
    """Return the cells that a file has, by row id and tool; none where there is no file."""
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return {
        row: {
            tool: Cell(cell["verdicts"], [Attempt(**attempt) for attempt in cell["attempts"]])
            for tool, cell in cells.items()
        }
        for row, cells in kept.items()
    }


def save(file: Path, cells: Cells) -> None:
    """Write cells to a file."""
    plain = {row: {tool: dataclasses.asdict(cell) for tool, cell in each.items()} for row, each in cells.items()}
    file.write_text(json.dumps(plain, indent=1), encoding="utf-8")


def passed(label: str) -> str:
    """Return the verdict for a tool that passed when it was used in the way with that label."""
    return f"with {label}" if label else YES


@dataclass(frozen=True)
class Comparison:
    """All that was seen: cells by row id and tool, the tools with what is said of each, and under what it was."""

    cells: Mapping[str, Mapping[str, Cell]]
    tools: Mapping[str, str]
    setting: str

    def table(self, rows: Sequence[Row] = ROWS) -> str:
        """Return a table with some of the rows."""
        lines = [f"| | {' | '.join(self.tools)} |", "|---" * (len(self.tools) + 1) + "|"]
        for row in rows:
            texts = [self.cells[row.id][tool].text for tool in self.tools]
            lines.append(f"| {row.title} | {' | '.join(texts)} |")
        return "\n".join(lines)

    def page(self) -> str:
        """Return docs/comparison.md."""
        parts = [INTRODUCTION.format(setting=self.setting), self.table(), WORDS, "## How the tools were used"]
        parts.append("\n".join(wrapped(f"- **{tool}**: {usage}", "  ") for tool, usage in self.tools.items()))
        parts.append("## How each row was checked")
        for row in ROWS:
            parts += [f"### {row.title[0].upper()}{row.title[1:]}", wrapped(row.how)]
            parts.append("\n".join(self._seen(row, tool) for tool in self.tools))
        return "\n\n".join(parts) + "\n"

    def _seen(self, row: Row, tool: str) -> str:
        cell = self.cells[row.id][tool]
        attempts = list(dict.fromkeys((each.label, each.what) for each in cell.attempts))
        said = []
        for label, what in attempts:
            on = [FAMILIES[each.family] for each in cell.attempts if (each.label, each.what) == (label, what)]
            where = f"{on[0]}: " if len(on) == 1 and len(cell.verdicts) > 1 else ""
            said.append(f"{where}{f'with {label}: ' if label else ''}{what}")
        return wrapped(f"- {tool}: {'; '.join(said)}", "  ")


INTRODUCTION = """\
# Compared with what people use instead

{setting}"""

WORDS = """\
*Yes* and *no* are for the tool as its documentation begins. *With* something means that it passes with that documented
option and not without it. *Not its job* is what the tool does not claim to do, *not run* what could not be run here.
community.mysql and automysqlbackup were run on MariaDB, community.postgresql on PostgreSQL, the others on both; where
these differ, the cell says so. A cell is about the row's one question, as it is told below, and about nothing else."""


def wrapped(text: str, indent: str = "") -> str:
    """Return a paragraph in lines of at most 120 characters."""
    lines, line = [], ""
    # What is between backticks stays on a line.
    for word in re.findall(r"(?:`[^`]*`|[^\s`])+", text):
        if line and len(line) + 1 + len(word) > 120:
            lines.append(line)
            line = indent + word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join([*lines, line])


def marked(text: str) -> str:
    """Return the table between the marks in a text. Raise ValueError where they are missing."""
    before, begin, rest = text.partition(BEGIN)
    inside, end, _after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the marks of the table are missing in the text that begins with {before[:40]!r}")
    return inside.strip()


def with_marked(text: str, table: str) -> str:
    """Return a text with another table between its marks. Raise ValueError where they are missing."""
    marked(text)
    before, _begin, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.partition(END)[2]}"
