# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever watches is told how far the work has come."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import progress
from ansible_collections.vya.backupdb.plugins.module_utils._engine.progress import STEP_BYTES, Event

HALF = b"x" * (STEP_BYTES // 2)


def test_the_events_of_a_work_come_in_order() -> None:
    events: list[Event] = []
    with progress.observe(events.append), progress.measured("dump", "a", "shop", 5 * STEP_BYTES) as meter:
        assert list(meter.counted([HALF] * 4)) == [HALF] * 4
    assert [(event.kind, event.raw_bytes) for event in events] == [
        ("begun", 0),
        ("bytes", STEP_BYTES),
        ("bytes", 2 * STEP_BYTES),
        ("done", 2 * STEP_BYTES),
    ]
    assert {(event.work, event.database_id, event.database, event.expected_bytes) for event in events} == {
        ("dump", "a", "shop", 5 * STEP_BYTES)
    }


def test_a_work_that_fails_says_so_with_what_it_had() -> None:
    events: list[Event] = []

    def fail() -> None:
        with progress.measured("load", "a", "shop") as meter:
            meter.advance(7)
            raise KeyboardInterrupt

    with progress.observe(events.append), pytest.raises(KeyboardInterrupt):
        fail()
    assert [(event.kind, event.raw_bytes, event.expected_bytes) for event in events] == [
        ("begun", 0, None),
        ("failed", 7, None),
    ]


def test_nobody_is_told_anything_when_nobody_watches() -> None:
    events: list[Event] = []
    with progress.observe(events.append):
        assert progress.is_observed()
    assert not progress.is_observed()
    with progress.measured("dump", "a", "shop") as meter:
        assert list(meter.counted([HALF])) == [HALF]
    assert events == []


def test_every_watcher_is_told() -> None:
    first: list[Event] = []
    second: list[Event] = []
    with progress.observe(first.append), progress.observe(second.append), progress.measured("dump", "a", "shop"):
        pass
    assert first == second
    assert len(first) == 2


def test_bytes_of_several_threads_are_all_counted() -> None:
    events: list[Event] = []
    with (
        progress.observe(events.append),
        progress.measured("dump", "a", "shop") as meter,
        ThreadPoolExecutor(4) as pool,
    ):
        for done in [pool.submit(lambda: list(meter.counted([b"x" * 1000] * 1000))) for _thread in range(4)]:
            done.result()
    assert events[-1].raw_bytes == 4_000_000
    assert [event.raw_bytes for event in events] == sorted(event.raw_bytes for event in events)
