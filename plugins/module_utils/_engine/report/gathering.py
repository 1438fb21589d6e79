# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gather a report: pure, catalogue + audit log + retention plan + now -> ReportData."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ..artifacts.catalog import Artifact
from ..artifacts.freshness import is_within
from ..models.results import RemovalResult
from ..models.verification import Verification
from ..retention.survey import PROVING_LEVELS
from . import charts, histories
from .data import (
    STATES,
    Database,
    Day,
    Decision,
    Drill,
    Expectations,
    Failure,
    Instance,
    Plan,
    Point,
    Proof,
    ReportData,
    State,
    Summary,
)
from .histories import Course, Event, Key, Series, Sources

WINDOW_DAYS = 30
#: How many decisions of a database's plan are listed: of those to keep, and of those to remove.
LISTED_KEPT, LISTED_REMOVED = 25, 10


def gather(sources: Sources, expectations: Expectations, now: datetime) -> ReportData:
    """Return the report of the sources as of ``now``, the databases that are worst off first."""
    series = histories.series_of(sources, now)
    since = now - timedelta(days=WINDOW_DAYS)
    databases, days = [], _Days(now)
    for key, each in series.items():
        course = histories.course_of(each)
        days.add(course)
        if key[2]:
            databases.append(_database(key, each, course, expectations, now))
    databases.sort(key=lambda one: (STATES.index(one.state), not one.needs_attention, one.name, one.database_id))
    instances = _instances(sources, series, since)
    return ReportData(
        generated_at=now,
        hostname=sources.hostname,
        base_path=sources.base_path,
        max_age_seconds=int(expectations.max_age.total_seconds()),
        verified_within_seconds=int(expectations.verified_within.total_seconds()),
        window_days=WINDOW_DAYS,
        has_audit=sources.audited is not None,
        cleanup_enabled=sources.cleanup_enabled,
        summary=_summary(databases, instances, sources),
        days=days.listed(),
        databases=databases,
        instances=instances,
        notes=list(sources.notes),
        problems=list(sources.problems),
    )


def _database(key: Key, series: Series, course: Course, expectations: Expectations, now: datetime) -> Database:
    since = now - timedelta(days=WINDOW_DAYS)
    points, failed = course.points, course.failed
    artifacts = series.artifacts
    good = next(iter(histories.good_of(artifacts)), None)
    drills = [_drill(each, each.verification) for each in artifacts if each.verification is not None]
    drills.sort(key=lambda one: one.verified_at)
    passed = max((drill for drill in drills if drill.passed), key=_worth, default=None)
    refused = next((drill for drill in reversed(drills) if not drill.passed), None)
    last_good = histories.point_of(good) if good else None
    recent = [point.duration_seconds for point in points if point.timestamp >= since]
    types = [artifact.metadata.backup_info.database_type for artifact in artifacts[:1]]
    return Database(
        hostname=key[0],
        database_id=key[1],
        name=key[2],
        database_type=next(filter(None, [*types, *(event.database_type for event in series.events)]), None),
        state=_state(last_good, expectations, now),
        proof=_proof(passed, refused, expectations, now),
        last_good=last_good,
        last_good_file=str(good.data) if good else None,
        last_verified=passed,
        last_drill_failure=refused,
        last_attempt_failed=any(
            event.operation == "backup" and (good is None or event.timestamp > good.moment) for event in failed
        ),
        artifacts=len(artifacts),
        stored_bytes=sum(artifact.metadata.file_info.size_bytes for artifact in artifacts),
        typical_seconds=round(statistics.median(recent), 3) if recent else None,
        history=charts.thinned(points),
        history_total=len(points),
        failures=_failures(failed, since),
        plan=_plan(series.planned),
    )


def _drill(artifact: Artifact, found: Verification) -> Drill:
    return Drill(
        level=found.level,
        passed=found.passed,
        verified_at=found.verified_at,
        backup_timestamp=artifact.moment,
        restore_seconds=found.restore_seconds,
        error_message=found.error_message,
    )


def _worth(drill: Drill) -> tuple[bool, datetime]:
    """A drill that proves something is worth more than a newer one that does not."""
    return drill.level in PROVING_LEVELS, drill.verified_at


def _state(last_good: Point | None, expectations: Expectations, now: datetime) -> State:
    if last_good is None:
        return "never"
    return "good" if is_within(last_good.timestamp, expectations.max_age, now) else "stale"


def _proof(passed: Drill | None, refused: Drill | None, expectations: Expectations, now: datetime) -> Proof:
    if refused is not None and (passed is None or refused.verified_at > passed.verified_at):
        return "failed"
    if passed is None:
        return "never"
    if passed.level not in PROVING_LEVELS:
        return "checksum"
    return "verified" if is_within(passed.verified_at, expectations.verified_within, now) else "outdated"


def _failures(failed: Iterable[Event], since: datetime) -> list[Failure]:
    """Given what went wrong, the newest first, return it with each that is the same as another taken together."""
    groups: dict[tuple[str, str, str], list[datetime]] = {}
    for event in failed:
        if event.timestamp >= since:
            groups.setdefault((event.operation, event.status, event.message), []).append(event.timestamp)
    return [Failure(*what, len(moments), moments[-1], moments[0]) for what, moments in groups.items()]


def _plan(planned: Sequence[RemovalResult]) -> Plan | None:
    if not planned:
        return None
    ordered = sorted(planned, key=lambda one: one.timestamp, reverse=True)
    kept = [one for one in ordered if one.keep]
    removed = [one for one in ordered if not one.keep]
    listed = [
        Decision(one.timestamp, one.size_bytes, one.keep, list(one.reasons))
        for one in [*kept[:LISTED_KEPT], *removed[:LISTED_REMOVED]]
    ]
    return Plan(len(kept), _bytes(kept), len(removed), _bytes(removed), listed)


def _bytes(planned: Iterable[RemovalResult]) -> int:
    return sum(one.size_bytes for one in planned)


def _instances(sources: Sources, series: Mapping[Key, Series], since: datetime) -> list[Instance]:
    """Return the instances that there is something to say of beyond their databases."""
    backed_up = {key[:2] for key, each in series.items() if each.artifacts}
    found = {
        (sources.hostname, database_id): Instance(sources.hostname, database_id, True, [])
        for database_id in sources.configured
        if (sources.hostname, database_id) not in backed_up
    }
    for (hostname, database_id, name), each in series.items():
        failures = [] if name else _failures(histories.course_of(each).failed, since)
        if failures:
            silent = (hostname, database_id) in found
            found[hostname, database_id] = Instance(hostname, database_id, silent, failures)
    return [found[key] for key in sorted(found)]


class _Days:
    """The backups of the last days, by the calendar of the report."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.good: Counter[Any] = Counter()
        self.failed: Counter[Any] = Counter()

    def add(self, course: Course) -> None:
        """Count the backups of a series."""
        first = self.now - timedelta(days=WINDOW_DAYS)
        zone = self.now.tzinfo
        self.good.update(point.timestamp.astimezone(zone).date() for point in course.points if point.timestamp > first)
        self.failed.update(
            event.timestamp.astimezone(zone).date()
            for event in course.failed
            if event.operation == "backup" and event.timestamp > first
        )

    def listed(self) -> list[Day]:
        """Return all days, the oldest first."""
        days = [self.now.date() - timedelta(days=back) for back in reversed(range(WINDOW_DAYS))]
        return [Day(day, self.good[day], self.failed[day]) for day in days]


def _summary(databases: list[Database], instances: list[Instance], sources: Sources) -> Summary:
    states = Counter(database.state for database in databases)
    planned = sources.planned
    removed = [one for one in planned or () if not one.keep]
    failures = sum(database.failures_count for database in databases)
    return Summary(
        databases=len(databases),
        good=states["good"],
        stale=states["stale"],
        never=states["never"],
        unverified=sum(database.proof != "verified" for database in databases),
        failing=sum(database.last_attempt_failed for database in databases),
        failures=failures + sum(failure.times for each in instances for failure in each.failures),
        silent_instances=sum(each.silent for each in instances),
        artifacts=len(sources.artifacts),
        stored_bytes=sum(artifact.metadata.file_info.size_bytes for artifact in sources.artifacts),
        kept=None if planned is None else len(planned) - len(removed),
        removed=None if planned is None else len(removed),
        removed_bytes=None if planned is None else _bytes(removed),
    )
