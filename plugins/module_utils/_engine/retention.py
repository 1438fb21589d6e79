# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which artifacts are kept: pure, artifacts + policy + now -> what to keep, what to remove, and why.

Counts, and does not age: of each of the last N days, ISO weeks and months *that have a good backup*, the newest
one stays. Where backups have stopped, nothing grows old and nothing is removed. The rules are those of restic's
``forget --keep-daily --keep-weekly --keep-monthly`` (https://restic.readthedocs.io/en/stable/060_forget.html).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from . import errors
from .models.config import RetentionConfig

# Clocks of hosts that share a storage differ by a little.
CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True)
class Candidate:
    """An artifact as retention sees it. ``good`` is: status success, and its checksum known.

    ``series`` is (hostname, database_id, database_name): each is kept by itself.
    """

    series: tuple[str, str, str]
    moment: datetime
    good: bool
    name: str


@dataclass(frozen=True)
class Decision:
    """What becomes of an artifact, and every reason for it."""

    candidate: Candidate
    keep: bool
    reasons: tuple[str, ...]


def plan(candidates: Iterable[Candidate], policy: RetentionConfig, now: datetime) -> list[Decision]:
    """Return a decision for each candidate, series by series, newest first.

    Raise ValidationError when a candidate is from the future: by a clock that has been set back, the wrong ones
    would be kept.
    """
    series: dict[tuple[str, str, str], list[Candidate]] = {}
    for candidate in candidates:
        if candidate.moment > now + CLOCK_TOLERANCE:
            raise errors.ValidationError(
                f"{candidate.name} is from {candidate.moment.isoformat()}, but now is {now.isoformat()}",
                "Set this host's clock right",
            )
        series.setdefault(candidate.series, []).append(candidate)
    return [decision for key in sorted(series) for decision in _plan_series(series[key], policy)]


def _plan_series(candidates: list[Candidate], policy: RetentionConfig) -> list[Decision]:
    ordered = sorted(candidates, key=lambda candidate: (candidate.moment, candidate.name), reverse=True)
    good = [candidate for candidate in ordered if candidate.good]
    reasons = _reasons_to_keep(good, policy)
    decisions = []
    for candidate in ordered:
        kept_for = reasons.get(candidate, ())
        if not candidate.good and (not good or candidate.moment > good[0].moment):
            kept_for = ("not complete, and no newer backup is good",)
        decisions.append(Decision(candidate, bool(kept_for), kept_for or (_reason_to_remove(candidate, policy),)))
    return decisions


def _reasons_to_keep(good: list[Candidate], policy: RetentionConfig) -> dict[Candidate, tuple[str, ...]]:
    """Given the good artifacts of a series, newest first, return why each that stays does."""
    reasons: dict[Candidate, tuple[str, ...]] = {}

    def keep(candidate: Candidate, reason: str) -> None:
        reasons[candidate] = (*reasons.get(candidate, ()), reason)

    if good:
        keep(good[0], "newest good backup")
    if policy.strategy == "simple":
        for number, candidate in enumerate(good[: policy.daily_keep], 1):
            keep(candidate, f"number {number} of the last {policy.daily_keep}")
        return reasons
    for period, limit, name_of in (
        ("day", policy.daily_keep, _day),
        ("week", policy.weekly_keep, _week),
        ("month", policy.monthly_keep, _month),
    ):
        for name, candidate in _newest_of_each(good, name_of, limit).items():
            keep(candidate, f"newest of {period} {name}")
    return reasons


def _newest_of_each(good: list[Candidate], name_of: Callable[[datetime], str], limit: int) -> dict[str, Candidate]:
    newest: dict[str, Candidate] = {}
    for candidate in good:
        name = name_of(candidate.moment)
        if name not in newest:
            if len(newest) == limit:
                break
            newest[name] = candidate
    return newest


def _reason_to_remove(candidate: Candidate, policy: RetentionConfig) -> str:
    if not candidate.good:
        return "not complete, and a newer backup is good"
    if policy.strategy == "simple":
        return f"older than the last {policy.daily_keep}"
    return (
        f"not the newest of one of the last {policy.daily_keep} days, {policy.weekly_keep} weeks"
        f" and {policy.monthly_keep} months with a backup"
    )


def _day(moment: datetime) -> str:
    """A day is one of the calendar of the host that took the backup, as its offset tells."""
    return f"{moment:%Y-%m-%d}"


def _week(moment: datetime) -> str:
    year, week, _weekday = moment.isocalendar()
    return f"{year}-W{week:02}"


def _month(moment: datetime) -> str:
    return f"{moment:%Y-%m}"
