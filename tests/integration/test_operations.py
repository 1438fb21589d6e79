# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes with every operation: log, retention, audit, metrics, notices. It never changes how the operation went."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import layout, locking, program
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog

from tests.integration import processes
from tests.integration.ansible import environment, run_module
from tests.integration.configured import Configured, configure
from tests.integration.scenes import DATABASE_ID, HOSTNAME, Scene, assert_backup_failed, assert_failed
from tests.integration.sinks import HttpSink


@pytest.fixture
def configured(scene: Scene, tmp_path: Path) -> Iterator[Configured]:
    with configure(scene, tmp_path) as found:
        yield found


def test_a_good_backup_is_logged_recorded_measured_and_told(configured: Configured) -> None:
    result = configured.back_up()
    assert result.rc == 0, result.stdout
    database = configured.scene.database
    assert configured.rows() == [("backup", DATABASE_ID, database, "success", None)]
    assert {"run_started", "published", "run_ended"} <= set(configured.phases())
    labels = f'database="{database}",database_id="{DATABASE_ID}",database_type="{configured.scene.server.family}"'
    assert all(f'{name}="' in configured.metrics for name in ("database", "database_id", "database_type")), labels
    assert sorted(received.path for received in configured.sink.received) == ["/good", "/ping"]


def test_a_failed_backup_is_recorded_and_told_to_others(configured: Configured, big: str) -> None:
    with processes.dump_under_way(configured.scene, big) as (dump, results):
        locked = configured.back_up()
        assert_backup_failed(locked, "locked")
        os.kill(dump, 9)
    assert_backup_failed(results[0], "validation_error")
    assert configured.rows() == [
        ("backup", DATABASE_ID, None, "failed", "locked"),
        ("backup", DATABASE_ID, big, "failed", "validation_error"),
    ]
    assert [received.path for received in configured.sink.received] == ["/bad"]


def test_of_two_runs_at_once_one_works_and_the_audit_log_has_both(configured: Configured, big: str) -> None:
    with processes.dump_under_way(configured.scene, big) as (dump, results):
        locked = configured.back_up(databases=[big])
        processes.let_end(dump)
    assert_backup_failed(locked, "locked")
    assert results[0].rc == 0, results[0].stdout
    assert set(configured.rows()) == {
        ("backup", DATABASE_ID, None, "failed", "locked"),
        ("backup", DATABASE_ID, big, "success", None),
    }


def test_old_artifacts_go_after_a_good_backup_and_stay_after_a_failed_one(configured: Configured) -> None:
    configured.change(retention={"strategy": "simple", "daily_keep": 1, "min_verified": 0, "cleanup_enabled": True})
    old = configured.scene.artifact
    with locking.hold(layout.instance_lock(configured.scene.store, HOSTNAME, DATABASE_ID), "the instance"):
        assert configured.back_up().rc != 0
    assert old.paths.metadata.exists()

    result = configured.back_up()
    assert result.rc == 0, result.stdout
    assert [removal["backup_file"] for removal in result.result["removals"]] == [str(old.paths.data)]
    assert result.result["removals"][0]["removed"] is True
    assert [artifact.paths.data for artifact in catalog.list_artifacts(configured.scene.store).artifacts] == [
        Path(result.result["results"][0]["backup_file"])
    ]
    database = configured.scene.database
    assert configured.rows()[1:] == [
        ("backup", DATABASE_ID, database, "success", None),
        ("cleanup", DATABASE_ID, database, "success", None),
    ]


def test_old_artifacts_stay_where_cleaning_up_is_not_enabled(configured: Configured) -> None:
    configured.change(retention={"strategy": "simple", "daily_keep": 1, "min_verified": 0, "cleanup_enabled": False})
    result = configured.back_up()
    assert result.rc == 0, result.stdout
    assert result.result["removals"] == []
    assert len(catalog.list_artifacts(configured.scene.store).artifacts) == 2


def test_what_goes_wrong_around_a_backup_is_a_warning(configured: Configured) -> None:
    blocked = configured.folder.joinpath("blocked")
    blocked.write_text("a file where folders are wanted", encoding="utf-8")
    configured.change(
        audit={"url": f"postgresql://nobody:secret-word@127.0.0.1:{processes.closed_port()}/audit"},
        logging={"file_path": str(blocked.joinpath("app.log"))},
        metrics={"textfile_path": str(blocked.joinpath("backupdb.prom"))},
        notifications={
            "success": [f"json://{configured.sink.place}/status/500"],
            "ping_url": f"http://127.0.0.1:{processes.closed_port()}/",
        },
    )
    result = configured.back_up()
    assert result.rc == 0, result.stdout
    assert result.result["summary"]["successful"] == 1
    for what in ("the audit", "the log", "the metrics", "the notification", "the ping"):
        assert any("[WARNING]" in line and what in line for line in result.stdout.splitlines()), result.stdout
    assert "secret-word" not in result.stdout


def test_check_mode_leaves_nothing_behind(configured: Configured) -> None:
    result = run_module("db_backup", {"config": str(configured.config)}, check=True)
    assert result.rc == 0, result.stdout
    assert configured.rows() == []
    assert not configured.folder.joinpath("backupdb.prom").exists()
    assert configured.sink.received == []


def test_nobody_is_told_where_that_is_not_wanted(configured: Configured) -> None:
    assert configured.back_up(notify=False).rc == 0
    assert configured.sink.received == []


def test_restores_are_recorded_also_when_they_fail(configured: Configured, new_database: Callable[[], str]) -> None:
    target = new_database()
    options = {"config": str(configured.config), "database_id": DATABASE_ID, "database": configured.scene.database}
    refused = run_module("db_restore", {**options, "latest": True})
    assert_failed(refused, "validation_error")
    restored = run_module("db_restore", {**options, "latest": True, "target_database": target, "force": True})
    assert restored.rc == 0, restored.stdout
    unknown = run_module("db_restore", {**options, "database": "never_there", "latest": True})
    assert_failed(unknown, "file_not_found")
    assert configured.rows() == [
        ("restore", DATABASE_ID, configured.scene.database, "failed", "validation_error"),
        ("restore", DATABASE_ID, target, "success", None),
        ("restore", DATABASE_ID, "never_there", "failed", "file_not_found"),
    ]


def test_a_task_without_a_configuration_is_recorded_in_the_storage(scene: Scene, tmp_path: Path) -> None:
    assert scene.back_up().rc == 0
    with HttpSink() as sink:
        found = Configured(scene, tmp_path, tmp_path, sink)
        assert found.rows() == [("backup", DATABASE_ID, scene.database, "success", None)]
        assert sink.received == []


def test_the_program_on_the_host_does_the_same_as_the_task(configured: Configured) -> None:
    arguments = ["backup", "--config", str(configured.config), "--database", configured.scene.database, "--json"]
    done = subprocess.run(
        [sys.executable, "-m", program.__name__, *arguments],
        env=environment(PYTHONPATH=os.pathsep.join(sys.path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert configured.back_up(accounts=True).rc == 0
    first, second = configured.rows()
    assert first == second == ("backup", DATABASE_ID, configured.scene.database, "success", None)
    assert sorted(received.path for received in configured.sink.received) == ["/good", "/good", "/ping", "/ping"]
    assert "backupdb_executions_total" in configured.metrics


def test_a_run_that_cannot_even_begin_is_told(configured: Configured) -> None:
    assert_failed(configured.back_up(jobs=0), "config_error")
    assert [received.path for received in configured.sink.received] == ["/bad"]


def test_a_bad_drill_is_recorded_and_told_and_a_good_one_only_recorded(configured: Configured) -> None:
    options = {"config": str(configured.config), "level": "structure", "database": configured.scene.database}
    good = run_module("backup_verify", options)
    assert good.rc == 0, good.stdout
    artifact = configured.scene.artifact
    with artifact.data.open("r+b") as data:
        data.seek(artifact.data.stat().st_size // 2)
        data.write(b"\0\0\0\0")
    assert_failed(run_module("backup_verify", options), "validation_error")
    database = configured.scene.database
    assert configured.rows() == [
        ("verify", DATABASE_ID, database, "success", None),
        ("verify", DATABASE_ID, database, "failed", "validation_error"),
    ]
    assert [received.path for received in configured.sink.received] == ["/bad"]
