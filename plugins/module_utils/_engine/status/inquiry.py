# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A question about what there is, and the answer: artifacts, databases and the state of their backups."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from .. import errors
from ..artifacts import catalog, freshness
from ..backups import run
from ..models.config import AppConfig
from ..models.results import DatabaseInfo
from ..models.verification import LEVELS
from . import information


@dataclass(frozen=True)
class Question:
    """What is asked for.

    ``whose`` says which databases, ``wanted`` which of their artifacts, of which ``limit`` are listed, the newest ones;
    with ``details`` they are listed with their ``restore_info``. With ``live`` the servers are asked for their
    databases. Databases that do not keep the ``limits`` are stale; drills of ``level`` or a higher one count.
    """

    whose: catalog.Filters = field(default_factory=catalog.Filters)
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None
    details: bool = False
    live: bool = False
    limits: freshness.Limits = field(default_factory=freshness.Limits)
    level: str = LEVELS[1]

    @property
    def wanted(self) -> catalog.Filters:
        """Which artifacts are asked for."""
        return dataclasses.replace(self.whose, status=self.status, since=self.since, until=self.until)


@dataclass(frozen=True)
class Answer:
    """The artifacts, the newest first; every database that is known, those that are stale, and what is not readable."""

    artifacts: list[catalog.Artifact]
    databases: list[DatabaseInfo]
    stale: list[freshness.Stale]
    problems: list[str]

    def as_dict(self, limit: int | None = None, details: bool = False) -> dict[str, Any]:
        """Return plain data for a result."""
        return {
            "backups": [information.describe_artifact(artifact, details) for artifact in self.artifacts[:limit]],
            "databases": [each.as_dict() for each in self.databases],
            "stale": [each.as_dict() for each in self.stale],
            "problems": self.problems,
            "total": len(self.artifacts),
        }


def ask(question: Question, base_path: Path, config: AppConfig | None, now: datetime) -> Answer:
    """Return what is known of the storage at ``base_path``. To ask servers, their configuration is needed.

    Raise StorageError when the storage cannot be read, NotFoundError as freshness.judge does, and where servers are
    asked, as information.list_live does.
    """
    listing = catalog.list_artifacts(base_path, question.whose, question.details)
    databases, stale = _look_at_databases(question, listing, config, now)
    artifacts = [artifact for artifact in listing.artifacts if question.wanted.admit(artifact)]
    return Answer(artifacts, databases, stale, listing.problems)


def result_of(question: Question, answer: Answer) -> dict[str, Any]:
    """Return the answer as plain data for a result. Raise ValidationError, with all of it, when a database is stale."""
    result = answer.as_dict(question.limit, question.details)
    if answer.stale:
        raise errors.ValidationError("; ".join(map(str, answer.stale)), **result)
    return result


def _look_at_databases(
    question: Question, listing: catalog.Listing, config: AppConfig | None, now: datetime
) -> tuple[list[DatabaseInfo], list[freshness.Stale]]:
    """Return the state of every database that is known, and the databases that are stale."""
    database_id, database = question.whose.database_id, question.whose.database
    listed: list[information.Listed] = []
    if question.live and config is not None:
        for one in run.configured(config, [database_id] if database_id else None):
            listed += information.list_live(one.provide(), database)
    live = {(one.database_id, one.name) for one in listed} if question.live else None
    scope = freshness.Scope(config.databases if config else None, database_id, database, live)
    expected = scope.expected() if question.limits.ask_for_something else []
    databases = information.describe_databases(listing, listed, expected=expected, level=question.level)
    return databases, freshness.judge(databases, scope, question.limits, now)
