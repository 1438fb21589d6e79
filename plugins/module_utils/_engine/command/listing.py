# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``list``: the artifacts, as the module backup_info tells of them."""

from __future__ import annotations

from dataclasses import dataclass

from .. import moments
from ..artifacts import catalog
from ..artifacts.catalog import Artifact
from ..models.config import AppConfig
from ..models.metadata import now
from ..report import wording
from ..status import inquiry
from .answers import Answer, Row, Sheet
from .output import Manner


@dataclass(frozen=True)
class Options:
    """What was asked for, as on the command line."""

    hostname: str | None
    database_id: str | None
    database: str | None
    status: str | None
    since: str | None
    until: str | None
    limit: int | None
    details: bool


def act(config: AppConfig, options: Options, _manner: Manner) -> Answer:
    """List what is wanted. Raise as inquiry.ask does."""
    question = inquiry.Question(
        catalog.Filters(options.hostname, options.database_id, options.database),
        status=options.status,
        since=moments.optional(options.since, "since"),
        until=moments.optional(options.until, "until"),
        limit=options.limit,
        details=options.details,
    )
    found = inquiry.ask(question, config.storage.base_path, config, now())
    rows = [_row(artifact) for artifact in found.artifacts[: options.limit]]
    return Answer(
        inquiry.result_of(question, found),
        warnings=found.problems,
        sheets=[Sheet(("taken", "database", "size", "status", "verified", "file"), rows, ("size",))] if rows else [],
        closing="" if rows else "there are no artifacts",
        asked=True,
    )


def _row(artifact: Artifact) -> Row:
    info, verified = artifact.metadata.backup_info, artifact.verification
    told = "" if verified is None else verified.level if verified.passed else f"{verified.level}: bad"
    return Row(
        (
            wording.moment(artifact.moment),
            f"{info.database_id}/{info.database_name}",
            artifact.metadata.file_info.size_human,
            info.status,
            told,
            str(artifact.paths.data),
        ),
        "" if artifact.is_good else "bad",
    )
