# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A MariaDB database dumped by several processes: how they get one snapshot, and what is done where they cannot."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, secrets, stream
from ansible_collections.vya.backupdb.plugins.module_utils._engine.backups import sections
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql import dumping, lock, plan
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.values import DumpOptions, Endpoint
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import DatabaseProperties

from tests.integration.conftest import Zoos
from tests.integration.lanes import (
    IS_DATA,
    LANES,
    PATIENCE_SECONDS,
    artifact_of,
    assert_one_process,
    dump_programs,
    one_more_writer,
    report_of,
    restore_info_of,
    state_of,
    wait_until,
    with_program,
)
from tests.integration.scenes import back_up, files_of, instance_of, put_back
from tests.integration.test_plain_restore import pipe_into_client
from tools.private_servers.base import PrivateServer

pytestmark = pytest.mark.parametrize("server", ["mariadb"], indirect=True)


@pytest.fixture(autouse=True)
def every_size_is_worth_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "SMALLEST_PARALLEL_BYTES", 0)


@pytest.fixture
def database(server: PrivateServer, new_database: Callable[[], str]) -> str:
    """A database with six tables, and what can be only beside tables."""
    name = new_database()
    server.create_database(name)
    for number in range(6):
        server.execute(f"CREATE TABLE t{number} (id int PRIMARY KEY, content text)", name)
        server.execute(f"INSERT INTO t{number} SELECT seq, repeat('text ', 50) FROM seq_1_to_500", name)
    server.execute("CREATE FUNCTION doubled(a int) RETURNS int RETURN a * 2", name)
    server.execute("CREATE VIEW seen AS SELECT doubled(id) AS two FROM t0", name)
    server.execute("CREATE TRIGGER noted AFTER INSERT ON t0 FOR EACH ROW INSERT INTO t1 VALUES (NEW.id, 'x')", name)
    return name


def test_the_sections_of_a_database_tell_what_is_in_them(server: PrivateServer, database: str, store: Path) -> None:
    back_up(server, store, [database], jobs=LANES)
    restore_info = restore_info_of(store, database)
    found = restore_info.sections
    assert [section.kind for section in found] == ["pre_data", *["data"] * LANES, "post_data"]
    assert sorted(table for section in found for table in section.tables) == [f"t{number}" for number in range(6)]
    assert [section.depends_on for section in found] == [None, *[[0]] * LANES, None]
    assert restore_info.lanes == LANES
    assert restore_info.lock_held_seconds is not None
    assert restore_info.warnings == []
    assert all(table.exact for table in restore_info.tables)


def test_a_database_dumped_side_by_side_is_restored_by_the_plain_client(
    server: PrivateServer, zoos: Zoos, store: Path, new_database: Callable[[], str]
) -> None:
    back_up(server, store, ["plain_zoo"], jobs=LANES)
    target = new_database()
    server.create_database(target)
    pipe_into_client(artifact_of(store, "plain_zoo").paths.data, server, target)
    assert server.whole_dump(target) == server.whole_dump("plain_zoo")


def test_each_section_can_be_loaded_in_a_session_of_its_own(
    server: PrivateServer, zoos: Zoos, store: Path, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sections, "SMALLEST_CUT_BYTES", 0)
    back_up(server, store, ["plain_zoo"], jobs=2)
    artifact = artifact_of(store, "plain_zoo")
    found = restore_info_of(store, "plain_zoo").sections
    assert len(found) > 20
    target = new_database()
    engine = instance_of(server).server()
    engine.create_database(target, DatabaseProperties(encoding="utf8mb4", locale="utf8mb4_general_ci"))
    # The rows in another order than the file has them, which has the ends of dumps before their beginnings.
    for section in [found[0], *reversed(found[1:-1]), found[-1]]:
        blocks = stream.read(artifact.paths.data, section.offset_bytes, section.length_bytes)
        engine.load(target, blocks, stream.Text(0, b"", b""), None)
    assert server.whole_dump(target) == server.whole_dump("plain_zoo")


def test_hundreds_of_tables_are_dumped_by_a_process_for_each_lane(
    server: PrivateServer, store: Path, new_database: Callable[[], str], tmp_path: Path
) -> None:
    name = new_database()
    server.create_database(name)
    statements = [f"CREATE TABLE t{number} (id int); INSERT INTO t{number} VALUES ({number});" for number in range(320)]
    server.run_script("\n".join(statements), name)
    clients = with_program(server, tmp_path, "")
    report_of(server, store, name, clients=clients).raise_for_failures()
    # One for the structure, one for triggers and events.
    assert len(tmp_path.joinpath("calls").read_text(encoding="utf-8").splitlines()) == LANES + 2
    found = [section for section in restore_info_of(store, name).sections if section.kind == "data"]
    assert [len(section.tables) for section in found] == [80] * LANES
    put_back(server, artifact_of(store, name), copy := new_database())
    assert server.whole_dump(copy) == server.whole_dump(name)


ODD_NAMES = (
    *("it's", 'a"b', "a`b", "a\\b", "-- x", "a b", "a.b", "#c", "a\tb", "%s %", "--all"),
    # To the dump program these three are one name.
    *("case", "Case", "CASE"),
    *("é", "©", "é\n--\n-- Dumping data for table `case`\n--\nx"),
)


def test_tables_of_any_name_are_each_dumped_once(
    server: PrivateServer, store: Path, new_database: Callable[[], str]
) -> None:
    name = f"{new_database()} `a'b"
    server.create_database(name)
    for number, table in enumerate(ODD_NAMES):
        quoted = server.quote(table).replace("%", "%%")
        server.execute(f"CREATE TABLE {quoted} (id int, t text)", name, params=[])
        server.execute(f"INSERT INTO {quoted} VALUES ({number}, %s)", name, params=[table])
    back_up(server, store, [name], jobs=LANES)
    found = restore_info_of(store, name).sections
    assert sorted(table for section in found for table in section.tables) == sorted(ODD_NAMES)
    assert [section.kind for section in found].count("data") == LANES
    copy = f"{new_database()} `a'b"
    put_back(server, artifact_of(store, name), copy)
    assert server.whole_dump(copy) == server.whole_dump(name)


def test_a_table_is_not_excluded_where_another_one_would_be_lost(
    server: PrivateServer, new_database: Callable[[], str]
) -> None:
    name = new_database()
    server.create_database(name)
    server.execute("CREATE TABLE log (id int)", name)
    server.execute("CREATE TABLE Log (id int)", name)
    engine = instance_of(server).server()
    with pytest.raises(errors.ConfigError, match=f"cannot leave out log of {name} without Log"):
        engine.begin_dump(name, DumpOptions(exclude_tables=["log"])).__enter__()
    with engine.begin_dump(name, DumpOptions(exclude_tables=["?og"])) as dump:
        assert b"CREATE TABLE" not in b"".join(dump.first.open())


def test_an_account_that_may_not_lock_dumps_by_one_process_and_says_so(
    server: PrivateServer, database: str, store: Path
) -> None:
    server.create_user("no_lock", "no lock")
    try:
        server.execute("GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE ON *.* TO no_lock@'%'")
        report = report_of(server, store, database, login=secrets.Login("no_lock", "no lock"))
    finally:
        server.execute("DROP USER no_lock@'%'")
    assert_one_process(report, store, database, "there is no privilege (RELOAD) for a read lock")
    assert restore_info_of(store, database).lock_held_seconds is None


def test_a_long_statement_that_keeps_the_lock_away_holds_up_neither_the_dump_nor_other_writers(
    server: PrivateServer, database: str, store: Path
) -> None:
    server.execute("CREATE TABLE busy (id int PRIMARY KEY) ENGINE=InnoDB", database)
    server.execute("INSERT INTO busy VALUES (1)", database)
    long_id = []

    def write_for_long() -> None:
        with contextlib.closing(server.connect(database)) as connection, connection.cursor() as cursor:
            long_id.append(connection.thread_id())
            # Ended by KILL QUERY.
            with contextlib.suppress(Exception):
                cursor.execute("UPDATE busy SET id = id + 1 WHERE sleep(600) = 0")

    slow = threading.Thread(target=write_for_long)
    slow.start()
    try:
        wait_until(lambda: state_of(server, long_id) == "Query")
        with one_more_writer(server, database) as written:
            report = report_of(server, store, database)
            before = len(written)
            wait_until(lambda: len(written) > before)
        assert state_of(server, long_id) == "Query"
    finally:
        server.execute(f"KILL QUERY {long_id[0]}")
        slow.join()
    assert_one_process(report, store, database, "no read lock could be had (error 1205)")


def test_programs_that_are_slow_to_begin_are_ended_and_one_process_dumps(
    server: PrivateServer, database: str, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "HOLD_SECONDS", 1)
    clients = with_program(server, tmp_path, f"{IS_DATA} exec sleep {PATIENCE_SECONDS};; esac")
    report = report_of(server, store, database, clients=clients)
    assert_one_process(report, store, database, dumping.SLOW)
    assert dump_programs() == []
    held = restore_info_of(store, database).lock_held_seconds
    assert held is not None


def test_a_program_that_fails_before_it_has_its_snapshot_is_not_the_end_of_the_dump(
    server: PrivateServer, database: str, store: Path, tmp_path: Path
) -> None:
    clients = with_program(server, tmp_path, f"{IS_DATA} exit 2;; esac")
    report = report_of(server, store, database, clients=clients)
    why = f"dumping {database} failed: mariadb-dump ended with exit status 2"
    assert_one_process(report, store, database, why)


def test_a_killed_dump_program_fails_the_backup_and_nothing_is_left(
    server: PrivateServer, database: str, store: Path, tmp_path: Path
) -> None:
    back_up(server, store, [database], jobs=LANES)
    before = files_of(store)
    real = shutil.which("mariadb-dump")
    dies = f'{IS_DATA} {real} "$@" | head -c 6000; kill -KILL $$;; esac'
    report = report_of(server, store, database, clients=with_program(server, tmp_path, dies))
    assert report.summary() == {"total": 1, "successful": 0, "failed": 1}
    assert report.results[0].error_code == "validation_error"
    assert "killed by signal 9" in str(report.results[0].error_message)
    after = files_of(store)
    assert {path: after[path] for path in before} == before
    # The accounts are saved before the database is dumped.
    assert [path for path in after if path not in before and "/users_" not in path] == []
    assert dump_programs() == []


def test_a_table_made_while_the_lock_is_waited_for_is_dumped(
    server: PrivateServer, database: str, store: Path, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.contextmanager
    def late(endpoint: Endpoint, flavour: Any) -> Iterator[lock.WriteLock]:
        server.execute("CREATE TABLE late (id int)", database)
        server.execute("INSERT INTO late VALUES (77)", database)
        server.execute("DROP TABLE t3", database)
        with lock.write_lock(endpoint, flavour) as held:
            yield held

    monkeypatch.setattr(dumping, "write_lock", late)
    back_up(server, store, [database], jobs=LANES)
    assert restore_info_of(store, database).lanes == LANES
    target = new_database()
    put_back(server, artifact_of(store, database), target)
    assert server.execute("SELECT id FROM late", target) == [(77,)]
    assert server.whole_dump(target) == server.whole_dump(database)


@pytest.mark.parametrize(
    "change", ["ADD COLUMN more int DEFAULT 5", "DROP COLUMN content", "MODIFY content text FIRST"]
)
def test_columns_that_change_at_once_while_rows_are_dumped_fail_the_dump(
    server: PrivateServer, database: str, change: str
) -> None:
    engine = instance_of(server).server()
    with pytest.raises(errors.ValidationError, match=f"columns of {database}.t4 were changed"):  # noqa: SIM117
        with engine.begin_dump(database, DumpOptions(lanes=LANES)):
            server.execute(f"ALTER TABLE t4 {change}, ALGORITHM=INSTANT", database)


def test_rows_that_are_no_longer_there_fail_the_dump(server: PrivateServer, database: str) -> None:
    server.execute("CREATE TABLE z (content longtext)", database)
    server.execute("INSERT INTO z VALUES (repeat('x', 4000000))", database)
    server.execute("CREATE TABLE zz (id int)", database)
    server.execute("INSERT INTO zz VALUES (1)", database)
    engine = instance_of(server).server()
    with engine.begin_dump(database, DumpOptions(lanes=1)) as dump:
        # Behind more than what is on its way.
        server.execute("TRUNCATE TABLE zz", database)
        with pytest.raises(errors.ValidationError, match="Table definition has changed"):
            b"".join(dump.data[0].open())


def test_what_else_changes_while_rows_are_dumped_does_not_fail_the_dump(server: PrivateServer, database: str) -> None:
    engine = instance_of(server).server()
    with engine.begin_dump(database, DumpOptions(lanes=LANES)) as dump:
        server.execute("CREATE TABLE later (id int)", database)
        server.execute("DROP TABLE t2", database)
        server.execute("ALTER TABLE t3 ADD INDEX by_content (content(10))", database)
    assert dump.warnings == []


def test_a_large_database_has_sections_with_one_job_too(server: PrivateServer, database: str, store: Path) -> None:
    back_up(server, store, [database], jobs=1)
    restore_info = restore_info_of(store, database)
    assert [section.kind for section in restore_info.sections] == ["pre_data", "data", "post_data"]
    assert restore_info.sections[1].tables == [f"t{number}" for number in range(6)]
    assert restore_info.lanes == 1
