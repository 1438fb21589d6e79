# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private servers for the whole session, and what several files of tests start from."""

from __future__ import annotations

import dataclasses
import itertools
import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog

from tests.integration import commands, memory
from tests.integration.ansible import run_module
from tests.integration.commands import Host
from tests.integration.planned import PASSWORD
from tests.integration.scenes import DATABASE_ID, Scene, create_scene, write_config
from tools.private_servers.base import PrivateServer
from tools.private_servers.mariadb import MariadbServer
from tools.private_servers.postgresql import PostgresqlServer
from tools.private_servers.zoo.loader import load_zoo

ZOOS = ('weird db-1 "ü"', "a=b", "plain_zoo")
SLOW_SECONDS = 10
BIG_ROWS = 24
BIG_ROW_BYTES = 1024 * 1024


def pytest_configure(config: pytest.Config) -> None:
    """Have all that is temporary in memory, if there is enough: most of what MariaDB does waits for the disk."""
    if not hasattr(config, "workerinput"):
        memory.use(config)
    # What is started here heeds these signals, also when the tests themselves are to ignore them, as nohup wants it.
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda _number, _frame: None)
    # The order is below.
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no processor is idle while another is busy with the last one."""
    seconds = Counter[Path]()
    for item in items:
        seconds[item.path] += SLOW_SECONDS if item.get_closest_marker("slow") else 1
    items.sort(key=lambda item: -seconds[item.path])


@dataclasses.dataclass(frozen=True)
class Zoos:
    """Databases with one of everything, their whole dumps by name, and a store with an artifact of each."""

    server: PrivateServer
    store: Path
    dumps: dict[str, str]

    def artifact(self, name: str) -> catalog.Artifact:
        """Return the artifact of a zoo."""
        return catalog.find_latest(self.store, database_id=DATABASE_ID, database=name)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PrivateServer]:
    with PostgresqlServer() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[PrivateServer]:
    with MariadbServer() as server:
        yield server


@pytest.fixture(scope="session", params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> PrivateServer:
    """A running server of each family in turn."""
    found: PrivateServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Where a storage may be made."""
    return tmp_path.joinpath("store")


@pytest.fixture(scope="session")
def scene_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[PrivateServer], Scene]:
    """Give the scene of a server, the same one whenever it is asked for."""
    made: dict[str, Scene] = {}

    def find(server: PrivateServer) -> Scene:
        if server.flavour not in made:
            made[server.flavour] = create_scene(server, tmp_path_factory.mktemp("live").joinpath("store"))
        return made[server.flavour]

    return find


@pytest.fixture
def scene(server: PrivateServer, scene_of: Callable[[PrivateServer], Scene], store: Path) -> Scene:
    """A live database and a store of the test's own with one good artifact of it."""
    shared = scene_of(server)
    shutil.copytree(shared.store, store)
    return dataclasses.replace(shared, store=store)


@pytest.fixture
def postgresql_scene(postgresql: PrivateServer, scene_of: Callable[[PrivateServer], Scene], store: Path) -> Scene:
    """The scene of PostgreSQL alone."""
    shared = scene_of(postgresql)
    shutil.copytree(shared.store, store)
    return dataclasses.replace(shared, store=store)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds a copy of the engine as the package backupdb, and no usable Ansible."""
    return commands.install(tmp_path_factory.mktemp("installed"))


@pytest.fixture
def host(postgresql_scene: Scene, installed: Path, tmp_path: Path) -> Host:
    """A host with the command, whose configuration has the live database of PostgreSQL alone."""
    scene = postgresql_scene
    host = Host(installed, write_config(scene.server, tmp_path, scene.store), scene.store)
    (instance,) = host.settings()["databases"]
    host.change(databases=[{**instance, "include_databases": [scene.database], "accounts": False}])
    return host


@pytest.fixture
def mortal(server: PrivateServer, store: Path) -> Iterator[Scene]:
    """A scene on a server of its own, to be killed: the unlogged tables of the shared ones must live."""
    with type(server)() as own:
        yield create_scene(own, store)


@pytest.fixture
def new_database(server: PrivateServer) -> Iterator[Callable[[], str]]:
    """Give names that no database has; the databases that got one are dropped after the test."""
    numbers = itertools.count()
    before = set(server.databases())
    yield lambda: f"new_{next(numbers)}_{os.urandom(4).hex()}"
    for name in set(server.databases()) - before:
        server.drop_database(name)


@pytest.fixture(scope="session")
def made() -> dict[tuple[str, str], Any]:
    """What servers have been given for the whole session, by its kind and the server's flavour.

    pytest makes a fixture of a parametrized server anew whenever a test with another server comes between.
    """
    return {}


@pytest.fixture(scope="session")
def big(server: PrivateServer, made: dict[tuple[str, str], Any]) -> str:
    """The name of a database whose dump has 24 MiB that compress to half."""
    key = ("big", server.flavour)
    if key in made:
        return str(made[key])
    # Its dumps are found by this name, and other tests run on this machine.
    made[key] = name = f"big_{server.flavour}_{os.urandom(4).hex()}"
    server.create_database(name)
    kind = "text" if server.family == "postgresql" else "longtext"
    server.execute(f"CREATE TABLE noise (content {kind})", name)
    if server.family == "postgresql":
        server.execute("ALTER TABLE noise ALTER content SET STORAGE EXTERNAL", name)
    for _row in range(BIG_ROWS):
        server.execute("INSERT INTO noise VALUES (%s)", name, [os.urandom(BIG_ROW_BYTES // 2).hex()])
    if server.family == "mysql":
        # Its statistics, by which the size is known, follow late.
        server.execute("ANALYZE TABLE noise", name)
    return name


@pytest.fixture(scope="session")
def zoos(server: PrivateServer, tmp_path_factory: pytest.TempPathFactory, made: dict[tuple[str, str], Any]) -> Zoos:
    """Zoos under names that are hard to get right, backed up by one task."""
    key = ("zoos", server.flavour)
    if key not in made:
        made[key] = make_zoos(server, tmp_path_factory)
    found: Zoos = made[key]
    return found


def make_zoos(server: PrivateServer, tmp_path_factory: pytest.TempPathFactory) -> Zoos:
    """Load the zoos and back them up."""
    store = tmp_path_factory.mktemp("zoos").joinpath("store")
    for name in ZOOS:
        load_zoo(server, name)
    result = run_module(
        "db_backup",
        {
            **server.login_options(),
            "database_id": DATABASE_ID,
            "base_path": str(store),
            "databases": list(ZOOS),
        },
    )
    assert result.rc == 0, result.stdout
    assert result.result["summary"] == {"total": 3, "successful": 3, "failed": 0}
    return Zoos(server, store, {name: server.whole_dump(name, create=True) for name in ZOOS})


@pytest.fixture
def account(server: PrivateServer) -> Iterator[str]:
    """An account that may log in and do nothing else."""
    name = "poor_account"
    server.create_user(name, PASSWORD)
    yield name
    if server.family == "postgresql":
        for database in ("postgres", *server.databases()):
            server.execute(f"DROP OWNED BY {name}", database)
        server.execute(f"DROP ROLE {name}")
    else:
        server.execute(f"DROP USER {name}@'%%'", params=[])
