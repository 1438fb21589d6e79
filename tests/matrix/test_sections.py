# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One database dumped by several processes on other products and versions."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import secrets
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql import lock
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql import plan as mysql_plan
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.postgresql import plan as postgresql_plan

from tests.integration.lanes import (
    LANES,
    artifact_of,
    assert_one_process,
    report_of,
    restore_info_of,
    state_of,
    wait_until,
)
from tests.matrix.engine import back_up_by_lanes, put_back_by_engine
from tests.matrix.products import MYSQL_FAMILY_NAMES, MYSQL_NAMES, POSTGRESQL_NAMES
from tools.private_servers.base import PrivateServer
from tools.private_servers.zoo.loader import load_zoo

pytestmark = [pytest.mark.matrix, pytest.mark.cell("several processes")]
OF_POSTGRESQL = pytest.mark.parametrize("product", POSTGRESQL_NAMES, indirect=True)
OF_THE_MYSQL_FAMILY = pytest.mark.parametrize("product", MYSQL_FAMILY_NAMES, indirect=True)
OF_MYSQL = pytest.mark.parametrize("product", MYSQL_NAMES, indirect=True)
NEEDED = "SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE, SHOW_ROUTINE"
# To a dump program some of these are one name.
ODD_NAMES = ("case", "Case", "CASE", "é", "É", "e", "©", "ß", "s", "a`b", "a b", "-- x", "it's", "a\\b", "%s")


@pytest.fixture(autouse=True)
def every_size_is_worth_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    for plan in (mysql_plan, postgresql_plan):
        monkeypatch.setattr(plan, "SMALLEST_PARALLEL_BYTES", 0)
    monkeypatch.setattr(postgresql_plan, "CATALOGUE_BYTES_PER_TABLE", 0)


@pytest.fixture
def zoo(server: PrivateServer) -> Iterator[str]:
    load_zoo(server, "sections")
    yield "sections"
    server.drop_database("sections")


@OF_POSTGRESQL
def test_a_zoo_dumped_side_by_side_comes_back_whole(server: PrivateServer, zoo: str, store: Path) -> None:
    before = server.whole_dump(zoo, create=True)
    artifact = back_up_by_lanes(server, store, zoo, LANES)
    restore_info = artifact.metadata.restore_info
    assert restore_info is not None
    kinds = [section.kind for section in restore_info.sections]
    assert (kinds[0], kinds[-1]) == ("pre_data", "post_data")
    assert kinds.count("data") > 2
    assert restore_info.warnings == []
    server.drop_database(zoo)
    put_back_by_engine(server, artifact, zoo)
    assert server.whole_dump(zoo, create=True) == before


@OF_THE_MYSQL_FAMILY
def test_a_zoo_dumped_on_one_lock_comes_back_whole(server: PrivateServer, zoo: str, store: Path) -> None:
    before = server.whole_dump(zoo, create=True)
    report_of(server, store, zoo, clients=server.client_path).raise_for_failures()
    restore_info = restore_info_of(store, zoo)
    assert [section.kind for section in restore_info.sections] == ["pre_data", *["data"] * LANES, "post_data"]
    assert restore_info.warnings == []
    assert restore_info.lock_held_seconds is not None
    assert restore_info.server_version == server.version
    server.drop_database(zoo)
    put_back_by_engine(server, artifact_of(store, zoo), zoo)
    assert server.whole_dump(zoo, create=True) == before


@OF_THE_MYSQL_FAMILY
def test_tables_of_any_name_are_each_dumped_once(server: PrivateServer, store: Path) -> None:
    server.create_database("odd")
    for number, table in enumerate(ODD_NAMES):
        quoted = server.quote(table).replace("%", "%%")
        server.execute(f"CREATE TABLE {quoted} (id int, t text)", "odd", params=[])
        server.execute(f"INSERT INTO {quoted} VALUES ({number}, %s)", "odd", params=[table])
    before = server.whole_dump("odd", create=True)
    report_of(server, store, "odd", clients=server.client_path).raise_for_failures()
    found = restore_info_of(store, "odd").sections
    assert sorted(table for section in found for table in section.tables) == sorted(ODD_NAMES)
    assert [section.kind for section in found].count("data") == LANES
    server.drop_database("odd")
    put_back_by_engine(server, artifact_of(store, "odd"), "odd")
    assert server.whole_dump("odd", create=True) == before
    server.drop_database("odd")


@OF_MYSQL
def test_a_long_query_is_seen_before_the_lock_and_nobody_waits_for_it(
    server: PrivateServer, zoo: str, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session: list[int] = []

    def read_for_long() -> None:
        with contextlib.closing(server.connect(zoo)) as connection, connection.cursor() as cursor:
            session.append(connection.thread_id())
            # Ended by KILL.
            with contextlib.suppress(Exception):
                cursor.execute("SELECT sleep(600) FROM no_key")

    slow = threading.Thread(target=read_for_long)
    slow.start()
    try:
        wait_until(lambda: seconds_of(server, session) >= lock.LONG_QUERY_SECONDS)
        report = report_of(server, store, zoo, clients=server.client_path)
        # What FLUSH TABLES had waited for would keep this waiting, too.
        server.execute("INSERT INTO no_key VALUES (7, 'seven')", zoo)
        assert state_of(server, session) == "Query"
    finally:
        server.execute(f"KILL {session[0]}")
        slow.join()
    report.raise_for_failures()
    ((warning,),) = [list(result.warnings) for result in report.results]
    assert "no read lock was asked for, since a query has been running for " in warning
    assert [section.kind for section in restore_info_of(store, zoo).sections] == ["full"]


def seconds_of(server: PrivateServer, session: list[int]) -> int:
    """Return for how long a session's query has been running, -1 if it is not there yet."""
    query = "SELECT time FROM performance_schema.processlist WHERE id = %s AND command = 'Query'"
    rows = server.execute(query, params=session) if session else []
    return int(rows[0][0]) if rows else -1


@OF_MYSQL
@pytest.mark.parametrize(
    ("granted", "why"),
    [
        (
            "RELOAD",
            "without the privilege PROCESS it cannot be seen whether a long query is in the way of the read lock",
        ),
        ("PROCESS", "there is no privilege (RELOAD) for a read lock"),
    ],
)
def test_an_account_that_lacks_a_privilege_for_the_lock_dumps_by_one_process(
    server: PrivateServer, zoo: str, store: Path, granted: str, why: str
) -> None:
    server.create_user("dumper", "dump it")
    try:
        server.execute(
            f"GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE, SHOW_ROUTINE, {granted} ON *.* TO dumper@'%'"
        )
        login = secrets.Login("dumper", "dump it")
        report = report_of(server, store, zoo, login=login, clients=server.client_path)
    finally:
        server.execute("DROP USER dumper@'%'")
    assert_one_process(report, store, zoo, why)


@OF_MYSQL
def test_an_account_with_all_privileges_for_the_lock_has_them_by_a_role_too(
    server: PrivateServer, zoo: str, store: Path
) -> None:
    server.execute("CREATE ROLE dumping")
    server.create_user("dumper", "dump it")
    try:
        server.execute(f"GRANT {NEEDED}, FLUSH_TABLES, PROCESS ON *.* TO dumping")
        server.execute("GRANT dumping TO dumper@'%'")
        server.execute("SET DEFAULT ROLE ALL TO dumper@'%'")
        login = secrets.Login("dumper", "dump it")
        report_of(server, store, zoo, login=login, clients=server.client_path).raise_for_failures()
    finally:
        server.execute("DROP USER dumper@'%'")
        server.execute("DROP ROLE dumping")
    restore_info = restore_info_of(store, zoo)
    assert (restore_info.lanes, restore_info.warnings) == (LANES, [])
