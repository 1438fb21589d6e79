# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cleanup of a storage: what goes, what stays, and why."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, layout, locking
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import RetentionConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.retention import planning, pruning

from tests.integration.artifacts import change_metadata
from tests.integration.retained import (
    HOSTNAME,
    LAST_ONE,
    NOON,
    all_files,
    all_folders,
    by_file,
    days_ago,
    reasons,
    store,
    write_accounts,
    write_backup,
    write_drill,
)


def test_what_the_policy_does_not_keep_is_removed_with_all_its_files(tmp_path: Path) -> None:
    old, new = write_backup(tmp_path, days_ago(1)), write_backup(tmp_path, NOON)
    write_drill(old)
    cleanup = pruning.clean_up(store(tmp_path), RetentionConfig(strategy="simple", daily_keep=1, min_verified=0))
    assert [(one.backup_file, one.keep, one.removed, one.reasons) for one in cleanup.results] == [
        (new.data, True, False, ["newest good backup", "number 1 of the last 1"]),
        (old.data, False, True, ["older than the last 1"]),
    ]
    assert all_files(tmp_path) == {os.path.relpath(path, tmp_path) for path in _files(new)}
    assert cleanup.summary() == {
        "total": 2,
        "kept": 1,
        "removed": 1,
        "failed": 0,
        "freed_bytes": new.metadata.file_info.size_bytes,
    }
    assert (cleanup.changed, cleanup.resumed, cleanup.swept, cleanup.warnings) == (True, [], [], [])


def _files(artifact: catalog.Artifact) -> list[Path]:
    return [artifact.paths.data, artifact.paths.checksum, artifact.paths.metadata]


def test_a_second_cleanup_changes_nothing(tmp_path: Path) -> None:
    for number in range(20):
        write_backup(tmp_path, days_ago(number))
    policy = RetentionConfig(daily_keep=3, weekly_keep=2, monthly_keep=2)
    assert pruning.clean_up(store(tmp_path), policy).changed
    before = all_files(tmp_path)
    again = pruning.clean_up(store(tmp_path), policy)
    assert (again.changed, again.removed, all_files(tmp_path)) == (False, 0, before)


def test_check_mode_foresees_everything_and_writes_nothing(tmp_path: Path) -> None:
    write_accounts(tmp_path, days_ago(9))
    write_accounts(tmp_path, days_ago(2))
    for number in range(3):
        write_backup(tmp_path, days_ago(number))
    dead = write_backup(tmp_path, days_ago(7))
    os.rename(dead.paths.metadata, dead.paths.tombstone)
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    foreseen = pruning.clean_up(store(tmp_path), LAST_ONE, check=True)
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before
    done = pruning.clean_up(store(tmp_path), LAST_ONE)
    assert [(one.keep, one.reasons) for one in foreseen.results] == [(one.keep, one.reasons) for one in done.results]
    assert foreseen.summary() == done.summary()
    assert (foreseen.removed, foreseen.changed) == (3, True)
    assert [one.removed for one in foreseen.results] == [False] * 5
    assert len(foreseen.resumed) == len(done.resumed) == 1


def test_every_database_of_every_instance_is_kept_by_itself(tmp_path: Path) -> None:
    for database_id, database in [("a", "shop"), ("a", "crm"), ("b", "shop")]:
        for number in (0, 1):
            write_backup(tmp_path, days_ago(number), database_id=database_id, database=database)
    cleanup = pruning.clean_up(store(tmp_path), LAST_ONE)
    assert {(one.database_id, one.database_name) for one in cleanup.results if one.keep} == {
        ("a", "shop"),
        ("a", "crm"),
        ("b", "shop"),
    }
    assert cleanup.removed == 3


def test_artifacts_of_other_hosts_are_not_looked_at(tmp_path: Path) -> None:
    for hostname in (HOSTNAME, "other"):
        for number in (0, 1):
            write_backup(tmp_path, days_ago(number), hostname=hostname)
    cleanup = pruning.clean_up(store(tmp_path), LAST_ONE)
    assert {one.hostname for one in cleanup.results} == {HOSTNAME}
    assert pruning.clean_up(store(tmp_path, hostname="other"), LAST_ONE).removed == 1


@pytest.mark.parametrize(
    ("narrow", "removed"),
    [
        ({"series": [("a", "shop")]}, {("a", "shop")}),
        ({"series": [("a", "crm"), ("b", "shop")]}, {("a", "crm"), ("b", "shop")}),
        ({"series": []}, set()),
        ({"database_id": "a"}, {("a", "shop"), ("a", "crm")}),
        ({"database": "shop"}, {("a", "shop"), ("b", "shop")}),
        ({"database_id": "a", "database": "shop"}, {("a", "shop")}),
    ],
)
def test_a_cleanup_is_narrowed_to_what_is_named(
    tmp_path: Path, narrow: dict[str, object], removed: set[tuple[str, str]]
) -> None:
    for database_id, database in [("a", "shop"), ("a", "crm"), ("b", "shop")]:
        for number in (0, 1):
            write_backup(tmp_path, days_ago(number), database_id=database_id, database=database)
    cleanup = pruning.clean_up(store(tmp_path), LAST_ONE, **narrow)  # type: ignore[arg-type]
    assert {(one.database_id, one.database_name) for one in cleanup.results if one.removed} == removed
    assert {(one.database_id, one.database_name) for one in cleanup.results} == removed


@pytest.mark.parametrize("level", ["structure", "restore"])
def test_the_newest_one_that_a_drill_found_good_stays(tmp_path: Path, level: str) -> None:
    proven = write_backup(tmp_path, days_ago(5))
    write_drill(proven, level=level)  # type: ignore[arg-type]
    write_backup(tmp_path, NOON)
    cleanup = pruning.clean_up(store(tmp_path), LAST_ONE)
    assert reasons(cleanup, proven.data.name) == ["newest verified backup"]


def test_a_checksum_that_was_read_again_is_no_proof_of_a_restore(tmp_path: Path) -> None:
    write_drill(write_backup(tmp_path, days_ago(5)), level="checksum")
    write_backup(tmp_path, NOON)
    assert pruning.clean_up(store(tmp_path), LAST_ONE).removed == 1


def test_one_that_a_drill_found_bad_does_not_count_and_stays_until_a_newer_one_is_good(tmp_path: Path) -> None:
    good, bad = write_backup(tmp_path, days_ago(2)), write_backup(tmp_path, days_ago(1))
    write_drill(bad, passed=False)
    cleanup = pruning.clean_up(store(tmp_path), LAST_ONE)
    told = "found bad by the drill of 2026-03-31 (the table orders differs)"
    assert reasons(cleanup, good.data.name) == ["newest good backup", "number 1 of the last 1"]
    assert reasons(cleanup, bad.data.name) == [f"{told}, but none newer is good"]
    write_backup(tmp_path, NOON)
    assert reasons(pruning.clean_up(store(tmp_path), LAST_ONE), bad.data.name) == [f"{told}, and a newer one is good"]


def test_a_partial_one_does_not_count(tmp_path: Path) -> None:
    good, partial = write_backup(tmp_path, days_ago(1)), write_backup(tmp_path, NOON, status="partial")
    cleanup = pruning.clean_up(store(tmp_path), LAST_ONE)
    assert reasons(cleanup, good.data.name) == ["newest good backup", "number 1 of the last 1"]
    assert reasons(cleanup, partial.data.name) == ["not complete, but none newer is good"]


def test_one_whose_file_was_cut_does_not_count(tmp_path: Path) -> None:
    good, cut = write_backup(tmp_path, days_ago(1)), write_backup(tmp_path, NOON)
    size = cut.metadata.file_info.size_bytes
    os.truncate(cut.data, size - 1)
    cleanup = pruning.clean_up(store(tmp_path), LAST_ONE)
    assert reasons(cleanup, good.data.name) == ["newest good backup", "number 1 of the last 1"]
    assert reasons(cleanup, cut.data.name) == [
        f"its file has {size - 1} bytes instead of {size}, but none newer is good"
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("the audit of 2025\nand more\n", "held: the audit of 2025"),
        ("", "held by shop_20260330_120000_full.hold"),
        ("\udcff", "held: \ufffd"),
        ("x" * 500, f"held: {'x' * 200}"),
    ],
)
def test_an_artifact_with_a_hold_file_stays_and_so_does_the_file(tmp_path: Path, content: str, reason: str) -> None:
    write_backup(tmp_path, NOON)
    held = write_backup(tmp_path, days_ago(1))
    held.paths.hold.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert reasons(pruning.clean_up(store(tmp_path), LAST_ONE), held.data.name) == [reason]
    assert held.paths.hold.exists()
    held.paths.hold.unlink()
    assert pruning.clean_up(store(tmp_path), LAST_ONE).removed == 1


def test_an_artifact_is_held_until_the_moment_in_its_metadata(tmp_path: Path) -> None:
    write_backup(tmp_path, NOON)
    held = write_backup(tmp_path, days_ago(1), keep_until=NOON + timedelta(hours=1))
    assert reasons(pruning.clean_up(store(tmp_path), LAST_ONE), held.data.name) == [
        "held until 2026-03-31T13:00:00+02:00"
    ]
    assert pruning.clean_up(store(tmp_path, NOON + timedelta(hours=1)), LAST_ONE).removed == 1


def test_a_hold_that_comes_after_the_plan_is_honoured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_backup(tmp_path, NOON)
    old = write_backup(tmp_path, days_ago(1))
    plan = planning.plan

    def plan_slowly(*arguments: Any) -> list[planning.Decision]:
        decisions = plan(*arguments)
        old.paths.hold.write_text("just in time", encoding="utf-8")
        return decisions

    monkeypatch.setattr(planning, "plan", plan_slowly)
    cleanup = pruning.clean_up(store(tmp_path), LAST_ONE)
    result = by_file(cleanup)[old.data.name]
    assert (result.keep, result.removed, result.reasons) == (True, False, ["held: just in time"])
    assert old.data.exists()


def test_a_clock_that_runs_before_the_newest_artifact_removes_nothing(tmp_path: Path) -> None:
    for number in range(3):
        write_backup(tmp_path, days_ago(number))
    before = all_files(tmp_path)
    with pytest.raises(errors.ValidationError, match=r"shop_20260331_120000_full\.sql\.gz is from"):
        pruning.clean_up(store(tmp_path, days_ago(1)), LAST_ONE, series=[("a", "crm")])
    assert all_files(tmp_path) == before


def test_unknown_files_and_what_is_no_artifact_are_left_alone(tmp_path: Path) -> None:
    old = write_backup(tmp_path, days_ago(1))
    write_backup(tmp_path, NOON)
    mine = [
        old.data.parent / "notes.txt",
        old.data.parent / "shop_20260330_120000_full.sql.gz.gpg",
        old.data.parent / "shop_20250101_000000_full.sql.gz",
        tmp_path / ".hidden.metadata.json",
        tmp_path / "broken.metadata.json",
    ]
    for path in mine:
        path.write_text("mine", encoding="utf-8")
    (tmp_path / "2020-01-01").mkdir()
    cleanup = pruning.clean_up(store(tmp_path), LAST_ONE)
    assert cleanup.removed == 1
    assert [path.exists() for path in mine] == [True] * len(mine)
    assert [warning.partition(": ")[0] for warning in cleanup.warnings] == [
        f"{tmp_path / 'broken.metadata.json'} is not valid metadata"
    ]


def test_metadata_whose_data_is_gone_is_told_and_left_alone(tmp_path: Path) -> None:
    lost = write_backup(tmp_path, NOON)
    write_backup(tmp_path, days_ago(1))
    lost.data.unlink()
    cleanup = pruning.clean_up(store(tmp_path), LAST_ONE)
    assert cleanup.warnings == [f"{lost.paths.metadata} names {lost.data.name}, which does not exist"]
    assert lost.paths.metadata.exists()
    assert [one.keep for one in cleanup.results] == [True]


def test_empty_folders_of_past_dates_go_and_no_other(tmp_path: Path) -> None:
    write_backup(tmp_path, days_ago(30))
    write_backup(tmp_path, NOON)
    for folder in ("host/a/shop/2026-01-01", "host/a/shop/2026-03-30", "host/a/shop/2026-03-31", "host/a/empty"):
        (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / ".snapshots/2026-01-01").mkdir(parents=True)
    (tmp_path / "host/a/shop/2026-01-02/.keep").mkdir(parents=True)
    cleanup = pruning.clean_up(store(tmp_path), LAST_ONE)
    assert cleanup.swept == [f"removed the empty folder {tmp_path / 'host/a/shop/2026-01-01'}"]
    left = all_folders(tmp_path)
    assert {folder for folder in left if folder.startswith("host/a/shop/")} == {
        "host/a/shop/2026-01-02",
        "host/a/shop/2026-01-02/.keep",
        "host/a/shop/2026-03-30",
        "host/a/shop/2026-03-31",
    }
    assert {"host/a/empty", ".snapshots/2026-01-01"} <= left


def test_leftovers_of_dead_runs_are_swept(tmp_path: Path) -> None:
    write_backup(tmp_path, NOON)
    paths = layout.artifact_paths(tmp_path, "shop", days_ago(1), "sha256")
    layout.partial(paths.data).write_bytes(b"half")
    cleanup = pruning.clean_up(store(tmp_path), LAST_ONE)
    assert cleanup.swept == [f"removed {layout.partial(paths.data)}, left behind by a run that died"]
    assert cleanup.changed
    assert not layout.partial(paths.data).exists()


def test_a_removal_that_a_dead_run_began_is_finished_and_its_folder_goes(tmp_path: Path) -> None:
    write_backup(tmp_path, NOON)
    dead = write_backup(tmp_path, days_ago(4))
    os.rename(dead.paths.metadata, dead.paths.tombstone)
    cleanup = pruning.clean_up(store(tmp_path), LAST_ONE)
    assert cleanup.resumed == [f"finished the removal that {dead.paths.tombstone} tells of"]
    assert (cleanup.changed, cleanup.removed) == (True, 0)
    assert not dead.data.parent.exists()


def test_a_tombstone_that_cannot_be_read_is_told_and_stops_nothing(tmp_path: Path) -> None:
    write_backup(tmp_path, NOON)
    dead, old = write_backup(tmp_path, days_ago(4)), write_backup(tmp_path, days_ago(5))
    os.rename(dead.paths.metadata, dead.paths.tombstone)
    dead.paths.tombstone.write_text("{", encoding="utf-8")
    cleanup = pruning.clean_up(store(tmp_path), LAST_ONE)
    assert len(cleanup.warnings) == 1
    assert cleanup.warnings[0].startswith(f"{dead.paths.tombstone} is not valid metadata")
    assert (by_file(cleanup)[old.data.name].removed, dead.data.exists()) == (True, True)


def test_one_that_cannot_be_removed_does_not_keep_the_others(tmp_path: Path) -> None:
    write_backup(tmp_path, NOON)
    stuck, old = write_backup(tmp_path, days_ago(1)), write_backup(tmp_path, days_ago(2))
    stuck.paths.tombstone.mkdir()
    cleanup = pruning.clean_up(store(tmp_path), LAST_ONE)
    assert (by_file(cleanup)[stuck.data.name].error_code, by_file(cleanup)[old.data.name].removed) == (
        "storage_error",
        True,
    )
    with pytest.raises(errors.RunError, match="1 of 2 artifacts could not be removed") as failed:
        cleanup.raise_for_failures()
    assert failed.value.error_code == "partial_failure"
    assert failed.value.context["changed"] is True
    assert failed.value.context["summary"]["failed"] == 1


def test_one_that_a_run_still_reads_stays_for_the_next_cleanup(tmp_path: Path) -> None:
    write_backup(tmp_path, NOON)
    old = write_backup(tmp_path, days_ago(1))
    with old.data.open("rb") as held:
        assert locking.try_lock(held.fileno())
        cleanup = pruning.clean_up(store(tmp_path), LAST_ONE)
    assert reasons(cleanup, old.data.name) == [f"{old.data} is in use by another run"]
    cleanup.raise_for_failures()
    assert pruning.clean_up(store(tmp_path), LAST_ONE).removed == 1


def test_a_storage_that_does_not_exist_is_told_and_not_made(tmp_path: Path) -> None:
    cleanup = pruning.clean_up(store(tmp_path / "nowhere"), LAST_ONE)
    assert cleanup.warnings == [f"{tmp_path / 'nowhere'} does not exist, so there is nothing to keep or to remove"]
    assert list(tmp_path.iterdir()) == []


def test_the_result_is_plain_data(tmp_path: Path) -> None:
    write_backup(tmp_path, NOON)
    described = pruning.clean_up(store(tmp_path), LAST_ONE).as_dict()
    assert json.loads(json.dumps(described)) == described
    assert set(described) == {"results", "summary", "resumed", "swept"}


def test_another_cleanup_of_the_host_is_waited_for_and_then_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_backup(tmp_path, NOON)
    monkeypatch.setattr(pruning, "LOCK_TIMEOUT_SECONDS", 0.3)
    with (
        locking.hold(layout.cleanup_lock(tmp_path, HOSTNAME), "a cleanup"),
        pytest.raises(errors.LockedError, match="the cleanup of host is locked by another run"),
    ):
        pruning.clean_up(store(tmp_path), LAST_ONE)
    with locking.hold(layout.cleanup_lock(tmp_path, "other"), "a cleanup"):
        pruning.clean_up(store(tmp_path), LAST_ONE)


def test_a_verification_of_another_file_proves_nothing(tmp_path: Path) -> None:
    write_backup(tmp_path, NOON)
    replaced = write_backup(tmp_path, days_ago(1))
    write_drill(replaced)
    change_metadata(replaced, "file_info", checksum="0" * 64)
    assert pruning.clean_up(store(tmp_path), LAST_ONE).removed == 1
