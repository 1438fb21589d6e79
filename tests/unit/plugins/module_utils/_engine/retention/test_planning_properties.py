# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for retention whatever backups there are, by whatever clock, and whatever the policy is."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import RetentionConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.retention import planning
from hypothesis import given, settings
from hypothesis import strategies as st

SHOP = ("db01", "prod-postgres-01", "shop")
OTHERS = [("db01", "prod-postgres-01", "library"), ("db02", "prod-postgres-01", "shop")]
NOW = datetime(2026, 6, 30, 12, tzinfo=timezone.utc)
# Without an offset: hypothesis adds one to each moment that it draws.
FIRST, LAST = NOW.replace(year=2024, tzinfo=None), NOW.replace(day=29, tzinfo=None)

offsets = st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))
moments = st.datetimes(FIRST, LAST, timezones=offsets)
candidates = st.lists(
    st.builds(
        planning.Candidate,
        series=st.sampled_from([SHOP, *OTHERS]),
        moment=moments,
        name=st.uuids().map(str),
        flaw=st.none() | st.just("not complete"),
        verified=st.booleans(),
        held=st.none() | st.just("held by a file"),
    ),
    max_size=60,
    unique_by=lambda each: each.name,
)
policies = st.builds(
    RetentionConfig,
    strategy=st.sampled_from(["simple", "gfs"]),
    daily_keep=st.integers(1, 10),
    weekly_keep=st.integers(1, 6),
    monthly_keep=st.integers(1, 14),
    min_keep=st.integers(1, 6),
    min_verified=st.integers(0, 4),
)
Candidates = list[planning.Candidate]


def kept(decisions: list[planning.Decision]) -> Candidates:
    return [decision.candidate for decision in decisions if decision.keep]


def series_of(present: Candidates) -> list[Candidates]:
    return [[each for each in present if each.series == series] for series in (SHOP, *OTHERS)]


@given(candidates, policies)
def test_every_candidate_gets_one_decision_with_a_reason(present: Candidates, policy: RetentionConfig) -> None:
    decisions = planning.plan(present, policy, NOW)
    assert sorted(each.candidate.name for each in decisions) == sorted(each.name for each in present)
    assert all(decision.reasons and all(decision.reasons) for decision in decisions)


@given(candidates, policies)
def test_a_second_plan_removes_nothing_more(present: Candidates, policy: RetentionConfig) -> None:
    first = kept(planning.plan(present, policy, NOW))
    assert kept(planning.plan(first, policy, NOW)) == first


@given(candidates, policies, st.randoms(use_true_random=False))
def test_the_order_in_which_they_are_found_does_not_matter(
    present: Candidates, policy: RetentionConfig, chance: random.Random
) -> None:
    shuffled = list(present)
    chance.shuffle(shuffled)
    assert planning.plan(shuffled, policy, NOW) == planning.plan(present, policy, NOW)


@given(candidates, policies)
def test_no_series_is_ever_emptied(present: Candidates, policy: RetentionConfig) -> None:
    staying = kept(planning.plan(present, policy, NOW))
    assert {each.series for each in staying} == {each.series for each in present}


@given(candidates, policies)
def test_the_newest_good_and_verified_ones_stay_up_to_the_minimum(present: Candidates, policy: RetentionConfig) -> None:
    staying = set(kept(planning.plan(present, policy, NOW)))
    for series in series_of(present):
        good = sorted((each for each in series if each.good), key=lambda each: (each.moment, each.name))
        verified = [each for each in good if each.verified]
        assert staying.issuperset(good[-policy.min_keep :])
        assert staying.issuperset(verified[len(verified) - min(policy.min_verified, len(verified)) :])


@given(candidates, policies)
def test_nothing_that_is_held_goes(present: Candidates, policy: RetentionConfig) -> None:
    assert set(kept(planning.plan(present, policy, NOW))).issuperset(each for each in present if each.held)


@given(candidates, policies)
def test_one_that_is_not_good_never_decides_on_a_good_one(present: Candidates, policy: RetentionConfig) -> None:
    alone = [each for each in present if each.good]
    together = [each for each in kept(planning.plan(present, policy, NOW)) if each.good]
    assert kept(planning.plan(alone, policy, NOW)) == together


@given(candidates, policies)
def test_the_decision_on_a_series_does_not_depend_on_the_others(present: Candidates, policy: RetentionConfig) -> None:
    alone = [each for each in present if each.series == SHOP]
    together = [each for each in planning.plan(present, policy, NOW) if each.candidate.series == SHOP]
    assert planning.plan(alone, policy, NOW) == together


@given(candidates, policies, st.integers(0, 20_000))
def test_time_that_passes_without_a_backup_removes_nothing(
    present: Candidates, policy: RetentionConfig, days: int
) -> None:
    assert planning.plan(present, policy, NOW + timedelta(days=days)) == planning.plan(present, policy, NOW)


@given(candidates.filter(bool), policies, st.integers(10, 100_000))
def test_a_clock_that_runs_before_the_newest_one_is_refused(
    present: Candidates, policy: RetentionConfig, minutes: int
) -> None:
    newest = max(each.moment for each in present)
    with pytest.raises(errors.ValidationError, match="but now is"):
        planning.plan(present, policy, newest - timedelta(minutes=minutes))


def simulated(days: list[datetime], policy: RetentionConfig) -> Candidates:
    """Return what is there after a run at each of the moments."""
    present: Candidates = []
    for number, now in enumerate(days):
        newest = planning.Candidate(SHOP, now, f"{number:04}")
        present = kept(planning.plan([newest, *present], policy, now))
    return present


@settings(max_examples=20, deadline=None)
@given(st.sets(st.integers(0, 498)), st.integers(0, 23), st.integers(7, 16))
def test_twelve_months_survive_five_hundred_daily_runs_of_which_some_were_missed(
    missed: set[int], hour: int, monthly_keep: int
) -> None:
    first = datetime(2025, 1, 1, hour, tzinfo=timezone.utc)
    days = [first + timedelta(days=number) for number in range(500) if number not in missed]
    policy = RetentionConfig(monthly_keep=monthly_keep)
    present = simulated(days, policy)
    months = sorted({f"{day:%Y-%m}" for day in days})[-monthly_keep:]
    newest = {month: max(day for day in days if f"{day:%Y-%m}" == month) for month in months}
    assert {each.moment for each in present}.issuperset(newest.values())
    assert len(present) <= policy.daily_keep + policy.weekly_keep + policy.monthly_keep


def test_twelve_months_survive_five_hundred_daily_runs() -> None:
    present = simulated([NOW + timedelta(days=number) for number in range(500)], RetentionConfig())
    assert len({f"{each.moment:%Y-%m}" for each in present}) == 12


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(10, 3 * 24 * 60), st.integers(-12, 14)), min_size=1, max_size=60), policies)
def test_a_zone_that_changes_with_every_run_does_no_harm(steps: list[tuple[int, int]], policy: RetentionConfig) -> None:
    moment, days = NOW, []
    for minutes, hours in steps:
        moment += timedelta(minutes=minutes)
        days.append(moment.astimezone(timezone(timedelta(hours=hours))))
    present = simulated(days, policy)
    assert {each.moment for each in present}.issuperset(days[-policy.min_keep :])
    newest_of_each = {f"{day:%Y-%m-%d}": day for day in days}
    if policy.strategy == "gfs":
        assert {each.moment for each in present}.issuperset(sorted(newest_of_each.values())[-policy.daily_keep :])


def test_the_hour_that_is_repeated_keeps_its_newest_and_loses_no_day() -> None:
    summer, winter = timezone(timedelta(hours=2)), timezone(timedelta(hours=1))
    hours = [datetime(2025, 10, 26, 2, minute, tzinfo=zone) for zone in (summer, winter) for minute in (10, 30, 50)]
    before = [datetime(2025, 10, day, 2, 30, tzinfo=summer) for day in range(20, 26)]
    present = simulated([*before, *hours], RetentionConfig(daily_keep=3, weekly_keep=1, monthly_keep=1))
    assert [each.moment for each in present] == [hours[-1], before[-1], before[-2]]


@given(st.lists(st.tuples(moments, st.booleans()), max_size=20), st.data())
def test_accounts_that_a_backup_names_and_the_newest_good_ones_never_go(
    drawn: list[tuple[datetime, bool]], data: st.DataObject
) -> None:
    accounts = [
        planning.Candidate((*SHOP[:2], ""), moment, str(number), None if whole else "not complete")
        for number, (moment, whole) in enumerate(drawn)
    ]
    named = data.draw(st.sets(st.sampled_from([each.name for each in accounts])) if accounts else st.just(set()))
    present = planning.Present({name: ["a backup"] for name in named}, {SHOP[:2]: NOW})
    staying = kept(planning.plan_accounts(accounts, present, NOW))
    assert {each.name for each in staying}.issuperset(named)
    good = [each for each in accounts if each.good]
    assert not good or max(good, key=lambda each: (each.moment, each.name)) in staying
    assert kept(planning.plan_accounts(staying, present, NOW)) == staying
