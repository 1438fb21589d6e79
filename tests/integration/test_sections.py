# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database dumped by several processes at a time: nothing is lost, and all is of one moment."""

from __future__ import annotations

import contextlib
import gzip
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql import plan as mysql_plan
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.postgresql import plan as postgresql_plan
from ansible_collections.vya.backupdb.plugins.module_utils._engine.restores import restore

from tests.integration.conftest import Zoos
from tests.integration.scenes import DATABASE_ID, back_up, instance_of, now, put_back
from tools.private_servers.base import PrivateServer

LANES = 4
RUNS = 20
ACCOUNTS = 400
BALANCE = 1000
ZOO = "plain_zoo"


@pytest.fixture(autouse=True)
def every_size_is_worth_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    for plan in (mysql_plan, postgresql_plan):
        monkeypatch.setattr(plan, "SMALLEST_PARALLEL_BYTES", 0)


def artifact_of(store: Path, database: str) -> catalog.Artifact:
    return catalog.find_latest(store, database_id=DATABASE_ID, database=database)


@pytest.mark.parametrize("jobs", [1, LANES])
def test_a_zoo_dumped_side_by_side_comes_back_whole(
    zoos: Zoos, store: Path, new_database: Callable[[], str], jobs: int
) -> None:
    before = zoos.server.whole_dump(ZOO, create=True)
    back_up(zoos.server, store, [ZOO], jobs=LANES)
    target = new_database()
    request = restore.Request(artifact_of(store, ZOO), target, jobs=jobs)
    restore.restore(instance_of(zoos.server).server(), request, now())
    assert zoos.server.whole_dump(target, create=True).replace(target, ZOO) == before


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_each_section_is_a_gzip_file_of_its_own(server: PrivateServer, store: Path, accounts: str) -> None:
    back_up(server, store, [accounts], jobs=LANES)
    artifact = artifact_of(store, accounts)
    restore_info = artifact.metadata.restore_info
    assert restore_info is not None
    kinds = [section.kind for section in restore_info.sections]
    assert (kinds[0], kinds[-1], set(kinds[1:-1])) == ("pre_data", "post_data", {"data", "post_data"})
    assert kinds.count("data") > 2
    content, offset = artifact.paths.data.read_bytes(), 0
    for section in restore_info.sections:
        assert section.offset_bytes == offset
        offset += section.length_bytes
        text = gzip.decompress(content[section.offset_bytes : offset])
        assert len(text) == section.raw_length_bytes
        if section.kind == "data":
            tables = [line.split()[1] for line in text.decode().splitlines() if line.startswith("COPY ")]
            assert sorted(tables) == sorted(section.tables)
    assert offset == len(content)


@pytest.fixture
def accounts(server: PrivateServer) -> Iterator[str]:
    """A database in whose four tables of accounts there is always the same money."""
    name = "accounts"
    server.create_database(name)
    for table in range(LANES):
        server.execute(f"CREATE TABLE account_{table} (id int PRIMARY KEY, balance int NOT NULL)", name)
        rows = ", ".join(f"({number}, {BALANCE})" for number in range(ACCOUNTS))
        server.execute(f"INSERT INTO account_{table} VALUES {rows}", name)
    server.execute("CREATE TABLE ledger (writer int NOT NULL, number int NOT NULL)", name)
    yield name
    server.drop_database(name)


@contextlib.contextmanager
def writers(server: PrivateServer, database: str) -> Iterator[None]:
    """Move money between the tables, by two sessions, all the time."""
    stop = threading.Event()
    moved = [0, 0]

    def move(writer: int) -> None:
        chance = random.Random(writer)
        with contextlib.closing(server.connect(database)) as connection, connection.cursor() as cursor:
            while not stop.is_set():
                source, target = chance.sample(range(LANES), 2)
                cursor.execute("BEGIN")
                # Each writer has accounts of its own, so that they never wait for each other.
                row = chance.randrange(ACCOUNTS // 2) * 2 + writer
                cursor.execute(f"UPDATE account_{source} SET balance = balance - 7 WHERE id = {row}")
                cursor.execute(f"UPDATE account_{target} SET balance = balance + 7 WHERE id = {row}")
                cursor.execute(f"INSERT INTO ledger VALUES ({writer}, {moved[writer]})")
                cursor.execute("COMMIT")
                moved[writer] += 1

    threads = [threading.Thread(target=move, args=(writer,)) for writer in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert min(moved) > RUNS


@pytest.mark.slow
def test_every_artifact_taken_under_writers_is_of_one_moment(
    server: PrivateServer, accounts: str, store: Path, new_database: Callable[[], str]
) -> None:
    with writers(server, accounts):
        for _run in range(RUNS):
            back_up(server, store, [accounts], jobs=LANES)
    artifacts = catalog.list_artifacts(store, details=True).artifacts
    assert len(artifacts) == RUNS
    union = " UNION ALL ".join(f"SELECT balance FROM account_{table}" for table in range(LANES))
    for artifact in artifacts:
        restore_info = artifact.metadata.restore_info
        assert restore_info is not None
        assert restore_info.lanes > 1
        assert restore_info.warnings == []
        target = new_database()
        # The restore itself compares the rows of the growing ledger with what was counted in the dump's snapshot.
        result = put_back(server, artifact, target)
        assert result.comparison is not None
        assert result.comparison["tables_compared"] == LANES + 1
        ((money,),) = server.execute(f"SELECT sum(balance) FROM ({union}) AS every_account", target)
        assert money == ACCOUNTS * BALANCE * LANES
