# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which artifacts are kept: pure, artifacts + policy + now -> what to keep, what to remove, and why.

Counts, and does not age: of each of the last N days, ISO weeks and months *that have a good backup*, the newest
one stays. Where backups have stopped, nothing grows old and nothing is removed. The rules are those of restic's
``forget --keep-daily --keep-weekly --keep-monthly`` (https://restic.readthedocs.io/en/stable/060_forget.html).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .. import errors
from ..artifacts.freshness import CLOCK_TOLERANCE
from ..models.config import RetentionConfig

# A run saves the accounts first, and its artifacts name them only when they are published.
ACCOUNTS_HOLD_OFF = timedelta(days=1)
# Of those that name an accounts artifact, so many are told.
NAMED_IN_A_REASON = 2

Series = tuple[str, str, str]


@dataclass(frozen=True)
class Candidate:
    """An artifact as retention sees it.

    ``series`` is (hostname, database_id, database_name): each is kept by itself. Accounts have an empty name of a
    database. ``flaw`` is what keeps the artifact from being good, ``verified`` whether a drill has found it good, and
    ``held`` why it stays whatever the policy says.
    """

    series: Series
    moment: datetime
    name: str
    flaw: str | None = None
    verified: bool = False
    held: str | None = None

    @property
    def good(self) -> bool:
        """Whether it counts."""
        return self.flaw is None


@dataclass(frozen=True)
class Decision:
    """What becomes of an artifact, and every reason for it."""

    candidate: Candidate
    keep: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Present:
    """The artifacts of databases that are there, as far as they decide on accounts.

    ``naming`` has for each accounts artifact, by its candidate's name, those that name it; ``newest`` the moment of
    the newest by (hostname, database_id). ``complete`` is whether the metadata of all could be read.
    """

    naming: Mapping[str, Sequence[str]] = field(default_factory=dict)
    newest: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    complete: bool = True


class _Reasons:
    """The candidates that stay, each with all its reasons in the order in which they were found."""

    def __init__(self) -> None:
        self._found: dict[Candidate, list[str]] = {}

    def keep(self, candidate: Candidate, reason: str) -> None:
        self._found.setdefault(candidate, []).append(reason)

    def decide(self, candidate: Candidate, otherwise: str) -> Decision:
        """Return the decision on a candidate, which goes for the reason ``otherwise`` if none was found to stay."""
        found = self._found.get(candidate)
        return Decision(candidate, found is not None, tuple(found or (otherwise,)))


def require_clock(candidates: Iterable[Candidate], now: datetime) -> None:
    """Raise ValidationError when a candidate is from the future: by a clock that has been set back, the wrong ones
    would be kept.
    """
    for candidate in candidates:
        if candidate.moment > now + CLOCK_TOLERANCE:
            raise errors.ValidationError(
                f"{candidate.name} is from {candidate.moment.isoformat()}, but now is {now.isoformat()}",
                "Set this host's clock right",
            )


def plan(candidates: Iterable[Candidate], policy: RetentionConfig, now: datetime) -> list[Decision]:
    """Return a decision for each candidate, series by series, newest first. Raise as require_clock does."""
    return [decision for candidates in _by_series(candidates, now) for decision in _plan_series(candidates, policy)]


def plan_accounts(candidates: Iterable[Candidate], present: Present, now: datetime) -> list[Decision]:
    """Return a decision for each accounts artifact, instance by instance, newest first. Raise as require_clock does.

    They live as long as an artifact of a database names them; the newest good ones of an instance always stay.
    """
    return [
        decision for candidates in _by_series(candidates, now) for decision in _plan_instance(candidates, present, now)
    ]


def _by_series(candidates: Iterable[Candidate], now: datetime) -> list[list[Candidate]]:
    """Return the candidates of each series, newest first, in the order of the series."""
    everyone = list(candidates)
    require_clock(everyone, now)
    series: dict[Series, list[Candidate]] = {}
    for candidate in everyone:
        series.setdefault(candidate.series, []).append(candidate)
    for each in series.values():
        each.sort(key=lambda candidate: (candidate.moment, candidate.name), reverse=True)
    return [series[key] for key in sorted(series)]


def _plan_series(ordered: list[Candidate], policy: RetentionConfig) -> list[Decision]:
    good = [candidate for candidate in ordered if candidate.good]
    reasons = _Reasons()
    _keep_newest(reasons, good, policy)
    _keep_by_policy(reasons, good, policy)
    _keep_held_and_unreplaced(reasons, ordered, good)
    return [reasons.decide(candidate, _reason_to_remove(candidate, policy)) for candidate in ordered]


def _keep_newest(reasons: _Reasons, good: list[Candidate], policy: RetentionConfig) -> None:
    for number, candidate in enumerate(good[: policy.min_keep], 1):
        reasons.keep(
            candidate, "newest good backup" if number == 1 else f"number {number} of the last {policy.min_keep} good"
        )
    verified = [candidate for candidate in good if candidate.verified]
    for number, candidate in enumerate(verified[: policy.min_verified], 1):
        reasons.keep(
            candidate,
            "newest verified backup" if number == 1 else f"number {number} of the last {policy.min_verified} verified",
        )


def _keep_by_policy(reasons: _Reasons, good: list[Candidate], policy: RetentionConfig) -> None:
    if policy.strategy == "simple":
        for number, candidate in enumerate(good[: policy.daily_keep], 1):
            reasons.keep(candidate, f"number {number} of the last {policy.daily_keep}")
        return
    for period, limit, name_of in (
        ("day", policy.daily_keep, _day),
        ("week", policy.weekly_keep, _week),
        ("month", policy.monthly_keep, _month),
    ):
        for name, candidate in _newest_of_each(good, name_of, limit).items():
            reasons.keep(candidate, f"newest of {period} {name}")


def _keep_held_and_unreplaced(reasons: _Reasons, ordered: list[Candidate], good: list[Candidate]) -> None:
    """Keep what is held, and what is not good as long as nothing newer is."""
    for candidate in ordered:
        if candidate.held is not None:
            reasons.keep(candidate, candidate.held)
        if candidate.flaw is not None and (not good or candidate.moment > good[0].moment):
            reasons.keep(candidate, f"{candidate.flaw}, but none newer is good")


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
    if candidate.flaw is not None:
        return f"{candidate.flaw}, and a newer one is good"
    if policy.strategy == "simple":
        return f"older than the last {policy.daily_keep}"
    return (
        f"not the newest of one of the last {policy.daily_keep} days, {policy.weekly_keep} weeks"
        f" and {policy.monthly_keep} months with a backup"
    )


def _plan_instance(ordered: list[Candidate], present: Present, now: datetime) -> list[Decision]:
    good = [candidate for candidate in ordered if candidate.good]
    reasons = _Reasons()
    if good:
        reasons.keep(good[0], "newest good accounts")
    for candidate in ordered:
        naming = present.naming.get(candidate.name)
        if naming:
            reasons.keep(candidate, f"saved along with {_some_of(naming)}")
        newest = present.newest.get(candidate.series[:2])
        if newest is None or candidate.moment >= newest:
            reasons.keep(candidate, "newer than every backup of a database")
        if candidate.moment > now - ACCOUNTS_HOLD_OFF:
            reasons.keep(candidate, "less than a day old")
        if not present.complete:
            reasons.keep(candidate, "some metadata cannot be read and may name it")
    _keep_held_and_unreplaced(reasons, ordered, good)
    return [reasons.decide(candidate, "no backup of a database names it any more") for candidate in ordered]


def _some_of(naming: Sequence[str]) -> str:
    told = ", ".join(naming[:NAMED_IN_A_REASON])
    more = len(naming) - NAMED_IN_A_REASON
    return f"{told} and {more} more" if more > 0 else told


def _day(moment: datetime) -> str:
    """A day is one of the calendar of the host that took the backup, as its offset tells."""
    return f"{moment:%Y-%m-%d}"


def _week(moment: datetime) -> str:
    year, week, _weekday = moment.isocalendar()
    return f"{year}-W{week:02}"


def _month(moment: datetime) -> str:
    return f"{moment:%Y-%m}"
