# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine, the modules and the command under other versions of Python: those of the host that backs up."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration import commands
from tests.integration.drills import work_folder
from tests.integration.hosts import DATABASE, Host, dumps, filled
from tests.matrix import nested
from tests.matrix.environments import (
    PYTHONS,
    REPOSITORY,
    EnvironmentMissingError,
    Interpreter,
    ensure_environment,
    find_interpreter,
)
from tests.matrix.results import DETAIL, TESTS
from tools.private_servers.base import PrivateServer
from tools.private_servers.mariadb import MariadbServer
from tools.private_servers.postgresql import PostgresqlServer

pytestmark = [pytest.mark.matrix, pytest.mark.parametrize("python", PYTHONS)]


@pytest.fixture
def interpreter(python: str, request: pytest.FixtureRequest) -> Interpreter:
    try:
        found = find_interpreter(python)
    except EnvironmentMissingError as error:
        pytest.skip(str(error))
    request.node.user_properties.append((DETAIL, f"{found.version}, {found.origin}"))
    return found


@pytest.fixture
def programs(python: str, interpreter: Interpreter) -> Path:
    """The programs of an environment of that version."""
    return ensure_environment(f"python-{python}", interpreter, nested.REQUIREMENTS)


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[PrivateServer, ...]]:
    with PostgresqlServer() as postgresql, MariadbServer() as mariadb, filled(postgresql, mariadb) as both:
        yield both


@pytest.fixture
def host(servers: tuple[PrivateServer, ...], tmp_path: Path) -> Host:
    made = Host(tmp_path, servers)
    made.configure()
    return made


@pytest.mark.cell("the engine's own tests")
def test_the_tests_of_the_engine_pass(
    programs: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property(TESTS, nested.run_tests(programs, ["tests/unit/plugins/module_utils/_engine"], tmp_path))


@pytest.mark.cell("playbooks")
def test_playbooks_back_up_prove_and_restore(programs: Path, host: Host) -> None:
    used = {"ansible_python_interpreter": str(programs / "python")}
    before = dumps(host.servers)
    backup = host.back_up(**used)
    assert backup.rc == 0, backup.stdout
    with work_folder() as folder:
        playbook = str(REPOSITORY / "playbooks" / "verify.yml")
        verified = host.run(playbook, backupdb_verify_work_path=str(folder), **used)
    assert verified.rc == 0, verified.stdout
    assert "2 of 2 backups are proven good" in verified.stdout
    for server in host.servers:
        server.drop_database(DATABASE)
        restored = host.restore(server, **used)
        assert restored.rc == 0, restored.stdout
    assert dumps(host.servers) == before


@pytest.mark.cell("command")
def test_the_command_on_the_host_backs_up_lists_and_restores(programs: Path, host: Host, tmp_path: Path) -> None:
    folder = commands.install(tmp_path.joinpath("installed"))

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [str(programs / "python"), "-m", "backupdb.program", *arguments, "--config", str(host.config)],
            cwd=folder,
            env=commands.environment_of(folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=commands.PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    before = dumps(host.servers)
    run("backup")
    listed = run("list")
    for server in host.servers:
        assert server.flavour in listed
        server.drop_database(DATABASE)
        run("restore", "--database-id", server.flavour, "--database", DATABASE)
    assert dumps(host.servers) == before
