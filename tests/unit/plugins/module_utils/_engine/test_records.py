# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of operations."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import records
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.results import (
    BackupResult,
    DriftResult,
    RemovalResult,
    RestoreResult,
    VerifyResult,
)

MOMENT = datetime(2026, 1, 9, 2, tzinfo=timezone(timedelta(hours=1)))
FILE = Path("/srv/backups/shop.sql.gz")


def backup(**fields: Any) -> records.Entry:
    given = {
        "success": True,
        "database_id": "a",
        "database_name": "shop",
        "backup_file": FILE,
        "duration_seconds": 1.5,
        "size_bytes": 10,
        "timestamp": MOMENT,
    }
    return records.of_backup(BackupResult(**{**given, **fields}), "db01", "mysql")


def removal(**fields: Any) -> RemovalResult:
    given = {
        "backup_file": FILE,
        "hostname": "db01",
        "database_id": "a",
        "database_name": "shop",
        "timestamp": MOMENT,
        "size_bytes": 10,
        "keep": False,
        "reasons": ["old"],
    }
    return RemovalResult(**{**given, **fields})


def removals(*results: RemovalResult) -> list[records.Entry]:
    return records.of_removals(results, MOMENT, 2.0)


def test_a_good_backup_is_told_with_its_size_and_file() -> None:
    assert backup() == records.Entry(
        timestamp=MOMENT,
        operation="backup",
        database_id="a",
        database_name="shop",
        database_type="mysql",
        status="success",
        duration_seconds=1.5,
        hostname="db01",
        size_bytes=10,
        details={"backup_file": str(FILE)},
    )


def test_a_failed_backup_has_no_size_and_says_why() -> None:
    entry = backup(success=False, backup_file=None, size_bytes=0, error_message="no room", error_code="storage_error")
    assert (entry.status, entry.size_bytes, entry.details) == ("failed", None, {})
    assert (entry.error_message, entry.error_code) == ("no room", "storage_error")


def test_a_failed_backup_that_left_an_artifact_is_partial() -> None:
    entry = backup(success=False, error_message="no accounts", error_code="partial_failure")
    assert (entry.status, entry.size_bytes) == ("partial", 10)


def test_an_instance_that_failed_as_a_whole_has_no_database() -> None:
    assert backup(success=False, database_name="", backup_file=None).database_name is None


def test_drift_is_told_by_what_came_went_or_changed() -> None:
    drift = DriftResult(previous_backup=Path("/srv/backups/before.sql.gz"), came=["table a"], changed=["view b"])
    assert backup(drift=drift).details["drift"] == {
        "previous_backup": "/srv/backups/before.sql.gz",
        "came": ["table a"],
        "changed": ["view b"],
    }


def test_drift_of_very_many_objects_names_the_first_ones_and_counts_the_others() -> None:
    names = [f"table {number}" for number in range(records.NAMED_OBJECTS + 7)]
    drift = DriftResult(previous_backup=FILE, went=names)
    assert backup(drift=drift).details["drift"]["went"] == [*names[: records.NAMED_OBJECTS], "and 7 more"]


def test_a_restore_says_what_came_from_where() -> None:
    result = RestoreResult(
        success=True,
        database_id="a",
        database_name="shop",
        target_server="the mysql server at db02:3306",
        target_database="shop_copy",
        backup_file=FILE,
        backup_timestamp=MOMENT,
        duration_seconds=1,
    )
    assert records.details_of_restore(result) == {
        "backup_file": str(FILE),
        "backup_timestamp": "2026-01-09T02:00:00+01:00",
        "source_id": "a",
        "source_database": "shop",
        "target_server": "the mysql server at db02:3306",
    }
    assert records.details_of_restore(result.model_copy(update={"target_existed": True}))["replaced"] is True


def test_a_cleanup_is_one_entry_for_each_database_of_which_something_was_removed() -> None:
    entries = removals(
        removal(removed=True),
        removal(removed=True, size_bytes=5),
        removal(keep=True),
        removal(database_name="crm", removed=True),
        removal(database_name="kept", keep=True),
        removal(database_name=None, removed=True, size_bytes=1),
    )
    assert [(entry.database_name, entry.size_bytes, entry.status) for entry in entries] == [
        ("shop", 15, "success"),
        ("crm", 10, "success"),
        (None, 1, "success"),
    ]
    assert entries[0].details == {"removed": 2, "failed": 0, "kept": 1}
    assert (entries[0].timestamp, entries[0].duration_seconds, entries[0].operation) == (MOMENT, 2.0, "cleanup")


def test_what_is_only_planned_to_be_removed_is_no_entry() -> None:
    assert removals(removal(), removal(keep=True)) == []


@pytest.mark.parametrize(
    ("results", "status", "code"),
    [
        ([removal(error_message="busy", error_code="locked")], "failed", "locked"),
        ([removal(error_message="busy", error_code="locked"), removal(removed=True)], "partial", "partial_failure"),
        (
            [removal(error_message="x", error_code="locked"), removal(error_message="y", error_code="storage_error")],
            "failed",
            "partial_failure",
        ),
    ],
)
def test_a_cleanup_that_could_not_remove_everything_says_so(
    results: list[RemovalResult], status: str, code: str
) -> None:
    (entry,) = removals(*results)
    assert (entry.status, entry.error_code) == (status, code)
    assert entry.error_message == "; ".join(result.error_message for result in results if result.error_message)


def test_a_drill_says_how_far_it_went() -> None:
    result = VerifyResult(
        success=False,
        database_id="a",
        database_name="shop",
        hostname="db01",
        backup_file=FILE,
        backup_timestamp=MOMENT,
        size_bytes=10,
        level="restore",
        duration_seconds=3,
        restore_seconds=2.5,
        evidence={"tables": ["very", "many"]},
        error_message="rows differ",
        error_code="validation_error",
        timestamp=MOMENT,
    )
    entry = records.of_verify(result)
    assert (entry.operation, entry.status, entry.hostname, entry.size_bytes) == ("verify", "failed", "db01", 10)
    assert entry.details == {
        "level": "restore",
        "backup_file": str(FILE),
        "backup_timestamp": "2026-01-09T02:00:00+01:00",
        "restore_seconds": 2.5,
    }


def test_details_are_plain_data() -> None:
    drift = DriftResult(previous_backup=FILE, came=["table a"])
    details = backup(drift=drift, warnings=["slow"]).details
    assert json.loads(json.dumps(details)) == details
