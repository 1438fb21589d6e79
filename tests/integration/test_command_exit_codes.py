# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exit codes of the command, each by a real cause."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import layout, locking, secrets

from tests.integration import commands, processes
from tests.integration.commands import Done, Host
from tests.integration.planned import PASSWORD
from tests.integration.scenes import DATABASE_ID, HOSTNAME, Scene
from tools.private_servers.base import PrivateServer

WRONG = secrets.Login("nobody", "not the password")
RESTORING = ("restore", "--database-id", DATABASE_ID, "--database", "live", "--force")


@pytest.fixture
def poor(postgresql: PrivateServer) -> Iterator[secrets.Login]:
    """An account that may log in and read nothing."""
    login = secrets.Login("poor_command", PASSWORD)
    postgresql.create_user(login.username, login.password)
    yield login
    postgresql.execute(f"DROP ROLE {login.username}")


def assert_ended(done: Done, exit_code: int, message: str) -> None:
    assert done.returncode == exit_code, done.stdout + done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_0_all_went_well(host: Host) -> None:
    assert host.run("backup", "--database", "live").returncode == 0


def test_1_some_failed(host: Host) -> None:
    host.add_instance("closed", WRONG, port=processes.closed_port())
    assert_ended(host.run("backup"), 1, "1 of 2 backups failed: closed: ")


def test_2_all_failed_for_different_reasons(host: Host) -> None:
    host.add_instance("closed", WRONG, port=processes.closed_port())
    host.change_logins({DATABASE_ID: WRONG})
    assert_ended(host.run("backup"), 2, "2 of 2 backups failed: ")


def test_3_the_configuration_is_wrong(host: Host) -> None:
    host.change(retentoin={})
    assert_ended(host.run("backup"), 3, "retentoin")


def test_3_the_configuration_is_newer_than_the_engine(host: Host) -> None:
    host.change(version="2.1.0", whatever_is_new=True)
    done = host.run("backup")
    assert_ended(done, 3, "is of version 2.1.0")
    assert "run the role install on this host" in done.stderr
    assert "whatever_is_new" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [("backup", "--nonsense"), ("nonsense",), ("backup", "--jobs", "0"), (), ("restore", "--scope", "x")]
)
def test_3_the_command_line_makes_no_sense(installed: Path, arguments: tuple[str, ...]) -> None:
    done = commands.run_program(installed, *arguments)
    assert_ended(done, 3, "--help")
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1


def test_3_a_package_is_missing(installed: Path) -> None:
    done = commands.run_program(installed, "backup", options=["-S"])
    assert_ended(done, 3, "Python packages typer, rich,")
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_4_the_password_is_wrong(host: Host) -> None:
    host.change_logins({DATABASE_ID: WRONG})
    assert_ended(host.run("backup"), 4, DATABASE_ID)
    assert_ended(host.run("config", "check", "--connect"), 4, DATABASE_ID)
    assert host.run("config", "check").returncode == 0


def test_5_the_storage_cannot_be_written(host: Host, tmp_path: Path) -> None:
    tmp_path.joinpath("file").write_text("", encoding="utf-8")
    host.change(storage={"base_path": str(tmp_path.joinpath("file", "store"))})
    assert_ended(host.run("backup"), 5, "cannot be")


def test_6_nobody_listens(host: Host) -> None:
    (instance,) = host.settings()["databases"]
    host.change(databases=[{**instance, "port": processes.closed_port()}])
    assert_ended(host.run("backup"), 6, DATABASE_ID)
    assert_ended(host.run("config", "check", "--connect"), 6, DATABASE_ID)


def test_7_there_is_no_such_thing(host: Host, tmp_path: Path) -> None:
    assert_ended(host.run("backup", "--database", "absent"), 7, "absent")
    assert_ended(host.run("restore", "--database-id", DATABASE_ID, "--database", "absent"), 7, "absent")
    assert_ended(host.run("retention", "--database", "absent"), 7, "absent")
    assert_ended(commands.run_program(host.folder, "--config", str(tmp_path / "absent.yaml"), "list"), 7, "absent.yaml")


def test_8_an_artifact_is_damaged(postgresql_scene: Scene, host: Host) -> None:
    with postgresql_scene.artifact.paths.data.open("r+b") as file:
        file.seek(100)
        file.write(b"damage")
    assert_ended(host.run(*RESTORING), 8, "cannot be trusted")


def test_9_the_account_may_not_read_all(host: Host, poor: secrets.Login) -> None:
    host.change_logins({DATABASE_ID: poor})
    assert_ended(host.run("backup"), 9, "would be incomplete")


def test_10_another_run_works_on_the_instance(host: Host) -> None:
    with locking.hold(layout.instance_lock(host.store, HOSTNAME, DATABASE_ID), "the test"):
        done = host.run("backup", "--database", "live", "--json")
    assert_ended(done, 10, DATABASE_ID)
    assert json.loads(done.stdout)["error_code"] == "locked"
