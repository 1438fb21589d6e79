# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``verify``: what the module backup_verify does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import durations, errors, instances, operations
from ..drills import choosing, drill
from ..models.config import AppConfig
from ..models.verification import Level
from . import bars
from .answers import Answer, Row, Sheet, failure_of, put_in_order
from .output import Manner
from .performing import setting_of


@dataclass(frozen=True)
class Options:
    """What was asked for, as on the command line."""

    level: Level
    select: choosing.Select
    files: Sequence[Path]
    count: int | None
    time_budget: str | None
    hostname: str | None
    database_id: str | None
    database: str | None
    on_same: bool
    target_id: str | None
    work_path: Path
    server_path: Path | None
    jobs: int | None
    load_timeout: int | None
    check: bool


def act(config: AppConfig, options: Options, manner: Manner) -> Answer:
    """Verify what is wanted. Raise as operations.verify does, ConfigError when the options make no sense."""
    setting, choice, where = setting_of(config), _choice(options), _where(config, options)
    with bars.shown("verifying", manner):
        drilled = operations.verify(
            setting,
            lambda drilled: drill.verify(
                choice, options.level, where, setting.store, check=options.check, drilled=drilled
            ),
            check=options.check,
        )
    return Answer(
        drilled.as_dict(),
        bool(drilled.plan) or drilled.changed,
        drilled.warnings,
        [*put_in_order(drilled.swept), _planned(drilled) if options.check else _results(drilled)],
        _closing(drilled),
        failure_of(drilled.raise_for_failures),
        asked=options.check,
    )


def _choice(options: Options) -> drill.Choice:
    budget = durations.optional(options.time_budget, "time_budget")
    return drill.Choice(
        select=options.select,
        files=options.files,
        hostname=options.hostname,
        database_id=options.database_id,
        database=options.database,
        count=options.count,
        time_budget=budget.total_seconds() if budget else None,
    )


def _where(config: AppConfig, options: Options) -> drill.Where:
    if options.target_id and not options.on_same:
        raise errors.ConfigError(
            "target_id names a server, but artifacts go to a throwaway one", "Give --server same, too"
        )

    def find(its_id: str) -> instances.Instance:
        return instances.find_stored(config, options.target_id or its_id)

    return drill.Where(
        find_instance=find if options.on_same else None,
        work_path=options.work_path,
        server_path=options.server_path,
        jobs=options.jobs or os.cpu_count() or 1,
        timeout=options.load_timeout,
    )


def _planned(drilled: drill.Drilled) -> Sheet:
    rows = [Row((f"{one.database_id}/{one.database_name}", one.level, one.backup_file)) for one in drilled.plan]
    return Sheet(("database", "level", "file"), rows)


def _results(drilled: drill.Drilled) -> Sheet:
    rows = [
        Row(
            (
                f"{one.database_id}/{one.database_name}",
                one.level,
                "good" if one.success else one.error_code or "failed",
                f"{one.duration_seconds:.1f}",
                str(one.backup_file) if one.success else one.error_message or "",
            ),
            "good" if one.success else "bad",
        )
        for one in drilled.results
    ]
    return Sheet(("database", "level", "found", "seconds", "file"), rows, ("seconds",))


def _closing(drilled: drill.Drilled) -> str:
    if drilled.plan:
        return f"{len(drilled.plan)} would be verified"
    summary = drilled.summary()
    skipped = f", no time for {summary['left_out']}" if summary["left_out"] else ""
    return f"{summary['successful']} of {summary['total']} found good{skipped}"
