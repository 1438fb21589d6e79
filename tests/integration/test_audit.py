# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An audit log does the same in SQLite, PostgreSQL and MariaDB."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.audit import sessions, table

from tests.integration.audits import MOMENT, Log, entry, log_in_storage, log_on, url_of, write_at_once
from tools.private_servers.base import PrivateServer

WRITERS = 8
ROWS = {"sqlite": 50, "postgresql": 10, "mysql": 10}
NAMES = ["Shop", "shop", 'a "b" `c`/%', "it's", "ünï", "\N{ROCKET}" * 64, "a=b", "-x", "日本語", "\\", " "]
# As the document that the table comes from has it.
FIRST_VERSION = """
    CREATE TABLE audit_logs (
        id {number} PRIMARY KEY, timestamp {moment} NOT NULL, operation VARCHAR(20) NOT NULL,
        database_id VARCHAR(255) NOT NULL, database_name VARCHAR(255), status VARCHAR(20) NOT NULL,
        duration_seconds {seconds} NOT NULL, size_bytes BIGINT, error_message TEXT, hostname VARCHAR(255) NOT NULL
    )"""
TYPES = {
    "sqlite": {"number": "INTEGER", "moment": "VARCHAR(32)", "seconds": "DOUBLE"},
    "postgresql": {"number": "BIGSERIAL", "moment": "TIMESTAMPTZ", "seconds": "DOUBLE PRECISION"},
    "mysql": {"number": "BIGINT AUTO_INCREMENT", "moment": "DATETIME(6)", "seconds": "DOUBLE"},
}
# What is wanted, and the numbers of the entries that are, the newest first.
FILTERS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [6, 2, 3, 1, 4, 5]),
    ({"operation": "verify"}, [2]),
    ({"status": "failed"}, [4, 5]),
    ({"database_id": "prod-2"}, [5]),
    ({"database": "shop"}, [2, 3, 1, 4]),
    ({"hostname": "db02"}, [6]),
    ({"since": MOMENT}, [6, 2, 3]),
    ({"until": MOMENT - timedelta(microseconds=1)}, [1, 4, 5]),
    ({"since": MOMENT.astimezone(timezone(timedelta(hours=-5))), "until": MOMENT}, [3]),
    ({"operation": "backup", "status": "failed", "database": "shop"}, [4]),
    ({"database": "shop' OR '1'='1"}, []),
]
ADDED = {"error_code", "database_type", "details"}


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def log(request: pytest.FixtureRequest, store: Path) -> Iterator[Log]:
    """A log that was never written to, of each kind in turn."""
    if request.param == "sqlite":
        yield log_in_storage(store)
        return
    server: PrivateServer = request.getfixturevalue(request.param)
    name = f"audit_{os.urandom(4).hex()}"
    server.create_database(name)
    yield log_on(server, name, store)
    server.drop_database(name)


@pytest.fixture
def old_log(log: Log) -> Log:
    """A log whose table is of the first version and has three rows."""
    log.sql(FIRST_VERSION.format(**TYPES[log.kind]))
    for day in (1, 2, 3):
        moment = table.stored(MOMENT - timedelta(days=day), log.kind)
        log.sql(
            "INSERT INTO audit_logs (timestamp, operation, database_id, database_name, status, duration_seconds,"
            f" hostname) VALUES ('{moment}', 'backup', 'prod-1', 'old', 'success', 0.25, 'db01')"
        )
    return log


def columns_of(log: Log) -> set[str]:
    if log.kind == "sqlite":
        return {row[1] for row in log.sql("PRAGMA table_info(audit_logs)")}
    return {
        row[0] for row in log.sql("SELECT column_name FROM information_schema.columns WHERE table_name = 'audit_logs'")
    }


def test_an_entry_comes_back_as_it_was_written(log: Log) -> None:
    written = entry(
        size_bytes=2**40,
        duration_seconds=1234567.891,
        error_message="no room \N{ROCKET}",
        error_code="storage_error",
        details={"drift": {"came": ["table ünï"]}},
    )
    assert log.record(entry(), written) == []
    newest, oldest = log.find()
    assert datetime.fromisoformat(newest.pop("timestamp")) == MOMENT
    assert newest == {
        "id": 2,
        "operation": "backup",
        "status": "success",
        "database_id": "prod-1",
        "database_name": "shop",
        "database_type": "postgresql",
        "duration_seconds": 1234567.891,
        "size_bytes": 2**40,
        "error_message": "no room \N{ROCKET}",
        "error_code": "storage_error",
        "hostname": "db01",
        "details": {"drift": {"came": ["table ünï"]}},
    }
    assert (oldest["size_bytes"], oldest["error_message"], oldest["details"]) == (None, None, {})


def test_names_of_any_kind_are_told_apart(log: Log) -> None:
    assert log.record(*(entry(database_name=name) for name in NAMES)) == []
    assert {each["database_name"] for each in log.find()} == set(NAMES)
    for name in NAMES:
        assert [each["database_name"] for each in log.find(database=name)] == [name]


def test_long_texts_find_room(log: Log) -> None:
    rocket = "\N{ROCKET}"
    assert log.record(entry(database_id=rocket * 300, error_message=rocket * 9000, details={"a": "x" * 59_000})) == []
    (found,) = log.find(database_id=rocket * 300)
    assert (len(found["database_id"]), len(found["error_message"])) == (255, 4000)
    assert found["details"] == {"a": "x" * 59_000}


def test_filters_admit_what_they_name(log: Log) -> None:
    step = timedelta(microseconds=1)
    assert (
        log.record(
            entry(timestamp=MOMENT - step),
            entry(timestamp=MOMENT + step, operation="verify"),
            entry(),
            entry(timestamp=MOMENT - timedelta(days=1), status="failed"),
            entry(timestamp=MOMENT - timedelta(days=2), status="failed", database_id="prod-2", database_name=None),
            entry(timestamp=MOMENT + timedelta(days=1), hostname="db02", database_name="crm"),
        )
        == []
    )
    assert [[each["id"] for each in log.find(**wanted)] for wanted, _ids in FILTERS] == [
        ids for _wanted, ids in FILTERS
    ]
    assert [log.count(**wanted) for wanted, _ids in FILTERS] == [len(ids) for _wanted, ids in FILTERS]
    assert [each["id"] for each in log.find(limit=2)] == [6, 2]
    assert log.count(limit=2) == 6


def test_a_summary_counts_what_is_beyond_the_limit_too(log: Log) -> None:
    entries = [
        entry(timestamp=MOMENT - timedelta(days=day), size_bytes=100 - day, duration_seconds=day) for day in range(5)
    ]
    assert log.record(*entries, entry(status="failed", duration_seconds=8)) == []
    (summary,) = log.summarize("all", operation="backup", limit=1)
    assert (summary["count"], summary["successful"], summary["failed"]) == (6, 5, 1)
    assert (summary["size_bytes_sum"], summary["size_bytes_last"]) == (490, 100)
    assert (summary["duration_seconds_median"], summary["duration_seconds_max"]) == (2.5, 8.0)
    assert sum(day["count"] for day in log.summarize("day")) == 6


def test_reading_makes_nothing(log: Log) -> None:
    assert (log.find(), log.count(), log.summarize("day")) == ([], 0, [])
    if log.kind == "sqlite":
        assert not log.base_path.exists()
    assert columns_of(log) == set()


def test_processes_that_make_the_log_at_once_lose_no_row(log: Log) -> None:
    rows = ROWS[log.kind]
    assert write_at_once(log, WRITERS, rows) == []
    found = {(each["database_id"], each["size_bytes"]) for each in log.find()}
    assert found == {(str(writer), row) for writer in range(WRITERS) for row in range(rows)}
    assert log.count() == WRITERS * rows
    assert log.sql("SELECT version FROM audit_logs_version") == [(table.VERSION,)]
    if log.kind == "sqlite":
        assert log.sql("PRAGMA journal_mode") == [("wal",)]
        assert log.sql("PRAGMA integrity_check") == [("ok",)]


def test_processes_that_upgrade_an_old_log_at_once_keep_its_rows(old_log: Log) -> None:
    assert write_at_once(old_log, 4, 1) == []
    assert columns_of(old_log) >= ADDED
    assert old_log.count() == 7
    old = old_log.find(database="old")
    assert [datetime.fromisoformat(each["timestamp"]) for each in old] == [
        MOMENT - timedelta(days=day) for day in (1, 2, 3)
    ]
    assert {(each["duration_seconds"], each["error_code"], str(each["details"])) for each in old} == {
        (0.25, None, "{}")
    }
    assert old_log.sql("SELECT version FROM audit_logs_version") == [(table.VERSION,)]


def test_an_old_log_is_read_without_being_upgraded(old_log: Log) -> None:
    (newest, *_others) = old_log.find(database="old")
    assert (newest["duration_seconds"], newest["database_type"], newest["details"]) == (0.25, None, {})
    assert old_log.summarize("all")[0]["count"] == 3
    assert columns_of(old_log).isdisjoint(ADDED)


def test_a_log_of_a_newer_version_is_read_but_not_written(log: Log) -> None:
    assert log.record(entry()) == []
    log.sql(f"UPDATE audit_logs_version SET version = {table.VERSION + 1}")
    (warning,) = log.record(entry())
    assert "version 3" in warning
    assert "Update the collection" in warning
    assert log.count() == len(log.find()) == 1


def test_a_table_of_somebody_else_is_left_alone(log: Log) -> None:
    log.sql("CREATE TABLE audit_logs (id INTEGER, what VARCHAR(20))")
    log.sql("INSERT INTO audit_logs VALUES (1, 'mine')")
    (warning,) = log.record(entry())
    assert "somebody else's" in warning
    assert log.sql("SELECT * FROM audit_logs") == [(1, "mine")]
    assert columns_of(log) == {"id", "what"}


def test_an_upgrade_that_was_broken_off_is_finished_by_the_next_one(
    old_log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(connection: Any) -> None:
        add(connection)
        raise errors.StorageError("the power went off")

    add = table._add_what_is_missing
    monkeypatch.setattr(table, "_add_what_is_missing", break_off)
    assert len(old_log.record(entry())) == 1
    monkeypatch.undo()
    assert old_log.record(entry()) == []
    assert (old_log.count(), old_log.count(database="old")) == (4, 3)
    assert columns_of(old_log) >= ADDED


@pytest.mark.parametrize("log", ["postgresql", "mariadb"], indirect=True)
@pytest.mark.parametrize("password", ["Planted 4711 '\"\\/@:%?#", "Plänted \N{ROCKET}"])
def test_an_account_that_may_only_add_and_read_rows_is_enough_for_a_log_that_is_there(
    request: pytest.FixtureRequest, log: Log, password: str
) -> None:
    server: PrivateServer = request.getfixturevalue({"mysql": "mariadb"}.get(log.kind, log.kind))
    assert log.record(entry()) == []
    database = str(log.sql("SELECT current_database()" if log.kind == "postgresql" else "SELECT DATABASE()")[0][0])
    server.create_user("auditor", password)
    try:
        if log.kind == "postgresql":
            log.sql("GRANT INSERT, SELECT ON audit_logs, audit_logs_version TO auditor")
            log.sql("GRANT USAGE ON audit_logs_id_seq TO auditor")
        else:
            server.execute(f"GRANT INSERT, SELECT ON {server.quote(database)}.* TO auditor", database)
        url = url_of(server, database, "auditor", password)
        poor = Log(log.kind, log.config.model_copy(update={"url": url}), log.base_path, log.sql)
        assert poor.record(entry()) == []
        assert len(poor.find()) == 2
    finally:
        if log.kind == "postgresql":
            log.sql("DROP OWNED BY auditor")
        server.execute("DROP USER auditor")


@pytest.mark.parametrize("log", ["postgresql", "mariadb"], indirect=True)
def test_a_table_that_others_have_locked_is_not_waited_for_without_end(
    request: pytest.FixtureRequest, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: PrivateServer = request.getfixturevalue({"mysql": "mariadb"}.get(log.kind, log.kind))
    assert log.record(entry()) == []
    monkeypatch.setattr(sessions, "LOCK_SECONDS", 1)
    database = str(log.sql("SELECT current_database()" if log.kind == "postgresql" else "SELECT DATABASE()")[0][0])
    connection = server.connect(database)
    try:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN" if log.kind == "postgresql" else "SELECT 1")
            cursor.execute("LOCK TABLE audit_logs" if log.kind == "postgresql" else "LOCK TABLES audit_logs WRITE")
            (warning,) = log.record(entry())
    finally:
        connection.close()
    assert "locked" in warning
    assert log.record(entry()) == []
    assert log.count() == 2
