# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command on the host: what it says to whom, what it asks, and that a signal leaves nothing behind."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration import commands, processes
from tests.integration.ansible import run_module
from tests.integration.commands import Host
from tests.integration.scenes import DATABASE_ID, PLANTED, Scene, files_of, write_config
from tools.private_servers.base import PrivateServer

QUESTION = "Type its name to go on:"
RESTORING = ("restore", "--database-id", DATABASE_ID, "--database", "live")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return commands.install(tmp_path_factory.mktemp("installed"))


@pytest.fixture
def scene(postgresql: PrivateServer, scene_of: Callable[[PrivateServer], Scene], store: Path) -> Scene:
    shared = scene_of(postgresql)
    shutil.copytree(shared.store, store)
    return dataclasses.replace(shared, store=store)


@pytest.fixture
def host(scene: Scene, installed: Path, tmp_path: Path) -> Host:
    host = Host(installed, write_config(scene.server, tmp_path, scene.store), scene.store)
    (instance,) = host.settings()["databases"]
    host.change(databases=[{**instance, "include_databases": [scene.database], "accounts": False}])
    return host


def assert_silent(done: commands.Done) -> None:
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_under_cron_nothing_is_said_when_all_goes_well(host: Host, tmp_path: Path) -> None:
    before = len(files_of(host.store))
    assert_silent(host.run("backup"))
    assert len(files_of(host.store)) > before
    assert_silent(host.run("verify", "--level", "structure"))
    assert_silent(host.run("retention"))
    assert_silent(host.run("report", "--path", str(tmp_path.joinpath("page.html"))))
    assert_silent(host.run(*RESTORING, "--force"))
    assert [row["operation"] for row in host.audited()] == ["backup", "verify", "restore"]


def test_under_cron_a_failure_is_told_on_standard_error(host: Host) -> None:
    host.add_instance("nowhere", None)
    done = host.run("backup")
    assert done.returncode == 1
    assert done.stderr.startswith("vya-backupdb: 1 of 2 backups failed: nowhere: ")
    assert "credentials_error" in done.stdout
    assert f"{DATABASE_ID}/live" in done.stdout


def test_verbose_tells_what_was_done_and_quiet_does_not_answer(host: Host) -> None:
    done = host.run("backup", "--verbose")
    assert done.stdout.splitlines()[0].split() == ["database", "backup", "size", "seconds", "file"]
    assert "1 of 1 backed up" in done.stdout
    assert str(host.store) in host.run("list").stdout
    assert_silent(host.run("list", "--quiet"))


def test_on_a_terminal_there_are_bars_and_tables(host: Host) -> None:
    status, screen = host.on_terminal("backup")
    assert status == 0, screen
    assert "backing up, 1 done" in screen
    assert "\x1b[" in screen
    assert "1 of 1 backed up" in screen
    status, screen = host.on_terminal("backup", "--quiet")
    assert (status, screen) == (0, "")


def test_in_a_pipe_there_is_nothing_that_is_for_a_terminal(host: Host) -> None:
    done = host.run("backup", "--verbose")
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


def test_a_terminal_is_asked_for_the_name_of_what_is_replaced(scene: Scene, host: Host) -> None:
    scene.server.execute("CREATE TABLE newer (id integer)", scene.database)
    try:
        status, screen = host.on_terminal(*RESTORING, question=QUESTION, answer="life\n")
        assert status == 8
        assert "its name was not confirmed, so nothing was done" in screen
        assert has_newer(scene)
        status, screen = host.on_terminal(*RESTORING, question=QUESTION, answer="\x04")
        assert status == 8
        assert has_newer(scene)
        status, screen = host.on_terminal(*RESTORING, question=QUESTION, answer="live\n")
        assert status == 0, screen
        assert "an existing database" in screen
        assert not has_newer(scene)
    finally:
        scene.server.execute("DROP TABLE IF EXISTS newer", scene.database)


def has_newer(scene: Scene) -> bool:
    return bool(scene.server.execute("SELECT FROM pg_class WHERE relname = 'newer'", scene.database))


def test_a_terminal_is_not_asked_where_nothing_is_replaced_or_the_answer_was_given(scene: Scene, host: Host) -> None:
    status, screen = host.on_terminal(*RESTORING, "--yes")
    assert status == 0, screen
    assert QUESTION not in screen
    try:
        status, screen = host.on_terminal(*RESTORING, "--target-database", "beside")
        assert status == 0, screen
        assert QUESTION not in screen
    finally:
        scene.server.drop_database("beside")


def test_where_nobody_can_be_asked_only_force_replaces(scene: Scene, host: Host) -> None:
    with scene.untouched():
        done = host.run(*RESTORING, "--yes")
    assert done.returncode == 8
    assert "Set force to replace it" in done.stderr
    done = host.run(*RESTORING, "--force", "--check")
    assert done.returncode == 0, done.stderr
    assert "nothing was changed" in done.stdout


def test_list_and_status_return_what_the_module_returns(host: Host) -> None:
    module = run_module("backup_info", {"config": str(host.config)}).result
    listed = host.json("list")
    assert {**listed, "changed": False} == {**module, "failed": False}
    assert host.json("status") == {**listed, "backups": []}
    (artifact,) = listed["backups"]
    assert host.json("list", "--until", "2001-01-01")["total"] == 0
    assert host.json("list", "--database", "live", "--limit", "1")["backups"] == [artifact]
    assert host.run("list", "--database", "absent").stdout == "there are no artifacts\n"


def test_status_fails_where_a_backup_is_stale(host: Host) -> None:
    assert host.run("status", "--max-age", "7d").returncode == 0
    done = host.run("status", "--max-age", "7d", "--min-verified-within", "7d")
    assert done.returncode == 8
    assert "stale: it has no passed drill" in done.stdout
    assert done.stderr == f"vya-backupdb: {DATABASE_ID}/live: it has no passed drill\n"
    assert host.run("verify", "--level", "structure").returncode == 0
    assert host.run("status", "--max-age", "7d", "--min-verified-within", "7d").returncode == 0


def test_retention_shows_its_plan_with_reasons_and_then_follows_it(host: Host) -> None:
    host.change(retention={"strategy": "simple", "daily_keep": 1, "cleanup_enabled": False})
    assert host.run("backup").returncode == 0
    before = files_of(host.store)
    done = host.run("retention", "--check")
    assert done.returncode == 0, done.stderr
    kept, removed = (line for line in done.stdout.splitlines() if f"{DATABASE_ID}/live" in line)
    assert (kept.split()[0], removed.split()[0]) == ("keep", "remove")
    assert files_of(host.store) == before
    document = host.json("retention")
    assert document["changed"] is True
    assert document["summary"]["removed"] == 1
    assert host.json("list")["total"] == 1


def test_a_report_is_written_as_it_is_wanted(host: Host, tmp_path: Path) -> None:
    table = tmp_path.joinpath("table.csv")
    document = host.json("report", "--csv", str(table), "--max-age", "7d", "--mode", "0600")
    assert document["summary"]["good"] == 1
    assert [file["path"] for file in document["files"]] == [str(table)]
    assert [row["database"] for row in csv.DictReader(table.open(encoding="utf-8"))] == ["live"]
    assert table.stat().st_mode & 0o777 == 0o600


def test_a_drill_restores_and_finds_damage(host: Host) -> None:
    document = host.json("verify", "--server", "same")
    assert [(one["level"], one["success"]) for one in document["results"]] == [("restore", True)]
    (artifact,) = host.json("list")["backups"]
    with open(artifact["backup_file"], "r+b") as file:
        file.seek(100)
        file.write(b"damage")
    done = host.run("verify", "--file", artifact["backup_file"], "--level", "checksum")
    assert done.returncode == 8
    assert "validation_error" in done.stdout


def test_the_configuration_is_checked_with_every_server(scene: Scene, host: Host) -> None:
    document = host.json("config", "check", "--connect")
    (found,) = document["results"]
    assert found["databases_count"] == 1
    assert found["server_version"].startswith(scene.server.major)
    host.add_instance("nowhere", None)
    done = host.run("config", "check")
    assert done.returncode == 1
    assert "nowhere" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_backup_and_leaves_nothing(
    host: Host, postgresql: PrivateServer, big_postgresql: str, number: signal.Signals
) -> None:
    (instance,) = host.settings()["databases"]
    host.change(databases=[{**instance, "include_databases": [big_postgresql]}])
    before = files_of(host.store)
    with started(host, "backup") as program:
        dump = processes.wait_for_program(processes.DUMP_PROGRAMS, big_postgresql)
        os.kill(dump, signal.SIGSTOP)
        program.send_signal(number)
        stdout, stderr = program.communicate(timeout=commands.PATIENCE_SECONDS)
    assert (program.returncode, stdout) == (128 + number, "")
    assert stderr == f"vya-backupdb: ended by {number.name}; of what was not finished, nothing stays\n"
    assert files_of(host.store) == before
    assert not Path(f"/proc/{dump}").exists()


def test_a_signal_ends_a_restore_and_leaves_the_database(scene: Scene, host: Host, big_postgresql: str) -> None:
    (instance,) = host.settings()["databases"]
    host.change(databases=[{**instance, "include_databases": [big_postgresql]}])
    assert host.run("backup").returncode == 0
    databases = scene.server.databases()
    restoring = ("restore", "--database-id", DATABASE_ID, "--database", big_postgresql, "--force")
    with started(host, *restoring) as program:
        load = processes.wait_for_program(processes.LOAD_PROGRAMS, f"{big_postgresql}__restore_")
        os.kill(load, signal.SIGSTOP)
        program.terminate()
        _stdout, stderr = program.communicate(timeout=commands.PATIENCE_SECONDS)
    assert program.returncode == 143, stderr
    assert scene.server.databases() == databases
    assert host.audited()[-1]["operation"] == "backup"


@pytest.fixture
def big_postgresql(postgresql: PrivateServer) -> str:
    name = "big_for_signals"
    if name not in postgresql.databases():
        postgresql.create_database(name)
        postgresql.execute(
            "CREATE TABLE noise AS SELECT md5(n::text) || repeat('x', 900) AS content FROM generate_series(1, 30000) n",
            name,
        )
    return name


@contextlib.contextmanager
def started(host: Host, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command; it is killed where it still runs after the block."""
    with subprocess.Popen(
        commands.argv(*arguments, "--config", str(host.config)),
        cwd=host.folder,
        env=commands.environment_of(host.folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            yield program
        finally:
            program.kill()


def test_no_output_holds_a_row_of_data(host: Host) -> None:
    done = host.run("backup", "--json")
    assert json.loads(done.stdout)["failed"] is False
    assert PLANTED not in done.stdout + done.stderr
