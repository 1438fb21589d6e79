# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes with every operation, by whichever door it comes: log, clean up, record, tell.

None of it can change how the operation itself went: what fails here is a warning.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Callable

from . import errors, logbook, records, signals
from .artifacts.store import Store
from .audit import log as audit_log
from .backups import run
from .drills import drill
from .metrics import textfile
from .models.config import AppConfig, AuditConfig
from .models.results import BackupResult, RestoreResult
from .notices import notify
from .restores import recovery
from .retention import pruning

#: For so long a process that is ended by a signal stays to record what it has done.
RECORDING_SECONDS = 30.0


@dataclass(frozen=True)
class Setting:
    """Where an operation takes place: the storage, and the configuration, if the servers come from one.

    Without a configuration nothing is cleaned up, logged, measured or told; the audit log in the storage is written.
    ``console`` says whether standard error may be logged to.
    """

    store: Store
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
        self.warnings += audit_log.record(setting.audit, entries, base_path=base_path, hostname=store.hostname)
        if setting.config is not None:
            self.warnings += textfile.record(setting.config, entries, store)

    def in_time(self, record: Callable[[], object]) -> None:
        """Record what was done before something ended it, unless that takes long: the process is to end."""
        recording = threading.Thread(target=record, name="record", daemon=True)
        recording.start()
        recording.join(RECORDING_SECONDS)
        if recording.is_alive():
            self.warnings.append(f"what was done could not be recorded within {RECORDING_SECONDS:.0f} seconds")

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

    Raise as run.back_up does, when that has been recorded and told, as far as it was come to.
    """
    started, report = setting.store.clock(), run.Report()
    removals: list[records.Entry] = []
    with _opened(setting) as book:
        conclude = functools.partial(_conclude, book, report, removals, started, tell)
        try:
            run.back_up(wanted, setting.store, request, report)
            if not request.check:
                _retain(book, report, removals)
        except errors.BackupDBError as error:
            if tell and not request.check:
                book.tell(notify.Outcome.of_error(error, "backup", setting.store.hostname, started))
            raise
        except BaseException as end:
            if not request.check:
                book.in_time(conclude)
            report.notes.extend(book.warnings)
            _explain(end, report.changed, report.as_dict(), report.warnings())
            raise
        if not request.check:
            with signals.disregarded():
                conclude()
        report.notes.extend(book.warnings)
    return report


def _conclude(
    book: _Book, report: run.Report, removals: Sequence[records.Entry], started: datetime, tell: bool
) -> None:
    """Record a run and what was removed after it, and ``tell`` of it."""
    hostname = book.setting.store.hostname
    new = [records.of_backup(result, hostname, report.type_of(result)) for result in _new(report)]
    book.record([*new, *removals])
    if tell:
        book.tell(notify.Outcome.of_report(report, "backup", hostname, started))


def _new(report: run.Report) -> list[BackupResult]:
    return [result for result in report.results if not result.up_to_date]


def _explain(end: BaseException, changed: bool, told: dict[str, Any], warnings: list[str]) -> None:
    """Give a signal that has ended something what is to be said of it."""
    if isinstance(end, signals.Ended):
        end.details = {"changed": changed, **told, "warnings": warnings}


def _retain(book: _Book, report: run.Report, entries: list[records.Entry]) -> None:
    """Clean up the databases that have a new good artifact, if that is configured; add what is told of it."""
    config, store = book.setting.config, book.setting.store
    series = {(result.database_id, result.database_name) for result in _new(report) if result.success}
    if config is None or not config.retention.cleanup_enabled or not series:
        return
    policy = config.retention
    with book.tolerated("old backups could not be removed"):
        cleanup = _pruned(store, functools.partial(pruning.clean_up, store, policy, series=series), entries)
        report.removals.extend(one for one in cleanup.results if not one.keep)
        book.warnings += cleanup.warnings


def clean_up(setting: Setting, action: Callable[[], pruning.Cleanup], *, check: bool = False) -> pruning.Cleanup:
    """Run the retention that ``action`` is, and record what it removed. Raise as pruning.clean_up does."""
    entries: list[records.Entry] = []

    def conclude() -> None:
        if not check:
            book.record(entries)

    with _opened(setting) as book:
        try:
            cleanup = _pruned(setting.store, action, entries)
        except errors.BackupDBError:
            conclude()
            raise
        except signals.Ended:
            book.in_time(conclude)
            raise
        with signals.disregarded():
            conclude()
        cleanup.warnings.extend(book.warnings)
    return cleanup


def _pruned(store: Store, action: Callable[[], pruning.Cleanup], entries: list[records.Entry]) -> pruning.Cleanup:
    """Run the retention that ``action`` is, and add the entries of it, also where it fails or a signal ends it."""
    moment, started = store.clock(), time.monotonic()
    try:
        cleanup = action()
    except (errors.BackupDBError, signals.Ended) as end:
        # Nothing is known of what was removed, so it is of no instance.
        error = end.as_error() if isinstance(end, signals.Ended) else end
        entries.append(
            records.Entry(
                timestamp=moment,
                operation="cleanup",
                database_id="",
                database_name=None,
                database_type=None,
                status="failed",
                duration_seconds=round(time.monotonic() - started, 3),
                hostname=store.hostname,
                error_message=error.message,
                error_code=error.error_code,
            )
        )
        raise
    entries += records.of_removals(cleanup.results, moment, round(time.monotonic() - started, 3))
    return cleanup


def verify(
    setting: Setting, action: Callable[[drill.Drilled], object], *, check: bool = False, tell: bool = True
) -> drill.Drilled:
    """Run the drill that ``action`` is, given what it is to fill in; record what it found, and where that is bad,
    ``tell`` whom the configuration names for failures: a good drill is no sign that backups are made. Raise as
    drill.verify does.
    """
    started, drilled = setting.store.clock(), drill.Drilled()

    def conclude() -> None:
        book.record([records.of_verify(result) for result in drilled.results])
        if tell and drilled.error_code() is not None:
            results = [result.as_dict() for result in drilled.results]
            book.tell(notify.Outcome.of_results(results, "verify", setting.store.hostname, started))

    with _opened(setting) as book:
        try:
            action(drilled)
        except signals.Ended as ended:
            if not check:
                book.in_time(conclude)
            _explain(ended, drilled.changed, drilled.as_dict(), drilled.warnings + book.warnings)
            raise
        if not check:
            with signals.disregarded():
                conclude()
        drilled.warnings.extend(book.warnings)
    return drilled


def restore(setting: Setting, order: recovery.Order, *, check: bool = False) -> recovery.Recovered:
    """Put back what was ordered, and record it, also when it fails. Raise as recovery.find and recovery.put_back do."""
    store = setting.store
    started, clock = store.clock(), time.monotonic()
    asked = order.wanted
    found = recovery.Found(order.target_id or asked.database_id or "", None, order.target_database or asked.database)

    def conclude(*, error: errors.BackupDBError | None = None, restored: RestoreResult | None = None) -> None:
        if not check:
            seconds = time.monotonic() - clock
            book.record([_of_restore(store, found, started, seconds, error=error, restored=restored)])

    with _opened(setting) as book:
        try:
            found = recovery.find(order, store.config.base_path)
            recovered = recovery.put_back(order, found, store, check)
        except errors.BackupDBError as error:
            conclude(error=error)
            raise
        except signals.Ended as ended:
            book.in_time(functools.partial(conclude, error=ended.as_error()))
            raise
        with signals.disregarded():
            conclude(restored=recovered.restore)
        recovered.warnings.extend(book.warnings)
    return recovered


def _of_restore(
    store: Store,
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
