# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is wrong with an audit log, the work goes on, and one sentence without secrets says what it is."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.audit import sessions, table
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import AuditConfig

from tests.integration import faults
from tests.integration.ansible import run_module
from tests.integration.audits import HOST, SCHEMES, Log, entry, log_in_storage, log_on, url_of
from tests.integration.planned import PASSWORD
from tools.private_servers.base import PrivateServer

CANARY = "Planted-4711 'x/y"
SMALL_DISK_BYTES = 128 * 1024


@pytest.fixture
def log(store: Path) -> Log:
    """A log in a storage that is not there yet."""
    return log_in_storage(store)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system that has room for a new log and little more."""
    with faults.small_disk(tmp_path.joinpath("small"), SMALL_DISK_BYTES) as disk:
        yield disk


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait one second for others."""
    for module, name in [
        (sessions, "LOCK_SECONDS"),
        (table, "LOCK_SECONDS"),
        (sessions, "CONNECT_SECONDS"),
        (sessions, "ANSWER_SECONDS"),
    ]:
        monkeypatch.setattr(module, name, 1)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where connections are taken and never answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def warning_of(log: Log) -> str:
    (warning,) = log.record(entry(), entry())
    assert warning.startswith("2 operations could not be recorded in the audit log: ")
    assert "\n" not in warning
    assert "4711" not in warning
    return warning


def error_of(log: Log) -> errors.BackupDBError:
    with pytest.raises(errors.BackupDBError) as caught:
        log.find()
    assert "4711" not in str(caught.value)
    return caught.value


def configured(log: Log, url: str) -> Log:
    return Log("url", AuditConfig(url=url), log.base_path, log.sql)


def test_a_file_where_the_folder_should_be_is_told(log: Log) -> None:
    log.base_path.mkdir()
    log.file.parent.write_text("in the way", encoding="utf-8")
    assert str(log.file.parent) in warning_of(log)
    log.file.parent.unlink()
    assert log.record(entry()) == []


def test_a_folder_where_the_file_should_be_is_told(log: Log) -> None:
    log.file.mkdir(parents=True)
    assert str(log.file) in warning_of(log)
    assert error_of(log).error_code == "storage_error"


def test_a_configured_folder_that_is_not_there_is_told_and_not_made(log: Log, tmp_path: Path) -> None:
    missing = tmp_path.joinpath("missing")
    lost = configured(log, f"sqlite:///{missing}/audit.db")
    assert "No such file or directory" in warning_of(lost)
    assert not missing.exists()
    assert lost.find() == []


def test_a_full_disk_is_told_and_spoils_nothing(small_disk: Path) -> None:
    log = log_in_storage(small_disk.joinpath("store"))
    assert log.record(entry()) == []
    ballast = small_disk.joinpath("ballast")
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as sink:
        while True:
            sink.write(bytes(4096))
    assert "room" in warning_of(log)
    ballast.unlink()
    assert log.count() == 1
    assert log.record(entry()) == []
    assert log.count() == 2


def test_a_disk_without_room_for_a_log_is_told(small_disk: Path) -> None:
    with contextlib.suppress(OSError), small_disk.joinpath("ballast").open("wb", buffering=0) as sink:
        while True:
            sink.write(bytes(4096))
    assert str(small_disk) in warning_of(log_in_storage(small_disk.joinpath("store")))


@pytest.mark.parametrize("content", [b"this is no database " * 300, b"SQLite format 3\0" + bytes(range(256)) * 40])
def test_a_broken_file_is_told_and_left_as_it_is(log: Log, content: bytes) -> None:
    log.file.parent.mkdir(parents=True)
    log.file.write_bytes(content)
    assert "Move the file away" in warning_of(log)
    assert error_of(log).error_code == "validation_error"
    assert log.file.read_bytes() == content
    log.file.rename(log.file.with_name("aside"))
    assert log.record(entry()) == []


def test_a_file_that_is_broken_in_the_middle_is_told(log: Log) -> None:
    assert log.record(*(entry(error_message="x" * 1000) for _number in range(200))) == []
    content = bytearray(log.file.read_bytes())
    content[4096:-4096] = b"\xff" * (len(content) - 8192)
    log.file.write_bytes(content)
    warning_of(log)
    assert error_of(log).error_code == "validation_error"


def test_an_empty_file_is_an_empty_log(log: Log) -> None:
    log.file.parent.mkdir(parents=True)
    log.file.touch()
    assert log.find() == []
    assert log.record(entry()) == []
    assert log.count() == 1


@pytest.mark.usefixtures("patience")
def test_a_log_that_somebody_keeps_locked_is_not_waited_for_without_end(log: Log) -> None:
    assert log.record(entry()) == []
    with contextlib.closing(sqlite3.connect(log.file)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "locked" in warning_of(log)
        assert log.count() == 1
    assert log.record(entry()) == []


def test_another_process_that_is_just_making_the_log_is_waited_for(log: Log) -> None:
    log.file.parent.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(log.file, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        done = threading.Timer(0.5, other.commit)
        done.start()
        assert log.record(entry()) == []
        done.join()
    assert log.sql("PRAGMA journal_mode") == [("wal",)]


def test_a_moment_that_is_none_is_told_when_it_is_read(log: Log) -> None:
    assert log.record(entry()) == []
    log.sql("UPDATE audit_logs SET timestamp = 'yesterday'")
    assert error_of(log).error_code == "validation_error"


@pytest.mark.parametrize(("details", "told"), [("{not json", {"text": "{not json"}), ("[]", []), ('"text"', "text")])
def test_details_by_another_hand_are_told_as_they_are(log: Log, details: str, told: Any) -> None:
    assert log.record(entry()) == []
    log.sql(f"UPDATE audit_logs SET details = '{details}'")
    assert log.find()[0]["details"] == told


def test_a_wrong_password_is_told_and_not_shown(server: PrivateServer, log: Log) -> None:
    wrong = configured(log, url_of(server, "audit", server.admin_user, CANARY))
    assert "refuses the login" in warning_of(wrong)
    assert error_of(wrong).error_code == "credentials_error"


def test_a_database_that_is_not_there_is_told(server: PrivateServer, log: Log) -> None:
    lost = log_on(server, "no_such_audit", log.base_path)
    assert "no_such_audit" in warning_of(lost)
    assert error_of(lost).error_code == "file_not_found"


def test_an_account_that_may_not_make_the_table_is_told_so(server: PrivateServer, account: str, log: Log) -> None:
    server.create_database("audit_of_others")
    try:
        if server.family == "mysql":
            server.execute(f"GRANT SELECT ON audit_of_others.* TO {account}")
        poor = configured(log, url_of(server, "audit_of_others", account, PASSWORD))
        assert "denied" in warning_of(poor)
        assert poor.find() == []
    finally:
        server.drop_database("audit_of_others")


def test_a_server_that_is_down_is_told(log: Log) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for scheme in SCHEMES.values():
        down = configured(log, f"{scheme}://auditor:Secret4711@127.0.0.1:{port}/audit")
        assert "cannot be reached" in warning_of(down)
        assert error_of(down).error_code == "connection_error"


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("scheme", sorted(SCHEMES.values()))
def test_a_server_that_never_answers_is_not_waited_for_without_end(log: Log, silent_port: int, scheme: str) -> None:
    silent = configured(log, f"{scheme}://auditor:Secret4711@127.0.0.1:{silent_port}/audit")
    assert "cannot be reached" in warning_of(silent)


def test_an_option_of_a_url_that_does_not_exist_is_told(server: PrivateServer, log: Log) -> None:
    odd = configured(log, f"{url_of(server, 'audit')}?no_such_option=1")
    assert "no_such_option" in warning_of(odd)
    assert server.admin_password not in warning_of(odd)
    assert error_of(odd).error_code == "config_error"


def test_the_task_tells_what_is_wrong_without_showing_the_url(server: PrivateServer) -> None:
    url = url_of(server, "audit", server.admin_user, CANARY)
    result = run_module("audit_info", {"url": url}, verbosity=3)
    assert result.rc != 0
    assert result.result["error_code"] == "credentials_error"
    assert "4711" not in result.stdout


def test_the_task_tells_of_a_broken_file(log: Log) -> None:
    broken: dict[str, Any] = {"url": f"sqlite:///{log.base_path}/audit.db"}
    log.base_path.mkdir()
    log.base_path.joinpath("audit.db").write_bytes(b"this is no database " * 300)
    result = run_module("audit_info", broken)
    assert result.result["error_code"] == "validation_error"
    assert HOST not in result.result["msg"]
