# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report holds: plain values, the same for the page, the CSV and the JSON."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal

State = Literal["good", "stale", "never"]
Proof = Literal["verified", "outdated", "checksum", "failed", "never"]

VERSION = "1.0"
#: The worst first, as a report lists the databases.
STATES = ("never", "stale", "good")


@dataclass(frozen=True)
class Expectations:
    """How new the last good backup must be, and how new the last successful drill of one."""

    max_age: timedelta = timedelta(hours=26)
    verified_within: timedelta = timedelta(days=30)


@dataclass(frozen=True)
class Point:
    """A good backup in the course of time; it need not be there any more."""

    timestamp: datetime
    size_bytes: int
    duration_seconds: float


@dataclass(frozen=True)
class Drill:
    """What a drill found, of the backup that was taken at ``backup_timestamp``; see Verification for the rest."""

    level: str
    passed: bool
    verified_at: datetime
    backup_timestamp: datetime
    restore_seconds: float | None
    error_message: str | None


@dataclass(frozen=True)
class Failure:
    """The same thing gone wrong, ``times`` times between the moments ``first`` and ``last``."""

    operation: str
    status: str
    message: str
    times: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class Decision:
    """What retention would do with an artifact now, and why."""

    timestamp: datetime
    size_bytes: int
    keep: bool
    reasons: list[str]


@dataclass(frozen=True)
class Plan:
    """What the next retention would keep and remove; of each, the newest decisions are in the list."""

    kept: int
    kept_bytes: int
    removed: int
    removed_bytes: int
    decisions: list[Decision]


@dataclass(frozen=True)
class Database:
    """A database of an instance, as the host ``hostname`` backs it up.

    ``state`` is that of its last good backup, ``proof`` that of its last drill, which is ``checksum`` where no drill
    has shown more than that a file is as it was written. ``last_attempt_failed`` is whether a
    backup has failed since ``last_good``. ``history`` has at the most charts.POINTS of ``history_total`` good backups,
    the oldest first; ``typical_seconds`` is the median duration of those of the last days. ``failures`` are those of
    the last days, the newest first.
    """

    hostname: str
    database_id: str
    name: str
    database_type: str | None
    state: State
    proof: Proof
    last_good: Point | None
    last_good_file: str | None
    last_verified: Drill | None
    last_drill_failure: Drill | None
    last_attempt_failed: bool
    artifacts: int
    stored_bytes: int
    typical_seconds: float | None
    history: list[Point]
    history_total: int
    failures: list[Failure]
    plan: Plan | None

    @property
    def needs_attention(self) -> bool:
        """Whether somebody should look: no backup, an old one, a failed one, or none that a drill has proven."""
        return self.state != "good" or self.proof != "verified" or self.last_attempt_failed

    @property
    def failures_count(self) -> int:
        """How often something has failed in the last days."""
        return sum(failure.times for failure in self.failures)


@dataclass(frozen=True)
class Instance:
    """An instance that failed as a whole in the last days, or (``silent``) of which nothing has been backed up."""

    hostname: str
    database_id: str
    silent: bool
    failures: list[Failure]


@dataclass(frozen=True)
class Day:
    """How many backups of a day are good, and how many attempts were not."""

    day: date
    good: int
    failed: int


@dataclass(frozen=True)
class Summary:
    """The whole in numbers; ``unverified`` are those that no drill has proven in time, ``failing`` those whose last
    attempt failed. ``kept`` and ``removed`` count what retention would do, with the accounts; None if it is not known.
    """

    databases: int
    good: int
    stale: int
    never: int
    unverified: int
    failing: int
    failures: int
    silent_instances: int
    artifacts: int
    stored_bytes: int
    kept: int | None
    removed: int | None
    removed_bytes: int | None


@dataclass(frozen=True)
class ReportData:
    """All that a report says. ``notes`` are sentences on what it could not see; ``problems`` are files in the storage
    that are no artifacts. ``has_audit`` is whether there was an audit log to look at.
    """

    generated_at: datetime
    hostname: str
    base_path: str
    max_age_seconds: int
    verified_within_seconds: int
    window_days: int
    has_audit: bool
    cleanup_enabled: bool
    summary: Summary
    days: list[Day]
    databases: list[Database]
    instances: list[Instance]
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    version: str = VERSION

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON: moments in ISO 8601 with their offset."""
        described: dict[str, Any] = plain(self)
        return described


def plain(value: Any) -> Any:
    """Return a value of a report as plain data for JSON."""
    if dataclasses.is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value
