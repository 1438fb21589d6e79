# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks share a number of jobs: the biggest first, none forgotten, and no job idle while there is something to do."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.backups import schedule as schedule_module
from ansible_collections.vya.backupdb.plugins.module_utils._engine.backups.schedule import Group, Schedule, Share, Task
from hypothesis import given, settings
from hypothesis import strategies as st

# Only a test that fails waits so long.
PATIENCE_SECONDS = 30
# Of each group: how many jobs it may take, and the sizes and parts of its tasks.
GROUPS = st.lists(
    st.tuples(st.integers(1, 4), st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), max_size=6)), max_size=4
)


@dataclass
class Watch:
    """Counts what is under way, by name, and keeps the most there ever was of each."""

    now: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextlib.contextmanager
    def under_way(self, *names: str) -> Iterator[None]:
        with self.lock:
            for name in names:
                self.now[name] += 1
                self.most[name] = max(self.most[name], self.now[name])
        yield
        with self.lock:
            self.now.subtract(names)


def noting(order: list[str], name: str) -> Callable[[Share], None]:
    return lambda _share: order.append(name)


def wait_for(event: threading.Event) -> None:
    assert event.wait(PATIENCE_SECONDS)


@given(jobs=st.integers(1, 4), groups=GROUPS)
@settings(deadline=None, max_examples=60)
def test_every_task_is_done_once_and_no_limit_is_passed(
    jobs: int, groups: list[tuple[int, list[tuple[int, int]]]]
) -> None:
    schedule, watch, done = Schedule(jobs), Watch(), Counter[str]()

    def list_tasks(number: int, share: Share) -> None:
        limit, sizes = groups[number]
        group = Group(limit)
        with watch.under_way("everything"):
            schedule.add(
                [
                    Task(lambda share, task=task, parts=parts: work(share, number, task, parts), group, size)  # type: ignore[misc]
                    for task, (size, parts) in enumerate(sizes)
                ]
            )

    def work(share: Share, number: int, task: int, parts: int) -> None:
        def read_part(_part: int) -> None:
            with share.lane(), watch.under_way("everything", f"group {number}", f"task {number}/{task}"):
                done[f"{number}/{task}"] += 1

        with ThreadPoolExecutor(share.lanes) as pool:
            list(pool.map(read_part, range(parts)))
        assert watch.most[f"task {number}/{task}"] <= share.lanes

    everyone = Group(jobs)
    schedule.add(
        [Task(lambda share, n=number: list_tasks(n, share), everyone, urgent=True) for number in range(len(groups))]  # type: ignore[misc]
    )
    schedule.run()
    assert watch.most["everything"] <= jobs
    for number, (limit, sizes) in enumerate(groups):
        assert watch.most[f"group {number}"] <= limit
        for task, (_size, parts) in enumerate(sizes):
            assert done[f"{number}/{task}"] == parts


def test_urgent_tasks_go_first_and_then_the_biggest_of_all_groups() -> None:
    order: list[str] = []
    schedule = Schedule(1)
    first, second = Group(1), Group(1)
    schedule.add([Task(noting(order, "small"), first, 1), Task(noting(order, "big"), second, 9)])
    schedule.add([Task(noting(order, "middle"), first, 5), Task(noting(order, "listing"), first, urgent=True)])
    schedule.run()
    assert order == ["listing", "big", "middle", "small"]


def test_a_group_at_its_limit_lets_smaller_tasks_of_others_go_before() -> None:
    schedule, bounded, other = Schedule(2), Group(1), Group(2)
    small_done = threading.Event()
    order: list[str] = []

    def big(_share: Share) -> None:
        wait_for(small_done)
        order.append("big")

    def small(_share: Share) -> None:
        order.append("small")
        small_done.set()

    schedule.add([Task(big, bounded, 9), Task(noting(order, "next"), bounded, 8), Task(small, other, 1)])
    schedule.run()
    assert order == ["small", "big", "next"]


def test_tasks_of_different_groups_run_at_the_same_time() -> None:
    schedule = Schedule(2)
    both = threading.Barrier(2)
    met: list[int] = []
    schedule.add([Task(lambda _share: met.append(both.wait(PATIENCE_SECONDS)), Group(1), 1) for _group in range(2)])
    schedule.run()
    assert sorted(met) == [0, 1]


def test_a_dominating_task_keeps_no_other_waiting_and_takes_over_the_jobs_that_are_left() -> None:
    schedule, group = Schedule(2), Group(2)
    order: list[str] = []
    asked, widened = threading.Event(), threading.Event()

    def second_lane(share: Share) -> None:
        asked.set()
        with share.lane():
            order.append("second lane")
            widened.set()

    def dominating(share: Share) -> None:
        assert share.lanes == 2
        with ThreadPoolExecutor(1) as pool, share.lane():
            lane = pool.submit(second_lane, share)
            wait_for(widened)
            lane.result()

    def small(_share: Share) -> None:
        wait_for(asked)
        order.append("small")

    schedule.add([Task(dominating, group, 1000), *(Task(small, group, 1) for _number in range(3))])
    schedule.run()
    assert order == ["small", "small", "small", "second lane"]


@pytest.mark.parametrize(
    ("jobs", "limit", "sizes", "lanes"),
    [
        (4, 4, [8], [4]),
        (4, 2, [8], [2]),
        (1, 4, [8], [1]),
        (4, 4, [8, 8, 8, 8], [1, 1, 1, 1]),
        (2, 2, [5, 5], [1, 1]),
        (4, 4, [100, 1, 1], [4, 1, 1]),
        (4, 4, [60, 40], [3, 2]),
        (2, 2, [0, 0], [1, 1]),
    ],
)
def test_a_task_has_lanes_for_its_share_of_what_is_to_do(
    jobs: int, limit: int, sizes: list[int], lanes: list[int]
) -> None:
    schedule, group = Schedule(jobs), Group(limit)
    found: dict[int, int] = {}
    all_started = threading.Barrier(min(len(sizes), jobs, limit))

    def work(position: int, share: Share) -> None:
        found[position] = share.lanes
        all_started.wait(PATIENCE_SECONDS)

    schedule.add(
        [Task(lambda share, p=position: work(p, share), group, size) for position, size in enumerate(sizes)]  # type: ignore[misc]
    )
    schedule.run()
    assert [found[position] for position in range(len(sizes))] == lanes


def test_what_a_task_raises_ends_the_others_and_is_raised() -> None:
    ended = threading.Event()
    started = threading.Event()
    schedule, group = Schedule(2, [ended.set]), Group(2)
    order: list[str] = []

    def going_on(share: Share) -> None:
        started.set()
        wait_for(ended)
        with pytest.raises(errors.BackupDBError, match="the run was ended"), share.lane():
            order.append("went on")

    def broken(_share: Share) -> None:
        wait_for(started)
        raise ZeroDivisionError

    schedule.add([Task(going_on, group, 3), Task(broken, group, 2), Task(noting(order, "waiting"), group, 1)])
    with pytest.raises(ZeroDivisionError):
        schedule.run()
    assert order == []


def test_an_interrupt_ends_what_runs_and_nothing_else_begins() -> None:
    ended = threading.Event()
    schedule, group = Schedule(1, [ended.set]), Group(1)
    order: list[str] = []

    def interrupted(_share: Share) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        wait_for(ended)
        order.append("ended")

    schedule.add([Task(interrupted, group, 2), Task(noting(order, "waiting"), group, 1)])
    # Whoever runs the tests may have told them to ignore it, as a shell does in the background.
    outer = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            schedule.run()
    finally:
        signal.signal(signal.SIGINT, outer)
    assert order == ["ended"]


def test_a_task_that_does_not_come_to_an_end_is_left_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule_module, "ENDING_SECONDS", 0.2)
    over, started = threading.Event(), threading.Event()
    schedule, group = Schedule(2), Group(2)

    def hanging(_share: Share) -> None:
        started.set()
        wait_for(over)

    def broken(_share: Share) -> None:
        wait_for(started)
        raise ZeroDivisionError

    schedule.add([Task(hanging, group, 2), Task(broken, group, 1)])
    with pytest.raises(ZeroDivisionError):
        schedule.run()
    assert not over.is_set()
    over.set()


def test_without_tasks_there_is_nothing_to_wait_for() -> None:
    Schedule(2).run()
