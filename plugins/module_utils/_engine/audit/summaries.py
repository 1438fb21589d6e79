# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the entries of an audit log come to: pure, rows in, a summary per period, operation and database out."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any, Literal

Period = Literal["day", "week", "month", "all"]
#: How a moment is told as a period; weeks are those of ISO 8601.
PERIODS: dict[str, str] = {"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m", "all": "all"}
COLUMNS = (
    *("id", "timestamp", "operation", "hostname", "database_id", "database_name"),
    *("status", "size_bytes", "duration_seconds"),
)
_KEYS = ("period", "hostname", "database_id", "database_name", "operation")


def summarize(rows: Iterable[dict[str, Any]], period: Period) -> list[dict[str, Any]]:
    """Given rows, the newest first, with moments in the time zone whose calendar counts, return their summaries.

    One for each period, host, instance, database and operation that has any; the newest period first. Sizes are in
    bytes, None where nothing has a size, and the last one is the newest; durations are in seconds.
    """
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        key = (row["timestamp"].strftime(PERIODS[period]), *(row[name] for name in _KEYS[1:]))
        groups.setdefault(key, []).append(row)
    ordered = sorted(groups, key=lambda key: [text or "" for text in key[1:]])
    ordered.sort(key=lambda key: str(key[0]), reverse=True)
    return [{**dict(zip(_KEYS, key)), **_figures(groups[key])} for key in ordered]


def _figures(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    statuses = [row["status"] for row in rows]
    sizes = [row["size_bytes"] for row in rows if row["size_bytes"] is not None]
    durations = [row["duration_seconds"] for row in rows]
    good = statuses.count("success")
    return {
        "count": len(rows),
        "successful": good,
        "partial": statuses.count("partial"),
        "failed": statuses.count("failed"),
        "success_rate": round(good / len(rows), 4),
        "size_bytes_sum": sum(sizes) if sizes else None,
        "size_bytes_last": sizes[0] if sizes else None,
        "duration_seconds_median": round(statistics.median(durations), 3),
        "duration_seconds_mean": round(statistics.fmean(durations), 3),
        "duration_seconds_max": max(durations),
    }
