# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts and databases as they are told to a person."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import layout
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import (
    BackupInfoModel,
    BackupMetadata,
    DatabaseProperties,
    FileInfoModel,
    RestoreInfo,
    SchemaInfoModel,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.verification import Verification
from ansible_collections.vya.backupdb.plugins.module_utils._engine.status import information

MOMENT = datetime(2026, 1, 9, 2, tzinfo=timezone.utc)


def artifact(database: str = "shop", days_ago: int = 0, tables: int = 4, **info: Any) -> catalog.Artifact:
    moment = MOMENT - timedelta(days=days_ago)
    paths = layout.artifact_paths(Path("/srv/backups"), database, moment, "sha256")
    fields = {"database_id": "a", "hostname": "db01", "status": "success", **info}
    if fields["status"] != "success":
        fields["error_message"] = "the accounts could not be dumped"
    metadata = BackupMetadata(
        backup_info=BackupInfoModel(
            database_name=database, database_type="postgresql", timestamp=moment, duration_seconds=1, **fields
        ),
        file_info=FileInfoModel(
            filename=paths.data.name,
            size_bytes=10,
            size_human="10 B",
            compression_level=6,
            checksum_algorithm="sha256",
            checksum="a" * 64,
        ),
        schema_info=SchemaInfoModel(tables_count=tables, schema_hash="x"),
        restore_info=RestoreInfo(
            server_flavour="postgresql",
            server_version="15.18",
            client_program="pg_dump",
            client_version="15.18",
            compressor="zlib",
            properties=DatabaseProperties(encoding="UTF8", locale="C"),
            raw_size_bytes=30,
            sections=[],
            tables=[],
        ),
    )
    return catalog.Artifact(paths, metadata)


def drilled(
    one: catalog.Artifact, level: Literal["checksum", "structure", "restore"], days_ago: int, passed: bool = True
) -> catalog.Artifact:
    """Return an artifact with what a drill found."""
    found = Verification(
        level=level,
        passed=passed,
        verified_at=MOMENT - timedelta(days=days_ago),
        checksum="a" * 64,
        restore_seconds=2.5,
    )
    return dataclasses.replace(one, verification=found)


def listing(*artifacts: catalog.Artifact) -> catalog.Listing:
    """Return a listing in the order that the catalog gives: newest first."""
    return catalog.Listing(sorted(artifacts, key=lambda each: each.moment, reverse=True), [])


def described(*artifacts: catalog.Artifact, **options: Any) -> list[tuple[Any, ...]]:
    return [
        (one.database_id, one.name, one.size_bytes, one.tables_count, one.last_backup, one.backup_status)
        for one in information.describe_databases(listing(*artifacts), **options)
    ]


def test_an_artifact_is_its_paths_and_its_metadata() -> None:
    told = information.describe_artifact(artifact())
    assert told["backup_file"] == "/srv/backups/shop_20260109_020000_full.sql.gz"
    assert told["checksum_file"] == told["backup_file"] + ".sha256"
    assert told["metadata_file"] == "/srv/backups/shop_20260109_020000_full.metadata.json"
    assert told["backup_info"]["timestamp"].startswith("2026-01-09T02:00:00")
    assert told["schema_info"]["tables_count"] == 4
    assert "restore_info" not in told
    assert "error_message" not in told["backup_info"]


def test_details_add_what_a_restore_needs_to_know() -> None:
    told = information.describe_artifact(artifact(), details=True)
    assert told["restore_info"]["server_version"] == "15.18"


def test_a_database_is_told_by_its_latest_artifact() -> None:
    assert described(artifact(days_ago=1, tables=3), artifact(tables=5), artifact(days_ago=2)) == [
        ("a", "shop", 0, 5, MOMENT, "success")
    ]


def test_the_status_is_that_of_the_latest_artifact() -> None:
    assert described(artifact(days_ago=1), artifact(status="partial"))[0][-1] == "partial"


def test_databases_are_ordered_by_instance_and_name() -> None:
    told = described(artifact("b"), artifact("a"), artifact("z", database_id="A"))
    assert [row[:2] for row in told] == [("A", "z"), ("a", "a"), ("a", "b")]


def test_what_the_server_lists_now_is_added_and_its_size_and_tables_win() -> None:
    listed = [information.Listed("a", "shop", 900, 7), information.Listed("a", "new", 100, 1)]
    assert described(artifact(), listed=listed) == [
        ("a", "new", 100, 1, None, "never"),
        ("a", "shop", 900, 7, MOMENT, "success"),
    ]


@pytest.mark.parametrize(("hostname", "count"), [("db01", 1), ("other", 0), (None, 1)])
def test_artifacts_of_another_host_are_left_out_where_one_is_named(hostname: str | None, count: int) -> None:
    assert len(described(artifact(), hostname=hostname)) == count


def test_what_a_drill_found_and_why_it_is_held_is_told_where_there_is_something_to_tell(tmp_path: Path) -> None:
    plain = information.describe_artifact(artifact())
    assert not {"verification", "held"} & set(plain)
    verified = information.describe_artifact(drilled(artifact(), "restore", 0))["verification"]
    assert (verified["level"], verified["passed"], verified["restore_seconds"]) == ("restore", True, 2.5)
    assert verified["verified_at"] == "2026-01-09T02:00:00+00:00"
    assert "error_message" not in verified
    held = artifact()
    paths = layout.artifact_paths(tmp_path, "shop", MOMENT, "sha256")
    paths.hold.write_text("for the court\n", encoding="utf-8")
    assert information.describe_artifact(dataclasses.replace(held, paths=paths))["held"] == "held: for the court"


@pytest.mark.parametrize(("days", "is_held"), [(1, True), (0, False), (-1, False)])
def test_an_artifact_is_held_before_the_moment_that_it_is_to_be_kept_until(days: int, is_held: bool) -> None:
    keep_until = MOMENT + timedelta(days=days)
    told = information.describe_artifact(artifact(keep_until=keep_until), moment=MOMENT)
    assert ("held" in told) is is_held
    assert told["backup_info"]["keep_until"] == keep_until.isoformat()


def state(*artifacts: catalog.Artifact, **options: Any) -> tuple[Any, ...]:
    (one,) = information.describe_databases(listing(*artifacts), **options)
    return one.last_good_backup, one.last_verified, one.verified_level


def test_the_last_good_backup_is_whole_and_no_drill_has_found_it_bad() -> None:
    assert state(artifact())[0] == MOMENT
    partial, bad = artifact(status="partial"), drilled(artifact(days_ago=1), "restore", 0, passed=False)
    assert state(partial, bad, artifact(days_ago=2), artifact(days_ago=3))[0] == MOMENT - timedelta(days=2)
    assert state(partial, bad)[0] is None


def test_the_last_drill_counts_that_found_any_of_the_backups_good() -> None:
    yesterday = drilled(artifact(days_ago=2), "structure", 1)
    failed = drilled(artifact(), "restore", 0, passed=False)
    older = drilled(artifact(days_ago=4), "restore", 3)
    assert state(failed, yesterday, older)[1:] == (MOMENT - timedelta(days=1), "structure")
    assert state(failed)[1:] == state(artifact())[1:] == (None, None)


@pytest.mark.parametrize(("level", "days_ago"), [("checksum", 0), ("structure", 1), ("restore", 2)])
def test_drills_of_a_lower_level_than_is_wanted_do_not_count(level: str, days_ago: int) -> None:
    found = [
        drilled(artifact(), "checksum", 0),
        drilled(artifact(days_ago=1), "structure", 1),
        drilled(artifact(days_ago=2), "restore", 2),
    ]
    assert state(*found, level=level)[1] == MOMENT - timedelta(days=days_ago)


def test_an_expected_database_without_a_backup_is_told_as_one() -> None:
    assert described(artifact(), expected=[("a", "shop"), ("a", "other")]) == [
        ("a", "other", 0, 0, None, "never"),
        ("a", "shop", 0, 4, MOMENT, "success"),
    ]
