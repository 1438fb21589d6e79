# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing is lost: a database with one of every kind comes back equal, however it was dumped and restored."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql import plan as mysql_plan
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.postgresql import plan as postgresql_plan

from tests.integration.facts import Facts, facts_of
from tests.integration.kinds import KINDS
from tests.integration.scenes import DATABASE_ID, back_up, put_back
from tests.integration.test_plain_restore import pipe_into_client
from tools.private_servers.base import PrivateServer
from tools.private_servers.zoo.loader import APP_PASSWORD, APP_USER, load_zoo

ZOO = "every_kind"
# By plan: how many jobs, and how the sizes are set that decide about parts, since no zoo is large enough for any.
PLANS: dict[str, tuple[int, list[tuple[ModuleType, str, int]]]] = {
    "one process": (1, []),
    "several parts": (
        4,
        [
            (postgresql_plan, "SMALLEST_PARALLEL_BYTES", 0),
            (postgresql_plan, "CATALOGUE_BYTES_PER_TABLE", 0),
            (mysql_plan, "SMALLEST_PARALLEL_BYTES", 0),
        ],
    ),
    "as many parts as there can be": (
        12,
        [
            (postgresql_plan, "SMALLEST_PARALLEL_BYTES", 0),
            (postgresql_plan, "CATALOGUE_BYTES_PER_TABLE", 0),
            (postgresql_plan, "OWN_PART_SHARE", 0),
            (mysql_plan, "SMALLEST_PARALLEL_BYTES", 0),
        ],
    ),
}
# What the application may do with the rights of another: read a view, call routines.
APPLICATION_QUERIES: dict[str, dict[str, Any]] = {
    "postgresql": {
        "SELECT count(*) FROM shop.customer_names": 3,
        "SELECT size FROM shop.describe(10)": len("Zoë Ünïcødé 𝄞 日本語 🦊"),
        'SELECT shop."of the reader"()': "zoo_reader",
    },
    "mysql": {"SELECT count(*) FROM names": 3, "SELECT doubled(21)": 42},
}


@dataclass(frozen=True)
class Source:
    """The zoo as it is on its server, and an artifact of it."""

    server: PrivateServer
    plan: str
    artifact: catalog.Artifact
    dump: str
    plain_dump: str
    facts: Facts


@pytest.fixture(scope="module", params=PLANS)
def source(
    server: PrivateServer, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Source]:
    """The zoo, dumped by one process and by several side by side."""
    jobs, sizes = PLANS[request.param]
    load_zoo(server, ZOO)
    store = tmp_path_factory.mktemp("zoo").joinpath("store")
    with pytest.MonkeyPatch.context() as patching:
        for module, name, value in sizes:
            patching.setattr(module, name, value)
        back_up(server, store, [ZOO], jobs=jobs)
    artifact = catalog.find_latest(store, database_id=DATABASE_ID, database=ZOO)
    plain_dump, dump = server.whole_dump(ZOO), server.whole_dump(ZOO, create=True)
    yield Source(server, request.param, artifact, dump, plain_dump, facts_of(server, ZOO))
    server.drop_database(ZOO)


def test_the_zoo_has_one_of_each_kind(source: Source) -> None:
    missing = []
    with contextlib.closing(source.server.connect(ZOO)) as connection, connection.cursor() as cursor:
        for kind, condition in KINDS[source.server.flavour].items():
            cursor.execute(f"SELECT 1 FROM {condition} LIMIT 1")
            if not cursor.fetchall():
                missing.append(kind)
    assert missing == []


def test_the_database_restored_by_the_engine_is_equal(source: Source, new_database: Callable[[], str]) -> None:
    target = new_database()
    result = put_back(source.server, source.artifact, target)
    assert result.warnings == []
    assert source.server.whole_dump(target, create=True).replace(target, ZOO) == source.dump
    assert_equal(facts_of(source.server, target), source.facts)


def test_the_database_restored_by_the_plain_client_is_equal(source: Source, new_database: Callable[[], str]) -> None:
    target = new_database()
    source.server.create_database(target)
    pipe_into_client(source.artifact.paths.data, source.server, target)
    assert source.server.whole_dump(target) == source.plain_dump
    # What belongs to the database itself is in no artifact's text.
    assert_equal({**facts_of(source.server, target), "database": source.facts["database"]}, source.facts)


def test_the_application_works_with_a_restored_database(source: Source) -> None:
    source.server.drop_database(ZOO)
    put_back(source.server, source.artifact, ZOO)
    for query, expected in APPLICATION_QUERIES[source.server.family].items():
        assert ask_as_application(source.server, query) == expected


def test_a_dump_is_of_as_many_parts_as_its_plan_says(source: Source) -> None:
    restore_info = source.artifact.metadata.restore_info
    assert restore_info is not None
    kinds = [section.kind for section in restore_info.sections]
    if source.plan == "one process":
        assert kinds == ["full"]
        return
    assert (kinds[0], kinds[-1]) == ("pre_data", "post_data")
    assert kinds.count("data") > (10 if source.plan == "as many parts as there can be" else 1)


def test_a_table_that_takes_its_numbers_from_a_sequence_comes_back(mariadb: PrivateServer, store: Path) -> None:
    name = "with_numbers"
    mariadb.create_database(name)
    mariadb.execute("CREATE SEQUENCE numbers START WITH 5 NOCACHE", name)
    mariadb.execute("CREATE TABLE numbered (id int PRIMARY KEY DEFAULT nextval(numbers))", name)
    mariadb.execute("INSERT INTO numbered VALUES (DEFAULT), (DEFAULT)", name)
    dump = mariadb.whole_dump(name)
    back_up(mariadb, store, [name])
    mariadb.drop_database(name)
    put_back(mariadb, catalog.find_latest(store, database_id=DATABASE_ID, database=name), name)
    assert mariadb.whole_dump(name) == dump
    mariadb.execute("INSERT INTO numbered VALUES (DEFAULT)", name)
    assert list(mariadb.execute("SELECT max(id) FROM numbered", name)) == [(7,)]
    mariadb.drop_database(name)


def assert_equal(found: Facts, expected: Facts) -> None:
    """Compare fact by fact, so that a failure shows the one that differs."""
    assert found.keys() == expected.keys()
    for name, fact in expected.items():
        assert found[name] == fact, name


def ask_as_application(server: PrivateServer, query: str) -> Any:
    with (
        contextlib.closing(server.connect_as(APP_USER, APP_PASSWORD, ZOO)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(query)
        return cursor.fetchone()[0]
