# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of each database in the course of time: artifacts, and what the audit log tells of them and others."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..artifacts.catalog import Artifact
from ..models.results import RemovalResult
from .data import Point

# The audit log notes when a backup ended, its metadata when it began, by clocks that need not agree to the second.
CLOCK_TOLERANCE = timedelta(minutes=2)

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Sources:
    """What a report is made of.

    ``artifacts`` are newest first. ``audited`` are rows of the audit log with the columns of records.Entry, their
    ``timestamp`` a datetime or ISO 8601; None is no log. ``planned`` is what retention would do, None if not known.
    ``configured`` are the ids of the instances that ``hostname`` is to back up.
    """

    hostname: str
    base_path: str
    artifacts: Sequence[Artifact]
    problems: Sequence[str] = ()
    audited: Sequence[Mapping[str, Any]] | None = None
    planned: Sequence[RemovalResult] | None = None
    configured: Sequence[str] = ()
    cleanup_enabled: bool = True
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Event:
    """An operation that the audit log or an artifact tells of."""

    operation: str
    status: str
    timestamp: datetime
    duration_seconds: float
    size_bytes: int | None
    message: str
    database_type: str | None = None


@dataclass
class Series:
    """All that is known of one database, or (without a name) of an instance as a whole."""

    artifacts: list[Artifact] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    planned: list[RemovalResult] = field(default_factory=list)


@dataclass(frozen=True)
class Course:
    """How a series went: its good backups, the oldest first, and what went wrong, the newest first."""

    points: list[Point]
    failed: list[Event]


def course_of(series: Series) -> Course:
    """Return how a series went, by what is there and by what the audit log tells."""
    return Course(_points_of(series), _failed_events(series))


def series_of(sources: Sources, now: datetime) -> dict[Key, Series]:
    """Return all that is known, by (hostname, database_id, database_name), in that order.

    What is told of a database that was never to be backed up, such as the target of a restore, is told of its instance.
    """
    series: dict[Key, Series] = {}
    for artifact in sources.artifacts:
        info = artifact.metadata.backup_info
        series.setdefault((info.hostname, info.database_id, info.database_name), Series()).artifacts.append(artifact)
    # A log that many hosts share tells of storages that are not looked at here.
    hosts = {sources.hostname, *(key[0] for key in series)}
    rows = [row for row in sources.audited or () if row["hostname"] in hosts]
    known = {*series, *(_key(row) for row in rows if row["operation"] == "backup")}
    for row in rows:
        key, prefix = _key(row), ""
        if key not in known:
            key, prefix = (key[0], key[1], ""), f"{key[2]}: " if key[2] else ""
        series.setdefault(key, Series()).events.append(_event(row, now, prefix))
    for removal in sources.planned or ():
        key = (removal.hostname, removal.database_id, removal.database_name or "")
        series.setdefault(key, Series()).planned.append(removal)
    return dict(sorted(series.items()))


def _key(row: Mapping[str, Any]) -> Key:
    return row["hostname"], row["database_id"] or "", row["database_name"] or ""


def _event(row: Mapping[str, Any], now: datetime, prefix: str) -> Event:
    moment = row["timestamp"]
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return Event(
        operation=row["operation"],
        status=row["status"],
        timestamp=moment.astimezone(now.tzinfo),
        duration_seconds=row["duration_seconds"] or 0.0,
        size_bytes=row["size_bytes"],
        message=f"{prefix}{row['error_message'] or ''}",
        database_type=row.get("database_type"),
    )


def _points_of(series: Series) -> list[Point]:
    points = [point_of(artifact) for artifact in reversed(good_of(series.artifacts))]
    moments = [point.timestamp for point in points]
    gone = [
        Point(event.timestamp, event.size_bytes, event.duration_seconds)
        for event in series.events
        if event.operation == "backup"
        and event.status == "success"
        and event.size_bytes
        and not _is_near(event.timestamp, event.duration_seconds, moments)
    ]
    return sorted(points + gone, key=lambda point: point.timestamp) if gone else points


def point_of(artifact: Artifact) -> Point:
    """Return an artifact as a point in the course of time."""
    metadata = artifact.metadata
    return Point(artifact.moment, metadata.file_info.size_bytes, metadata.backup_info.duration_seconds)


def good_of(artifacts: Iterable[Artifact]) -> list[Artifact]:
    """Return those of the artifacts that are complete and that no drill has found bad, in their order."""
    return [
        artifact
        for artifact in artifacts
        if artifact.metadata.backup_info.status == "success"
        and (artifact.verification is None or artifact.verification.passed)
    ]


def _is_near(moment: datetime, duration_seconds: float, moments: list[datetime]) -> bool:
    """Say whether one of the moments, in their order, may be another note of what took so long until or from then."""
    reach = CLOCK_TOLERANCE + timedelta(seconds=duration_seconds)
    position = bisect.bisect_left(moments, moment - reach)
    return position < len(moments) and moments[position] <= moment + reach


def _failed_events(series: Series) -> list[Event]:
    # An artifact tells what the audit log does not.
    failed = [event for event in series.events if event.status != "success"]
    told: dict[str, list[datetime]] = {}
    for event in failed:
        told.setdefault(event.operation, []).append(event.timestamp)
    for moments in told.values():
        moments.sort()
    for artifact in series.artifacts:
        for event in _failures_of(artifact):
            if not _is_near(event.timestamp, event.duration_seconds, told.get(event.operation, [])):
                failed.append(event)
    return sorted(failed, key=lambda event: event.timestamp, reverse=True)


def _failures_of(artifact: Artifact) -> Iterable[Event]:
    info, drilled = artifact.metadata.backup_info, artifact.verification
    if info.status != "success":
        yield Event("backup", info.status, info.timestamp, info.duration_seconds, None, info.error_message or "")
    if drilled is not None and not drilled.passed:
        seconds = drilled.restore_seconds or 0.0
        yield Event("verify", "failed", drilled.verified_at, seconds, None, drilled.error_message or "")
