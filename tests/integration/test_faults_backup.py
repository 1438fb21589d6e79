# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup that fails says why, leaves no file, and touches neither earlier artifacts nor the server."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, layout, locking

from tests.integration import faults, processes
from tests.integration.ansible import run_module
from tests.integration.commands import Host
from tests.integration.scenes import (
    DATABASE_ID,
    HOSTNAME,
    Scene,
    assert_backup_failed,
    back_up,
    files_of,
    write_config,
)
from tools.private_servers.base import PrivateServer

SMALL_DISK_BYTES = 6 * 1024 * 1024
WEAK_USER = "weak"
WEAK_PASSWORD = "not the administrator"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MiB: enough for the first backup of an empty database."""
    with faults.small_disk(tmp_path.joinpath("small"), SMALL_DISK_BYTES) as disk:
        yield disk


@pytest.fixture
def weak_account(scene: Scene) -> Iterator[dict[str, str]]:
    """The login of an account that may do nothing yet."""
    scene.server.create_user(WEAK_USER, WEAK_PASSWORD)
    yield {"login_user": WEAK_USER, "login_password": WEAK_PASSWORD}
    if scene.server.family == "postgresql":
        scene.server.execute(f"DROP OWNED BY {WEAK_USER}", scene.database)
    scene.server.execute(f"DROP USER {WEAK_USER}")


def test_a_wrong_password_is_a_credentials_error(scene: Scene) -> None:
    with scene.untouched():
        result = scene.back_up(login_password="wrong")
    assert_backup_failed(result, "credentials_error")
    assert result.result["summary"] == {"total": 1, "successful": 0, "failed": 1}


def test_a_server_that_has_no_database_yet_passes_every_check_and_no_backup(
    server: PrivateServer, installed: Path, store: Path, tmp_path: Path
) -> None:
    with type(server)() as new:
        config = write_config(new, tmp_path, store)
        checked = Host(installed, config, store).json("config", "check", "--connect")
        planned = run_module("db_backup", {"config": str(config)}, check=True)
        taken = run_module("db_backup", {"config": str(config)})
    assert [(found["success"], found["databases_count"]) for found in checked["results"]] == [(True, 0)]
    assert planned.rc == 0, planned.stdout
    assert (planned.result["changed"], planned.result["summary"]["total"]) == (False, 0)
    assert "has no database yet" in " ".join(planned.stdout.split())
    assert taken.result["error_code"] == "file_not_found"


def test_a_server_that_is_down_is_a_connection_error(mortal: Scene) -> None:
    with mortal.untouched():
        mortal.server.kill()
        try:
            result = mortal.back_up()
        finally:
            mortal.server.start()
    assert_backup_failed(result, "connection_error")


def test_a_database_that_does_not_exist_is_not_found(scene: Scene) -> None:
    with scene.untouched():
        result = scene.back_up(databases=[scene.database, "no such database"])
    assert_backup_failed(result, "file_not_found")
    assert "no such database" in result.result["msg"]


def test_a_missing_client_program_is_a_config_error_that_names_the_package(scene: Scene, tmp_path: Path) -> None:
    empty = tmp_path.joinpath("empty")
    empty.mkdir()
    with scene.untouched():
        result = scene.back_up(client_path=str(empty))
    assert_backup_failed(result, "config_error")
    assert "client" in result.result["results"][0]["hint"]


@pytest.mark.parametrize("check", [False, True])
def test_an_account_that_may_not_dump_everything_is_refused(
    scene: Scene, weak_account: dict[str, str], check: bool
) -> None:
    if scene.server.family == "mysql":
        # All but TRIGGER: the dump program would leave the triggers out and say nothing.
        scene.server.execute(f"GRANT SELECT, SHOW VIEW, EVENT, EXECUTE ON {scene.database}.* TO {WEAK_USER}")
    else:
        scene.server.execute(f"GRANT SELECT ON audit, names TO {WEAK_USER}", scene.database)
    with scene.untouched():
        result = run_module(
            "db_backup", scene.options(databases=[scene.database], accounts=False, **weak_account), check=check
        )
    assert_backup_failed(result, "permission_error")
    lacking = "TRIGGER" if scene.server.family == "mysql" else "public.person"
    assert lacking in result.result["msg"]


def test_a_second_run_on_the_same_instance_is_locked_out(scene: Scene) -> None:
    lock = layout.instance_lock(scene.store, HOSTNAME, DATABASE_ID)
    with scene.untouched(), locking.hold(lock, "the instance"):
        result = scene.back_up()
    assert_backup_failed(result, "locked")


def test_a_dump_program_that_is_killed_half_way_leaves_nothing(scene: Scene, big: str) -> None:
    with scene.untouched(), processes.dump_under_way(scene, big) as (dump, results):
        os.kill(dump, signal.SIGKILL)
        # The task has to notice by itself.
    assert_backup_failed(results[0], "validation_error")
    assert "killed by signal 9" in results[0].result["msg"]


def test_a_killed_run_leaves_nothing_like_a_backup_and_the_next_run_tidies_up(scene: Scene, big: str) -> None:
    before = files_of(scene.store)
    with processes.dump_under_way(scene, big) as (dump, results):
        os.kill(processes.parent_of(dump), signal.SIGKILL)
    assert results[0].rc != 0
    leftovers = processes.partial_files(scene.store)
    assert len(leftovers) == 1
    after = files_of(scene.store)
    assert set(after) - set(before) == {str(leftovers[0].relative_to(scene.store))}
    assert {path: after[path] for path in before} == before

    again = scene.back_up(databases=[big])
    assert again.rc == 0, again.stdout
    assert len(again.result["swept"]) == 1
    assert str(leftovers[0]) in again.result["swept"][0]
    assert processes.partial_files(scene.store) == []
    assert len(files_of(scene.store)) == len(before) + 3


def test_a_disk_that_is_full_half_way_leaves_the_earlier_artifact_alone(
    scene: Scene, small_disk: Path, new_database: Callable[[], str]
) -> None:
    server, name = scene.server, new_database()
    server.create_database(name)
    server.execute("CREATE TABLE noise (content text)" if server.family == "postgresql" else LONG_NOISE, name)
    back_up(server, small_disk, [name])
    for _row in range(16):
        server.execute("INSERT INTO noise VALUES (%s)", name, [os.urandom(512 * 1024).hex()])
    files, dump = files_of(small_disk), server.whole_dump(name, create=True)
    result = scene.back_up(databases=[name], base_path=str(small_disk))
    assert_backup_failed(result, "storage_error")
    assert "No space left" in result.result["msg"]
    assert files_of(small_disk) == files
    assert server.whole_dump(name, create=True) == dump


def test_a_disk_that_is_too_small_is_seen_before_anything_is_dumped(scene: Scene, small_disk: Path, big: str) -> None:
    with pytest.raises(errors.RunError, match="needs about") as failure:
        back_up(scene.server, small_disk, [big])
    assert failure.value.error_code == "storage_error"
    assert [path for path in files_of(small_disk) if "/users_" not in path] == []


def test_one_failure_does_not_stop_the_other_backups(
    scene: Scene, weak_account: dict[str, str], new_database: Callable[[], str]
) -> None:
    readable = new_database()
    scene.server.create_database(readable)
    if scene.server.family == "mysql":
        scene.server.execute(f"GRANT ALL ON {readable}.* TO {WEAK_USER}")
        scene.server.execute(f"GRANT SHOW VIEW ON {scene.database}.* TO {WEAK_USER}")
    before = files_of(scene.store)
    result = scene.back_up(databases=[scene.database, readable], **weak_account)
    assert result.rc != 0
    assert result.result["error_code"] == "partial_failure"
    assert result.result["changed"] is True
    assert result.result["summary"] == {"total": 2, "successful": 1, "failed": 1}
    outcome = {each["database_name"]: (each["success"], each["error_code"]) for each in result.result["results"]}
    assert outcome == {scene.database: (False, "permission_error"), readable: (True, None)}
    assert len(files_of(scene.store)) == len(before) + 3


LONG_NOISE = "CREATE TABLE noise (content longtext)"
