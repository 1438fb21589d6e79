# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report is gathered from what is there, what the audit log tells, and what retention plans."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.report import charts, gathering
from ansible_collections.vya.backupdb.plugins.module_utils._engine.report.data import Database, Expectations, ReportData
from ansible_collections.vya.backupdb.plugins.module_utils._engine.report.histories import Sources

from tests.unit.reports import INSTANCE, KB, NOW, artifact, days_of, drill, fleet, removal, row, sources

EXPECTATIONS = Expectations(max_age=timedelta(hours=26), verified_within=timedelta(days=30))


def gathered(*artifacts: Any, **more: Any) -> ReportData:
    return gathering.gather(sources(*artifacts, **more), EXPECTATIONS, NOW)


def only(data: ReportData) -> Database:
    (database,) = data.databases
    return database


@pytest.mark.parametrize(("hours", "state"), [(1, "good"), (26, "good"), (26.1, "stale"), (-1, "stale")])
def test_a_good_backup_is_stale_when_it_is_too_old_or_of_the_future(hours: float, state: str) -> None:
    assert only(gathered(artifact(hours_ago=hours))).state == state


def test_neither_a_partial_backup_nor_one_that_a_drill_found_bad_is_the_last_good_one() -> None:
    database = only(
        gathered(
            artifact(hours_ago=1, status="partial"),
            artifact(hours_ago=2, verification=drill(1, error="rows are missing")),
            artifact(hours_ago=30),
        )
    )
    assert database.last_good is not None
    assert database.last_good.timestamp == NOW - timedelta(hours=30)
    assert database.state == "stale"
    assert database.last_attempt_failed
    assert database.proof == "failed"
    assert [(each.operation, each.status) for each in database.failures] == [
        ("backup", "partial"),
        ("verify", "failed"),
    ]


def test_a_database_that_only_ever_failed_is_there_and_has_no_backup() -> None:
    database = only(gathered(audited=[row(status="failed")]))
    assert (database.name, database.state, database.artifacts, database.last_attempt_failed) == (
        "shop",
        "never",
        0,
        True,
    )


@pytest.mark.parametrize(
    ("verification", "proof"),
    [
        (None, "never"),
        (drill(1, "checksum"), "checksum"),
        (drill(1, "structure"), "verified"),
        (drill(24 * 30, "restore"), "verified"),
        (drill(24 * 30 + 1, "restore"), "outdated"),
        (drill(1, error="rows are missing"), "failed"),
    ],
)
def test_only_a_drill_that_looks_inside_and_is_not_too_long_ago_is_a_proof(verification: Any, proof: str) -> None:
    assert only(gathered(artifact(verification=verification), artifact(hours_ago=30))).proof == proof


def test_a_drill_that_passed_after_one_that_failed_is_the_last_word() -> None:
    database = only(
        gathered(
            artifact(hours_ago=20, verification=drill(9, error="rows are missing")),
            artifact(hours_ago=6, verification=drill(5)),
        )
    )
    assert database.proof == "verified"
    assert database.last_drill_failure is not None
    assert database.last_drill_failure.error_message == "rows are missing"


def test_a_newer_drill_of_a_checksum_does_not_hide_the_proof_of_an_older_one() -> None:
    database = only(
        gathered(artifact(verification=drill(1, "checksum")), artifact(hours_ago=30, verification=drill(20, "restore")))
    )
    assert database.proof == "verified"
    assert database.last_verified is not None
    assert database.last_verified.level == "restore"


def test_what_was_removed_is_in_the_history_by_the_audit_log_and_what_is_there_is_in_it_once() -> None:
    rows = [row(hours_ago=hours, size_bytes=hours * KB) for hours in (5.99, 29.98, 54, 78)]
    rows.append(row(hours_ago=90, status="failed"))
    database = only(gathered(artifact(hours_ago=6), artifact(hours_ago=30), audited=rows))
    assert [(NOW - point.timestamp) / timedelta(hours=1) for point in database.history] == [78, 54, 30, 6]
    assert database.history_total == 4


def test_the_same_failure_again_and_again_is_told_once_with_its_number() -> None:
    rows = [row(hours_ago=24 * day + 1, status="failed") for day in range(3)]
    rows.append(row(hours_ago=3, status="failed", error_message="no room"))
    rows.append(row(hours_ago=24 * 31, status="failed", error_message="long ago"))
    database = only(gathered(audited=rows))
    assert [(each.message, each.times) for each in database.failures] == [
        ("the server cannot be reached", 3),
        ("no room", 1),
    ]
    assert database.failures[0].first == NOW - timedelta(hours=49)
    assert database.failures[0].last == NOW - timedelta(hours=1)
    assert database.failures_count == 4


def test_a_partial_backup_that_the_audit_log_tells_of_is_one_failure() -> None:
    told = row(hours_ago=5.99, status="partial", error_message="the accounts could not be dumped")
    assert only(gathered(artifact(status="partial"), audited=[told])).failures_count == 1


def test_a_backup_that_failed_before_the_last_good_one_is_no_failing_one() -> None:
    assert not only(gathered(artifact(hours_ago=6), audited=[row(hours_ago=9, status="failed")])).last_attempt_failed
    assert only(gathered(artifact(hours_ago=6), audited=[row(hours_ago=3, status="failed")])).last_attempt_failed


def test_the_rows_of_hosts_whose_storage_is_not_looked_at_are_left_out() -> None:
    assert gathered(artifact(), audited=[row("other", hostname="db99", status="failed")]).summary.databases == 1


def test_the_target_of_a_restore_is_no_database_that_lacks_a_backup() -> None:
    told = row("shop_yesterday", operation="restore", status="failed", error_message="the target exists")
    data = gathered(artifact(), audited=[told, row("shop_copy", operation="restore")])
    assert [database.name for database in data.databases] == ["shop"]
    (instance,) = data.instances
    assert [failure.message for failure in instance.failures] == ["shop_yesterday: the target exists"]
    assert data.summary.failures == 1


def test_an_instance_that_is_to_be_backed_up_and_was_not_is_named() -> None:
    data = gathered(
        artifact(),
        audited=[row(None, status="failed", database_id="b", error_message="cannot log in")],
        configured=[INSTANCE, "a", "b"],
    )
    assert [(each.database_id, each.silent, len(each.failures)) for each in data.instances] == [
        ("a", True, 0),
        ("b", True, 1),
    ]
    assert data.summary.silent_instances == 2


def test_the_plan_counts_everything_and_lists_the_newest_of_each_kind() -> None:
    every = list(days_of("shop", 90, 100 * KB))
    planned = [removal(one, number < 40, f"reason {number}") for number, one in enumerate(every)]
    data = gathered(*every, planned=planned)
    plan = only(data).plan
    assert plan is not None
    assert (plan.kept, plan.removed) == (40, 50)
    assert [decision.reasons for decision in plan.decisions if decision.keep] == [[f"reason {n}"] for n in range(25)]
    assert [each.reasons[0] for each in plan.decisions if not each.keep] == [f"reason {n}" for n in range(40, 50)]
    assert (data.summary.kept, data.summary.removed) == (40, 50)
    assert data.summary.removed_bytes == plan.removed_bytes == sum(one.size_bytes for one in planned[40:])


def test_without_a_plan_nothing_is_said_of_it() -> None:
    data = gathered(artifact())
    assert only(data).plan is None
    assert (data.summary.kept, data.summary.removed) == (None, None)


def test_a_day_is_one_of_the_calendar_of_the_report() -> None:
    data = gathered(artifact(hours_ago=7.5), artifact(hours_ago=8.5), audited=[row(hours_ago=8.5, status="failed")])
    assert [(each.day.day, each.good, each.failed) for each in data.days[-2:]] == [(8, 1, 1), (9, 1, 0)]
    assert len(data.days) == 30


def test_the_worst_comes_first() -> None:
    states = [(one.state, one.needs_attention) for one in gathering.gather(fleet(), EXPECTATIONS, NOW).databases]
    assert states == sorted(states, key=lambda one: (["never", "stale", "good"].index(one[0]), not one[1]))
    assert len(set(states)) == 4


def test_an_empty_storage_is_an_empty_report() -> None:
    data = gathering.gather(Sources("db01", "/srv/backups", []), EXPECTATIONS, NOW)
    assert (data.databases, data.instances, data.summary.databases) == ([], [], 0)
    assert not data.has_audit


def test_many_points_are_thinned_and_the_leap_among_them_stays() -> None:
    every = list(days_of("shop", 400, 100 * KB * KB, growth=1.0))
    every[200] = artifact(hours_ago=24 * 200 + 6, size_bytes=KB)
    database = only(gathered(*every))
    assert (len(database.history), database.history_total) == (charts.POINTS, 400)
    assert min(point.size_bytes for point in database.history) == KB
    assert database.history[0].timestamp == every[-1].moment
    assert database.history[-1].timestamp == every[0].moment
    assert database.history == sorted(database.history, key=lambda point: point.timestamp)


@pytest.mark.parametrize("count", [1, 59, 60, 61, 118, 119])
def test_no_more_points_are_drawn_than_there_are(count: int) -> None:
    database = only(gathered(*days_of("shop", count, 100 * KB)))
    assert len(database.history) == min(count, charts.POINTS)
    assert len({point.timestamp for point in database.history}) == len(database.history)
