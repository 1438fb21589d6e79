# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report for programs: JSON, and CSV with a line for each database."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

from .data import Database, ReportData

GENERATED_AT = "generated_at"
# A spreadsheet takes a text that begins like this for a formula, and runs it.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")

#: The columns of the CSV, and what is in them; moments are in ISO 8601 with their offset.
COLUMNS: dict[str, Callable[[Database], Any]] = {
    "hostname": lambda one: one.hostname,
    "database_id": lambda one: one.database_id,
    "database_name": lambda one: one.name,
    "database_type": lambda one: one.database_type,
    "state": lambda one: one.state,
    "proof": lambda one: one.proof,
    "last_attempt_failed": lambda one: str(one.last_attempt_failed).lower(),
    "last_good_at": lambda one: one.last_good and one.last_good.timestamp.isoformat(),
    "last_good_size_bytes": lambda one: one.last_good and one.last_good.size_bytes,
    "last_good_duration_seconds": lambda one: one.last_good and one.last_good.duration_seconds,
    "last_good_file": lambda one: one.last_good_file,
    "last_verified_at": lambda one: one.last_verified and one.last_verified.verified_at.isoformat(),
    "last_verified_level": lambda one: one.last_verified and one.last_verified.level,
    "restore_seconds": lambda one: one.last_verified and one.last_verified.restore_seconds,
    "artifacts": lambda one: one.artifacts,
    "stored_bytes": lambda one: one.stored_bytes,
    "failures": lambda one: one.failures_count,
    "last_failure_at": lambda one: one.failures[0].last.isoformat() if one.failures else None,
    "last_failure": lambda one: one.failures[0].message if one.failures else None,
    "kept": lambda one: one.plan and one.plan.kept,
    "removed": lambda one: one.plan and one.plan.removed,
    "removed_bytes": lambda one: one.plan and one.plan.removed_bytes,
}


def to_json(data: ReportData) -> str:
    """Return the whole report as JSON."""
    return json.dumps(data.as_dict(), ensure_ascii=False, indent=1) + "\n"


def canonical(data: ReportData) -> str:
    """Return all of a report but the moment it was made, the same text for the same content."""
    return _canonical(data.as_dict())


def canonical_json(text: str) -> str | None:
    """Given the JSON of a report, return what canonical gives of it; None where the text is none."""
    try:
        described = json.loads(text)
    except ValueError:
        return None
    return _canonical(described) if isinstance(described, dict) else None


def _canonical(described: dict[str, Any]) -> str:
    content = {name: value for name, value in described.items() if name != GENERATED_AT}
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def to_csv(data: ReportData) -> str:
    """Return a table with a line for each database, in the order of the report.

    It says nothing of the moment it was made. An apostrophe stands before a text that a spreadsheet would run.
    """
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows([harmless(read(database)) for read in COLUMNS.values()] for database in data.databases)
    return target.getvalue()


def harmless(value: Any) -> Any:
    """Return what a cell holds, such that no spreadsheet takes it for a formula."""
    if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA_STARTS):
        return f"'{value}"
    return "" if value is None else value
