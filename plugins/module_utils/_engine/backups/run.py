# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole run: instances -> databases -> artifacts, side by side. One failure does not stop the others."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .. import compressors, errors, instances, logbook, outcomes, process, signals, stream
from ..artifacts import catalog
from ..artifacts.store import Store
from ..models.config import AppConfig
from ..models.results import AccountsResult, BackupResult, RemovalResult
from . import backup, inspecting, schedule, work

Request = work.Request
WHOLE_RUN = Request()


@dataclass(frozen=True)
class Wanted:
    """An instance of a run: its id, how to come by it, how many jobs it may take, if that is limited, and its type."""

    id: str
    provide: work.Provider
    jobs: int | None = None
    type: str | None = None


@dataclass(frozen=True)
class Report:
    """What became of a run; ``types`` has the type of each instance, ``removals`` what retention removed after it."""

    results: list[BackupResult] = field(default_factory=list)
    accounts: list[AccountsResult] = field(default_factory=list)
    plan: list[backup.Plan] = field(default_factory=list)
    swept: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    types: dict[str, str | None] = field(default_factory=dict)
    removals: list[RemovalResult] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether there is an artifact that was not there before, or by the plan would be."""
        return bool(self.plan) or any(
            (result.success or result.backup_file) and not result.up_to_date for result in self.results
        )

    def type_of(self, result: BackupResult) -> str | None:
        """Return the type of the instance that a result is of, where it is known."""
        return self.types.get(result.database_id)

    def summary(self) -> dict[str, int]:
        """Return how many backups there were, and how many of them went well."""
        return outcomes.summary(self.results)

    def error_code(self) -> str | None:
        """Return the error code of the whole run, None when all went well; see outcomes.error_code."""
        return outcomes.error_code(self.results)

    def message(self) -> str | None:
        """Return one sentence that names every failure, None when all went well."""
        return outcomes.message(self.results, "backups")

    def warnings(self) -> list[str]:
        """Return what should be known of the run, and of the backups that went well."""
        of_accounts = [warning for result in self.accounts for warning in result.warnings]
        return self.notes + of_accounts + [warning for result in self.results for warning in result.warnings]

    def raise_for_failures(self) -> None:
        """Raise RunError, with the whole report in its details, when anything failed."""
        code, message = self.error_code(), self.message()
        if code is not None and message is not None:
            raise errors.RunError(message, code, changed=self.changed, **self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for a result."""
        described: dict[str, Any] = {
            "results": [result.as_dict() for result in self.results],
            "accounts": [result.as_dict() for result in self.accounts],
            "summary": self.summary(),
            "removals": [result.as_dict() for result in self.removals],
            "swept": self.swept,
        }
        if self.plan:
            described["plan"] = [asdict(plan) for plan in self.plan]
        return described


def configured(config: AppConfig, ids: Sequence[str] | None = None) -> list[Wanted]:
    """Return the instances of a configuration that a run is to work on. Raise as instances.select_configs does."""
    return [
        Wanted(
            entry.id, functools.partial(instances.with_stored_login, entry, config.credentials), entry.jobs, entry.type
        )
        for entry in instances.select_configs(config, ids)
    ]


def back_up(
    wanted: Iterable[Wanted], store: Store, request: Request = WHOLE_RUN, report: Report | None = None
) -> Report:
    """Back up the databases of all instances as requested, the biggest first.

    Without ``jobs`` in the request, see jobs_of. Failures are in the report, in the order of the instances. The
    ``report`` is filled in where it is given, also when a signal or a defect ends the run, which is raised then: with
    what was done, and a failure for each database and instance that was not come to. Raise ConfigError when ``jobs`` is
    less than one.
    """
    everyone = list(wanted)
    at_a_time = jobs_of(everyone, request.jobs)
    started = time.monotonic()
    logbook.event("run_started", instances=len(everyone), jobs=at_a_time, check=request.check or None)
    report = Report() if report is None else report
    report.types.update({one.id: one.type for one in everyone})
    if compressors.name(store.config.compression_level) == compressors.SLOW_LIBRARY:
        report.notes.append(compressors.SLOW_WARNING)
    threads = min(at_a_time, os.cpu_count() or 1)
    with contextlib.ExitStack() as stack:
        compressing = stack.enter_context(stream.Compressing(threads))
        # Without compressors no text goes on, without programs none comes.
        shut = functools.partial(compressing.shutdown, wait=False, cancel_futures=True)
        timetable = schedule.Schedule(at_a_time, [shut, process.end_all, inspecting.end_all])
        common = work.Common(store, request, {}, compressing, timetable)
        each_work = [work.InstanceWork(one.id, one.provide, common) for one in everyone]
        for each in each_work:
            stack.callback(each.lock.close)
        timetable.add([schedule.Task(each.begin, schedule.Group(at_a_time), urgent=True) for each in each_work])
        try:
            common.latest.update(catalog.latest_of_each(store.config.base_path, store.hostname))
            if not request.check:
                report.swept.extend(catalog.sweep(store.config.base_path))
            timetable.run()
        except BaseException as error:
            for each in each_work:
                each.give_up(_reason(error))
            raise
        finally:
            _conclude(report, each_work, started)
    return report


def _conclude(report: Report, each_work: Iterable[work.InstanceWork], started: float) -> None:
    """Fill in the report what has become of each instance."""
    for each in each_work:
        report.plan.extend(each.plans())
        report.results.extend(each.results())
        report.notes.extend(each.notes)
        if each.accounts is not None:
            report.accounts.append(each.accounts)
    logbook.event(
        "run_ended",
        level="INFO" if report.error_code() is None else "ERROR",
        **report.summary(),
        seconds=round(time.monotonic() - started, 3),
        error_code=report.error_code(),
    )


def _reason(error: BaseException) -> errors.BackupDBError:
    """Return why work was not done that something has ended."""
    if isinstance(error, signals.Ended):
        return error.as_error()
    if isinstance(error, errors.BackupDBError):
        return error
    return errors.EndedError(f"it was ended by {type(error).__name__}")


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
