# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What entries come to in a period."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.audit import summaries

ZONE = timezone(timedelta(hours=2))
NEWEST = datetime(2026, 1, 1, 1, tzinfo=ZONE)


def row(days_ago: int = 0, **fields: Any) -> dict[str, Any]:
    given = {
        "timestamp": NEWEST - timedelta(days=days_ago),
        "operation": "backup",
        "hostname": "db01",
        "database_id": "a",
        "database_name": "shop",
        "status": "success",
        "size_bytes": 10,
        "duration_seconds": 1.0,
    }
    return {**given, **fields}


@pytest.mark.parametrize(
    ("period", "names"),
    [
        ("day", ["2026-01-01", "2025-12-31", "2025-12-27"]),
        # The first of January is a Thursday, so its week is the first of its year and began in the year before.
        ("week", ["2026-W01", "2025-W52"]),
        ("month", ["2026-01", "2025-12"]),
        ("all", ["all"]),
    ],
)
def test_a_period_is_one_of_the_calendar_of_the_moments(period: summaries.Period, names: list[str]) -> None:
    counted = summaries.summarize([row(), row(1), row(5)], period)
    assert [summary["period"] for summary in counted] == names
    assert sum(summary["count"] for summary in counted) == 3


def test_the_figures_of_a_group() -> None:
    rows = [
        row(status="failed", size_bytes=None, duration_seconds=9.0),
        row(1, size_bytes=30, duration_seconds=2.0),
        row(2, size_bytes=20, duration_seconds=1.0),
        row(3, status="partial", size_bytes=10, duration_seconds=4.0),
    ]
    (summary,) = summaries.summarize(rows, "all")
    assert summary == {
        "period": "all",
        "hostname": "db01",
        "database_id": "a",
        "database_name": "shop",
        "operation": "backup",
        "count": 4,
        "successful": 2,
        "partial": 1,
        "failed": 1,
        "success_rate": 0.5,
        "size_bytes_sum": 60,
        "size_bytes_last": 30,
        "duration_seconds_median": 3.0,
        "duration_seconds_mean": 4.0,
        "duration_seconds_max": 9.0,
    }


def test_hosts_instances_databases_and_operations_are_told_apart() -> None:
    rows = [
        row(),
        row(database_name=None),
        row(operation="verify"),
        row(database_id="b"),
        row(hostname="db02"),
        row(database_name="crm"),
    ]
    found = [
        (each["hostname"], each["database_id"], each["database_name"], each["operation"])
        for each in summaries.summarize(rows, "day")
    ]
    assert found == [
        ("db01", "a", None, "backup"),
        ("db01", "a", "crm", "backup"),
        ("db01", "a", "shop", "backup"),
        ("db01", "a", "shop", "verify"),
        ("db01", "b", "shop", "backup"),
        ("db02", "a", "shop", "backup"),
    ]


def test_what_has_no_size_sums_up_to_none() -> None:
    (summary,) = summaries.summarize([row(size_bytes=None)], "all")
    assert (summary["size_bytes_sum"], summary["size_bytes_last"]) == (None, None)


def test_nothing_comes_to_nothing() -> None:
    assert summaries.summarize([], "day") == []
