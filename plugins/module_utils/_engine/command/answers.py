# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command has to say: the result that the module of the same name returns, and tables of it for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Callable, Literal

from ..errors import BackupDBError
from ..report.wording import visible

Tone = Literal["", "good", "warn", "bad"]


@dataclass(frozen=True)
class Row:
    """A row of a sheet: a text for each column, and whether it is good news."""

    cells: Sequence[str]
    tone: Tone = ""


@dataclass(frozen=True)
class Sheet:
    """A table: the names of its columns, those of them that hold numbers, and its rows."""

    columns: Sequence[str]
    rows: Sequence[Row]
    numbers: Sequence[str] = ()

    def lines(self) -> list[str]:
        """Return it as lines of plain text, aligned, nothing left out. The last column goes as far as it goes."""
        table = [list(self.columns), *([visible(cell) for cell in row.cells] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*table)]
        widths[-1] = 0
        right = [name in self.numbers for name in self.columns]
        return [
            "  ".join(
                cell.rjust(width) if is_right else cell.ljust(width)
                for cell, width, is_right in zip(cells, widths, right)
            ).rstrip()
            for cells in table
        ]


@dataclass
class Answer:
    """How a command went.

    ``result`` is plain data, as the module returns it. ``asked`` is whether the sheets are what was asked for, so that
    they are shown in a pipe too; otherwise nobody needs to hear that all went well.
    """

    result: dict[str, Any] = field(default_factory=dict)
    changed: bool = False
    warnings: Sequence[str] = ()
    sheets: Sequence[Sheet] = ()
    closing: str = ""
    failure: BackupDBError | None = None
    asked: bool = False

    def document(self) -> dict[str, Any]:
        """Return all of it as one piece of plain data: the result of the module, with what Ansible adds."""
        told = {"warnings": list(self.warnings)} if self.warnings else {}
        if self.failure is None:
            return {"changed": self.changed, "failed": False, **self.result, **told}
        described = {"changed": False, **self.failure.details(), **told}
        return {**described, "failed": True, "msg": str(self.failure)}


def put_in_order(sentences: Sequence[str]) -> list[Sheet]:
    """Return the sheet of what dead runs had left behind, of which there are sentences; none where there is none."""
    rows = [Row((sentence,), "warn") for sentence in sentences]
    return [Sheet(("left behind by others",), rows)] if rows else []


def failure_of(requirement: Callable[[], object]) -> BackupDBError | None:
    """Return the error that the requirement raises, None if it raises none."""
    try:
        requirement()
    except BackupDBError as error:
        return error
    return None
