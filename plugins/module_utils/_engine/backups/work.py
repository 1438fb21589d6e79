# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The work on one instance of a run: its listing, then its databases, each a task of the run's schedule."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Callable

from .. import accounts, errors, instances, logbook, progress, signals, stream
from ..artifacts import catalog, freshness
from ..artifacts.store import Store
from ..databases.accounts import SavedAccounts
from ..databases.base import Server
from ..databases.values import Entry
from ..instances import Instance
from ..models.results import AccountsResult, BackupResult, DriftResult
from . import backup, drift, schedule

PARTIAL_HINT = "Give the backup account what it lacks, or leave the accounts out with accounts: false"
#: Gives an instance, or raises: the login of each is looked up only when its turn comes.
Provider = Callable[[], Instance]


@dataclass(frozen=True)
class Request:
    """What a run is to do: back up the databases of all instances, ``jobs`` at a time; with ``check``, only plan it.

    ``databases`` narrows it to those names. Databases that have a good artifact no older than ``if_older_than``, which
    is kept until ``keep_until``, are skipped. Retention leaves the new artifacts alone before ``keep_until``.
    """

    databases: Sequence[str] | None = None
    jobs: int | None = None
    check: bool = False
    if_older_than: timedelta | None = None
    keep_until: datetime | None = None


@dataclass(frozen=True)
class Common:
    """What all instances of a run have in common."""

    store: Store
    request: Request
    latest: dict[tuple[str, str], catalog.Artifact]
    compressing: stream.Compressing
    timetable: schedule.Schedule


class InstanceWork:
    """The work on one instance: its listing first, then a task for each of its databases.

    ``lock`` holds the instance's lock from the listing until the last database is done.
    """

    def __init__(self, database_id: str, provide: Provider, common: Common) -> None:
        self.lock = contextlib.ExitStack()
        self._id = database_id
        self._provide = provide
        self._common = common
        self.accounts: AccountsResult | None = None
        self.notes: list[str] = []
        self._outcomes: list[BackupResult | backup.Plan | None] = []
        self._names: list[str] = []
        self._left: set[int] = set()

    def plans(self) -> list[backup.Plan]:
        """Return the plans that were made, the biggest database's first."""
        return [outcome for outcome in self._outcomes if isinstance(outcome, backup.Plan)]

    def results(self) -> list[BackupResult]:
        """Return what became of each database, the biggest first, or why there is none."""
        return [outcome for outcome in self._outcomes if isinstance(outcome, BackupResult)]

    def give_up(self, error: errors.BackupDBError) -> None:
        """Take for failed by an error what has not come to its end, and never will."""
        if not self._outcomes:
            logbook.failed("instance_failed", error, database_id=self._id)
            self._outcomes.append(_failure(self._id, "", error, 0.0, self._common.store))
        for position, outcome in enumerate(self._outcomes):
            if outcome is None:
                name = self._names[position]
                logbook.failed("backup_failed", error, database_id=self._id, database=name)
                self._outcomes[position] = _failure(self._id, name, error, 0.0, self._common.store)

    def begin(self, _share: schedule.Share) -> None:
        """Log in, lock the instance, list its databases, and add a task for each."""
        common = self._common
        try:
            instance = self._provide()
            if not common.request.check:
                self.lock.enter_context(common.store.locked(instance.id))
            server = instance.server()
            chosen = instances.select_databases(instance, server.list_databases(), common.request.databases)
            if not chosen:
                self._require_check(instance)
            new_enough = [self._new_enough(entry) for entry in chosen]
            due = {position for position, artifact in enumerate(new_enough) if artifact is None}
            companion = self._save_accounts(instance, server) if due else backup.Companion()
        except errors.BackupDBError as failure:
            error = signals.meaning(failure)
            logbook.failed("instance_failed", error, database_id=self._id)
            self._outcomes.append(_failure(self._id, "", error, 0.0, common.store))
            self.lock.close()
            return
        logbook.event("listed", database_id=self._id, databases=len(chosen), skipped=len(chosen) - len(due))
        self._names = [entry.name for entry in chosen]
        self._outcomes = [None if artifact is None else _up_to_date(artifact) for artifact in new_enough]
        self._left = set(due)
        if not due:
            self.lock.close()
        group = schedule.Group(min(instance.config.jobs or common.timetable.jobs, common.timetable.jobs))
        common.timetable.add(
            [
                schedule.Task(
                    functools.partial(self._work, position, _Database(instance, server, entry, companion)),
                    group,
                    size_bytes=entry.size_bytes,
                )
                for position, entry in enumerate(chosen)
                if position in due
            ]
        )

    def _require_check(self, instance: Instance) -> None:
        """Note that a server has no database yet. Raise NotFoundError unless it is only looked at."""
        if not self._common.request.check:
            raise instances.nothing_selected(instance)
        self.notes.append(f"{instance.endpoint} has no database yet, so there is nothing to back up for {instance.id}")

    def _new_enough(self, entry: Entry) -> catalog.Artifact | None:
        """Return the artifact that makes another one of a database needless, if there is one."""
        request, artifact = self._common.request, self._common.latest.get((self._id, entry.name))
        if request.if_older_than is None or artifact is None:
            return None
        if not freshness.is_within(artifact.moment, request.if_older_than, self._common.store.clock()):
            return None
        kept_until = artifact.metadata.backup_info.keep_until
        if request.keep_until is not None and (kept_until is None or kept_until < request.keep_until):
            return None
        return artifact

    def _save_accounts(self, instance: Instance, server: Server) -> backup.Companion:
        """Save the accounts of the instance, if that is wanted; without them, what is dumped is partial."""
        if not instance.config.accounts:
            return backup.Companion()
        try:
            if self._common.request.check:
                self.accounts = _foreseen(instance.id, server.read_accounts())
                return backup.Companion()
            saved = accounts.save(instance, server, self._common.store)
        except errors.BackupDBError as failure:
            error = signals.meaning(failure)
            logbook.failed("accounts_failed", error, database_id=instance.id)
            self.accounts = AccountsResult(
                success=False,
                database_id=instance.id,
                error_message=error.message,
                error_code=error.error_code,
                hint=error.hint,
            )
            return backup.Companion(lacking=f"the accounts of {instance.id} could not be saved: {error.message}")
        lacking = saved.partial_reason
        self.accounts = AccountsResult(
            success=lacking is None,
            database_id=instance.id,
            backup_file=saved.artifact.paths.data,
            accounts_count=len(saved.artifact.metadata.accounts),
            error_message=lacking,
            error_code="partial_failure" if lacking else None,
            warnings=saved.warnings,
        )
        told = None if lacking is None else f"the accounts of {instance.id} were not saved whole: {lacking}"
        return backup.Companion(saved.artifact.paths.data.name, told)

    def _work(self, position: int, database: _Database, share: schedule.Share) -> None:
        common, instance, entry = self._common, database.instance, database.entry
        started = time.monotonic()
        subject = backup.Subject(
            instance,
            database.server,
            entry,
            estimated_bytes=backup.estimate(entry, common.latest.get((instance.id, entry.name))),
            lanes=share.lanes,
            lane=share.lane,
            companion=database.companion,
            keep_until=common.request.keep_until,
        )
        try:
            with logbook.about(database_id=instance.id, database=entry.name):
                if common.request.check:
                    self._outcomes[position] = backup.plan_backup(subject, common.store)
                else:
                    self._outcomes[position] = self._back_up(subject)
        except errors.BackupDBError as failure:
            error = signals.meaning(failure)
            seconds = time.monotonic() - started
            self._outcomes[position] = _failure(instance.id, entry.name, error, seconds, common.store)
            logbook.failed(
                "backup_failed", error, database_id=instance.id, database=entry.name, seconds=round(seconds, 3)
            )
        self._left.discard(position)
        if not self._left:
            self.lock.close()

    def _expected_bytes(self, entry: Entry) -> int:
        """Return how long the text of a dump is likely to be, for those who watch it come."""
        latest = self._common.latest.get((self._id, entry.name))
        if latest is not None and progress.is_observed():
            with contextlib.suppress(errors.BackupDBError):
                known = catalog.load_artifact(latest.paths.metadata).metadata.restore_info
                if known is not None:
                    return known.raw_size_bytes
        return entry.size_bytes

    def _back_up(self, subject: backup.Subject) -> BackupResult:
        common = self._common
        entry = subject.entry
        with progress.measured("dump", self._id, entry.name, self._expected_bytes(entry)) as meter:
            subject = dataclasses.replace(subject, meter=meter)
            artifact, warnings = backup.back_up(subject, common.store, common.compressing)
        # The one that there was when the run began, if it was good.
        previous = common.latest.get((self._id, subject.entry.name))
        found = drift.since(previous, artifact, subject.server) if previous else None
        if found is not None:
            logbook.event("schema_drift", came=found.came, went=found.went, changed=found.changed)
        return _done(artifact, warnings, found)


@dataclass(frozen=True)
class _Database:
    """A database whose turn will come, and what was saved of its instance's accounts."""

    instance: Instance
    server: Server
    entry: Entry
    companion: backup.Companion


def _foreseen(database_id: str, found: SavedAccounts) -> AccountsResult:
    """Return what saving the accounts that were read would come to."""
    lacking = f"the accounts of {database_id} would not be saved whole: {found.lacking}" if found.lacking else None
    return AccountsResult(
        success=lacking is None,
        database_id=database_id,
        accounts_count=len(found.accounts),
        error_message=lacking,
        error_code="partial_failure" if lacking else None,
        warnings=[lacking] if lacking else [],
    )


def _up_to_date(artifact: catalog.Artifact) -> BackupResult:
    """Return the result of a database whose artifact is new enough."""
    return _done(artifact, []).model_copy(update={"up_to_date": True, "duration_seconds": 0.0})


def _done(artifact: catalog.Artifact, warnings: list[str], found: DriftResult | None = None) -> BackupResult:
    """Return the result of a published artifact, which is a failure where it is partial, and the drift since then."""
    info = artifact.metadata.backup_info
    whole = info.status == "success"
    return BackupResult(
        success=whole,
        error_message=info.error_message,
        error_code=None if whole else "partial_failure",
        hint=None if whole else PARTIAL_HINT,
        database_id=info.database_id,
        database_name=info.database_name,
        backup_file=artifact.paths.data,
        metadata_file=artifact.paths.metadata,
        checksum_file=artifact.paths.checksum,
        duration_seconds=info.duration_seconds,
        size_bytes=artifact.metadata.file_info.size_bytes,
        warnings=warnings,
        drift=found,
        timestamp=artifact.moment,
    )


def _failure(
    database_id: str, database: str, error: errors.BackupDBError, seconds: float, store: Store
) -> BackupResult:
    return BackupResult(
        success=False,
        database_id=database_id,
        database_name=database,
        duration_seconds=round(seconds, 3),
        error_message=error.message,
        error_code=error.error_code,
        hint=error.hint,
        timestamp=store.clock(),
    )
