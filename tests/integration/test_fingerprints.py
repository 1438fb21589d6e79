# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of tables, hashed in the dump's snapshot and again after a restore: what tells them apart."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, instances
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.store import Store
from ansible_collections.vya.backupdb.plugins.module_utils._engine.backups import run
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql import catalogue, connection
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.values import every_table
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import StorageConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import TableInfo

from tests.integration.ansible import run_module
from tests.integration.conftest import Zoos
from tests.integration.scenes import (
    DATABASE_ID,
    HOSTNAME,
    PLANTED,
    Scene,
    assert_failed,
    instance_of,
    now,
    put_back,
    write_config,
)
from tools.private_servers.base import PrivateServer

OTHER_ENGINES = """
    SELECT table_name FROM information_schema.tables
    WHERE table_schema = %s AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND engine <> 'InnoDB'
"""


def tables_of(store: Path, database: str) -> list[TableInfo]:
    """Return the tables as the metadata of a database's newest artifact has them."""
    restore_info = newest(store, database).metadata.restore_info
    assert restore_info is not None
    return restore_info.tables


def newest(store: Path, database: str) -> catalog.Artifact:
    return catalog.find_latest(store, database_id=DATABASE_ID, database=database)


def back_up_content(server: PrivateServer, store: Path, database: str) -> catalog.Artifact:
    """Back up a database with ``fingerprint: content`` by the engine alone."""
    instance = instance_of(server)
    with_content = instances.Instance(instance.config.model_copy(update={"fingerprint": "content"}), instance.endpoint)
    engine_store = Store(StorageConfig(base_path=store), HOSTNAME, now)
    wanted = run.Wanted(instance.id, lambda: with_content)
    run.back_up([wanted], engine_store, run.Request([database])).raise_for_failures()
    return newest(store, database)


def fingerprints(server: PrivateServer, database: str) -> dict[str, str | None]:
    """Return the fingerprint of each table as it is now."""
    found = instance_of(server).server().inspect(database, every_table)
    return {table.name: table.fingerprint for table in found.tables}


def test_every_table_of_a_zoo_that_the_snapshot_covers_has_its_content_compared(
    zoos: Zoos, store: Path, new_database: Callable[[], str]
) -> None:
    options = {**zoos.server.login_options(), "database_id": DATABASE_ID, "base_path": str(store)}
    taken = run_module("db_backup", {**options, "databases": ["plain_zoo"], "fingerprint": "content"})
    assert taken.rc == 0, taken.stdout
    tables = tables_of(store, "plain_zoo")
    lacking = {table.name for table in tables if table.fingerprint is None}
    on_mysql = zoos.server.family == "mysql"
    others = zoos.server.execute(OTHER_ENGINES, params=["plain_zoo"]) if on_mysql else []
    assert lacking == {name for (name,) in others}
    assert bool(lacking) is on_mysql
    told = [f"plain_zoo: the content of {len(lacking)} of {len(tables)} tables was not hashed"] if lacking else []
    warnings = taken.result["results"][0]["warnings"]
    assert [warning.split(",", maxsplit=1)[0] for warning in warnings] == told
    restored = run_module(
        "db_restore", {**options, "database": "plain_zoo", "latest": True, "target_database": new_database()}
    )
    assert restored.rc == 0, restored.stdout
    comparison = restored.result["restore"]["comparison"]
    assert comparison["differences"] == []
    assert comparison["fingerprints_compared"] == sum(table.fingerprint is not None for table in tables) > 10


def test_without_being_asked_for_no_content_is_hashed(zoos: Zoos, new_database: Callable[[], str]) -> None:
    assert {table.fingerprint for table in tables_of(zoos.store, "plain_zoo")} == {None}
    comparison = put_back(zoos.server, zoos.artifact("plain_zoo"), new_database()).comparison
    assert comparison is not None
    assert comparison["fingerprints_compared"] == 0


def test_the_configuration_asks_for_it_and_an_option_overrules_it(
    server: PrivateServer, tmp_path: Path, store: Path, filled: str
) -> None:
    config = write_config(server, tmp_path, store)
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    settings["databases"][0]["fingerprint"] = "content"
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    taken = []
    for overruled in ({}, {"fingerprint": "rows"}):
        result = run_module("db_backup", {"config": str(config), "databases": [filled], **overruled})
        assert result.rc == 0, result.stdout
        taken.append([table.fingerprint is not None for table in tables_of(store, filled)])
    assert taken == [[True, True], [False, False]]


def test_other_content_than_was_dumped_fails_the_restore_and_the_live_database_stays(scene: Scene) -> None:
    taken = scene.back_up(fingerprint="content")
    assert taken.rc == 0, taken.stdout
    metadata = Path(taken.result["results"][0]["metadata_file"])
    content = json.loads(metadata.read_text(encoding="utf-8"))
    (person,) = (table for table in content["restore_info"]["tables"] if table["name"] == "person")
    # As if another byte had been in one of the rows when they were dumped.
    person["fingerprint"] = person["fingerprint"][:-1] + ("0" if person["fingerprint"][-1] != "0" else "1")
    metadata.write_text(json.dumps(content), encoding="utf-8")
    with scene.untouched():
        result = scene.put_back()
    assert_failed(result, "validation_error")
    assert "person has other content in its 300 rows" in result.result["msg"]


def test_a_fingerprint_of_a_kind_that_is_not_known_is_passed_over(
    server: PrivateServer, store: Path, filled: str, new_database: Callable[[], str]
) -> None:
    artifact = back_up_content(server, store, filled)
    content = artifact.paths.metadata.read_text(encoding="utf-8")
    artifact.paths.metadata.write_text(content.replace('"sha256sum64:', '"of-the-future:'), encoding="utf-8")
    comparison = put_back(server, newest(store, filled), new_database()).comparison
    assert comparison is not None
    assert (comparison["tables_compared"], comparison["fingerprints_compared"]) == (2, 0)


@pytest.fixture
def filled(server: PrivateServer, new_database: Callable[[], str]) -> str:
    """The name of a database with two tables of the same shape."""
    name = new_database()
    server.create_database(name)
    for table in ("first", "second"):
        server.execute(f"CREATE TABLE {table} (id int, a varchar(50), b varchar(50), r double precision)", name)
        for number in range(1, 6):
            server.execute(
                f"INSERT INTO {table} VALUES (%s, %s, %s, %s)",
                name,
                [number, f"{PLANTED} {number}", table, number / 3],
            )
    return name


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ("UPDATE first SET b = 'fir5t' WHERE id = 3", {"first"}),
        ("UPDATE first SET b = 'first ' WHERE id = 3", {"first"}),
        ("UPDATE first SET b = 'FIRST' WHERE id = 3", {"first"}),
        ("UPDATE first SET a = b, b = a WHERE id = 3", {"first"}),
        ("UPDATE second SET r = 0.33333333333333337 WHERE id = 1", {"second"}),
        ("UPDATE second SET b = NULL WHERE id = 1", {"second"}),
        ("UPDATE second SET b = '' WHERE id = 1", {"second"}),
        ("INSERT INTO second SELECT * FROM second WHERE id = 1", {"second"}),
        ("DELETE FROM second WHERE id = 1", {"second"}),
        ("UPDATE first SET id = 6 - id", {"first"}),
    ],
)
def test_every_change_of_a_value_changes_the_fingerprint_of_its_table_alone(
    server: PrivateServer, filled: str, change: str, changed: set[str]
) -> None:
    before = fingerprints(server, filled)
    server.execute(change, filled)
    after = fingerprints(server, filled)
    assert {name for name in before if before[name] != after[name]} == changed


def test_what_could_be_mistaken_for_each_other_has_fingerprints_of_its_own(server: PrivateServer, filled: str) -> None:
    pairs = [("NULL", "NULL"), ("''", "NULL"), ("NULL", "''"), ("''", "''"), ("'ab'", "'c'"), ("'a'", "'bc'")]
    pairs += [("'~'", "NULL"), ("','", "''"), ("''", "','"), ("'a,b'", "''"), ("'a'", "'b,'"), ("'\"'", "'\"\"'")]
    for number, (a, b) in enumerate(pairs):
        server.execute(f"CREATE TABLE pair_{number} (a varchar(5), b varchar(5))", filled)
        server.execute(f"INSERT INTO pair_{number} VALUES ({a}, {b})", filled)
    found = fingerprints(server, filled)
    assert len({found[f"pair_{number}"] for number in range(len(pairs))}) == len(pairs)


def test_rows_that_two_tables_have_swapped_are_noticed_after_a_restore(
    server: PrivateServer, store: Path, filled: str, new_database: Callable[[], str]
) -> None:
    artifact = back_up_content(server, store, filled)
    target = new_database()
    put_back(server, artifact, target)
    restored = fingerprints(server, target)
    assert restored == fingerprints(server, filled)
    for table, other in (("first", "second"), ("second", "first")):
        server.execute(f"UPDATE {table} SET b = '{other}' WHERE id = 2", target)
    swapped = fingerprints(server, target)
    assert swapped["first"] != restored["first"]
    assert swapped["second"] != restored["second"]


REWRITES = {"postgresql": "VACUUM FULL first", "mysql": "OPTIMIZE TABLE first"}


def test_the_order_of_rows_and_where_they_are_stored_do_not_matter(server: PrivateServer, filled: str) -> None:
    before = fingerprints(server, filled)
    server.execute("CREATE TABLE copy AS SELECT * FROM first", filled)
    server.execute("DELETE FROM first", filled)
    server.execute("INSERT INTO first SELECT * FROM copy ORDER BY id DESC", filled)
    server.execute(REWRITES[server.family], filled)
    after = fingerprints(server, filled)
    assert after["first"] == after["copy"] == before["first"]


KINDS = {
    "postgresql": """
        CREATE TABLE kinds (moment timestamptz DEFAULT '2026-02-01 12:00+01', day date, pause interval, ratio float8,
            small float4, bytes bytea, money money, relation regclass, document xml);
        INSERT INTO kinds VALUES ('2026-01-09 02:00:00-03', '2026-02-01', '1 mon -2 days 03:04:05.6', 1 / 3::float8,
            1 / 3::float4, '\\x00ff', '1234.5', 'first', '<a>ü</a>');
        """,
    "mysql": """
        CREATE TABLE kinds (moment timestamp NULL, day date, pause time(3), ratio double, small float,
            money float(12, 2), bytes blob, fixed char(9), bits bit(9), one enum('a', 'b'), place point);
        INSERT INTO kinds VALUES ('2026-01-09 02:00:00', '2026-02-00', '-01:02:03.004', 1 / 3e0, 1 / 3e0, 9876543.21,
            x'00ff', 'a  ', b'101', 'b', ST_GeomFromText('POINT(1 2)'));
        INSERT INTO kinds (small, ratio) VALUES (16777217, 5e-324), (-0e0, -0e0), (3.402823e38, 1.7976931348623157e308);
        """,
}
SETTINGS = {
    "postgresql": (
        "ALTER DATABASE {} SET datestyle = 'German'",
        "ALTER DATABASE {} SET timezone = 'Asia/Kathmandu'",
        "ALTER DATABASE {} SET intervalstyle = 'sql_standard'",
        "ALTER DATABASE {} SET bytea_output = 'escape'",
        "ALTER DATABASE {} SET extra_float_digits = -5",
        "ALTER DATABASE {} SET search_path = public",
        "ALTER DATABASE {} SET quote_all_identifiers = on",
    ),
    "mysql": (
        "SET GLOBAL time_zone = '+05:45'",
        "SET GLOBAL sql_mode = 'PAD_CHAR_TO_FULL_LENGTH,ANSI_QUOTES,PIPES_AS_CONCAT'",
        "SET GLOBAL div_precision_increment = 20",
    ),
}


@pytest.fixture
def strangely_set(server: PrivateServer, filled: str) -> Iterator[Callable[[], None]]:
    """Give a function that sets whatever changes how values are written."""
    names = ("time_zone", "sql_mode", "div_precision_increment") if server.family == "mysql" else ()
    before = {name: server.execute(f"SELECT @@global.{name}")[0][0] for name in names}

    def change() -> None:
        for setting in SETTINGS[server.family]:
            server.execute(setting.format(server.quote(filled)))

    yield change
    for name, value in before.items():
        server.execute(f"SET GLOBAL {name} = %s", params=[value])


def test_how_a_server_or_database_writes_values_does_not_matter(
    server: PrivateServer,
    store: Path,
    filled: str,
    new_database: Callable[[], str],
    strangely_set: Callable[[], None],
) -> None:
    server.run_script(("SET sql_mode = '';" if server.family == "mysql" else "") + KINDS[server.family], filled)
    before = fingerprints(server, filled)
    artifact = back_up_content(server, store, filled)
    strangely_set()
    assert fingerprints(server, filled) == before
    schema = instance_of(server).server().inspect(filled).schema
    assert schema.schema_hash == artifact.metadata.schema_info.schema_hash
    target = new_database()
    comparison = put_back(server, artifact, target).comparison
    assert comparison is not None
    assert comparison["fingerprints_compared"] == len(before) == 3
    assert fingerprints(server, target) == before


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_columns_that_a_restore_puts_in_another_order_do_not_matter(
    server: PrivateServer, store: Path, filled: str, new_database: Callable[[], str]
) -> None:
    server.execute("CREATE TABLE child (own text) INHERITS (first)", filled)
    server.execute("ALTER TABLE first ADD COLUMN later text", filled)
    server.execute("ALTER TABLE first DROP COLUMN r", filled)
    server.execute("INSERT INTO child VALUES (1, 'a', 'b', 'own', 'later')", filled)
    order = "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped"
    order += " AND attrelid = 'child'::regclass"
    target = new_database()
    put_back(server, back_up_content(server, store, filled), target)
    assert server.execute(order, filled) != server.execute(order, target)
    assert fingerprints(server, target) == fingerprints(server, filled)


@pytest.mark.parametrize("server", ["mariadb"], indirect=True)
def test_a_value_longer_than_any_packet_is_hashed_whole(server: PrivateServer, filled: str) -> None:
    for table, byte in (("long_text", "x"), ("other_text", "y")):
        server.execute(f"CREATE TABLE {table} (content longtext)", filled)
        server.execute(f"INSERT INTO {table} VALUES (insert(repeat('x', 3000000), 2500000, 1, '{byte}'))", filled)
    with longest_packet(server, 1024 * 1024):
        found = fingerprints(server, filled)
    assert found["long_text"] != found["other_text"]


@contextlib.contextmanager
def longest_packet(server: PrivateServer, size_bytes: int) -> Iterator[None]:
    (before,) = server.execute("SELECT @@global.max_allowed_packet")[0]
    server.execute(f"SET GLOBAL max_allowed_packet = {size_bytes}")
    try:
        yield
    finally:
        server.execute(f"SET GLOBAL max_allowed_packet = {before}")


@contextlib.contextmanager
def unhashable(server: PrivateServer, database: str) -> Iterator[None]:
    """Let a database have content that can be dumped and counted, but not hashed."""
    if server.family == "postgresql":
        # Bytes that are no text in the encoding of the database, as a change of the catalogue by hand leaves them.
        server.drop_database(database)
        server.execute(
            f"CREATE DATABASE {database} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
        server.execute("CREATE TABLE text (content text)", database)
        server.execute(f"INSERT INTO text VALUES ('{PLANTED} ' || E'\\xe9t\\xe9')", database)
        server.execute(f"UPDATE pg_database SET encoding = pg_char_to_encoding('UTF8') WHERE datname = '{database}'")
        yield
        return
    columns = [f"c{number} varchar(250)" for number in range(5)]
    server.execute(f"CREATE TABLE text ({', '.join(columns)})", database)
    server.execute(f"INSERT INTO text VALUES ({', '.join([repr(PLANTED * 10)] * 5)})", database)
    with longest_packet(server, 2048):
        yield


def test_content_that_cannot_be_hashed_fails_the_backup_and_shows_no_row(
    server: PrivateServer, store: Path, filled: str
) -> None:
    with unhashable(server, filled), pytest.raises(errors.BackupDBError) as caught:
        back_up_content(server, store, filled)
    assert caught.value.error_code == "validation_error"
    assert "text" in caught.value.message
    assert PLANTED not in str(caught.value.details())
    assert catalog.list_artifacts(store).artifacts == []


def test_the_content_is_that_of_the_dump_however_much_is_written_meanwhile(
    server: PrivateServer, store: Path, filled: str, new_database: Callable[[], str]
) -> None:
    stop = threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        with contextlib.closing(server.connect(filled)) as session, session.cursor() as cursor:
            while not stop.is_set():
                cursor.execute(f"UPDATE first SET r = {written} WHERE id = {written % 5 + 1}")
                written += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _run in range(3):
            before = written
            artifact = back_up_content(server, store, filled)
            assert written > before
            comparison = put_back(server, artifact, new_database()).comparison
            assert comparison is not None
            assert comparison["fingerprints_compared"] == 2
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize("server", ["mariadb"], indirect=True)
def test_a_table_that_has_been_read_can_be_altered_while_the_snapshot_lives(server: PrivateServer, filled: str) -> None:
    endpoint = instance_of(server).endpoint
    with connection.session(endpoint, filled) as inspecting, inspecting.cursor() as cursor:
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        catalogue.inspect(endpoint, cursor, filled, fingerprinted=every_table)
        with contextlib.closing(server.connect(filled)) as session, session.cursor() as altering:
            altering.execute("SET SESSION lock_wait_timeout = 1")
            altering.execute("ALTER TABLE first ADD COLUMN later int")
        cursor.execute("SELECT COUNT(*) FROM second")
        assert cursor.fetchone() == (5,)
