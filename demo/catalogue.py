# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue as a person reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

HEADINGS = ("instance", "database", "taken at", "size", "tables", "views", "routines", "triggers", "status")


def table(backups: Sequence[Mapping[str, Any]]) -> str:
    """Given artifacts as backup_info returns them, return a table with a line for each."""
    return lines([HEADINGS, *(row(backup) for backup in reversed(backups))])


def row(backup: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the cells of one artifact."""
    info, schema = backup["backup_info"], backup["schema_info"]
    return (
        info["database_id"],
        info["database_name"],
        info["timestamp"][:19].replace("T", " "),
        backup["file_info"]["size_human"],
        str(schema["tables_count"]),
        str(schema["views_count"]),
        str(schema["procedures_count"] + schema["functions_count"]),
        str(schema["triggers_count"]),
        info["status"],
    )


def lines(rows: Sequence[Sequence[str]]) -> str:
    """Return rows with their columns below each other; the first row is the heading."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    text.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(text)
