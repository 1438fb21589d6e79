# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether backups are as new as they should be."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.freshness import (
    Limits,
    Scope,
    is_within,
    judge,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import DatabaseConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.results import DatabaseInfo

NOW = datetime(2026, 3, 29, 12, tzinfo=timezone(timedelta(hours=2)))
HOUR = timedelta(hours=1)
DAY_OLD = Limits(max_age=26 * HOUR)
PROVEN = Limits(min_verified_within=8 * 24 * HOUR)


def database(
    name: str = "shop", age: timedelta | None = HOUR, verified: timedelta | None = None, **more: Any
) -> DatabaseInfo:
    fields = {
        "database_id": "a",
        "last_backup": None if age is None else NOW - age,
        "last_good_backup": None if age is None else NOW - age,
        "backup_status": "never" if age is None else "success",
        "last_verified": None if verified is None else NOW - verified,
        **more,
    }
    return DatabaseInfo(name=name, **fields)


def config(database_id: str = "a", **more: Any) -> DatabaseConfig:
    return DatabaseConfig(id=database_id, type="mysql", host="localhost", port=3306, **more)


def told(*databases: DatabaseInfo, limits: Limits = DAY_OLD, scope: Scope | None = None) -> list[str]:
    return [str(one) for one in judge(databases, scope or Scope(), limits, NOW)]


def test_a_new_backup_is_fresh() -> None:
    assert told(database()) == []


@pytest.mark.parametrize(("age", "is_stale"), [(26 * HOUR, False), (26 * HOUR + timedelta(seconds=1), True)])
def test_the_limit_itself_is_kept(age: timedelta, is_stale: bool) -> None:
    assert bool(told(database(age=age))) is is_stale


def test_an_old_backup_is_stale_and_its_age_is_told() -> None:
    sentence = "a/shop: its last good backup is 2d3h4m old, more than 1d2h"
    assert told(database(age=timedelta(days=2, hours=3, minutes=4, seconds=5))) == [sentence]


def test_an_age_of_less_than_a_minute_is_told_in_seconds() -> None:
    limits = Limits(max_age=timedelta(seconds=5))
    assert told(database(age=timedelta(seconds=7.5)), limits=limits) == [
        "a/shop: its last good backup is 7s old, more than 5s"
    ]


def test_the_last_good_backup_counts_and_not_the_last() -> None:
    partial = database(last_good_backup=NOW - 30 * HOUR, backup_status="partial")
    assert told(partial) == ["a/shop: its last good backup is 1d6h old, more than 1d2h"]
    assert told(database(last_good_backup=None, backup_status="partial")) == ["a/shop: it has no good backup"]


def test_a_database_that_was_never_backed_up_is_stale_by_any_limit_and_told_once() -> None:
    both = Limits(26 * HOUR, 26 * HOUR)
    for limits in (DAY_OLD, PROVEN, both):
        assert told(database(age=None), limits=limits) == ["a/shop: it was never backed up"]


def test_a_drill_that_is_long_ago_is_told_and_one_that_never_was_too() -> None:
    old, never = database("old", verified=timedelta(days=9)), database("never")
    assert told(old, never, database("proven", verified=HOUR), limits=PROVEN) == [
        "a/old: its last passed drill is 9d old, more than 8d",
        "a/never: it has no passed drill",
    ]


def test_all_reasons_are_told() -> None:
    (sentence,) = told(database(age=48 * HOUR), limits=Limits(26 * HOUR, 26 * HOUR))
    assert sentence == "a/shop: its last good backup is 2d old, more than 1d2h, and it has no passed drill"


def test_without_limits_nothing_is_stale() -> None:
    assert told(database(age=None), limits=Limits(), scope=Scope([config(), config("empty")])) == []
    assert told(limits=Limits()) == []


def test_a_backup_from_the_future_is_stale_unless_clocks_may_differ_so_much() -> None:
    assert told(database(age=-timedelta(minutes=1))) == []
    assert told(database(age=-2 * HOUR)) == ["a/shop: its last good backup is 2h in the future, so a clock is wrong"]


def test_another_offset_makes_no_difference() -> None:
    moment = (NOW - 3 * HOUR).astimezone(timezone(timedelta(hours=-9)))
    assert is_within(moment, 3 * HOUR, NOW)
    assert not is_within(moment, 2 * HOUR, NOW)


def test_nothing_at_all_to_look_at_is_an_error() -> None:
    with pytest.raises(errors.NotFoundError, match="no database is known"):
        told()
    with pytest.raises(errors.NotFoundError):
        told(database(), scope=Scope([]))


def test_a_configured_instance_without_any_backup_is_stale() -> None:
    scope = Scope([config(), config("empty"), config("off", enabled=False)])
    assert told(database(), scope=scope) == ["empty: none of its databases was ever backed up"]


def test_where_one_database_is_asked_for_an_instance_needs_no_other() -> None:
    assert told(database(), scope=Scope([config(), config("empty")], database="shop")) == []


@pytest.mark.parametrize("other", [database(database_id="gone"), database("excluded"), database("mysql")])
def test_what_the_configuration_does_not_back_up_is_not_judged(other: DatabaseInfo) -> None:
    stale = other.model_copy(update={"last_good_backup": None})
    scope = Scope([config(exclude_databases=["excl*"])])
    assert told(stale, database(), scope=scope) == []
    assert told(stale) != []


def test_instances_that_are_not_enabled_are_not_judged() -> None:
    scope = Scope([config(), config("off", enabled=False)])
    assert told(database(), database(age=None, database_id="off"), scope=scope) == []


def test_a_database_that_its_server_has_no_more_is_not_judged() -> None:
    dropped = database("dropped", age=900 * HOUR)
    assert told(dropped, database(), scope=Scope([config()], live={("a", "shop")})) == []
    assert len(told(dropped, database(), scope=Scope([config()]))) == 1


def test_what_is_named_one_by_one_is_expected_and_judged_though_its_server_has_it_not() -> None:
    scope = Scope([config(include_databases=["shop", "web_*", "a?", "[x]", "skipped"], exclude_databases=["skip*"])])
    assert scope.expected() == [("a", "shop")]
    named = Scope(scope.configs, live=set())
    assert told(database(age=None), scope=named) == ["a/shop: it was never backed up"]


def test_the_named_ones_of_disabled_and_other_instances_are_not_expected() -> None:
    configs = [config("a", include_databases=["x", "y"]), config("b", include_databases=["x"], enabled=False)]
    assert Scope(configs).expected() == [("a", "x"), ("a", "y")]
    assert Scope(configs, database="x").expected() == [("a", "x")]
    assert Scope(configs, database_id="c").expected() == []


@pytest.mark.parametrize("configs", [None, [config(exclude_databases=["shop"])]])
def test_a_database_that_is_named_by_id_and_name_is_expected_whatever_the_configuration_says(
    configs: list[DatabaseConfig] | None,
) -> None:
    scope = Scope(configs, "a", "shop")
    assert scope.expected() == [("a", "shop")]
    assert told(database(age=None), scope=scope) == ["a/shop: it was never backed up"]


def test_a_stale_database_is_plain_data() -> None:
    (one,) = judge([database(age=None)], Scope(), DAY_OLD, NOW)
    assert one.as_dict() == {"database_id": "a", "name": "shop", "reasons": ["it was never backed up"]}
