# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was backed up comes back: the same databases, by whole dumps compared as text."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import psycopg2
import pymysql
import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog

from tests.integration.ansible import Result, run_module
from tests.integration.conftest import ZOOS, Zoos
from tests.integration.scenes import DATABASE_ID, Scene, assert_failed, back_up, files_of
from tests.integration.scenes import put_back as put_back_by_engine
from tools.private_servers.base import PrivateServer
from tools.private_servers.zoo.loader import APP_PASSWORD, APP_USER

SEQUENCES = {
    "postgresql": "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2",
    "mysql": "SELECT next_not_cached_value, cycle_option FROM invoice_numbers",
}
LARGE_OBJECTS = "SELECT oid, md5(lo_get(oid)), pg_get_userbyid(lomowner) FROM pg_largeobject_metadata ORDER BY oid"
APPLICATION_QUERY = {"postgresql": "SELECT count(*) FROM shop.trap", "mysql": "SELECT count(*) FROM names"}


@pytest.mark.parametrize("name", ZOOS)
def test_a_dropped_database_comes_back_whole_and_its_application_can_log_in(zoos: Zoos, name: str) -> None:
    server = zoos.server
    sequences, objects = sequences_of(server, name), large_objects_of(server, name)
    server.drop_database(name)
    result = put_back(zoos, name)
    assert result.rc == 0, result.stdout
    assert result.result["changed"] is True
    comparison = result.result["restore"]["comparison"]
    assert comparison["differences"] == []
    assert comparison["rows_compared"] > 0
    assert comparison["schema_hash_equal"]
    assert server.whole_dump(name, create=True) == zoos.dumps[name]
    assert sequences_of(server, name) == sequences
    assert large_objects_of(server, name) == objects
    assert query_as_application(server, name)[0][0] > 0


def test_a_restore_under_another_name_gives_the_same_database_and_leaves_the_original(
    zoos: Zoos, new_database: Callable[[], str]
) -> None:
    target = new_database()
    result = put_back(zoos, "plain_zoo", target_database=target)
    assert result.rc == 0, result.stdout
    assert result.result["restore"]["target_database"] == target
    assert zoos.server.whole_dump(target, create=True).replace(target, "plain_zoo") == zoos.dumps["plain_zoo"]
    assert zoos.server.whole_dump("plain_zoo", create=True) == zoos.dumps["plain_zoo"]


def test_a_changed_database_is_refused_without_force_and_put_back_with_it(scene: Scene) -> None:
    changed = ["DELETE FROM person WHERE id > 5", "DROP VIEW names", "CREATE TABLE since_then (id int)"]
    for statement in changed:
        scene.server.execute(statement, scene.database)
    dump = scene.server.whole_dump(scene.database, create=True)

    refused = scene.put_back(force=False)
    assert_failed(refused, "validation_error")
    assert "exists" in refused.result["msg"]
    assert scene.server.whole_dump(scene.database, create=True) == dump

    databases = scene.server.databases()
    result = scene.put_back()
    assert result.rc == 0, result.stdout
    assert scene.server.whole_dump(scene.database, create=True) == scene.dump
    assert scene.server.databases() == databases


@pytest.fixture(scope="module")
def days(server: PrivateServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store with artifacts of three days; each day has one row more."""
    store = tmp_path_factory.mktemp("days").joinpath("store")
    server.create_database("days")
    server.execute("CREATE TABLE day (number int)", "days")
    for day in (1, 2, 3):
        server.execute(f"INSERT INTO day VALUES ({day})", "days")
        back_up(server, store, ["days"], datetime(2026, 1, 8 + day, 2, tzinfo=timezone(timedelta(hours=1))))
    yield store
    server.drop_database("days")


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        ({"point_in_time": "2026-01-09T12:00:00+01:00"}, 1),
        ({"point_in_time": "2026-01-10T01:00:00Z"}, 2),
        ({"latest": True}, 3),
    ],
)
def test_the_newest_artifact_at_or_before_a_moment_is_restored(
    server: PrivateServer, days: Path, new_database: Callable[[], str], wanted: dict[str, Any], rows: int
) -> None:
    target = new_database()
    options = {**server.login_options(), "database_id": DATABASE_ID, "base_path": str(days), "database": "days"}
    result = run_module("db_restore", {**options, "target_database": target, **wanted})
    assert result.rc == 0, result.stdout
    assert list(server.execute("SELECT count(*) FROM day", target)) == [(rows,)]


def test_a_moment_before_the_first_artifact_finds_none(scene: Scene) -> None:
    with scene.untouched():
        result = scene.put_back(database=scene.database, point_in_time="2001-01-01T00:00:00+00:00")
    assert_failed(result, "file_not_found")


def test_check_mode_of_a_backup_reports_the_plan_and_writes_nothing(scene: Scene) -> None:
    with scene.untouched():
        result = run_module("db_backup", scene.options(databases=[scene.database]), check=True)
    assert result.rc == 0, result.stdout
    assert result.result["changed"] is True
    (plan,) = result.result["plan"]
    assert (plan["database_id"], plan["database_name"]) == (DATABASE_ID, scene.database)
    assert plan["estimated_bytes"] > 0
    assert "dump" in plan["program"]
    assert result.result["results"] == []


def test_check_mode_of_a_first_backup_does_not_even_make_the_storage(scene: Scene, tmp_path: Path) -> None:
    absent = tmp_path.joinpath("absent")
    options = scene.options(databases=[scene.database], base_path=str(absent))
    result = run_module("db_backup", options, check=True)
    assert result.rc == 0, result.stdout
    assert not absent.exists()


def test_check_mode_of_a_restore_verifies_and_creates_nothing(scene: Scene) -> None:
    options = scene.options(backup_file=str(scene.artifact.paths.data), target_database="never_made")
    with scene.untouched():
        result = run_module("db_restore", options, check=True)
    assert result.rc == 0, result.stdout
    assert result.result["changed"] is True
    assert result.result["restore"]["target_database"] == "never_made"
    assert result.result["restore"]["comparison"] is None


def test_check_mode_of_a_restore_finds_a_damaged_artifact(scene: Scene) -> None:
    data = scene.artifact.paths.data
    data.write_bytes(data.read_bytes()[:-1])
    options = scene.options(backup_file=str(data), target_database="never_made")
    with scene.untouched():
        result = run_module("db_restore", options, check=True)
    assert_failed(result, "validation_error")


def test_a_second_backup_leaves_the_first_as_it_is(scene: Scene) -> None:
    before = files_of(scene.store)
    result = scene.back_up(accounts=True)
    assert result.rc == 0, result.stdout
    after = files_of(scene.store)
    assert {path: after[path] for path in before} == before
    # The three files of the database's artifact, and the three of the accounts'.
    assert len(after) == len(before) + 6


def test_events_keep_their_character_set_in_a_database_whose_name_has_quotes(
    mariadb: PrivateServer, store: Path
) -> None:
    name = """it's "quoted" \\ twice"""
    mariadb.create_database(name)
    with contextlib.closing(mariadb.connect(name)) as connection, connection.cursor() as cursor:
        cursor.execute("SET NAMES latin1")
        cursor.execute("SET time_zone = '+03:00', sql_mode = 'ANSI_QUOTES'")
        cursor.execute(
            "CREATE EVENT `an ''event''` ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 02:00:00' DISABLE"
            " COMMENT 'a; b ;; c' DO SELECT 'Gr\u00f6\u00dfe' AS \"ü\"".encode("latin1")
        )
    schema = mariadb.quote(name)
    mariadb.execute(f"ALTER DATABASE {schema} COLLATE utf8mb4_bin")
    show = "SHOW CREATE EVENT `an ''event''`"
    before, dump = mariadb.execute(show, name), mariadb.whole_dump(name)
    back_up(mariadb, store, [name])
    artifact = catalog.find_latest(store, database_id=DATABASE_ID, database=name)
    mariadb.drop_database(name)
    put_back_by_engine(mariadb, artifact, name)
    assert mariadb.execute(show, name) == before
    assert "Größe" in before[0][3]
    assert mariadb.whole_dump(name) == dump
    mariadb.drop_database(name)


def put_back(zoos: Zoos, name: str, **options: Any) -> Result:
    return run_module(
        "db_restore",
        {
            **zoos.server.login_options(),
            "database_id": DATABASE_ID,
            "base_path": str(zoos.store),
            "database": name,
            "latest": True,
            **options,
        },
    )


def sequences_of(server: PrivateServer, name: str) -> list[Any]:
    return server.execute(SEQUENCES[server.family], name)


def large_objects_of(server: PrivateServer, name: str) -> list[Any]:
    return server.execute(LARGE_OBJECTS, name) if server.family == "postgresql" else []


def query_as_application(server: PrivateServer, name: str) -> list[Any]:
    """Log in as the zoo's application and read what it was granted."""
    login: dict[str, Any] = {"host": server.host, "port": server.port, "user": APP_USER}
    connection: Any = (
        psycopg2.connect(**login, password=APP_PASSWORD, dbname=name)
        if server.family == "postgresql"
        else pymysql.connect(**login, password=APP_PASSWORD.encode(), database=name)
    )
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(APPLICATION_QUERY[server.family])
        return list(cursor.fetchall())
