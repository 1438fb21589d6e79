# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a task's progress, and when."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from ansible_collections.vya.backupdb.plugins.plugin_utils import _progress
from ansible_collections.vya.backupdb.plugins.plugin_utils._progress import Dump, Report, Teller
from hypothesis import given
from hypothesis import strategies as st

MEBIBYTE = 1024 * 1024
SHOP = Dump("server", "shop", 10 * MEBIBYTE, 40 * MEBIBYTE, 5.0)

sizes = st.integers(min_value=0, max_value=2**63)
expectations = st.none() | sizes
dumps = st.builds(
    Dump, st.just("server"), st.just("shop"), sizes, expectations, st.floats(min_value=0, max_value=10**7)
)


def report(*under_way: Dump, done: int = 0, failed: int = 0, beat: int = 1) -> Report:
    return Report(beat, done, failed, under_way)


@given(raw_bytes=sizes, expected_bytes=expectations)
def test_a_percentage_is_between_none_and_all(raw_bytes: int, expected_bytes: int | None) -> None:
    share = _progress.percent(raw_bytes, expected_bytes)
    assert share is None or 0 <= share <= 100
    assert (share == 100) == (expected_bytes == raw_bytes > 0)


@given(dump=dumps, before=st.none() | dumps)
def test_a_rate_is_never_negative(dump: Dump, before: Dump | None) -> None:
    assert _progress.rate(dump, before) >= 0


@given(raw_bytes=sizes, expected_bytes=expectations, rate=st.floats(min_value=0, max_value=1e300))
def test_the_time_left_is_that_of_the_rest_or_nothing(raw_bytes: int, expected_bytes: int | None, rate: float) -> None:
    left = _progress.seconds_left(raw_bytes, expected_bytes, rate)
    if left is not None:
        assert expected_bytes is not None
        assert 0 <= left <= _progress.LONGEST_LEFT_SECONDS
        assert left * rate == pytest.approx(expected_bytes - raw_bytes, rel=1e-6)


@given(dump=dumps, before=st.none() | dumps)
def test_every_dump_can_be_told_of_in_one_line(dump: Dump, before: Dump | None) -> None:
    words = _progress.told(dump, before)
    assert "\n" not in words
    assert "-" not in words


def test_a_dump_is_told_of_by_share_bytes_rate_and_time_left() -> None:
    assert _progress.told(SHOP) == "25 %, 10.0 MB of 40.0 MB, 2.0 MB/s, 15s left"


def test_the_rate_is_that_since_the_dump_was_told_of() -> None:
    later = replace(SHOP, raw_bytes=30 * MEBIBYTE, seconds=7.0)
    assert _progress.told(later, SHOP) == "75 %, 30.0 MB of 40.0 MB, 10.0 MB/s, 1s left"


@pytest.mark.parametrize("expected_bytes", [None, 0, MEBIBYTE])
def test_nothing_is_promised_of_a_dump_longer_than_expected(expected_bytes: int | None) -> None:
    assert _progress.told(replace(SHOP, expected_bytes=expected_bytes)) == "10.0 MB, 2.0 MB/s"


def test_the_time_left_is_rounded_up() -> None:
    assert _progress.told(replace(SHOP, raw_bytes=40 * MEBIBYTE - 1)).endswith("8.0 MB/s, 1s left")


def test_a_short_task_is_told_nothing_of() -> None:
    teller = Teller("host", quiet_seconds=10)
    assert teller.lines(report(SHOP), 9.9) == []
    assert teller.lines(report(SHOP), 10.0) == ["host: server/shop: 25 %, 10.0 MB of 40.0 MB, 2.0 MB/s, 15s left"]


def test_a_dump_that_stands_still_is_not_told_of_again() -> None:
    teller = Teller("host", quiet_seconds=0)
    assert len(teller.lines(report(SHOP), 1)) == 1
    assert teller.lines(report(replace(SHOP, seconds=9.0)), 5) == []


@pytest.mark.parametrize(("elapsed", "pause"), [(10.0, 10.0), (300.0, 30.0), (7200.0, 60.0)])
def test_the_longer_a_task_takes_the_rarer_are_the_lines(elapsed: float, pause: float) -> None:
    teller = Teller("host")
    further = report(replace(SHOP, raw_bytes=SHOP.raw_bytes + 1))
    assert teller.lines(report(SHOP), elapsed)
    assert teller.lines(further, elapsed + pause - 0.1) == []
    assert teller.lines(further, elapsed + pause)


def test_each_database_under_way_has_its_line_and_those_that_ended_have_one() -> None:
    teller = Teller("host", quiet_seconds=0)
    lines = teller.lines(report(SHOP, replace(SHOP, database="billing"), done=1, failed=2), 1)
    assert [line.partition(":")[2].split(",")[0] for line in lines] == [
        " server/shop: 25 %",
        " server/billing: 25 %",
        " 1 database done",
    ]
    assert lines[-1] == "host: 1 database done, 2 failed so far"


def test_a_database_that_is_loaded_is_told_of_as_such() -> None:
    teller = Teller("host", quiet_seconds=0, ended="loaded")
    assert teller.lines(report(done=1), 1) == ["host: 1 database loaded so far"]


def test_of_a_dump_of_unknown_origin_the_database_alone_is_told() -> None:
    (line,) = Teller("host", quiet_seconds=0).lines(report(replace(SHOP, database_id="")), 1)
    assert line.startswith("host: shop: 25 %")


def test_a_name_cannot_move_the_cursor() -> None:
    (line,) = Teller("host", quiet_seconds=0).lines(report(replace(SHOP, database="a\x1b[2J\nb")), 1)
    assert "a\\u001b[2J\\u000ab" in line


def test_what_the_host_wrote_is_read_below_whatever_else_a_shell_prints() -> None:
    written = {"beat": 7, "done": 2, "failed": 1, "under_way": [SHOP.__dict__]}
    assert _progress.read(f"Welcome!\n{json.dumps(written)}\n") == report(SHOP, done=2, failed=1, beat=7)


@given(text=st.text() | st.recursive(st.none() | st.integers(), st.lists).map(json.dumps))
def test_what_makes_no_sense_is_nothing(text: str) -> None:
    assert _progress.read(text) is None


@pytest.mark.parametrize(
    "broken", ["{", "{}", '{"under_way": 3}', '{"beat": 1, "done": 0, "failed": 0, "under_way": [3]}']
)
def test_half_a_report_is_nothing(broken: str) -> None:
    assert _progress.read(broken) is None
