# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What operations give back."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models._pydantic import PydanticError
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.results import (
    BackupResult,
    DatabaseInfo,
    RestoreResult,
)

MOMENT = datetime(2026, 1, 9, 2, tzinfo=timezone.utc)


def test_a_backup_result_is_plain_data_for_json() -> None:
    result = BackupResult(
        success=True,
        database_id="a",
        database_name="b",
        backup_file=Path("/base/b.sql.gz"),
        duration_seconds=1.5,
        size_bytes=10,
        timestamp=MOMENT,
    )
    assert json.loads(json.dumps(result.as_dict())) == {
        "success": True,
        "database_id": "a",
        "database_name": "b",
        "backup_file": "/base/b.sql.gz",
        "metadata_file": None,
        "checksum_file": None,
        "duration_seconds": 1.5,
        "size_bytes": 10,
        "error_message": None,
        "error_code": None,
        "hint": None,
        "warnings": [],
        "up_to_date": False,
        "drift": None,
        "timestamp": "2026-01-09T02:00:00+00:00",
    }


def test_a_restore_result_is_plain_data_for_json() -> None:
    result = RestoreResult(
        success=False,
        database_name="b",
        backup_file=Path("/base/b.sql.gz"),
        duration_seconds=0,
        error_message="target exists",
        error_code="validation_error",
        comparison={"tables": {"expected": 1, "found": 2}},
        timestamp=MOMENT,
    )
    assert json.loads(json.dumps(result.as_dict())) == {
        "success": False,
        "database_id": None,
        "database_name": "b",
        "target_server": None,
        "target_database": None,
        "target_existed": False,
        "previous_database": None,
        "backup_file": "/base/b.sql.gz",
        "backup_timestamp": None,
        "size_bytes": 0,
        "bytes_read": 0,
        "sections_loaded": 0,
        "duration_seconds": 0,
        "seconds": {},
        "error_message": "target exists",
        "error_code": "validation_error",
        "hint": None,
        "warnings": [],
        "comparison": {"tables": {"expected": 1, "found": 2}},
        "accounts": None,
        "timestamp": "2026-01-09T02:00:00+00:00",
    }


def test_a_database_that_was_never_backed_up_says_so() -> None:
    assert DatabaseInfo(name="b").as_dict() == {
        "database_id": None,
        "name": "b",
        "size_bytes": 0,
        "tables_count": 0,
        "last_backup": None,
        "backup_status": "never",
        "last_good_backup": None,
        "last_verified": None,
        "verified_level": None,
    }
    assert DatabaseInfo(name="b", last_backup=MOMENT).as_dict()["last_backup"] == "2026-01-09T02:00:00+00:00"


def test_a_result_is_stamped_with_the_offset_of_the_machine() -> None:
    before = datetime.now(timezone.utc)
    stamp = BackupResult(success=True, database_id="a", database_name="b", duration_seconds=0).timestamp
    assert stamp.utcoffset() is not None
    assert before <= stamp <= datetime.now(timezone.utc)


@pytest.mark.parametrize(
    "wrong",
    [
        {"timestamp": datetime(2026, 1, 9)},  # noqa: DTZ001
        {"duration_seconds": -1},
        {"size_bytes": -1},
        {"typo": 1},
    ],
)
def test_a_result_against_a_rule_is_refused(wrong: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"success": True, "database_id": "a", "database_name": "b", "duration_seconds": 0}
    with pytest.raises(PydanticError):
        BackupResult(**{**fields, **wrong})
