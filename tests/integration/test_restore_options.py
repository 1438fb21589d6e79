# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore can be asked for: some tables, the old database beside the new one, no copy, any dump."""

from __future__ import annotations

import contextlib
import gzip
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql import plan as mysql_plan
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.postgresql import plan as postgresql_plan
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.results import RestoreResult
from ansible_collections.vya.backupdb.plugins.module_utils._engine.restores import restore, selection
from ansible_collections.vya.backupdb.plugins.module_utils._engine.restores.foreign import ForeignDump

from tests.integration.ansible import run_module
from tests.integration.scenes import PEOPLE, Scene, assert_failed, back_up, instance_of, now
from tools.private_servers.base import PrivateServer


@pytest.fixture
def live(server: PrivateServer, scene_of: Callable[[PrivateServer], Scene], store: Path) -> Iterator[Scene]:
    """A scene whose live database may be replaced: it belongs to the test."""
    name = "replaceable"
    shared = scene_of(server)
    server.create_database(name)
    # A copy of the shared scene's database, by its own artifact.
    put_back(server, shared.artifact, name, force=True, strategy="in_place")
    back_up(server, store, [name])
    yield Scene(server, name, store, server.whole_dump(name, create=True))
    for database in server.databases():
        if database.startswith(name):
            server.drop_database(database)


def put_back(server: PrivateServer, artifact: selection.Artifact, target: str, **options: Any) -> RestoreResult:
    return restore.restore(instance_of(server).server(), restore.Request(artifact, target, **options), now())


def tables(server: PrivateServer, database: str) -> list[str]:
    schema = "public" if server.family == "postgresql" else database
    query = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s AND table_type = 'BASE TABLE'"
    return sorted(name for (name,) in server.execute(query, database, [schema]))


def people(server: PrivateServer, database: str) -> int:
    ((count,),) = server.execute("SELECT count(*) FROM person", database)
    return int(count)


def test_the_database_that_is_replaced_can_be_kept(live: Scene) -> None:
    live.server.execute("DELETE FROM person WHERE id > 10", live.database)
    changed = live.server.whole_dump(live.database, create=True)
    result = live.put_back(keep_previous=True).result["restore"]
    previous = result["previous_database"]
    assert previous.startswith(f"{live.database}__before_")
    assert live.server.whole_dump(live.database, create=True) == live.dump
    assert live.server.whole_dump(previous, create=True).replace(previous, live.database) == changed


def test_a_database_that_was_kept_is_backed_up_by_its_own_name_alone(live: Scene) -> None:
    previous = live.put_back(keep_previous=True).result["restore"]["previous_database"]
    assert previous in live.server.databases()

    def backed_up(*names: str) -> list[str]:
        result = live.back_up(databases=list(names) or None)
        assert result.rc == 0, result.stdout
        return [each["database_name"] for each in result.result["results"]]

    assert live.database in backed_up()
    assert previous not in backed_up()
    assert backed_up(f"{live.database}*") == [live.database]
    assert backed_up(previous) == [previous]


def test_without_that_nothing_of_it_stays(live: Scene) -> None:
    before = live.server.databases()
    live.server.execute("DELETE FROM person WHERE id > 10", live.database)
    assert live.put_back().result["restore"]["previous_database"] is None
    assert live.server.databases() == before
    assert live.server.whole_dump(live.database, create=True) == live.dump


def test_a_database_can_be_replaced_in_place(live: Scene) -> None:
    live.server.execute("DELETE FROM person WHERE id > 10", live.database)
    live.put_back(strategy="in_place")
    assert live.server.whole_dump(live.database, create=True) == live.dump


@contextlib.contextmanager
def session_in(server: PrivateServer, database: str) -> Iterator[Any]:
    with contextlib.closing(server.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM person")
        yield cursor


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_open_sessions_are_named_and_ended_only_if_that_is_wanted(live: Scene) -> None:
    with session_in(live.server, live.database):
        with live.untouched():
            refused = live.put_back()
        assert_failed(refused, "validation_error")
        assert "is in use" in refused.result["msg"]
        assert "terminate_sessions" in refused.result["hint"]
        assert live.put_back(terminate_sessions=True).rc == 0
    assert live.server.whole_dump(live.database, create=True) == live.dump


@pytest.fixture
def in_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    for plan in (postgresql_plan, mysql_plan):
        monkeypatch.setattr(plan, "SMALLEST_PARALLEL_BYTES", 0)


@pytest.mark.usefixtures("in_sections")
def test_some_tables_come_back_alone_and_only_their_sections_are_read(
    live: Scene, new_database: Callable[[], str]
) -> None:
    live.server.execute("CREATE TABLE ballast (content varchar(100) NOT NULL)", live.database)
    rows = ", ".join(f"('ballast {number * 7919 % 100003}')" for number in range(2000))
    live.server.execute(f"INSERT INTO ballast VALUES {rows}", live.database)
    back_up(live.server, live.store, [live.database], jobs=3)
    artifact = live.artifact
    target = new_database()
    result = put_back(live.server, artifact, target, tables=["person"], jobs=2)
    assert 0 < result.bytes_read < artifact.metadata.file_info.size_bytes
    assert tables(live.server, target) == ["person"]
    assert people(live.server, target) == PEOPLE
    with pytest.raises(Exception, match=r"(?i)duplicate"):
        live.server.execute("INSERT INTO person SELECT * FROM person", target)


def test_some_tables_of_an_artifact_of_one_section_come_back_alone(
    live: Scene, new_database: Callable[[], str]
) -> None:
    target = new_database()
    result = put_back(live.server, live.artifact, target, tables=["pers*"])
    assert result.comparison is not None
    assert result.comparison["tables_compared"] == 1
    assert tables(live.server, target) == ["person"]


KINDS = """
    CREATE EXTENSION file_fdw;
    CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
    CREATE FOREIGN TABLE far (id integer) SERVER files OPTIONS (filename '/dev/null');
    CREATE TABLE old (id integer, at date NOT NULL) PARTITION BY RANGE (at);
    CREATE TABLE old_near PARTITION OF old FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
    CREATE FOREIGN TABLE old_far PARTITION OF old FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')
        SERVER files OPTIONS (filename '/dev/null');
    CREATE TABLE days (id integer, at date NOT NULL, UNIQUE (id, at)) PARTITION BY RANGE (at);
    CREATE TABLE days_near PARTITION OF days FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
    CREATE FOREIGN TABLE parents (id integer) SERVER files OPTIONS (filename '/dev/null');
    CREATE TABLE children (own integer) INHERITS (parents);
    CREATE SEQUENCE alone START WITH 7;
    CREATE TABLE numbered (id serial, name text);
    INSERT INTO days VALUES (1, '2026-02-03');
    INSERT INTO old VALUES (1, '2025-02-03');
    INSERT INTO children VALUES (1, 2);
    INSERT INTO numbered (name) VALUES ('a'), ('b');
    SELECT nextval('alone'), nextval('alone');
    CREATE MATERIALIZED VIEW of_numbered AS SELECT count(*) AS numbers FROM numbered;
    CREATE MATERIALIZED VIEW of_old AS SELECT count(*) AS numbers FROM old_near;
    CREATE MATERIALIZED VIEW of_far AS SELECT count(*) AS numbers FROM far;
    CREATE MATERIALIZED VIEW of_nothing AS SELECT 3 AS numbers;
    CREATE VIEW over_far AS SELECT * FROM far;
    """
RELATIONS = """
    SELECT concat(relkind, ' ', relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace
    AND relkind IN ('r', 'p', 'f', 'm', 'v', 'S') ORDER BY 1
    """


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize(
    ("wanted", "relations"),
    [
        ("numbered", ["S numbered_id_seq", "m of_numbered", "r numbered"]),
        ("old_near", ["m of_old", "p old", "r old_near"]),
        ("days*", ["p days", "r days_near"]),
        ("children", ["f parents", "r children"]),
    ],
)
def test_some_tables_come_back_alone_where_others_are_of_other_kinds(
    live: Scene,
    new_database: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    parallel: bool,
    wanted: str,
    relations: list[str],
) -> None:
    if parallel:
        monkeypatch.setattr(postgresql_plan, "SMALLEST_PARALLEL_BYTES", 0)
    name, target = new_database(), new_database()
    live.server.create_database(name)
    live.server.run_script(KINDS, name)
    back_up(live.server, live.store, [name], jobs=3)
    put_back(live.server, Scene(live.server, name, live.store, "").artifact, target, tables=[wanted], jobs=2)
    found = [relation for (relation,) in live.server.execute(RELATIONS, target)]
    assert found == sorted([*relations, "S alone", "m of_nothing"])
    assert live.server.execute("SELECT last_value FROM alone", target) == [(8,)]
    if wanted == "numbered":
        assert live.server.execute("SELECT numbers FROM of_numbered", target) == [(2,)]
        assert live.server.execute("SELECT nextval('numbered_id_seq')", target) == [(3,)]


BOUND = """
    CREATE TABLE customers (id integer PRIMARY KEY, name text);
    INSERT INTO customers SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, 2000) n;
    CREATE TABLE orders (id integer NOT NULL, customer integer CONSTRAINT bought REFERENCES customers)
        PARTITION BY RANGE (id);
    CREATE TABLE orders_first PARTITION OF orders FOR VALUES FROM (1) TO (9);
    COMMENT ON CONSTRAINT bought ON orders IS 'who bought it';
    INSERT INTO orders VALUES (1, 2), (2, 3);
    """


@pytest.mark.usefixtures("in_sections")
@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
@pytest.mark.parametrize("strategy", ["swap", "in_place"])
def test_some_tables_come_back_alone_where_others_are_needed_to_load_them(
    live: Scene, new_database: Callable[[], str], strategy: str
) -> None:
    name, target = new_database(), new_database()
    live.server.create_database(name)
    live.server.run_script(BOUND, name)
    back_up(live.server, live.store, [name], jobs=3)
    artifact = Scene(live.server, name, live.store, "").artifact
    result = put_back(live.server, artifact, target, tables=["orders_*"], jobs=2, strategy=strategy)
    assert tables(live.server, target) == ["orders", "orders_first"]
    assert live.server.execute("SELECT * FROM orders ORDER BY id", target) == [(1, 2), (2, 3)]
    assert result.bytes_read >= artifact.metadata.file_info.size_bytes
    assert any("the whole of it was loaded" in warning for warning in result.warnings)
    comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
    assert live.server.execute(comment, target) == [(None,)]


def test_some_tables_never_replace_a_database(live: Scene) -> None:
    with live.untouched():
        result = live.put_back(tables=["person"])
    assert_failed(result, "validation_error")
    assert "some tables alone never replace a database" in result.result["msg"]


def test_a_table_that_the_artifact_lacks_is_named(live: Scene) -> None:
    with live.untouched():
        result = live.put_back(tables=["persons"], target_database="nowhere")
    assert_failed(result, "file_not_found")
    assert "persons" in result.result["msg"]


def dumped_by_the_vendor(live: Scene, file: Path) -> Path:
    text = live.server.whole_dump(live.database).encode()
    file.write_bytes(gzip.compress(text) if file.suffix == ".gz" else text)
    return file


@pytest.mark.parametrize("name", ["shop.sql", "shop.sql.gz", "shop dump.gz"])
def test_a_dump_made_by_the_vendor_s_program_is_restored_and_what_is_not_known_is_said(
    live: Scene, tmp_path: Path, name: str, new_database: Callable[[], str]
) -> None:
    target = new_database()
    result = live.put_back(backup_file=str(dumped_by_the_vendor(live, tmp_path.joinpath(name))), target_database=target)
    assert result.rc == 0, result.stdout
    assert live.server.whole_dump(target) == live.server.whole_dump(live.database)
    assert any("no metadata" in warning for warning in result.result["restore"]["warnings"])
    assert any("no checksum file" in warning for warning in result.result["restore"]["warnings"])


@pytest.mark.parametrize("name", ["shop.sql", "shop.sql.gz"])
def test_a_vendor_s_dump_that_is_cut_is_refused(live: Scene, tmp_path: Path, name: str) -> None:
    file = dumped_by_the_vendor(live, tmp_path.joinpath(name))
    file.write_bytes(file.read_bytes()[:-400])
    with live.untouched():
        result = live.put_back(backup_file=str(file), target_database=live.database)
    assert_failed(result, "validation_error")


def test_a_vendor_s_dump_beside_another_s_checksum_is_refused(live: Scene, tmp_path: Path) -> None:
    file = dumped_by_the_vendor(live, tmp_path.joinpath("shop.sql"))
    tmp_path.joinpath("shop.sql.sha256").write_text(f"{'0' * 64}  shop.sql\n", encoding="ascii")
    with live.untouched():
        result = live.put_back(backup_file=str(file), target_database=live.database)
    assert_failed(result, "validation_error")
    assert "checksum" in result.result["msg"]


def test_an_artifact_s_data_file_alone_is_restored_as_any_dump(
    live: Scene, tmp_path: Path, new_database: Callable[[], str]
) -> None:
    data = live.artifact.paths.data
    alone = tmp_path.joinpath(data.name)
    alone.write_bytes(data.read_bytes())
    target = new_database()
    result = live.put_back(backup_file=str(alone), target_database=target)
    assert result.rc == 0, result.stdout
    assert people(live.server, target) == PEOPLE
    assert result.result["restore"]["comparison"] is None


def test_a_dump_without_metadata_needs_a_target(live: Scene, tmp_path: Path) -> None:
    with live.untouched():
        result = live.put_back(backup_file=str(dumped_by_the_vendor(live, tmp_path.joinpath("shop.sql"))))
    assert_failed(result, "config_error")
    assert "target_database" in result.result["msg"]


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
@pytest.mark.parametrize("form", ["custom", "tar", "directory"])
def test_an_archive_of_pg_dump_is_refused_with_the_program_to_use(live: Scene, tmp_path: Path, form: str) -> None:
    server = live.server
    archive = tmp_path.joinpath("archive")
    login = [f"--host={server.host}", f"--port={server.port}", f"--username={server.admin_user}"]
    subprocess.run(
        [str(server.client_path / "pg_dump"), *login, f"--format={form}", f"--file={archive}", live.database],
        env={"PGPASSWORD": server.admin_password},
        check=True,
    )
    with pytest.raises(errors.ValidationError) as caught:
        put_back(server, ForeignDump(archive), "nowhere")
    assert "pg_restore" in (caught.value.hint or "")


def test_what_a_killed_restore_left_is_taken_away_by_the_next_one_to_the_same_target(live: Scene) -> None:
    server = instance_of(live.server).server()
    left = server.scratch_name(live.database, "restore", "20260109020000")
    kept = [
        server.scratch_name(live.database, "before", "20260109020000"),
        server.scratch_name(f"{live.database}2", "restore", "20260109020000"),
        f"{live.database}__restore_by_hand",
    ]
    for name in (left, *kept):
        live.server.create_database(name)
    result = put_back(live.server, live.artifact, live.database, force=True)
    assert any(left in warning for warning in result.warnings)
    assert set(kept) < set(live.server.databases())
    assert left not in live.server.databases()


def test_two_restores_to_one_target_do_not_run_at_a_time(live: Scene) -> None:
    server = instance_of(live.server).server()
    with server.exclusive(live.database), live.untouched(), pytest.raises(errors.LockedError, match=live.database):
        put_back(live.server, live.artifact, live.database, force=True)


def test_a_check_finds_what_a_restore_would_and_changes_nothing(live: Scene) -> None:
    with live.untouched():
        options = live.options(backup_file=str(live.artifact.paths.data), force=True)
        result = run_module("db_restore", options, check=True)
    assert result.rc == 0, result.stdout
