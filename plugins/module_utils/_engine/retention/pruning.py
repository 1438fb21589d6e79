# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cleanup: finish what dead runs left, look at what is there, plan by the policy, remove what goes.

A backup may run at the same time: what is not yet published is no artifact, so it is never looked at; accounts that its
artifacts will name are younger than all that are published, or than a day.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from .. import errors, layout, locking, logbook
from ..artifacts import catalog
from ..artifacts.store import Store
from ..models.config import RetentionConfig
from ..models.results import RemovalResult
from . import planning, removal, survey

# Another cleanup of the host is over soon, unless it has a great many to remove.
LOCK_TIMEOUT_SECONDS = 60.0


@dataclass
class Cleanup:
    """What became of each artifact, with all reasons, and what else was put in order.

    ``resumed`` has a sentence for each removal that a dead run had begun, ``swept`` for each other leftover. With
    ``check`` nothing has been removed, and the sums are what they would be.
    """

    check: bool = False
    results: list[RemovalResult] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)
    swept: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def gone(self) -> list[RemovalResult]:
        """The artifacts that have been removed, or would be."""
        return [one for one in self.results if one.removed or (self.check and not one.keep)]

    @property
    def removed(self) -> int:
        """How many artifacts have been removed, or would be."""
        return len(self.gone)

    @property
    def freed_bytes(self) -> int:
        """How large their data files were."""
        return sum(one.size_bytes for one in self.gone)

    @property
    def changed(self) -> bool:
        """Whether anything has been removed, or would be."""
        return bool(self.gone or self.resumed or self.swept)

    def summary(self) -> dict[str, int]:
        """Return how many artifacts there were, and what became of them."""
        return {
            "total": len(self.results),
            "kept": sum(one.keep for one in self.results),
            "removed": self.removed,
            "failed": sum(one.error_code is not None for one in self.results),
            "freed_bytes": self.freed_bytes,
        }

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for a result."""
        return {
            "results": [one.as_dict() for one in self.results],
            "summary": self.summary(),
            "resumed": self.resumed,
            "swept": self.swept,
        }

    def text(self) -> str:
        """Return a line for each artifact: what becomes of it, and why."""
        lines = [f"{_verb(one)} {one.backup_file}: {', '.join(one.reasons)}" for one in self.results]
        return "\n".join([*lines, ""])

    def require_something(self, base_path: Path, **narrowed: str | None) -> None:
        """Raise NotFoundError when what was looked at was ``narrowed``, and there was nothing at all of it."""
        told = ", ".join(f"{name} {value}" for name, value in narrowed.items() if value is not None)
        if told and not self.results:
            raise errors.NotFoundError(
                f"no artifact of {told} is below {base_path}", "See what there is with vya.backupdb.backup_info"
            )

    def raise_for_failures(self) -> None:
        """Raise RunError, with all in its details, when an artifact could not be removed."""
        failures = [one for one in self.results if one.error_code is not None]
        if not failures:
            return
        codes = {str(one.error_code) for one in failures}
        code = "partial_failure" if self.gone else codes.pop() if len(codes) == 1 else "complete_failure"
        told = "; ".join(str(one.error_message) for one in failures)
        wanted = len(failures) + self.removed
        message = f"{len(failures)} of {wanted} artifacts could not be removed: {told}"
        raise errors.RunError(message, code, changed=self.changed, **self.as_dict())


def _verb(result: RemovalResult) -> str:
    return "keep  " if result.keep else "delete"


def clean_up(
    store: Store,
    policy: RetentionConfig,
    *,
    series: Collection[tuple[str, str]] | None = None,
    database_id: str | None = None,
    database: str | None = None,
    check: bool = False,
) -> Cleanup:
    """Keep what the policy keeps of the artifacts of ``store.hostname``, and remove the others; with ``check``, only
    plan it and change nothing.

    ``series`` are pairs of a database_id and the name of a database, None for all; ``database_id`` and ``database``
    narrow them further. The accounts of the instances that are looked at are cleaned up, too. An artifact that cannot
    be removed is a failure in the results. Raise ValidationError when the clock runs before the newest artifact, and
    nothing is removed then; LockedError when another cleanup of the host goes on, StorageError when the storage
    cannot be read.
    """
    base_path = store.config.base_path
    cleanup = Cleanup(check=check)
    if not base_path.is_dir():
        cleanup.warnings.append(f"{base_path} does not exist, so there is nothing to keep or to remove")
        return cleanup
    lock = layout.cleanup_lock(base_path, store.hostname)
    held = locking.hold(lock, f"the cleanup of {store.hostname}", LOCK_TIMEOUT_SECONDS)
    with contextlib.nullcontext() if check else held:
        if not check:
            cleanup.swept.extend(catalog.sweep(base_path))
        _Work(store, policy, cleanup, store.clock()).clean_up(_Scope(series, database_id, database))
    return cleanup


@dataclass(frozen=True)
class _Scope:
    """What is looked at; None admits all."""

    series: Collection[tuple[str, str]] | None
    database_id: str | None
    database: str | None

    def has(self, found: survey.Found) -> bool:
        """Say whether a backup is looked at."""
        _hostname, own_id, own_name = found.candidate.series
        return (
            (self.series is None or (own_id, own_name) in self.series)
            and self.database_id in (None, own_id)
            and self.database in (None, own_name)
        )

    def has_accounts(self, found: survey.Found, instances: Collection[str]) -> bool:
        """Say whether accounts are looked at, given the ids of the instances of the backups that are."""
        own_id = found.candidate.series[1]
        whole = self.series is None and self.database is None
        return own_id in instances or (whole and self.database_id in (None, own_id))


@dataclass(frozen=True)
class _Work:
    """The parts of one cleanup."""

    store: Store
    policy: RetentionConfig
    cleanup: Cleanup
    now: datetime

    def clean_up(self, scope: _Scope) -> None:
        """Do all of it, given what is to be looked at. Raise as the function of this name does."""
        found = survey.look(self.store.config.base_path, self.store.hostname, self.now)
        self.cleanup.warnings.extend(found.problems)
        self.finish(found.tombstones)
        planning.require_clock((one.candidate for one in (*found.backups, *found.accounts)), self.now)
        wanted = [one for one in found.backups if scope.has(one)]
        staying = self.prune_backups(found.backups, wanted)
        instances = {one.candidate.series[1] for one in wanted}
        accounts = [one for one in found.accounts if scope.has_accounts(one, instances)]
        self.prune_accounts(accounts, staying, complete=not found.unreadable)
        self.remove_folders(found.idle_folders)

    def finish(self, tombstones: Iterable[Path]) -> None:
        """Finish the removals of this host that a dead run had begun."""
        for tombstone in tombstones:
            try:
                if removal.finish(tombstone, self.store.hostname, check=self.cleanup.check):
                    verb = "would finish" if self.cleanup.check else "finished"
                    told = f"{verb} the removal that {tombstone} tells of"
                    self.cleanup.resumed.append(told)
                    logbook.event("removal_resumed", level="WARNING", message=told)
                    self._remove_folder(tombstone.parent)
            except errors.BackupDBError as error:
                self.cleanup.warnings.append(str(error))

    def prune_backups(self, everyone: list[survey.Found], wanted: list[survey.Found]) -> list[survey.Found]:
        """Remove those of the wanted backups that the policy does not keep; return all that are there afterwards."""
        decisions = planning.plan((one.candidate for one in wanted), self.policy, self.now)
        gone = self._act(wanted, decisions)
        return [one for one in everyone if one.candidate.name not in gone]

    def prune_accounts(self, accounts: list[survey.Found], staying: list[survey.Found], *, complete: bool) -> None:
        """Remove those accounts that no backup names any more."""
        present = self._present(accounts, staying, complete)
        self._act(accounts, planning.plan_accounts((one.candidate for one in accounts), present, self.now))

    def remove_folders(self, folders: Iterable[Path]) -> None:
        """Remove empty folders of past dates, which a run left that died in between."""
        for folder in folders:
            if self._remove_folder(folder):
                self.cleanup.swept.append(f"removed the empty folder {folder}")

    def _present(self, accounts: list[survey.Found], staying: list[survey.Found], complete: bool) -> planning.Present:
        asked = {one.candidate.series[:2] for one in accounts}
        naming: dict[str, list[str]] = {}
        newest: dict[tuple[str, str], datetime] = {}
        for one in sorted(staying, key=lambda one: one.candidate.moment, reverse=True):
            instance = one.candidate.series[:2]
            if instance not in asked:
                continue
            newest.setdefault(instance, one.candidate.moment)
            try:
                named = survey.accounts_named_by(self.store.config.base_path, one)
            except errors.NotFoundError:
                continue
            except errors.BackupDBError as error:
                self.cleanup.warnings.append(error.message)
                complete = False
                continue
            if named is not None:
                naming.setdefault(str(named), []).append(one.paths.data.name)
        return planning.Present(naming, newest, complete)

    def _act(self, found: list[survey.Found], decisions: list[planning.Decision]) -> set[str]:
        """Do what was decided on what was found; return the names of those that are gone, or would be."""
        by_name = {one.candidate.name: one for one in found}
        results = [self._carry_out(by_name[one.candidate.name], one) for one in decisions]
        self.cleanup.results.extend(results)
        return {str(one.backup_file) for one in results if one.removed or (self.cleanup.check and not one.keep)}

    def _carry_out(self, found: survey.Found, decision: planning.Decision) -> RemovalResult:
        hostname, database_id, database = found.candidate.series
        result = RemovalResult(
            backup_file=found.paths.data,
            hostname=hostname,
            database_id=database_id,
            database_name=database or None,
            timestamp=found.candidate.moment,
            size_bytes=found.size_bytes,
            keep=decision.keep,
            reasons=list(decision.reasons),
        )
        if decision.keep or self.cleanup.check:
            return result
        held = survey.hold_reason(found.paths)
        if held is not None:
            # Somebody has put it there since we looked.
            return result.model_copy(update={"keep": True, "reasons": [held]})
        try:
            removal.remove(found.paths)
        except errors.LockedError as error:
            return result.model_copy(update={"keep": True, "reasons": [error.message]})
        except errors.BackupDBError as error:
            logbook.failed("removal_failed", error, database_id=database_id, database=database or None)
            return result.model_copy(update={"error_message": error.message, "error_code": error.error_code})
        self._remove_folder(found.paths.data.parent)
        logbook.event(
            "removed",
            database_id=database_id,
            database=database or None,
            bytes=found.size_bytes,
            file=str(found.paths.data),
        )
        return result.model_copy(update={"removed": True})

    def _remove_folder(self, folder: Path) -> bool:
        return not self.cleanup.check and removal.remove_folder(self.store.config.base_path, folder)
