# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``retention``: what the module backup_retention does, by the policy of the configuration."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .. import operations
from ..models.config import AppConfig
from ..models.metadata import human_size
from ..models.results import RemovalResult
from ..report import wording
from ..retention import pruning
from .answers import Answer, Row, Sheet, failure_of, put_in_order
from .output import Manner
from .performing import setting_of


@dataclass(frozen=True)
class Options:
    """What was asked for, as on the command line."""

    hostname: str | None
    database_id: str | None
    database: str | None
    check: bool


def act(config: AppConfig, options: Options, _manner: Manner) -> Answer:
    """Clean up what is wanted. Raise as operations.clean_up and Cleanup.require_something do."""
    setting = setting_of(config)
    store = replace(setting.store, hostname=options.hostname or setting.store.hostname)
    database_id, database = options.database_id, options.database
    cleanup = operations.clean_up(
        setting,
        lambda: pruning.clean_up(
            store, config.retention, database_id=database_id, database=database, check=options.check
        ),
        check=options.check,
    )
    cleanup.require_something(
        config.storage.base_path, hostname=options.hostname, database_id=database_id, database=database
    )
    told = [one for one in cleanup.results if options.check or not one.keep]
    return Answer(
        cleanup.as_dict(),
        cleanup.changed,
        cleanup.warnings,
        [*put_in_order([*cleanup.resumed, *cleanup.swept]), *([_sheet(told)] if told else [])],
        _closing(cleanup),
        failure_of(cleanup.raise_for_failures),
        asked=options.check,
    )


def _sheet(results: list[RemovalResult]) -> Sheet:
    columns = ("", "database", "taken", "size", "reasons", "file")
    return Sheet(columns, [_row(one) for one in results], ("size",))


def _row(result: RemovalResult) -> Row:
    name = f"{result.database_id}/{result.database_name}" if result.database_name else f"{result.database_id}: accounts"
    done = "keep" if result.keep else "removed" if result.removed else "failed" if result.error_code else "remove"
    told = result.error_message or ", ".join(result.reasons)
    size = human_size(result.size_bytes)
    cells = (done, name, wording.moment(result.timestamp), size, told, str(result.backup_file))
    return Row(cells, "" if result.keep else "bad" if result.error_code else "warn")


def _closing(cleanup: pruning.Cleanup) -> str:
    summary = cleanup.summary()
    verb = "would be removed" if cleanup.check else "removed"
    freed = human_size(summary["freed_bytes"])
    return f"{summary['kept']} of {summary['total']} artifacts kept, {summary['removed']} {verb}, {freed} freed"
