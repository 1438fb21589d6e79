# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retention counts what is there; it never ages anything away."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.freshness import CLOCK_TOLERANCE
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import RetentionConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.retention import planning

SHOP = ("db01", "prod-postgres-01", "shop")
NOW = datetime(2026, 6, 30, 12, tzinfo=timezone.utc)
GFS = RetentionConfig()


def candidate(moment: datetime, **more: Any) -> planning.Candidate:
    return planning.Candidate(**{"series": SHOP, "moment": moment, "name": moment.isoformat(), **more})


def daily(days: int, until: datetime = NOW) -> list[planning.Candidate]:
    return [candidate(until - timedelta(days=number)) for number in range(days)]


def kept(decisions: list[planning.Decision]) -> list[planning.Candidate]:
    return [decision.candidate for decision in decisions if decision.keep]


def test_the_newest_of_each_day_week_and_month_stays_with_its_reasons() -> None:
    policy = RetentionConfig(daily_keep=2, weekly_keep=2, monthly_keep=2)
    decisions = planning.plan(daily(40), policy, NOW)
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


def test_nothing_is_removed_by_age_alone_when_backups_have_stopped() -> None:
    week = daily(7)
    assert kept(planning.plan(week, GFS, NOW + timedelta(days=3650))) == week


def test_simple_keeps_the_last_ones_however_far_apart() -> None:
    policy = RetentionConfig(strategy="simple", daily_keep=3)
    hourly = [candidate(NOW - timedelta(hours=number)) for number in range(10)]
    assert kept(planning.plan(hourly, policy, NOW)) == hourly[:3]


def test_a_repeated_hour_is_ordered_by_the_instant() -> None:
    policy = RetentionConfig(strategy="simple", daily_keep=1)
    summer = candidate(datetime(2025, 10, 26, 2, 30, tzinfo=timezone(timedelta(hours=2))))
    winter = candidate(datetime(2025, 10, 26, 2, 10, tzinfo=timezone(timedelta(hours=1))))
    assert kept(planning.plan([summer, winter], policy, NOW)) == [winter]


@pytest.mark.parametrize("flaw", ["not complete", "found bad by the drill of 2026-06-30 (the table orders differs)"])
def test_one_that_is_not_good_never_counts_and_goes_once_a_newer_one_is_good(flaw: str) -> None:
    older, newer = candidate(NOW - timedelta(days=2), flaw=flaw), candidate(NOW, flaw=flaw)
    good = candidate(NOW - timedelta(days=1))
    decisions = {each.candidate: each for each in planning.plan([older, good, newer], GFS, NOW)}
    assert (decisions[older].keep, decisions[good].keep, decisions[newer].keep) == (False, True, True)
    assert decisions[older].reasons == (f"{flaw}, and a newer one is good",)
    assert decisions[newer].reasons == (f"{flaw}, but none newer is good",)


def test_one_that_is_not_good_goes_once_one_of_the_same_instant_is_good() -> None:
    flawed, good = candidate(NOW, name="b", flaw="not complete"), candidate(NOW, name="a")
    assert kept(planning.plan([flawed, good], GFS, NOW)) == [good]


def test_nothing_is_removed_where_nothing_is_good() -> None:
    flawed = [candidate(NOW - timedelta(days=number), flaw="not complete") for number in range(30)]
    assert kept(planning.plan(flawed, RetentionConfig(strategy="simple", daily_keep=1), NOW)) == flawed


def test_the_newest_good_ones_stay_up_to_the_minimum() -> None:
    policy = RetentionConfig(strategy="simple", daily_keep=1, min_keep=3)
    decisions = planning.plan(daily(5), policy, NOW)
    assert kept(decisions) == daily(3)
    assert [decision.reasons for decision in decisions] == [
        ("newest good backup", "number 1 of the last 1"),
        ("number 2 of the last 3 good",),
        ("number 3 of the last 3 good",),
        ("older than the last 1",),
        ("older than the last 1",),
    ]


def test_the_newest_verified_ones_stay_up_to_the_minimum() -> None:
    policy = RetentionConfig(strategy="simple", daily_keep=1, min_verified=2)
    present = [candidate(NOW - timedelta(days=number), verified=number in (4, 6, 8)) for number in range(9)]
    decisions = planning.plan(present, policy, NOW)
    assert kept(decisions) == [present[0], present[4], present[6]]
    assert decisions[4].reasons == ("newest verified backup",)
    assert decisions[6].reasons == ("number 2 of the last 2 verified",)


def test_no_verified_one_need_stay_where_the_minimum_is_zero() -> None:
    policy = RetentionConfig(strategy="simple", daily_keep=1, min_verified=0)
    present = [candidate(NOW), candidate(NOW - timedelta(days=1), verified=True)]
    assert kept(planning.plan(present, policy, NOW)) == present[:1]


def test_what_is_held_stays_with_its_reason_whatever_else_is_so() -> None:
    policy = RetentionConfig(strategy="simple", daily_keep=1)
    held = candidate(NOW - timedelta(days=9), held="held: the audit of 2025")
    bad = candidate(NOW - timedelta(days=8), held="held by a file", flaw="not complete")
    decisions = {each.candidate: each for each in planning.plan([*daily(2), held, bad], policy, NOW)}
    assert decisions[held].reasons == ("held: the audit of 2025",)
    assert decisions[bad].reasons == ("held by a file",)


def test_a_clock_that_was_set_back_is_refused() -> None:
    with pytest.raises(errors.ValidationError, match="is from 2026-06-30"):
        planning.plan(daily(3), GFS, NOW - timedelta(days=1))


def test_a_clock_may_be_behind_another_by_what_hosts_differ() -> None:
    assert len(planning.plan(daily(3), GFS, NOW - CLOCK_TOLERANCE)) == 3
    with pytest.raises(errors.ValidationError, match="is from 2026-06-30"):
        planning.plan(daily(3), GFS, NOW - CLOCK_TOLERANCE - timedelta(seconds=1))


ACCOUNTS = ("db01", "prod-postgres-01", "")


def saved(days: int, **more: Any) -> planning.Candidate:
    return candidate(NOW - timedelta(days=days), series=ACCOUNTS, name=f"users {days}", **more)


def present(newest: datetime = NOW, **naming: list[str]) -> planning.Present:
    named = {name.replace("_", " "): names for name, names in naming.items()}
    return planning.Present(named, {ACCOUNTS[:2]: newest})


def test_accounts_live_as_long_as_a_backup_names_them() -> None:
    decisions = planning.plan_accounts(
        [saved(2), saved(3), saved(4), saved(5)],
        present(users_3=["shop 3"], users_5=["shop 5", "crm 5", "library 5", "cafe 5"]),
        NOW,
    )
    assert [(decision.keep, decision.reasons) for decision in decisions] == [
        (True, ("newest good accounts",)),
        (True, ("saved along with shop 3",)),
        (False, ("no backup of a database names it any more",)),
        (True, ("saved along with shop 5, crm 5 and 2 more",)),
    ]


@pytest.mark.parametrize(
    ("named", "told"),
    [
        (["shop 3", "crm 3"], "shop 3, crm 3"),
        (["shop 3", "crm 3", "library 3"], "shop 3, crm 3 and 1 more"),
    ],
)
def test_a_few_of_the_backups_that_name_accounts_are_told(named: list[str], told: str) -> None:
    decisions = planning.plan_accounts([saved(2), saved(3)], present(users_3=named), NOW)
    assert decisions[1].reasons == (f"saved along with {told}",)


def test_the_newest_whole_accounts_stay_beside_newer_ones_that_are_not() -> None:
    decisions = planning.plan_accounts([saved(2, flaw="not complete"), saved(3), saved(4)], present(), NOW)
    assert [decision.keep for decision in decisions] == [True, True, False]
    assert decisions[0].reasons == ("not complete, but none newer is good",)


def test_accounts_that_are_held_stay() -> None:
    decisions = planning.plan_accounts([saved(2), saved(3, held="held by a file")], present(), NOW)
    assert decisions[1].reasons == ("held by a file",)


def test_accounts_of_a_run_that_goes_on_for_days_stay() -> None:
    running = [saved(2), saved(3)]
    decisions = planning.plan_accounts(running, present(newest=NOW - timedelta(days=4)), NOW)
    assert decisions[1].reasons == ("newer than every backup of a database",)
    assert planning.plan_accounts(running, planning.Present(), NOW)[1].keep
    assert planning.plan_accounts(running, present(newest=running[1].moment), NOW)[1].keep


def test_accounts_of_the_last_day_stay_also_when_the_clock_of_a_backup_was_ahead() -> None:
    newest = candidate(NOW - timedelta(minutes=1), series=ACCOUNTS, name="users 0")
    running = candidate(NOW - timedelta(minutes=2), series=ACCOUNTS, name="users 1")
    assert planning.plan_accounts([newest, running], present(), NOW)[1].reasons == ("less than a day old",)
    assert [each.keep for each in planning.plan_accounts([newest, saved(1)], present(), NOW)] == [True, False]


def test_no_accounts_go_while_some_metadata_cannot_be_read() -> None:
    unknown = planning.Present(newest={ACCOUNTS[:2]: NOW}, complete=False)
    assert planning.plan_accounts([saved(2), saved(3)], unknown, NOW)[1].reasons == (
        "some metadata cannot be read and may name it",
    )


def test_accounts_from_the_future_are_refused() -> None:
    with pytest.raises(errors.ValidationError, match="users -1 is from"):
        planning.plan_accounts([saved(-1)], present(), NOW)
