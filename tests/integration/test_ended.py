# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a signal ends is recorded and told of: what had been done, what had not, and what was not come to."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog

from tests.integration import commands, processes
from tests.integration.ansible import TIMEOUT_SECONDS, environment
from tests.integration.configured import Configured, configure
from tests.integration.scenes import DATABASE_ID, Scene, folders_of
from tools.private_servers.base import PrivateServer


@pytest.fixture
def configured(scene: Scene, tmp_path: Path) -> Iterator[Configured]:
    with configure(scene, tmp_path) as found:
        yield found


@pytest.fixture(scope="session")
def smaller(server: PrivateServer, big: str, made: dict[tuple[str, str], Any]) -> str:
    """The name of a database that is half as large as the big one, so that its turn comes second."""
    key, name = ("smaller", server.flavour), f"smaller_{server.flavour}"
    if key not in made:
        made[key] = name
        server.create_database(name)
        kind = "text" if server.family == "postgresql" else "longtext"
        server.execute(f"CREATE TABLE noise (content {kind})", name)
        for (content,) in server.execute("SELECT content FROM noise LIMIT 12", big):
            server.execute("INSERT INTO noise VALUES (%s)", name, [content])
        if server.family == "mysql":
            server.execute("ANALYZE TABLE noise", name)
    return name


def command(installed: Path, *arguments: str) -> Any:
    """Start the command on the host."""
    return commands.started(commands.argv(*arguments), installed, commands.environment_of(installed))


def task(module: str, folder: Path, **options: Any) -> Any:
    """Start Ansible with a task on this machine."""
    connection = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    arguments = ["localhost", "-m", f"vya.backupdb.{module}", "-a", json.dumps(options), "-e", json.dumps(connection)]
    return commands.started([str(Path(sys.executable).with_name("ansible")), *arguments], folder, environment())


def stopped_dump_of(database: str) -> int:
    """Wait until a database is dumped, and stop that; return the process of the dump program."""
    dump = processes.wait_for_program(processes.DUMP_PROGRAMS, database)
    os.kill(dump, signal.SIGSTOP)
    return dump


def hold_loads(configured: Configured, folder: Path) -> None:
    """Have loads stop in their middle from now on."""
    (instance,) = configured.settings()["databases"]
    configured.change(databases=[{**instance, "client_path": processes.hold_loads(folder)}])


def awaited(condition: Callable[[], Any]) -> Any:
    """Return what a condition gives as soon as that is something."""
    deadline = time.monotonic() + processes.PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("nothing came of it")


def assert_run_is_recorded(configured: Configured, done: str, ended: str) -> None:
    """See that one backup was done, that the others were not, and that all who are to know do."""
    database = configured.scene.database
    assert configured.rows() == [
        ("backup", DATABASE_ID, done, "success", None),
        ("backup", DATABASE_ID, ended, "failed", "interrupted"),
        ("backup", DATABASE_ID, database, "failed", "interrupted"),
    ]
    status = {name: f'database="{name}"' for name in (done, ended, database)}
    lines = [line for line in configured.metrics.splitlines() if line.startswith("backupdb_last_status{")]
    values = {name: line.rpartition(" ")[2] for name, label in status.items() for line in lines if label in line}
    assert values == {done: "1.0", ended: "0.0", database: "0.0"}
    (received,) = configured.sink.received
    assert received.path == "/bad"
    assert "2 of 3 backups failed" in received.body.decode("utf-8")
    assert configured.phases()[-1] == "run_ended"


def assert_nothing_stays(configured: Configured, before: list[str], done: str) -> None:
    """See that what was not done has left neither a file nor a folder."""
    store = configured.scene.store
    assert processes.partial_files(store) == []
    new = [folder for folder in folders_of(store) if folder not in before]
    artifact = catalog.find_latest(store, database_id=DATABASE_ID, database=done)
    folder = artifact.data.parent.relative_to(store)
    assert new == [str(folder.parent), str(folder)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("server", "number"),
    [
        ("postgresql", signal.SIGTERM),
        ("mariadb", signal.SIGTERM),
        ("postgresql", signal.SIGINT),
        ("postgresql", signal.SIGHUP),
    ],
    indirect=["server"],
)
def test_a_command_that_a_signal_ends_records_what_it_has_done_and_what_not(
    configured: Configured, installed: Path, big: str, smaller: str, number: signal.Signals
) -> None:
    before = folders_of(configured.scene.store)
    configured.change(databases=wanted(configured, big, smaller))
    arguments = ["backup", "--json", "--jobs", "1", "--config", str(configured.config)]
    with command(installed, *arguments) as program:
        dump = stopped_dump_of(smaller)
        program.send_signal(number)
        stdout, stderr = program.communicate(timeout=commands.PATIENCE_SECONDS)
    assert program.returncode == 128 + number
    assert f"ended by {number.name}; of what was not finished, nothing stays" in stderr
    told = json.loads(stdout)
    assert told["error_code"] == "interrupted"
    assert [result["success"] for result in told["results"]] == [True, False, False]
    assert {result["error_message"] for result in told["results"][1:]} == {f"it was ended by {number.name}"}
    assert not Path(f"/proc/{dump}").exists()
    assert_run_is_recorded(configured, big, smaller)
    assert_nothing_stays(configured, before, big)


def wanted(configured: Configured, *databases: str) -> list[dict[str, Any]]:
    """Return the instances of a configuration that has these databases and the live one alone."""
    (instance,) = configured.settings()["databases"]
    names = [*databases, configured.scene.database]
    return [{**instance, "include_databases": names, "accounts": False}]


@pytest.mark.slow
def test_a_module_that_is_ended_records_the_same_and_returns_what_it_has_done(
    configured: Configured, big: str, smaller: str
) -> None:
    before = folders_of(configured.scene.store)
    configured.change(databases=wanted(configured, big, smaller))
    with task("db_backup", configured.folder, config=str(configured.config), jobs=1) as ansible:
        dump = stopped_dump_of(smaller)
        os.kill(processes.parent_of(dump), signal.SIGTERM)
        stdout, _stderr = ansible.communicate(timeout=TIMEOUT_SECONDS)
    assert ansible.returncode != 0
    assert "ended by SIGTERM; of what was not finished, nothing stays" in stdout
    assert '"error_code": "interrupted"' in stdout
    assert f'"database_name": "{big}"' in stdout
    assert_run_is_recorded(configured, big, smaller)
    assert_nothing_stays(configured, before, big)


@pytest.mark.slow
@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_module_whose_ansible_is_ended_ends_with_it_and_records_the_same(
    configured: Configured, big: str, smaller: str, number: signal.Signals
) -> None:
    configured.change(databases=wanted(configured, big, smaller))
    with task("db_backup", configured.folder, config=str(configured.config), jobs=1) as ansible:
        dump = stopped_dump_of(smaller)
        module = processes.parent_of(dump)
        ansible.send_signal(number)
        ansible.communicate(timeout=TIMEOUT_SECONDS)
    awaited(lambda: not Path(f"/proc/{module}").exists())
    assert_run_is_recorded(configured, big, smaller)


@pytest.mark.slow
@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_a_run_that_is_killed_records_nothing_and_the_next_one_finds_what_it_had_done(
    configured: Configured, installed: Path, big: str, smaller: str
) -> None:
    configured.change(databases=wanted(configured, big, smaller))
    arguments = ["backup", "--jobs", "1", "--config", str(configured.config)]
    with command(installed, *arguments) as program:
        dump = stopped_dump_of(smaller)
        program.kill()
        program.wait()
        os.kill(dump, signal.SIGKILL)
    assert configured.rows() == []
    assert len(processes.partial_files(configured.scene.store)) == 1
    again = configured.back_up(databases=[configured.scene.database])
    assert again.rc == 0, again.stdout
    assert processes.partial_files(configured.scene.store) == []
    assert smaller not in {Path(folder).name for folder in folders_of(configured.scene.store)}
    assert f'database="{big}"' in configured.metrics
    assert catalog.find_latest(configured.scene.store, database_id=DATABASE_ID, database=big).is_good


@pytest.mark.slow
def test_a_restore_that_is_ended_is_recorded(configured: Configured, installed: Path, big: str, tmp_path: Path) -> None:
    assert configured.back_up(databases=[big]).rc == 0
    hold_loads(configured, tmp_path)
    databases = configured.scene.server.databases()
    choice = ["--database-id", DATABASE_ID, "--database", big, "--force"]
    with command(installed, "restore", *choice, "--config", str(configured.config)) as program:
        processes.wait_for_program(processes.LOAD_PROGRAMS, f"{big}__restore_", is_stopped=True)
        program.terminate()
        _stdout, stderr = program.communicate(timeout=commands.PATIENCE_SECONDS)
    assert program.returncode == 143, stderr
    assert configured.scene.server.databases() == databases
    assert configured.rows()[-1] == ("restore", DATABASE_ID, big, "failed", "interrupted")


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vya-backupdb' AND wait_event_type = 'Lock'"


@pytest.mark.slow
@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_a_restore_that_waits_for_the_server_is_ended_all_the_same(configured: Configured, installed: Path) -> None:
    server, database = configured.scene.server, configured.scene.database
    databases = server.databases()
    choice = ["--database-id", DATABASE_ID, "--database", database, "--target-database", "late"]
    with contextlib.closing(server.connect("postgres")) as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE pg_catalog.pg_shdescription IN ACCESS EXCLUSIVE MODE")
        with command(installed, "restore", *choice, "--config", str(configured.config)) as program:
            awaited(lambda: server.execute(WAITING) != [(0,)])
            program.terminate()
            _stdout, stderr = program.communicate(timeout=commands.PATIENCE_SECONDS)
    assert program.returncode == 143, stderr
    assert server.databases() == databases
    assert configured.rows()[-1] == ("restore", DATABASE_ID, "late", "failed", "interrupted")


@pytest.mark.slow
def test_a_drill_that_is_ended_records_what_it_has_found_and_what_not(
    configured: Configured, installed: Path, big: str, tmp_path: Path
) -> None:
    assert configured.back_up(databases=[big]).rc == 0
    hold_loads(configured, tmp_path)
    configured.sink.received.clear()
    arguments = ["verify", "--server", "same", "--config", str(configured.config)]
    with command(installed, *arguments) as program:
        load = processes.wait_for_program(processes.LOAD_PROGRAMS, "__verify_", is_stopped=True)
        program.terminate()
        _stdout, stderr = program.communicate(timeout=commands.PATIENCE_SECONDS)
    assert program.returncode == 143, stderr
    # Killed by then, but perhaps not buried yet.
    awaited(lambda: not Path(f"/proc/{load}").exists())
    assert configured.rows()[-1][0] == "verify"
    assert configured.rows()[-1][3:] == ("failed", "interrupted")
    assert [received.path for received in configured.sink.received] == ["/bad"]
