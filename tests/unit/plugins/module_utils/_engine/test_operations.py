# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is recorded of an operation that something ends."""

from __future__ import annotations

import os
import signal
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, layout, locking, operations, signals
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.store import Store
from ansible_collections.vya.backupdb.plugins.module_utils._engine.audit import log as audit_log
from ansible_collections.vya.backupdb.plugins.module_utils._engine.backups import run
from ansible_collections.vya.backupdb.plugins.module_utils._engine.drills import drill
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import (
    AppConfig,
    AuditConfig,
    StorageConfig,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.results import BackupResult, VerifyResult
from ansible_collections.vya.backupdb.plugins.module_utils._engine.restores import recovery, selection
from ansible_collections.vya.backupdb.plugins.module_utils._engine.retention import pruning

PATIENCE_SECONDS = 30
ONE_AT_A_TIME = run.Request(jobs=1)


pytestmark = pytest.mark.usefixtures("signals_heeded")


@pytest.fixture
def setting(tmp_path: Path) -> operations.Setting:
    return operations.Setting(
        Store(StorageConfig(base_path=tmp_path / "store"), "host", lambda: datetime.now().astimezone())
    )


def rows(setting: operations.Setting) -> list[tuple[Any, ...]]:
    store = setting.store
    found = audit_log.find(
        AuditConfig(), audit_log.Filters(), base_path=store.config.base_path, hostname=store.hostname
    )
    columns = ("operation", "database_id", "status", "error_code", "error_message")
    return [tuple(row[column] for column in columns) for row in reversed(found)]


def refuse() -> NoReturn:
    raise errors.CredentialsError("there is no login")


def be_ended() -> NoReturn:
    """Do as what a signal kills: wait for it, and then fail for another reason."""
    os.kill(os.getpid(), signal.SIGTERM)
    refusal, deadline = errors.ServerConnectionError("the server is gone"), time.monotonic() + PATIENCE_SECONDS
    while signals.meaning(refusal) is refusal:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    raise refusal


def be_broken() -> NoReturn:
    raise ZeroDivisionError


ENDED = ("failed", "interrupted", "it was ended by SIGTERM")


def test_a_run_that_a_signal_ends_is_recorded_as_far_as_it_came_and_beyond(setting: operations.Setting) -> None:
    wanted = [run.Wanted("done", refuse), run.Wanted("under-way", be_ended), run.Wanted("not-come-to", refuse)]
    with pytest.raises(signals.Ended) as caught, signals.raised():
        operations.back_up(setting, wanted, ONE_AT_A_TIME)
    assert rows(setting) == [
        ("backup", "done", "failed", "credentials_error", "there is no login"),
        ("backup", "under-way", *ENDED),
        ("backup", "not-come-to", *ENDED),
    ]
    details = caught.value.details
    assert details["summary"] == {"total": 3, "successful": 0, "failed": 3}
    assert [result["error_code"] for result in details["results"]] == ["credentials_error", *["interrupted"] * 2]


def test_a_run_that_a_defect_ends_is_recorded_too(setting: operations.Setting) -> None:
    wanted = [run.Wanted("done", refuse), run.Wanted("broken", be_broken)]
    with pytest.raises(ZeroDivisionError):
        operations.back_up(setting, wanted, ONE_AT_A_TIME)
    assert rows(setting) == [
        ("backup", "done", "failed", "credentials_error", "there is no login"),
        ("backup", "broken", "failed", "interrupted", "it was ended by ZeroDivisionError"),
    ]


def test_a_check_that_a_signal_ends_records_nothing(setting: operations.Setting) -> None:
    with pytest.raises(signals.Ended), signals.raised():
        operations.back_up(setting, [run.Wanted("under-way", be_ended)], run.Request(jobs=1, check=True))
    assert not setting.store.config.base_path.exists()


def test_what_cannot_be_recorded_soon_does_not_keep_the_process(
    setting: operations.Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    monkeypatch.setattr(operations, "RECORDING_SECONDS", 0.1)
    monkeypatch.setattr(audit_log, "record", lambda *_arguments, **_options: over.wait(PATIENCE_SECONDS) and [])
    started = time.monotonic()
    with pytest.raises(signals.Ended) as caught, signals.raised():
        operations.back_up(setting, [run.Wanted("under-way", be_ended)], ONE_AT_A_TIME)
    over.set()
    assert time.monotonic() - started < PATIENCE_SECONDS / 2
    assert caught.value.details["warnings"] == ["what was done could not be recorded within 0 seconds"]


def test_a_cleanup_that_a_signal_ends_is_recorded(setting: operations.Setting) -> None:
    with pytest.raises(signals.Ended), signals.raised():
        operations.clean_up(setting, be_ended)
    assert rows(setting) == [("cleanup", "", *ENDED)]


def test_a_cleanup_that_fails_is_recorded_alone_and_after_a_backup(
    setting: operations.Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = setting.store
    given: dict[str, Any] = {
        "databases": [{"id": "server", "type": "mysql", "host": "db01", "port": 3306}],
        "storage": {"base_path": store.config.base_path},
        "logging": {"output": "console"},
    }
    config = AppConfig(**given)
    setting = operations.Setting(store, config)
    report = run.Report()
    report.results.append(
        BackupResult(
            success=True, database_id="server", database_name="shop", duration_seconds=0.1, timestamp=store.clock()
        )
    )
    monkeypatch.setattr(pruning, "LOCK_TIMEOUT_SECONDS", 0.0)
    monkeypatch.setattr(run, "back_up", lambda *arguments: arguments[-1].results.extend(report.results))
    with locking.hold(layout.cleanup_lock(store.config.base_path, store.hostname), "the test"):
        with pytest.raises(errors.LockedError):
            operations.clean_up(setting, lambda: pruning.clean_up(store, config.retention))
        done = operations.back_up(setting, [], ONE_AT_A_TIME)
    locked = ("cleanup", "", "failed", "locked", "the cleanup of host is locked by another run")
    assert sorted(rows(setting), key=str) == [("backup", "server", "success", None, None), locked, locked]
    assert [warning for warning in done.warnings() if "old backups could not be removed" in warning]


def test_a_check_of_a_cleanup_records_nothing(setting: operations.Setting) -> None:
    with pytest.raises(errors.CredentialsError):
        operations.clean_up(setting, refuse, check=True)
    assert not setting.store.config.base_path.exists()


def test_a_restore_that_a_signal_ends_is_recorded(setting: operations.Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = selection.Selection(database_id="server", database="shop")
    order = recovery.Order(wanted, lambda _id: be_ended(), target_id="server", target_database="copy")
    monkeypatch.setattr(recovery, "find", lambda *_arguments: recovery.Found("server", "postgresql", "copy"))
    with pytest.raises(signals.Ended), signals.raised():
        operations.restore(setting, order)
    assert rows(setting) == [("restore", "server", *ENDED)]


def test_a_drill_that_a_signal_ends_is_recorded_as_far_as_it_came(setting: operations.Setting) -> None:
    def verify(drilled: drill.Drilled) -> None:
        drilled.results.append(
            VerifyResult(
                success=True,
                database_id="server",
                database_name="shop",
                hostname="host",
                backup_file=Path("/shop.sql.gz"),
                backup_timestamp=setting.store.clock(),
                level="checksum",
                duration_seconds=0.1,
                timestamp=setting.store.clock(),
            )
        )
        be_ended()

    with pytest.raises(signals.Ended) as caught, signals.raised():
        operations.verify(setting, verify)
    assert rows(setting) == [("verify", "server", "success", None, None)]
    assert caught.value.details["summary"]["successful"] == 1
