# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of several instances in one run: side by side, the biggest first, and each instance locked to its end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import (
    errors,
    instances,
    layout,
    locking,
    program,
    secrets,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.store import Store
from ansible_collections.vya.backupdb.plugins.module_utils._engine.backups import backup, run
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import StorageConfig

from tests.integration.ansible import REPOSITORY
from tests.integration.processes import DUMP_PROGRAMS, PATIENCE_SECONDS, parent_of, partial_files
from tests.integration.scenes import DATABASE_ID, HOSTNAME, instance_of, now, write_config
from tools.private_servers.base import PrivateServer

NAMES = ("many_1", "many_2", "many_3")
ROWS = (1000, 3000, 9000)

Servers = dict[str, PrivateServer]


@pytest.fixture(scope="module")
def servers(postgresql: PrivateServer, mariadb: PrivateServer) -> Iterator[Servers]:
    """A server of each family, each with databases that grow with their numbers."""
    found = {"postgresql": postgresql, "mariadb": mariadb}
    for server in found.values():
        numbers = "generate_series(1, {})" if server.family == "postgresql" else "seq_1_to_{}"
        for name, rows in zip(NAMES, ROWS, strict=True):
            server.create_database(name)
            source = numbers.format(rows)
            column = "n" if server.family == "postgresql" else "seq"
            server.execute("CREATE TABLE item (id int PRIMARY KEY, name varchar(200))", name)
            server.execute(f"INSERT INTO item SELECT {column}, repeat('x', 200) FROM {source} AS n", name)
            if server.family == "mysql":
                # Its statistics, by which the size is known, follow late.
                server.execute("ANALYZE TABLE item", name)
    yield found
    for server in found.values():
        for name in NAMES:
            server.drop_database(name)


@pytest.fixture
def engine_store(store: Path) -> Store:
    return Store(StorageConfig(base_path=store), HOSTNAME, now)


@dataclass
class Seen:
    """The backups as they began, and how many there were at a time; each is looked at before it begins."""

    look: Callable[[backup.Subject], None] = lambda _subject: None
    begun: list[tuple[str, str]] = field(default_factory=list)
    most: int = 0
    now: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextlib.contextmanager
    def backup(self, subject: backup.Subject) -> Iterator[None]:
        with self.lock:
            self.begun.append((subject.instance.id, subject.entry.name))
            self.now += 1
            self.most = max(self.most, self.now)
        self.look(subject)
        yield
        with self.lock:
            self.now -= 1


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Watch the backups that a run makes; they are made all the same."""
    watching, really_back_up = Seen(), backup.back_up

    def watched(subject: backup.Subject, *others: object) -> object:
        with watching.backup(subject):
            return really_back_up(subject, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(backup, "back_up", watched)
    return watching


def instance_named(name: str, server: PrivateServer, password: str | None = None) -> instances.Instance:
    """Return a server as an instance of the configuration, with a wrong password if one is given."""
    found = instance_of(server)
    login = secrets.Login(server.admin_user, password or server.admin_password)
    return replace(
        found, config=found.config.model_copy(update={"id": name}), endpoint=replace(found.endpoint, login=login)
    )


def wanted(*found: instances.Instance) -> list[run.Wanted]:
    return [run.Wanted(instance.id, lambda instance=instance: instance) for instance in found]  # type: ignore[misc]


def told(report: run.Report) -> list[tuple[str, str, bool]]:
    return [(result.database_id, result.database_name, result.success) for result in report.results]


def is_locked(store: Store, database_id: str) -> bool:
    """Say whether a run works on an instance."""
    try:
        with locking.hold(layout.instance_lock(store.config.base_path, store.hostname, database_id), database_id):
            return False
    except errors.LockedError:
        return True


def test_a_wrong_login_is_named_and_all_databases_of_the_others_are_backed_up(
    servers: Servers, engine_store: Store
) -> None:
    run_of_three = wanted(
        instance_named("first", servers["mariadb"]),
        instance_named("shut-out", servers["postgresql"], "not the password"),
        instance_named("last", servers["postgresql"]),
    )
    report = run.back_up(run_of_three, engine_store, run.Request(NAMES))
    assert told(report) == [
        *(("first", name, True) for name in reversed(NAMES)),
        ("shut-out", "", False),
        *(("last", name, True) for name in reversed(NAMES)),
    ]
    assert report.error_code() == "partial_failure"
    failure = report.results[len(NAMES)]
    assert failure.error_code == "credentials_error"
    assert "not the password" not in str(report.as_dict())
    assert len(catalog.list_artifacts(engine_store.config.base_path).artifacts) == 2 * len(NAMES)


def test_one_job_works_on_one_database_at_a_time_and_on_the_biggest_of_all_instances_first(
    servers: Servers, engine_store: Store, seen: Seen
) -> None:
    everyone = {name: instance_named(name, server) for name, server in servers.items()}
    sizes = {
        (name, entry.name): entry.size_bytes
        for name, instance in everyone.items()
        for entry in instance.server().list_databases()
        if entry.name in NAMES
    }
    report = run.back_up(wanted(*everyone.values()), engine_store, run.Request(NAMES, jobs=1))
    report.raise_for_failures()
    assert seen.most == 1
    assert len(set(sizes.values())) == len(sizes)
    assert seen.begun == sorted(sizes, key=lambda database: -sizes[database])


def test_instances_are_worked_on_side_by_side(servers: Servers, engine_store: Store, seen: Seen) -> None:
    both = threading.Barrier(2)
    met: list[int] = []
    seen.look = lambda _subject: met.append(both.wait(PATIENCE_SECONDS))
    everyone = wanted(*(instance_named(name, server) for name, server in servers.items()))
    run.back_up(everyone, engine_store, run.Request(NAMES[:1], jobs=2)).raise_for_failures()
    assert sorted(met) == [0, 1]
    assert {database_id for database_id, _name in seen.begun} == set(servers)


def test_an_instance_is_not_burdened_with_more_than_its_own_jobs(
    servers: Servers, engine_store: Store, seen: Seen
) -> None:
    instance = instance_named("spared", servers["postgresql"])
    instance = replace(instance, config=instance.config.model_copy(update={"jobs": 1}))
    run.back_up(wanted(instance), engine_store, run.Request(NAMES, jobs=3)).raise_for_failures()
    assert seen.most == 1


def test_fewer_jobs_than_instances_are_enough(servers: Servers, engine_store: Store) -> None:
    everyone = wanted(*(instance_named(f"number-{number}", servers["mariadb"]) for number in range(4)))
    report = run.back_up(everyone, engine_store, run.Request(NAMES[:2], jobs=1))
    assert told(report) == [(one.id, name, True) for one in everyone for name in reversed(NAMES[:2])]


def test_an_instance_is_locked_from_its_listing_until_its_last_database_is_done(
    servers: Servers, engine_store: Store, seen: Seen
) -> None:
    # An empty database of PostgreSQL is larger than these of MariaDB, so its instance is done with first.
    everyone = [instance_named(name, servers[name]) for name in ("postgresql", "mariadb")]
    locked: list[tuple[bool, bool]] = []
    seen.look = lambda _subject: locked.append(
        (is_locked(engine_store, "postgresql"), is_locked(engine_store, "mariadb"))
    )
    run.back_up(wanted(*everyone), engine_store, run.Request(NAMES, jobs=1)).raise_for_failures()
    assert [database_id for database_id, _name in seen.begun] == ["postgresql"] * 3 + ["mariadb"] * 3
    assert locked == [(True, True)] * 3 + [(False, True)] * 3
    assert not is_locked(engine_store, "mariadb")


def test_a_check_of_several_instances_gives_the_plan_of_each_in_order(servers: Servers, engine_store: Store) -> None:
    everyone = wanted(*(instance_named(name, server) for name, server in servers.items()))
    report = run.back_up(everyone, engine_store, run.Request(NAMES, check=True))
    assert [(plan.database_id, plan.database_name) for plan in report.plan] == [
        (name, database) for name in servers for database in reversed(NAMES)
    ]
    assert report.results == []
    assert not engine_store.config.base_path.exists()


def test_an_interrupted_run_ends_its_programs_and_publishes_nothing(
    server: PrivateServer, big: str, engine_store: Store, tmp_path: Path
) -> None:
    store = engine_store.config.base_path
    config = write_config(server, tmp_path, store)
    command = [sys.executable, "-m", program.__name__, "backup", "--config", str(config), "--database", big]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / ".collections")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as engine:
        try:
            dump = stopped_dump_of(engine)
            assert is_locked(engine_store, DATABASE_ID)
            engine.send_signal(signal.SIGINT)
            assert engine.wait(PATIENCE_SECONDS) != 0
        finally:
            engine.kill()
    assert not Path(f"/proc/{dump}").exists()
    assert catalog.list_artifacts(store).artifacts == []
    assert partial_files(store) == []
    assert not is_locked(engine_store, DATABASE_ID)


def stopped_dump_of(engine: subprocess.Popen[bytes]) -> int:
    """Wait until a process dumps a database, and stop the dump program; return its process id."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = process.joinpath("cmdline").read_bytes().decode("utf-8", "replace").split("\0")
                is_dump = Path(words[0]).name in DUMP_PROGRAMS and "--version" not in words
                if is_dump and parent_of(int(process.name)) == engine.pid:
                    os.kill(int(process.name), signal.SIGSTOP)
                    return int(process.name)
        time.sleep(0.001)
    raise AssertionError("the engine began no dump")
