# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole run: instances -> databases -> artifacts, side by side. One failure does not stop the others."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from . import backup, catalog, compressors, errors, instances, process, schedule, work
from .models.config import AppConfig
from .models.results import AccountsResult, BackupResult


@dataclass(frozen=True)
class Wanted:
    """An instance of a run: its id, how to come by it, and how many jobs it may take, if that is limited."""

    id: str
    provide: work.Provider
    jobs: int | None = None


@dataclass(frozen=True)
class Report:
    """What became of a run."""

    results: list[BackupResult] = field(default_factory=list)
    accounts: list[AccountsResult] = field(default_factory=list)
    plan: list[backup.Plan] = field(default_factory=list)
    swept: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, int]:
        """Return how many backups there were, and how many of them went well."""
        good = sum(result.success for result in self.results)
        return {"total": len(self.results), "successful": good, "failed": len(self.results) - good}

    def error_code(self) -> str | None:
        """Return the error code of the whole run, None when all went well.

        Some failed: partial_failure. All failed: the code they share, or complete_failure where they differ.
        """
        codes = {result.error_code or errors.BackupDBError.error_code for result in self.results if not result.success}
        if not codes:
            return None
        if any(result.success for result in self.results):
            return "partial_failure"
        return codes.pop() if len(codes) == 1 else "complete_failure"

    def message(self) -> str | None:
        """Return one sentence that names every failure, None when all went well."""
        failures = [result for result in self.results if not result.success]
        if not failures:
            return None
        total = len(self.results)
        told = "; ".join(
            f"{result.database_id}{f'/{result.database_name}' if result.database_name else ''}: {result.error_message}"
            for result in failures
        )
        hints = list(dict.fromkeys(result.hint for result in failures if result.hint))
        return f"{len(failures)} of {total} backups failed: {told}" + "".join(f". {hint}" for hint in hints)

    def warnings(self) -> list[str]:
        """Return what should be known of the run, and of the backups that went well."""
        of_accounts = [warning for result in self.accounts for warning in result.warnings]
        return self.notes + of_accounts + [warning for result in self.results for warning in result.warnings]

    def raise_for_failures(self) -> None:
        """Raise RunError, with the whole report in its details, when anything failed."""
        code, message = self.error_code(), self.message()
        if code is not None and message is not None:
            changed = any(result.success or result.backup_file for result in self.results)
            raise errors.RunError(message, code, changed=changed, **self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for a result."""
        described: dict[str, Any] = {
            "results": [result.as_dict() for result in self.results],
            "accounts": [result.as_dict() for result in self.accounts],
            "summary": self.summary(),
            "swept": self.swept,
        }
        if self.plan:
            described["plan"] = [asdict(plan) for plan in self.plan]
        return described


def configured(config: AppConfig, ids: Sequence[str] | None = None) -> list[Wanted]:
    """Return the instances of a configuration that a run is to work on. Raise as instances.select_configs does."""
    return [
        Wanted(entry.id, functools.partial(instances.with_stored_login, entry, config.credentials), entry.jobs)
        for entry in instances.select_configs(config, ids)
    ]


def back_up(
    wanted: Iterable[Wanted],
    store: backup.Store,
    *,
    databases: Sequence[str] | None = None,
    jobs: int | None = None,
    check: bool = False,
) -> Report:
    """Back up the databases of all instances, ``jobs`` at a time, the biggest first; with ``check``, only plan it.

    ``databases`` narrows the run to those names; without ``jobs``, see jobs_of. Failures are in the report, in the
    order of the instances. Raise ConfigError when ``jobs`` is less than one.
    """
    everyone = list(wanted)
    at_a_time = jobs_of(everyone, jobs)
    report = Report()
    if compressors.name(store.config.compression_level) == compressors.SLOW_LIBRARY:
        report.notes.append(compressors.SLOW_WARNING)
    latest = catalog.latest_of_each(store.config.base_path, store.hostname)
    if not check:
        report.swept.extend(catalog.sweep(store.config.base_path))
    threads = min(at_a_time, os.cpu_count() or 1)
    with contextlib.ExitStack() as stack:
        compressing = stack.enter_context(concurrent.futures.ThreadPoolExecutor(threads, "compress"))
        # Without compressors no text goes on, without programs none comes.
        shut = functools.partial(compressing.shutdown, wait=False, cancel_futures=True)
        timetable = schedule.Schedule(at_a_time, [shut, process.end_all])
        common = work.Common(store, databases, check, latest, compressing, timetable)
        each_work = [work.InstanceWork(one.id, one.provide, common) for one in everyone]
        for each in each_work:
            stack.callback(each.lock.close)
        timetable.add([schedule.Task(each.begin, schedule.Group(at_a_time), urgent=True) for each in each_work])
        timetable.run()
    for each in each_work:
        report.plan.extend(each.plans())
        report.results.extend(each.results())
        if each.accounts is not None:
            report.accounts.append(each.accounts)
    return report


def jobs_of(wanted: Sequence[Wanted], jobs: int | None) -> int:
    """Return how many dumps a run makes at a time.

    Where ``jobs`` does not say it: as many as there are processors, or as the instance with the most jobs may have
    where that is more; but never more than all instances together may have.
    """
    if jobs is not None:
        if jobs < 1:
            raise errors.ConfigError(
                f"jobs is {jobs}, but a run needs at least one", "Set it to 1 or more, or leave it out"
            )
        return jobs
    processors = os.cpu_count() or 1
    own = [one.jobs or processors for one in wanted]
    return min(sum(own), max([processors, *own])) or 1
