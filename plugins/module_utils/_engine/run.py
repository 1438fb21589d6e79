# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole run: instances -> databases -> artifacts. One failure does not stop the others."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Callable

from . import backup, catalog, compressors, errors, instances
from .databases.base import Entry, Server
from .instances import Instance
from .models.config import AppConfig
from .models.results import BackupResult

#: Gives an instance, or raises: the login of each is looked up only when its turn comes.
Provider = Callable[[], Instance]


@dataclass(frozen=True)
class Wanted:
    """An instance of a run: its id, and how to come by it."""

    id: str
    provide: Provider


@dataclass(frozen=True)
class Report:
    """What became of a run."""

    results: list[BackupResult] = field(default_factory=list)
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
        return self.notes + [warning for result in self.results for warning in result.warnings]

    def raise_for_failures(self) -> None:
        """Raise RunError, with the whole report in its details, when anything failed."""
        code, message = self.error_code(), self.message()
        if code is not None and message is not None:
            changed = any(result.success for result in self.results)
            raise errors.RunError(message, code, changed=changed, **self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for a result."""
        described: dict[str, Any] = {
            "results": [result.as_dict() for result in self.results],
            "summary": self.summary(),
            "swept": self.swept,
        }
        if self.plan:
            described["plan"] = [asdict(plan) for plan in self.plan]
        return described


def configured(config: AppConfig, ids: Sequence[str] | None = None) -> list[Wanted]:
    """Return the instances of a configuration that a run is to work on. Raise as instances.select_configs does."""
    return [
        Wanted(entry.id, lambda entry=entry: instances.with_stored_login(entry, config.credentials))  # type: ignore[misc]
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
    """Back up the databases of each instance, several at a time; with ``check``, only plan it.

    ``databases`` narrows the run to those names; ``jobs`` is how many are dumped at a time (by default as many as
    there are processors). Failures are in the report.
    """
    report = Report()
    processors = os.cpu_count() or 1
    if compressors.name(store.config.compression_level) == compressors.SLOW_LIBRARY:
        report.notes.append(compressors.SLOW_WARNING)
    latest = catalog.latest_of_each(store.config.base_path, store.hostname)
    if not check:
        report.swept.extend(catalog.sweep(store.config.base_path))
    with concurrent.futures.ThreadPoolExecutor(processors, "compress") as compressing:
        for one in wanted:
            try:
                instance = one.provide()
                at_a_time = jobs or instance.config.jobs or processors
                task = _Task(instance, instance.server(), store, latest, check, compressing)
                _run_instance(task, databases, at_a_time, report)
            except errors.BackupDBError as error:
                report.results.append(_failure(one.id, "", error, 0.0, store))
    return report


@dataclass(frozen=True)
class _Task:
    """The instance that is worked on, and all that this takes."""

    instance: Instance
    server: Server
    store: backup.Store
    latest: dict[tuple[str, str], catalog.Artifact]
    check: bool
    compressing: concurrent.futures.Executor


def _run_instance(task: _Task, databases: Sequence[str] | None, jobs: int, report: Report) -> None:
    with contextlib.nullcontext() if task.check else task.store.locked(task.instance.id):
        chosen = instances.select_databases(task.instance, task.server.list_databases(), databases)
        at_a_time = min(jobs, len(chosen))
        # What the databases leave of the jobs goes to the parts of each.
        lanes = jobs // at_a_time
        with concurrent.futures.ThreadPoolExecutor(at_a_time, "database") as pool:
            for result, plan in pool.map(lambda entry: _work(task, entry, lanes), chosen):
                if plan is not None:
                    report.plan.append(plan)
                if result is not None:
                    report.results.append(result)


def _work(task: _Task, entry: Entry, lanes: int) -> tuple[BackupResult | None, backup.Plan | None]:
    started = time.monotonic()
    instance = task.instance
    estimated = backup.estimate(entry, task.latest.get((instance.id, entry.name)))
    subject = backup.Subject(instance, task.server, entry, estimated, lanes)
    try:
        if task.check:
            return None, backup.plan_backup(subject, task.store)
        artifact, warnings = backup.back_up(subject, task.store, task.compressing)
    except errors.BackupDBError as error:
        return _failure(instance.id, entry.name, error, time.monotonic() - started, task.store), None
    return _success(artifact, warnings), None


def _success(artifact: catalog.Artifact, warnings: list[str]) -> BackupResult:
    info = artifact.metadata.backup_info
    return BackupResult(
        success=True,
        database_id=info.database_id,
        database_name=info.database_name,
        backup_file=artifact.paths.data,
        metadata_file=artifact.paths.metadata,
        checksum_file=artifact.paths.checksum,
        duration_seconds=info.duration_seconds,
        size_bytes=artifact.metadata.file_info.size_bytes,
        warnings=warnings,
        timestamp=artifact.moment,
    )


def _failure(
    database_id: str, database: str, error: errors.BackupDBError, seconds: float, store: backup.Store
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
