# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``backup``: what the module db_backup does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .. import durations, moments, operations
from ..backups import run
from ..models.config import AppConfig
from ..models.metadata import human_size
from ..models.results import BackupResult
from . import bars
from .answers import Answer, Row, Sheet, failure_of, put_in_order
from .output import Manner
from .performing import setting_of


@dataclass(frozen=True)
class Options:
    """What was asked for, as on the command line."""

    database_ids: Sequence[str] | None
    databases: Sequence[str] | None
    jobs: int | None
    if_older_than: str | None
    keep_until: str | None
    notify: bool
    check: bool


def act(config: AppConfig, options: Options, manner: Manner) -> Answer:
    """Back up what is wanted. Raise as operations.back_up and run.configured do."""
    request = run.Request(
        databases=options.databases,
        jobs=options.jobs,
        check=options.check,
        if_older_than=durations.optional(options.if_older_than, "if_older_than"),
        keep_until=moments.optional(options.keep_until, "keep_until"),
    )
    wanted = run.configured(config, options.database_ids)
    with bars.shown("backing up", manner):
        report = operations.back_up(setting_of(config), wanted, request, tell=options.notify)
    return Answer(
        report.as_dict(),
        report.changed,
        report.warnings(),
        [*put_in_order(report.swept), *_sheets(report)],
        _closing(report),
        failure_of(report.raise_for_failures),
        asked=options.check,
    )


def _sheets(report: run.Report) -> list[Sheet]:
    return [_planned(report)] if report.plan else [_results(report.results)] if report.results else []


def _results(results: Sequence[BackupResult]) -> Sheet:
    return Sheet(("database", "backup", "size", "seconds", "file"), [_row(one) for one in results], ("size", "seconds"))


def _row(result: BackupResult) -> Row:
    name = f"{result.database_id}/{result.database_name}"
    seconds = f"{result.duration_seconds:.1f}"
    if not result.success:
        size = human_size(result.size_bytes) if result.backup_file else ""
        return Row((name, result.error_code or "failed", size, seconds, result.error_message or ""), "bad")
    done = "up to date" if result.up_to_date else "good"
    return Row((name, done, human_size(result.size_bytes), seconds, str(result.backup_file)), "good")


def _planned(report: run.Report) -> Sheet:
    columns = ("database", "on the server", "needs about", "program")
    rows = [
        Row(
            (
                f"{plan.database_id}/{plan.database_name}",
                human_size(plan.database_bytes),
                human_size(plan.estimated_bytes),
                plan.program,
            )
        )
        for plan in report.plan
    ]
    return Sheet(columns, rows, ("on the server", "needs about"))


def _closing(report: run.Report) -> str:
    if report.plan:
        return f"{len(report.plan)} would be backed up"
    summary, gone = report.summary(), len([one for one in report.removals if one.removed])
    removed = f", {gone} old artifacts removed" if gone else ""
    return f"{summary['successful']} of {summary['total']} backed up{removed}"
