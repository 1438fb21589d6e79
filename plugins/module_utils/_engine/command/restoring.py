# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``restore``: what the module db_restore does; where it would replace a database, a person is asked first."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .. import errors, instances, moments, operations
from ..models.config import AppConfig
from ..models.metadata import human_size
from ..report import wording
from ..restores import recovery, selection
from ..restores.replacing import Strategy
from . import bars, output
from .answers import Answer, Row, Sheet
from .output import Manner
from .performing import setting_of


@dataclass(frozen=True)
class Options:
    """What was asked for, as on the command line."""

    file: Path | None
    database_id: str | None
    database: str | None
    hostname: str | None
    latest: bool
    at: str | None
    scope: recovery.Scope
    accounts: str
    target_id: str | None
    target_database: str | None
    tables: Sequence[str]
    force: bool
    yes: bool
    strategy: Strategy
    keep_previous: bool
    terminate_sessions: bool
    jobs: int | None
    load_timeout: int | None
    check: bool


def act(config: AppConfig, options: Options, manner: Manner) -> Answer:
    """Put back what is wanted. Raise as operations.restore does, ConfigError when the options make no sense."""
    _require_sense(options)
    order = _order(config, options)
    setting = setting_of(config)
    if output.can_ask():
        order = replace(order, force=options.force or options.yes or options.check or _is_agreed(order, config))
    with bars.shown("restoring", manner):
        recovered = operations.restore(setting, order, check=options.check)
    return Answer(
        recovered.as_dict(),
        recovered.changed,
        recovered.warnings,
        [_sheet(recovered)],
        "nothing was changed" if options.check else "restored",
        asked=options.check,
    )


def _require_sense(options: Options) -> None:
    if (options.file is None) == (options.database is None) and options.scope != "accounts":
        raise errors.ConfigError("it is not clear what is to be restored", "Give either --file or --database")
    if options.file is not None and (options.database is not None or options.at is not None):
        raise errors.ConfigError("--file names an artifact, so --database and --at have nothing to choose")
    if options.file is None and options.database_id is None:
        raise errors.ConfigError("the instance that the artifact is of is not named", "Give --database-id")
    if options.at is not None and (options.latest or options.database is None):
        raise errors.ConfigError("--at goes with --database, and not with --latest")


def _order(config: AppConfig, options: Options) -> recovery.Order:
    wanted = selection.Selection(
        backup_file=options.file,
        database_id=options.database_id,
        database=options.database,
        hostname=options.hostname,
        until=moments.optional(options.at, "point_in_time"),
    )
    return recovery.Order(
        wanted,
        functools.partial(instances.find_stored, config),
        scope=options.scope,
        target_id=options.target_id,
        target_database=options.target_database,
        update_accounts=options.accounts == "update",
        force=options.force,
        strategy=options.strategy,
        keep_previous=options.keep_previous,
        terminate_sessions=options.terminate_sessions,
        tables=options.tables,
        jobs=options.jobs or os.cpu_count() or 1,
        timeout=options.load_timeout,
    )


def _is_agreed(order: recovery.Order, config: AppConfig) -> bool:
    """Return whether a person agrees that the database is replaced that the order would replace; False if none is.

    Raise ValidationError when the person does not agree.
    """
    replaced = recovery.replaced_by(order, config.storage.base_path)
    if replaced is None:
        return False
    told = f"The database {replaced.database} exists on {replaced.server} and will be replaced by its backup"
    moment = f" of {wording.moment(replaced.moment)}" if replaced.moment else ""
    if output.ask(f"{told}{moment}. Type its name to go on:") != replaced.database:
        raise errors.ValidationError(
            f"the database {replaced.database} exists, and its name was not confirmed, so nothing was done"
        )
    return True


def _sheet(recovered: recovery.Recovered) -> Sheet:
    told: list[tuple[str, str]] = []
    result = recovered.restore
    if result is not None:
        told += [
            ("database", str(result.target_database)),
            ("server", str(result.target_server)),
            ("artifact", str(result.backup_file)),
            ("taken", wording.moment(result.backup_timestamp) if result.backup_timestamp else "not known"),
            ("size", human_size(result.size_bytes)),
            ("seconds", f"{result.duration_seconds:.1f}"),
            ("replaces", "an existing database" if result.target_existed else "nothing"),
        ]
        if result.previous_database:
            told.append(("kept", result.previous_database))
    for name, value in (recovered.accounts or {}).items():
        told.append((f"accounts: {name}", f"{len(value)}" if isinstance(value, (list, dict)) else str(value)))
    return Sheet(("what", ""), [Row(pair) for pair in told])
