# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the audit log is, what it takes, and that it fails nobody."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, layout, records
from ansible_collections.vya.backupdb.plugins.module_utils._engine.audit import log as audit_log
from ansible_collections.vya.backupdb.plugins.module_utils._engine.audit import sessions, table
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import AuditConfig

PASSWORD = "p'a\"s s\\w$o%r:d@/4711"
QUOTED = "p%27a%22s%20s%5Cw%24o%25r%3Ad%40%2F4711"
MOMENT = datetime(2026, 1, 9, 2, 0, 0, 118204, tzinfo=timezone(timedelta(hours=1)))


def entry(**fields: Any) -> records.Entry:
    given = {
        "timestamp": MOMENT,
        "operation": "backup",
        "database_id": "a",
        "database_name": "shop",
        "database_type": "postgresql",
        "status": "success",
        "duration_seconds": 1.5,
        "hostname": "db01",
    }
    return records.Entry(**{**given, **fields})


class Log:
    """The log of a host in its storage."""

    def __init__(self, base_path: Path, config: AuditConfig | None = None) -> None:
        self.base_path = base_path
        self.config = config or AuditConfig()
        self.file = layout.audit_file(base_path, "db01")

    def record(self, *entries: records.Entry) -> list[str]:
        return audit_log.record(self.config, entries, base_path=self.base_path, hostname="db01")

    def find(self, **filters: Any) -> list[dict[str, Any]]:
        return audit_log.find(self.config, audit_log.Filters(**filters), base_path=self.base_path, hostname="db01")


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "store")


@pytest.fixture
def far_east() -> Iterator[None]:
    """Make this host's local time that of India, which is five and a half hours ahead."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "IST-05:30"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


def located(url: str) -> sessions.Place:
    return sessions.locate(AuditConfig(url=url), Path("/srv/backups"), "db01")


def test_without_a_url_the_log_is_a_file_in_the_storage() -> None:
    place = sessions.locate(AuditConfig(), Path("/srv/backups"), "db01")
    assert str(place) == "/srv/backups/.audit/db01.db"


@pytest.mark.parametrize("kind", ["postgresql", "postgresql+psycopg2", "mysql", "mysql+pymysql", "mariadb"])
def test_the_url_of_a_server_is_opened_by_the_driver_that_is_required(kind: str) -> None:
    place = located(f"{kind}://auditor:{QUOTED}@db02/audit")
    expected = "postgresql+psycopg2" if kind.startswith("postgresql") else "mysql+pymysql"
    assert place.url.drivername == expected
    assert place.endpoint.login.password == PASSWORD
    assert place.endpoint.port == (5432 if expected.startswith("postgresql") else 3306)
    assert PASSWORD not in str(place)
    assert QUOTED not in str(place)


def test_a_password_in_the_query_of_a_url_is_known_as_one() -> None:
    assert located(f"postgresql:///audit?host=/run/postgresql&user=auditor&password={QUOTED}").password == PASSWORD


@pytest.mark.parametrize(
    "url",
    [
        f"no url at all {PASSWORD}",
        f"postgresql://auditor:{PASSWORD}@db02:port/audit",
        f"postgresql://auditor:{QUOTED}@db02",
        f"oracle://auditor:{QUOTED}@db02/audit",
        "sqlite://",
        "sqlite:///audit.db",
        "sqlite:///:memory:",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(errors.ConfigError, match="the URL of the audit log") as caught:
        located(url)
    assert "4711" not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_an_absolute_path_of_sqlite_is_used() -> None:
    assert str(located("sqlite:////var/lib/backup/audit.db")) == "/var/lib/backup/audit.db"


def test_without_sqlalchemy_a_warning_names_it(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "sqlalchemy", None)
    (warning,) = log.record(entry())
    assert "SQLAlchemy" in warning
    with pytest.raises(errors.ConfigError, match="SQLAlchemy"):
        log.find()


def test_a_log_that_is_switched_off_is_not_made(tmp_path: Path) -> None:
    log = Log(tmp_path / "store", AuditConfig(enabled=False))
    assert log.record(entry()) == []
    assert not log.base_path.exists()


def test_no_entry_makes_no_log(log: Log) -> None:
    assert log.record() == []
    assert not log.base_path.exists()


def test_reading_makes_no_log(log: Log) -> None:
    assert log.find() == []
    assert not log.base_path.exists()


def test_the_log_is_for_its_owner_alone(log: Log) -> None:
    before = os.umask(0)
    try:
        assert log.record(entry()) == []
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (log.file.parent, log.file)]
    assert modes == [0o700, 0o600]


def test_an_entry_comes_back_as_it_was_written(log: Log) -> None:
    failed = entry(
        operation="restore",
        status="failed",
        size_bytes=2**40,
        error_message="no room",
        error_code="storage_error",
        details={"warnings": ["a", "b"]},
    )
    assert log.record(entry(), failed) == []
    newest, oldest = log.find()
    assert newest == {
        "id": 2,
        "timestamp": MOMENT.astimezone().isoformat(),
        "operation": "restore",
        "status": "failed",
        "database_id": "a",
        "database_name": "shop",
        "database_type": "postgresql",
        "duration_seconds": 1.5,
        "size_bytes": 2**40,
        "error_message": "no room",
        "error_code": "storage_error",
        "hostname": "db01",
        "details": {"warnings": ["a", "b"]},
    }
    assert (oldest["size_bytes"], oldest["error_message"], oldest["error_code"]) == (None, None, None)
    assert oldest["details"] == {}


@pytest.mark.usefixtures("far_east")
def test_moments_are_told_in_the_local_time_of_the_reader(log: Log) -> None:
    assert log.record(entry()) == []
    assert log.find()[0]["timestamp"] == "2026-01-09T06:30:00.118204+05:30"


def test_moments_of_other_offsets_are_in_order(log: Log) -> None:
    hours = [-11, 3, 0, 14, -2]
    moments = [MOMENT.astimezone(timezone(timedelta(hours=hour))) + timedelta(minutes=hour) for hour in hours]
    assert log.record(*(entry(timestamp=moment) for moment in moments)) == []
    told = [datetime.fromisoformat(each["timestamp"]) for each in log.find()]
    assert told == sorted(moments, reverse=True)
    assert len(log.find(since=MOMENT)) == 3
    assert len(log.find(until=moments[0], since=moments[0])) == 1


def test_a_moment_of_sqlite_is_a_text_that_sorts_as_moments_do() -> None:
    whole = table.stored(MOMENT.replace(microsecond=0), "sqlite")
    assert whole == "2026-01-09T01:00:00.000000+00:00"
    assert whole < table.stored(MOMENT, "sqlite")


def test_a_moment_without_an_offset_is_taken_for_one_of_utc() -> None:
    assert table.loaded("2026-01-09 01:00:00.118204") == MOMENT


def test_a_long_error_is_cut_where_the_documentation_says(log: Log) -> None:
    assert log.record(entry(error_message="ü" * (audit_log.LONGEST_ERROR + 1))) == []
    message = log.find()[0]["error_message"]
    assert message == "ü" * (audit_log.LONGEST_ERROR - 1) + "…"
    documentation = Path(__file__).resolve().parents[6].joinpath("docs", "audit.md").read_text(encoding="utf-8")
    assert f"{audit_log.LONGEST_ERROR} characters" in documentation


def test_details_that_are_too_many_are_left_out(log: Log) -> None:
    assert log.record(entry(details={"warnings": ["x" * audit_log.LONGEST_DETAILS]})) == []
    assert log.find()[0]["details"] == {"left_out_bytes": audit_log.LONGEST_DETAILS + len('{"warnings": [""]}')}


@pytest.mark.parametrize("name", ["a\0b", "a\udcffb", "a\"b'c`d\\e", "ünï 😀", " ", "x" * 300, "NULL", "a\nb"])
def test_a_name_of_any_kind_is_recorded_and_found(log: Log, name: str) -> None:
    assert log.record(entry(database_name=name), entry(database_name="other")) == []
    (found,) = log.find(database=name)
    expected = name.replace("\0", "\ufffd").replace("\udcff", "?")
    assert found["database_name"] == (expected if len(name) < 256 else "x" * 254 + "…")


class RefusedOnce(sqlite3.Connection):
    """SQLite does not wait where two processes switch a new file to the write-ahead log at the same moment."""

    refusals = 1

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if "journal_mode" in sql and self.refusals:
            self.refusals -= 1
            raise sqlite3.OperationalError("database is locked")
        return super().execute(sql, *parameters)


def test_two_processes_that_switch_a_new_file_at_the_same_moment_both_succeed(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "audit.db", factory=RefusedOnce)
    with contextlib.closing(connection):
        sessions._write_ahead(connection)
        assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_admits_at_least_one(limit: int) -> None:
    with pytest.raises(errors.ConfigError, match="limit"):
        audit_log.Filters(limit=limit)
