# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of real backups and restores: its events, what it never shows, and its rotation while a run is on."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, instances, logbook, secrets
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.store import Store
from ansible_collections.vya.backupdb.plugins.module_utils._engine.backups import run
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import LoggingConfig, StorageConfig

from tests.integration.artifacts import replace_text
from tests.integration.canary import CORE, gives_away
from tests.integration.scenes import DATABASE_ID, HOSTNAME, PLANTED, Scene, instance_of, now, put_back
from tools.private_servers.base import PrivateServer

PATIENCE_SECONDS = 60
DEBUG_PHASES = ("program_started", "program_ended", "statement", "file_opened", "file_published", "lock_taken")
PASSWORD = f"it's \" $HOME %s a\\n#;:b{CORE}ü€ `x` end"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path.joinpath("logs", "app.log")


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def phases(path: Path) -> list[str]:
    return [event["phase"] for event in events(path)]


def named(path: Path, phase: str) -> dict[str, Any]:
    (event,) = [event for event in events(path) if event["phase"] == phase]
    return event


def back_up(instance: instances.Instance, store: Path, databases: list[str]) -> run.Report:
    wanted = run.Wanted(instance.id, lambda: instance)
    return run.back_up([wanted], Store(StorageConfig(base_path=store), HOSTNAME, now), run.Request(databases))


def logged_in(server: PrivateServer, name: str, password: str) -> instances.Instance:
    config = instance_of(server).config
    return instances.Instance(config, instances.endpoint_of(config, secrets.Login(name, password)))


@pytest.fixture
def administrator(server: PrivateServer) -> Iterator[str]:
    """An account that may do everything and has a password that is not easily masked."""
    name = "logged_administrator"
    server.create_user(name, PASSWORD)
    if server.family == "postgresql":
        server.execute(f"ALTER ROLE {name} SUPERUSER")
    else:
        server.execute(f"GRANT ALL PRIVILEGES ON *.* TO {name}@'%' WITH GRANT OPTION")
    yield name
    server.execute(f"DROP USER {name}")


def test_each_phase_of_a_backup_is_an_event(scene: Scene, path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with logbook.opened(LoggingConfig(file_path=path)) as warnings:
        report = back_up(instance_of(scene.server), scene.store, [scene.database])
    (result,) = report.results
    assert result.success
    assert warnings == []
    assert phases(path) == [
        "run_started",
        "accounts_saved",
        "listed",
        "backup_started",
        "dumped",
        "verified",
        "published",
        "run_ended",
    ]
    for phase in ("backup_started", "dumped", "verified", "published"):
        assert named(path, phase)["database_id"] == DATABASE_ID
        assert named(path, phase)["database"] == scene.database
    published = named(path, "published")
    assert published["bytes"] == named(path, "dumped")["bytes"] == result.size_bytes
    assert published["file"] == str(result.backup_file)
    assert named(path, "accounts_saved")["accounts"] == report.accounts[0].accounts_count
    assert named(path, "run_ended")["successful"] == 1
    assert all(datetime.fromisoformat(event["timestamp"]).tzinfo for event in events(path))
    assert PLANTED not in path.read_text(encoding="utf-8")
    assert capfd.readouterr() == ("", "")


def test_each_phase_of_a_restore_is_an_event(scene: Scene, path: Path) -> None:
    with logbook.opened(LoggingConfig(file_path=path)):
        result = put_back(scene.server, scene.artifact, scene.database, force=True)
    assert phases(path) == ["restore_started", "preflight_passed", "loaded", "compared", "swapped", "restored"]
    assert {event["database"] for event in events(path)} == {scene.database}
    assert named(path, "loaded")["bytes"] == result.bytes_read
    assert named(path, "restored")["seconds"] == result.duration_seconds
    assert PLANTED not in path.read_text(encoding="utf-8")


def test_a_restore_that_fails_tells_why_and_shows_no_row(scene: Scene, path: Path) -> None:
    text = b"-- this was never a dump\n" + PLANTED.encode()
    artifact = replace_text(scene.artifact, text)
    with logbook.opened(LoggingConfig(file_path=path)), pytest.raises(errors.ValidationError):
        put_back(scene.server, artifact, scene.database, force=True)
    assert phases(path) == ["restore_started", "restore_failed"]
    failed = named(path, "restore_failed")
    assert failed["level"] == "ERROR"
    assert failed["error_code"] == "validation_error"
    assert failed["server"] == str(instance_of(scene.server).endpoint)
    assert named(path, "restore_started")["file"] == str(artifact.paths.data)
    assert PLANTED not in path.read_text(encoding="utf-8")


def test_at_the_level_debug_programs_statements_files_and_locks_are_told_and_no_row(scene: Scene, path: Path) -> None:
    with logbook.opened(LoggingConfig(file_path=path, level="DEBUG")):
        (result,) = back_up(instance_of(scene.server), scene.store, [scene.database]).results
        put_back(scene.server, scene.artifact, scene.database, force=True)
    told = {phase: [event for event in events(path) if event["phase"] == phase] for phase in phases(path)}
    started = [event for event in told["program_started"] if "dump" in event["program"]]
    (dump, *_more) = [event for event in started if any(scene.database in word for word in event["arguments"])]
    (ended,) = [event for event in told["program_ended"] if event["process_id"] == dump["process_id"]]
    assert ended["exit_status"] == 0
    assert len(told["program_started"]) == len(told["program_ended"])
    kinds = {event["kind"] for event in told["statement"]}
    assert {"SELECT", "CREATE DATABASE"} <= kinds
    data = str(result.backup_file)
    assert data in [event["file"] for event in told["file_published"]]
    read = [event["file"] for event in told["file_opened"] if event["mode"] == "read"]
    assert str(scene.artifact.paths.data) in read
    assert len(told["lock_taken"]) == len(told["lock_released"]) > 0
    assert {event["level"] for name in DEBUG_PHASES for event in told[name]} == {"DEBUG"}
    assert PLANTED not in path.read_text(encoding="utf-8")


def test_what_a_dead_run_left_is_told_of(scene: Scene, path: Path) -> None:
    data = scene.artifact.paths.data
    leftover = data.with_name(".live_20200101_000000_full.sql.gz.partial")
    leftover.write_bytes(b"")
    with logbook.opened(LoggingConfig(file_path=path)):
        back_up(instance_of(scene.server), scene.store, [scene.database])
    assert str(leftover) in named(path, "swept")["message"]


@pytest.mark.parametrize("form", ["json", "text"])
def test_the_password_is_in_no_line(
    scene: Scene, administrator: str, path: Path, capfd: pytest.CaptureFixture[str], form: Any
) -> None:
    """With the right password, a wrong one, and a server that is down."""
    config = LoggingConfig(file_path=path, format=form, output="both", level="DEBUG")
    good = logged_in(scene.server, administrator, PASSWORD)
    wrong = logged_in(scene.server, administrator, f"{PASSWORD}x")
    down = dataclasses.replace(good, endpoint=dataclasses.replace(good.endpoint, port=1))
    with logbook.opened(config, console=True):
        assert back_up(good, scene.store, [scene.database]).error_code() is None
        assert back_up(wrong, scene.store, [scene.database]).error_code() == "credentials_error"
        assert back_up(down, scene.store, [scene.database]).error_code() == "connection_error"
    content = path.read_bytes()
    assert content.count(b"\n") >= 12
    assert not gives_away(content)
    shown = capfd.readouterr()
    assert shown.out == ""
    # Threads may write to one output in another order than to the other.
    assert sorted(shown.err.encode().splitlines()) == sorted(content.splitlines())


def test_a_wrong_password_is_an_event_with_its_code(scene: Scene, administrator: str, path: Path) -> None:
    with logbook.opened(LoggingConfig(file_path=path)):
        back_up(logged_in(scene.server, administrator, f"{PASSWORD}x"), scene.store, [scene.database])
    failed = named(path, "instance_failed")
    assert failed["error_code"] == "credentials_error"
    assert failed["database_id"] == DATABASE_ID
    assert named(path, "run_ended")["error_code"] == "credentials_error"


def test_a_file_that_is_renamed_during_a_run_loses_no_event(scene: Scene, big: str, path: Path) -> None:
    rotated = path.with_name("app.log.1")
    instance = instance_of(scene.server)
    with logbook.opened(LoggingConfig(file_path=path)) as warnings, ThreadPoolExecutor(1) as pool:
        task = pool.submit(back_up, instance, scene.store, [big])
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (path.exists() and b"backup_started" in path.read_bytes()):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        path.rename(rotated)
        assert task.result().error_code() is None
    assert warnings == []
    assert phases(rotated)[-1] in {"backup_started", "dumped"}
    assert phases(rotated) + phases(path) == [
        "run_started",
        "accounts_saved",
        "listed",
        "backup_started",
        "dumped",
        "verified",
        "published",
        "run_ended",
    ]


def test_a_log_that_cannot_be_written_leaves_the_backup_good(scene: Scene, tmp_path: Path) -> None:
    obstacle = tmp_path.joinpath("obstacle")
    obstacle.write_bytes(b"")
    with logbook.opened(LoggingConfig(file_path=obstacle.joinpath("logs", "app.log"))) as warnings:
        report = back_up(instance_of(scene.server), scene.store, [scene.database])
    assert report.error_code() is None
    assert len(warnings) == 1
