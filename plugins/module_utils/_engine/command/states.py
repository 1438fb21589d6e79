# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``status``: each database with the state of its backups, as the module backup_info tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from .. import durations
from ..artifacts import catalog, freshness
from ..models.config import AppConfig
from ..models.metadata import now
from ..models.results import DatabaseInfo
from ..models.verification import Level
from ..report import wording
from ..status import inquiry
from .answers import Answer, Row, Sheet, failure_of
from .output import Manner

COLUMNS = ("database", "last good backup", "age", "verified", "level", "state")


@dataclass(frozen=True)
class Options:
    """What was asked for, as on the command line."""

    hostname: str | None
    database_id: str | None
    database: str | None
    max_age: str | None
    min_verified_within: str | None
    min_verified_level: Level
    live: bool


def act(config: AppConfig, options: Options, _manner: Manner) -> Answer:
    """Look at the databases that are wanted. Raise as inquiry.ask does."""
    limits = freshness.Limits(
        durations.optional(options.max_age, "max_age"),
        durations.optional(options.min_verified_within, "min_verified_within"),
    )
    question = inquiry.Question(
        catalog.Filters(options.hostname, options.database_id, options.database),
        limit=0,
        live=options.live,
        limits=limits,
        level=options.min_verified_level,
    )
    moment = now()
    found = inquiry.ask(question, config.storage.base_path, config, moment)
    stale = {(one.database_id, one.name): one for one in found.stale}
    rows = [_row(one, stale, moment) for one in found.databases]
    rows += [_empty(one) for one in found.stale if not one.name]
    return Answer(
        found.as_dict(limit=0),
        warnings=found.problems,
        sheets=[Sheet(COLUMNS, rows, ("age",))] if rows else [],
        closing="" if rows else "no database is known",
        failure=failure_of(lambda: inquiry.result_of(question, found)),
        asked=True,
    )


def _row(database: DatabaseInfo, stale: Mapping[tuple[str, str], freshness.Stale], moment: datetime) -> Row:
    key = (database.database_id or "", database.name)
    good, verified = database.last_good_backup, database.last_verified
    state = database.backup_status
    return Row(
        (
            "/".join(key),
            wording.moment(good) if good else "none",
            wording.age(good, moment) if good else "",
            wording.age(verified, moment) if verified else "never",
            database.verified_level or "",
            f"stale: {', '.join(stale[key].reasons)}" if key in stale else state,
        ),
        "bad" if key in stale or state in ("never", "failed") else "warn" if state == "partial" else "good",
    )


def _empty(stale: freshness.Stale) -> Row:
    """Return the row of an instance, of which no database is known."""
    return Row((stale.database_id, "none", "", "never", "", f"stale: {', '.join(stale.reasons)}"), "bad")
