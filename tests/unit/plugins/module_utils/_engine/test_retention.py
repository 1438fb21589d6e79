# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retention counts what is there; it never ages anything away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, retention
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import RetentionConfig
from hypothesis import given
from hypothesis import strategies as st

SHOP = ("db01", "prod-postgres-01", "shop")
NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
GFS = RetentionConfig()
# Without an offset: hypothesis adds one to each moment that it draws.
FIRST, LAST = NOW.replace(year=2024, tzinfo=None), NOW.replace(day=29, tzinfo=None)


def candidate(
    moment: datetime, good: bool = True, series: tuple[str, str, str] = SHOP, name: str = ""
) -> retention.Candidate:
    return retention.Candidate(series, moment, good, name or moment.isoformat())


def daily(days: int, until: datetime = NOW) -> list[retention.Candidate]:
    return [candidate(until - timedelta(days=number)) for number in range(days)]


def kept(decisions: list[retention.Decision]) -> list[retention.Candidate]:
    return [decision.candidate for decision in decisions if decision.keep]


def offsets() -> st.SearchStrategy[timezone]:
    return st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))


candidates = st.lists(
    st.builds(
        candidate,
        moment=st.datetimes(FIRST, LAST, timezones=offsets()),
        good=st.booleans(),
        series=st.sampled_from([SHOP, ("db01", "prod-postgres-01", "library"), ("db02", "prod-postgres-01", "shop")]),
    ),
    max_size=60,
    unique_by=lambda each: (each.series, each.moment),
)
policies = st.builds(
    RetentionConfig,
    strategy=st.sampled_from(["simple", "gfs"]),
    daily_keep=st.integers(1, 10),
    weekly_keep=st.integers(1, 6),
    monthly_keep=st.integers(1, 14),
)


def test_the_newest_of_each_day_week_and_month_stays_with_its_reasons() -> None:
    policy = RetentionConfig(daily_keep=2, weekly_keep=2, monthly_keep=2)
    decisions = retention.plan(daily(40), policy, NOW)
    assert {decision.candidate.name[:10]: decision.reasons for decision in decisions if decision.keep} == {
        "2026-06-30": (
            "newest good backup",
            "newest of day 2026-06-30",
            "newest of week 2026-W27",
            "newest of month 2026-06",
        ),
        "2026-06-29": ("newest of day 2026-06-29",),
        "2026-06-28": ("newest of week 2026-W26",),
        "2026-05-31": ("newest of month 2026-05",),
    }


def test_twelve_months_survive_five_hundred_daily_runs() -> None:
    present: list[retention.Candidate] = []
    for number in range(500):
        now = NOW + timedelta(days=number)
        present = kept(retention.plan([*present, candidate(now)], GFS, now))
    months = {f"{each.moment:%Y-%m}" for each in present}
    assert len(months) == 12
    assert len(present) <= GFS.daily_keep + GFS.weekly_keep + GFS.monthly_keep


def test_nothing_is_removed_by_age_alone_when_backups_have_stopped() -> None:
    week = daily(7)
    assert kept(retention.plan(week, GFS, NOW + timedelta(days=3650))) == week


def test_simple_keeps_the_last_ones_however_far_apart() -> None:
    policy = RetentionConfig(strategy="simple", daily_keep=3)
    hourly = [candidate(NOW - timedelta(hours=number)) for number in range(10)]
    assert kept(retention.plan(hourly, policy, NOW)) == hourly[:3]


def test_a_repeated_hour_is_ordered_by_the_instant() -> None:
    policy = RetentionConfig(strategy="simple", daily_keep=1)
    summer = candidate(datetime(2025, 10, 26, 2, 30, tzinfo=timezone(timedelta(hours=2))))
    winter = candidate(datetime(2025, 10, 26, 2, 10, tzinfo=timezone(timedelta(hours=1))))
    assert kept(retention.plan([summer, winter], policy, NOW)) == [winter]


def test_an_incomplete_one_is_never_counted_and_goes_once_a_newer_is_good() -> None:
    older, newer = candidate(NOW - timedelta(days=2), good=False), candidate(NOW, good=False)
    good = candidate(NOW - timedelta(days=1))
    decisions = {each.candidate: each for each in retention.plan([older, good, newer], GFS, NOW)}
    assert (decisions[older].keep, decisions[good].keep, decisions[newer].keep) == (False, True, True)
    assert decisions[older].reasons == ("not complete, and a newer backup is good",)


def test_a_clock_that_was_set_back_is_refused() -> None:
    with pytest.raises(errors.ValidationError, match="is from 2026-06-30"):
        retention.plan(daily(3), GFS, NOW - timedelta(days=1))


@given(candidates, policies)
def test_every_candidate_gets_one_decision_with_a_reason(
    present: list[retention.Candidate], policy: RetentionConfig
) -> None:
    decisions = retention.plan(present, policy, NOW)
    assert sorted(each.candidate.name for each in decisions) == sorted(each.name for each in present)
    assert all(decision.reasons for decision in decisions)


@given(candidates, policies)
def test_a_second_plan_removes_nothing_more(present: list[retention.Candidate], policy: RetentionConfig) -> None:
    first = kept(retention.plan(present, policy, NOW))
    assert kept(retention.plan(first, policy, NOW)) == first


@given(candidates, policies)
def test_the_newest_good_one_of_every_series_stays(present: list[retention.Candidate], policy: RetentionConfig) -> None:
    staying = kept(retention.plan(present, policy, NOW))
    for series in {each.series for each in present if each.good}:
        newest = max((each for each in present if each.good and each.series == series), key=lambda each: each.moment)
        assert newest in staying


@given(candidates, policies)
def test_the_decision_on_a_series_does_not_depend_on_the_others(
    present: list[retention.Candidate], policy: RetentionConfig
) -> None:
    alone = [each for each in present if each.series == SHOP]
    together = [each for each in retention.plan(present, policy, NOW) if each.candidate.series == SHOP]
    assert retention.plan(alone, policy, NOW) == together
