# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command under the eyes of a person: bars, tables, a question, and a signal that leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.integration import commands, processes
from tests.integration.commands import Host
from tests.integration.scenes import DATABASE_ID, Scene, files_of
from tools.private_servers.base import PrivateServer

QUESTION = "Type its name to go on:"
RESTORING = ("restore", "--database-id", DATABASE_ID, "--database", "live")


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


def test_a_terminal_is_asked_for_the_name_of_what_is_replaced(postgresql_scene: Scene, host: Host) -> None:
    postgresql_scene.server.execute("CREATE TABLE newer (id integer)", postgresql_scene.database)
    try:
        status, screen = host.on_terminal(*RESTORING, question=QUESTION, answer="life\n")
        assert status == 8
        assert "its name was not confirmed, so nothing was done" in screen
        assert has_newer(postgresql_scene)
        status, screen = host.on_terminal(*RESTORING, question=QUESTION, answer="\x04")
        assert status == 8
        assert has_newer(postgresql_scene)
        status, screen = host.on_terminal(*RESTORING, question=QUESTION, answer="live\n")
        assert status == 0, screen
        assert "an existing database" in screen
        assert not has_newer(postgresql_scene)
    finally:
        postgresql_scene.server.execute("DROP TABLE IF EXISTS newer", postgresql_scene.database)


def has_newer(scene: Scene) -> bool:
    return bool(scene.server.execute("SELECT 1 FROM pg_class WHERE relname = 'newer'", scene.database))


def test_a_terminal_is_not_asked_where_nothing_is_replaced_or_the_answer_was_given(
    postgresql_scene: Scene, host: Host
) -> None:
    status, screen = host.on_terminal(*RESTORING, "--yes")
    assert status == 0, screen
    assert QUESTION not in screen
    try:
        status, screen = host.on_terminal(*RESTORING, "--target-database", "beside")
        assert status == 0, screen
        assert QUESTION not in screen
    finally:
        postgresql_scene.server.drop_database("beside")


def test_where_nobody_can_be_asked_only_force_replaces(postgresql_scene: Scene, host: Host) -> None:
    with postgresql_scene.untouched():
        done = host.run(*RESTORING, "--yes")
    assert done.returncode == 8
    assert "Give --force to replace it, or name another target" in done.stderr
    done = host.run(*RESTORING, "--force", "--check")
    assert done.returncode == 0, done.stderr
    assert "nothing was changed" in done.stdout


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


def test_a_signal_ends_a_restore_and_leaves_the_database(
    postgresql_scene: Scene, host: Host, big_postgresql: str, tmp_path: Path
) -> None:
    (instance,) = host.settings()["databases"]
    host.change(databases=[{**instance, "include_databases": [big_postgresql]}])
    assert host.run("backup").returncode == 0
    host.change(databases=[{**instance, "client_path": processes.hold_loads(tmp_path)}])
    databases = postgresql_scene.server.databases()
    restoring = ("restore", "--database-id", DATABASE_ID, "--database", big_postgresql, "--force")
    with started(host, *restoring) as program:
        processes.wait_for_program(processes.LOAD_PROGRAMS, f"{big_postgresql}__restore_", is_stopped=True)
        program.terminate()
        _stdout, stderr = program.communicate(timeout=commands.PATIENCE_SECONDS)
    assert program.returncode == 143, stderr
    assert postgresql_scene.server.databases() == databases
    assert [row["error_code"] for row in host.audited()[-2:]] == [None, "interrupted"]


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


def started(host: Host, *arguments: str) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    """Start a command; it is killed where it still runs after the block."""
    folder = host.folder
    return commands.started(
        commands.argv(*arguments, "--config", str(host.config)), folder, commands.environment_of(folder)
    )
