# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How new backups are: the alarm of backup_info, and what db_backup has no need to do again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.vya.backupdb.plugins.module_utils._engine import layout
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.store import Store
from ansible_collections.vya.backupdb.plugins.module_utils._engine.backups import run
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import StorageConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.results import BackupResult

from tests.integration.ansible import Result, run_module
from tests.integration.artifacts import change_metadata, write_artifact
from tests.integration.retained import write_drill
from tests.integration.scenes import (
    DATABASE_ID,
    HOSTNAME,
    Scene,
    assert_failed,
    back_up,
    instance_of,
    now,
    write_config,
)
from tools.private_servers.base import PrivateServer

HOUR = timedelta(hours=1)


def write(store: Path, database: str, age: timedelta, **more: Any) -> catalog.Artifact:
    """Write an artifact of that age."""
    names = {"hostname": "db01", "database_id": "prod-1", **more}
    return catalog.load_artifact(write_artifact(store, database=database, moment=now() - age, **names))


@pytest.fixture
def filled(store: Path) -> Path:
    """A store with a fresh, an old, and an only partially good new backup."""
    write(store, "fresh", HOUR)
    write(store, "fresh", 30 * HOUR)
    write(store, "old", 50 * HOUR)
    write(store, "partial", HOUR, status="partial")
    write(store, "partial", 27 * HOUR)
    return store


def stale(result: Result) -> dict[str, list[str]]:
    """See that a task failed since databases are stale; return the reasons by the databases' names."""
    assert_failed(result, "validation_error")
    found = {one["name"]: one["reasons"] for one in result.result["stale"]}
    for name, reasons in found.items():
        assert name in result.result["msg"]
        assert all(reason in result.result["msg"] for reason in reasons)
    return found


def test_a_monitor_names_every_stale_database_and_still_tells_all_there_is(filled: Path) -> None:
    result = run_module("backup_info", {"base_path": str(filled), "max_age": "26h", "status": "partial", "limit": 1})
    found = stale(result)
    assert set(found) == {"old", "partial"}
    assert found["old"][0].startswith("its last good backup is 2d2h")
    assert found["partial"][0].endswith("old, more than 1d2h")
    assert [one["backup_info"]["database_name"] for one in result.result["backups"]] == ["partial"]
    assert [one["name"] for one in result.result["databases"]] == ["fresh", "old", "partial"]
    assert result.result["changed"] is False


def test_a_monitor_is_content_when_all_is_as_new_as_it_should_be(filled: Path) -> None:
    result = run_module(
        "backup_info", {"base_path": str(filled), "max_age": "3d", "since": now().isoformat()}, check=True
    )
    assert result.rc == 0, result.stdout
    assert result.result["stale"] == result.result["backups"] == []


def test_drills_are_told_and_asked_for(filled: Path) -> None:
    newest = {one.metadata.backup_info.database_name: one for one in reversed(catalog.list_artifacts(filled).artifacts)}
    write_drill(newest["fresh"], moment=now() - HOUR, level="restore")
    write_drill(newest["old"], moment=now() - HOUR, level="checksum")
    write_drill(newest["partial"], moment=now() - HOUR, passed=False)
    result = run_module("backup_info", {"base_path": str(filled), "min_verified_within": "8d"})
    assert stale(result) == {"old": ["it has no passed drill"], "partial": ["it has no passed drill"]}
    told = {one["backup_info"]["database_name"]: one.get("verification") for one in reversed(result.result["backups"])}
    assert {name: (one["level"], one["passed"]) for name, one in told.items()} == {
        "fresh": ("restore", True),
        "old": ("checksum", True),
        "partial": ("restore", False),
    }
    states = {one["name"]: one["verified_level"] for one in result.result["databases"]}
    assert states == {"fresh": "restore", "old": None, "partial": None}


def test_a_monitor_that_has_nothing_to_look_at_fails(store: Path) -> None:
    result = run_module("backup_info", {"base_path": str(store), "max_age": "26h"})
    assert_failed(result, "file_not_found")
    named = run_module(
        "backup_info", {"base_path": str(store), "database_id": "prod-1", "database": "shop", "max_age": "26h"}
    )
    assert stale(named) == {"shop": ["it was never backed up"]}


@pytest.mark.parametrize(
    ("module", "option"),
    [("backup_info", "min_verified_within"), ("db_backup", "if_older_than")],
)
def test_what_is_no_length_of_time_is_refused(store: Path, module: str, option: str) -> None:
    more = {"type": "mysql"} if module == "db_backup" else {}
    result = run_module(module, {"base_path": str(store), option: "yesterday", **more})
    assert_failed(result, "config_error")
    assert result.result["msg"].startswith(f"{option} is 'yesterday', which is no length of time")


@pytest.mark.parametrize("server", ["mariadb"], indirect=True)
def test_a_configured_database_that_was_never_backed_up_is_stale_and_a_dropped_one_is_not(
    scene: Scene, tmp_path: Path, new_database: Callable[[], str]
) -> None:
    server, forgotten = scene.server, new_database()
    server.create_database(forgotten)
    write(scene.store, "dropped", 900 * HOUR, database_id=DATABASE_ID)
    config = write_config(server, tmp_path, scene.store)
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    settings["databases"][0]["include_databases"] = ["live", "dropped*", "new_*", "to_be_made"]
    settings["databases"].append({**settings["databases"][0], "id": "empty", "include_databases": []})
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    options = {"config": str(config), "max_age": "26h"}
    found = stale(run_module("backup_info", options))
    assert set(found) == {"dropped", "to_be_made", ""}
    assert found[""] == ["none of its databases was ever backed up"]
    asked = stale(run_module("backup_info", {**options, "gather_databases": True, "database_id": DATABASE_ID}))
    assert asked == {forgotten: ["it was never backed up"], "to_be_made": ["it was never backed up"]}


def test_the_same_task_again_changes_nothing_until_the_backup_is_too_old(scene: Scene) -> None:
    artifact = scene.artifact
    with scene.untouched():
        for check in (False, True):
            again = run_module("db_backup", scene.options(databases=[scene.database], if_older_than="20h"), check=check)
            assert again.rc == 0, again.stdout
            assert again.result["changed"] is False
            (result,) = again.result["results"]
            assert (result["success"], result["up_to_date"]) == (True, True)
            assert result["backup_file"] == str(artifact.data)
            assert datetime.fromisoformat(result["timestamp"]) == artifact.moment
            # Nothing was saved, not even the accounts.
            assert again.result["accounts"] == []
            assert "plan" not in again.result
    change_metadata(artifact, "backup_info", timestamp=(now() - 21 * HOUR).isoformat())
    planned = run_module("db_backup", scene.options(databases=[scene.database], if_older_than="20h"), check=True)
    assert (planned.result["changed"], len(planned.result["plan"])) == (True, 1)
    due = scene.back_up(if_older_than="20h", keep_until="2099-12-31")
    assert due.rc == 0, due.stdout
    assert (due.result["changed"], due.result["results"][0]["up_to_date"]) == (True, False)
    keep_until = scene.artifact.metadata.backup_info.keep_until
    assert scene.artifact.data != artifact.data
    assert keep_until is not None
    assert f"{keep_until:%Y-%m-%d %H:%M}" == "2099-12-31 00:00"


def run_with(scene: Scene, *databases: str, **request: Any) -> dict[str, BackupResult]:
    """Back up by the engine alone, with accounts; return the results by the databases' names."""
    instance = instance_of(scene.server)
    engine_store = Store(StorageConfig(base_path=scene.store), HOSTNAME, now)
    wanted = [run.Wanted(instance.id, lambda: instance)]
    report = run.back_up(wanted, engine_store, run.Request(databases, if_older_than=20 * HOUR, **request))
    report.raise_for_failures()
    return {result.database_name: result for result in report.results}


def accounts_files(store: Path) -> set[str]:
    return {path.name for path in store.rglob("*.sql.gz") if layout.is_accounts_name(path.name)}


def test_only_the_databases_that_are_due_are_dumped_and_the_accounts_are_saved_with_them(
    scene: Scene, new_database: Callable[[], str]
) -> None:
    other = new_database()
    scene.server.create_database(other)
    before = accounts_files(scene.store)
    results = run_with(scene, scene.database, other)
    assert {name: result.up_to_date for name, result in results.items()} == {scene.database: True, other: False}
    assert len(accounts_files(scene.store) - before) == 1
    before = accounts_files(scene.store)
    assert all(result.up_to_date for result in run_with(scene, scene.database, other).values())
    assert accounts_files(scene.store) == before


def spoil_nothing(_artifact: catalog.Artifact) -> None:
    """Leave the artifact as it is."""


def make_partial(artifact: catalog.Artifact) -> None:
    change_metadata(artifact, "backup_info", status="partial", error_message="the accounts could not be saved")


def make_foreign(artifact: catalog.Artifact) -> None:
    change_metadata(artifact, "backup_info", hostname="another")


def move_to_the_future(artifact: catalog.Artifact) -> None:
    change_metadata(artifact, "backup_info", timestamp=(now() + 2 * HOUR).isoformat())


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("spoil", "is_enough"),
    [
        (spoil_nothing, True),
        (make_partial, False),
        (make_foreign, False),
        (move_to_the_future, False),
        (lambda artifact: artifact.data.unlink(), False),
        (lambda artifact: write_drill(artifact, passed=False), False),
        (lambda artifact: write_drill(artifact, passed=True), True),
    ],
)
def test_only_a_good_artifact_makes_another_one_needless(
    scene: Scene, spoil: Callable[[catalog.Artifact], None], is_enough: bool
) -> None:
    spoil(scene.artifact)
    assert run_with(scene, scene.database)[scene.database].up_to_date is is_enough


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_an_older_good_one_counts_where_the_newest_is_bad(scene: Scene) -> None:
    older = scene.artifact
    change_metadata(older, "backup_info", timestamp=(now() - HOUR).isoformat())
    back_up(scene.server, scene.store, [scene.database])
    newest = scene.artifact
    assert newest.data != older.data
    write_drill(newest, passed=False)
    assert run_with(scene, scene.database)[scene.database].backup_file == older.data


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_an_artifact_that_is_not_kept_as_long_as_is_wanted_is_not_enough(scene: Scene) -> None:
    until = now() + 100 * HOUR
    kept = run_with(scene, scene.database, keep_until=until)[scene.database]
    assert not kept.up_to_date
    assert run_with(scene, scene.database, keep_until=until)[scene.database].up_to_date
    assert run_with(scene, scene.database)[scene.database].backup_file == kept.backup_file
    assert not run_with(scene, scene.database, keep_until=until + HOUR)[scene.database].up_to_date


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_a_run_that_skips_everything_leaves_the_instance_unlocked(server: PrivateServer, scene: Scene) -> None:
    run_with(scene, scene.database)
    engine_store = Store(StorageConfig(base_path=scene.store), HOSTNAME, now)
    with engine_store.locked(instance_of(server).id):
        pass
