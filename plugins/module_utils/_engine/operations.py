# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes with every operation, by whichever door it comes: log, clean up, record, tell.

None of it can change how the operation itself went: what fails here is a warning.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Callable

from . import audit, backup, drill, errors, logbook, metrics, notify, pruning, records, recovery, run
from .models.config import AppConfig, AuditConfig
from .models.results import RestoreResult


@dataclass(frozen=True)
class Setting:
    """Where an operation takes place: the storage, and the configuration, if the servers come from one.

    Without a configuration nothing is cleaned up, logged, measured or told; the audit log in the storage is written.
    ``console`` says whether standard error may be logged to.
    """

    store: backup.Store
    config: AppConfig | None = None
    console: bool = False

    @property
    def audit(self) -> AuditConfig:
        """Where operations are recorded."""
        return self.config.audit if self.config else AuditConfig()


@dataclass
class _Book:
    """What an operation leaves to be recorded, and what went wrong with that."""

    setting: Setting
    warnings: list[str] = field(default_factory=list)

    def record(self, entries: Sequence[records.Entry]) -> None:
        """Write the entries to the audit log and the metrics."""
        setting = self.setting
        store = setting.store
        base_path = store.config.base_path
        self.warnings += audit.record(setting.audit, entries, base_path=base_path, hostname=store.hostname)
        if setting.config is not None:
            self.warnings += metrics.record(setting.config, entries, store)

    def tell(self, outcome: notify.Outcome) -> None:
        """Tell those how it went whom the configuration names."""
        if self.setting.config is not None:
            notifications = self.setting.config.notifications
            self.warnings += notify.warnings_of(notify.send(notifications, outcome, secrets=logbook.hidden()))

    @contextlib.contextmanager
    def tolerated(self, what: str) -> Iterator[None]:
        """Make a warning of an error in what is not the operation itself."""
        try:
            yield
        except errors.BackupDBError as error:
            self.warnings.append(f"{what}: {error}")


@contextlib.contextmanager
def _opened(setting: Setting) -> Iterator[_Book]:
    """Open the log, if one is configured, and give the book that the operation is entered in."""
    book = _Book(setting)
    with contextlib.ExitStack() as stack:
        if setting.config is not None:
            stack.enter_context(logbook.opened(setting.config.logging, book.warnings, console=setting.console))
        try:
            yield book
        finally:
            for warning in book.warnings:
                logbook.event("warning", level="WARNING", message=warning)


def back_up(setting: Setting, wanted: Sequence[run.Wanted], request: run.Request, *, tell: bool = True) -> run.Report:
    """Run the backups, then retention for each database that has a new good one; record all, and ``tell`` whom the
    configuration names. Failures of backups are in the report; whatever else fails is among its warnings.

    Raise as run.back_up does, when that has been told.
    """
    started, hostname = setting.store.clock(), setting.store.hostname
    with _opened(setting) as book:
        try:
            report = run.back_up(wanted, setting.store, request)
        except errors.BackupDBError as error:
            if tell and not request.check:
                book.tell(notify.Outcome.of_error(error, "backup", hostname, started))
            raise
        if not request.check:
            new = [result for result in report.results if not result.up_to_date]
            entries = [records.of_backup(result, hostname, report.type_of(result)) for result in new]
            entries += _retain(book, report, {(one.database_id, one.database_name) for one in new if one.success})
            book.record(entries)
            if tell:
                book.tell(notify.Outcome.of_report(report, "backup", hostname, started))
        report.notes.extend(book.warnings)
    return report


def _retain(book: _Book, report: run.Report, series: Collection[tuple[str, str]]) -> list[records.Entry]:
    """Clean up the databases that have a new good artifact, if that is configured; return what is told of it."""
    config, store = book.setting.config, book.setting.store
    if config is None or not config.retention.cleanup_enabled or not series:
        return []
    policy = config.retention
    entries: list[records.Entry] = []
    with book.tolerated("old backups could not be removed"):
        moment, started = store.clock(), time.monotonic()
        cleanup = pruning.clean_up(store, policy, series=series)
        entries = records.of_removals(cleanup.results, moment, round(time.monotonic() - started, 3))
        report.removals.extend(one for one in cleanup.results if not one.keep)
        book.warnings += cleanup.warnings
    return entries


def clean_up(setting: Setting, action: Callable[[], pruning.Cleanup], *, check: bool = False) -> pruning.Cleanup:
    """Run the retention that ``action`` is, and record what it removed. Raise as pruning.clean_up does."""
    moment, started = setting.store.clock(), time.monotonic()
    with _opened(setting) as book:
        try:
            cleanup = action()
        except errors.BackupDBError as error:
            if not check:
                book.record([_of_failed_cleanup(setting.store.hostname, moment, time.monotonic() - started, error)])
            raise
        if not check:
            book.record(records.of_removals(cleanup.results, moment, round(time.monotonic() - started, 3)))
        cleanup.warnings.extend(book.warnings)
    return cleanup


def _of_failed_cleanup(hostname: str, moment: datetime, seconds: float, error: errors.BackupDBError) -> records.Entry:
    """Return the entry of a cleanup that nothing was removed by; it is of no instance."""
    return records.Entry(
        timestamp=moment,
        operation="cleanup",
        database_id="",
        database_name=None,
        database_type=None,
        status="failed",
        duration_seconds=round(seconds, 3),
        hostname=hostname,
        error_message=error.message,
        error_code=error.error_code,
    )


def verify(
    setting: Setting, action: Callable[[], drill.Drilled], *, check: bool = False, tell: bool = True
) -> drill.Drilled:
    """Run the drill that ``action`` is, record what it found, and where that is bad, ``tell`` whom the configuration
    names for failures: a good drill is no sign that backups are made. Raise as drill.verify does.
    """
    started = setting.store.clock()
    with _opened(setting) as book:
        drilled = action()
        if not check:
            book.record([records.of_verify(result) for result in drilled.results])
            if tell and drilled.error_code() is not None:
                results = [result.as_dict() for result in drilled.results]
                book.tell(notify.Outcome.of_results(results, "verify", setting.store.hostname, started))
        drilled.warnings.extend(book.warnings)
    return drilled


def restore(setting: Setting, order: recovery.Order, *, check: bool = False) -> recovery.Recovered:
    """Put back what was ordered, and record it, also when it fails. Raise as recovery.find and recovery.put_back do."""
    store = setting.store
    started, clock = store.clock(), time.monotonic()
    asked = order.wanted
    found = recovery.Found(order.target_id or asked.database_id or "", None, order.target_database or asked.database)
    with _opened(setting) as book:
        try:
            found = recovery.find(order, store.config.base_path)
            recovered = recovery.put_back(order, found, store, check)
        except errors.BackupDBError as error:
            if not check:
                book.record([_of_restore(store, found, started, time.monotonic() - clock, error=error)])
            raise
        if not check:
            book.record([_of_restore(store, found, started, time.monotonic() - clock, restored=recovered.restore)])
        recovered.warnings.extend(book.warnings)
    return recovered


def _of_restore(
    store: backup.Store,
    found: recovery.Found,
    started: datetime,
    seconds: float,
    *,
    error: errors.BackupDBError | None = None,
    restored: RestoreResult | None = None,
) -> records.Entry:
    """Return the entry of a restore, of accounts alone where it has no database."""
    data = found.artifact.data if found.artifact else found.saved.paths.data if found.saved else None
    return records.Entry(
        timestamp=started,
        operation="restore",
        database_id=found.database_id,
        database_name=found.database,
        database_type=found.database_type,
        status="failed" if error else "success",
        duration_seconds=round(seconds, 3),
        hostname=store.hostname,
        size_bytes=data.stat().st_size if data and data.exists() else None,
        error_message=error.message if error else None,
        error_code=error.error_code if error else None,
        details=records.details_of_restore(restored) if restored else {"backup_file": str(data)} if data else {},
    )
