# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sheets as tables of a terminal."""

from __future__ import annotations

from ..report.wording import visible
from ._rich import Console, Table, Text
from .answers import Sheet

STYLES = {"": "", "good": "green", "warn": "yellow", "bad": "red"}


def show(sheet: Sheet) -> None:
    """Write a sheet to standard output; what is too wide is folded, and nothing is cut off."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in sheet.columns:
        table.add_column(column, justify="right" if column in sheet.numbers else "left", overflow="fold", no_wrap=False)
    for row in sheet.rows:
        # As texts, for names may look like markup.
        table.add_row(*(Text(visible(cell)) for cell in row.cells), style=STYLES[row.tone])
    Console().print(table)
