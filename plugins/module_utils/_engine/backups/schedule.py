# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks side by side within a number of jobs: the biggest first, and what is left over for the lanes of those that run.

Every running task has one job of its own. Nothing is kept back for big tasks: while others can start, they do; when
none is left that can, the free jobs go to the tasks that have more to do than one lane can, part by part.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Callable

from .. import errors

ENDING_POLL_SECONDS = 0.5
# For so long it is waited for tasks that are to end. Others hang, as on a disk that does not answer.
ENDING_SECONDS = 30.0


class Group:
    """Tasks that together take at most so many ``jobs``."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.taken = 0


@dataclass(frozen=True)
class Task:
    """Something to do: its group, how big it is beside others, and whether it goes before all that are not urgent."""

    work: Callable[[Share], None]
    group: Group
    size_bytes: int = 0
    urgent: bool = False


class Schedule:
    """Tasks, and the jobs that they share.

    ``endings`` are called, again and again, to make tasks that run come to an end before they are done.
    """

    def __init__(self, jobs: int, endings: Sequence[Callable[[], None]] = ()) -> None:
        self.jobs = jobs
        self._endings = endings
        self._changed = threading.Condition()
        self._waiting: list[Task] = []
        self._running: list[Task] = []
        self._taken = 0
        self._finished = 0
        self._failures: list[BaseException] = []
        self._ended = False

    def add(self, tasks: Sequence[Task]) -> None:
        """Add tasks, also while others run."""
        with self._changed:
            self._waiting.extend(tasks)
            self._changed.notify_all()

    def run(self) -> None:
        """Do all tasks, and those that they add.

        Whatever a task raises, or interrupts the wait, is raised, as soon as the tasks that run have been ended, but
        after ENDING_SECONDS at the latest.
        """
        # A pool forgets a thread during whose start an interrupt comes.
        workers = [
            threading.Thread(target=self._work, name=f"job-{number}", daemon=True) for number in range(self.jobs)
        ]
        try:
            for worker in workers:
                worker.start()
            with self._changed:
                self._changed.wait_for(lambda: self._failures or self._finished == len(workers))
            if self._failures:
                raise self._failures[0]
        except BaseException:
            self._end(workers)
            raise

    def _end(self, workers: Sequence[threading.Thread]) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        deadline = time.monotonic() + ENDING_SECONDS
        while any(worker.is_alive() for worker in workers) and time.monotonic() < deadline:
            # A task may have been about to start what the last call looked for.
            for ending in self._endings:
                ending()
            with self._changed:
                self._changed.wait(ENDING_POLL_SECONDS)

    def _work(self) -> None:
        while (share := self._next()) is not None:
            try:
                share.task.work(share)
            except BaseException as error:  # noqa: BLE001 - raised by the thread that waits
                self._ended = True
                self._failures.append(error)
            finally:
                self._leave(share.task)
        with self._changed:
            self._finished += 1
            self._changed.notify_all()

    def _next(self) -> Share | None:
        with self._changed:
            while not self._ended and (self._waiting or self._running):
                task = self._startable()
                if task is not None:
                    share = Share(self, task, self._lanes(task))
                    self._waiting.remove(task)
                    self._running.append(task)
                    self._take(task.group)
                    return share
                self._changed.wait()
            return None

    def _startable(self) -> Task | None:
        if self._taken >= self.jobs:
            return None
        able = [task for task in self._waiting if task.group.taken < task.group.jobs]
        return max(able, key=lambda task: (task.urgent, task.size_bytes), default=None)

    def _lanes(self, task: Task) -> int:
        """Return how many lanes a task needs lest it is still under way when all others are done."""
        unfinished = sum(each.size_bytes for each in [*self._waiting, *self._running])
        needed = -(-self.jobs * task.size_bytes // unfinished) if unfinished else 1
        return max(1, min(needed, self.jobs, task.group.jobs))

    def _leave(self, task: Task) -> None:
        with self._changed:
            self._running.remove(task)
            self._give_back(task.group)

    def _take(self, group: Group) -> None:
        group.taken += 1
        self._taken += 1

    def _give_back(self, group: Group) -> None:
        group.taken -= 1
        self._taken -= 1
        self._changed.notify_all()

    def enter_lane(self, share: Share) -> None:
        """Wait until one more lane of a running task may do something; see Share.lane."""
        group = share.task.group
        with self._changed:
            while not self._ended:
                if share.busy_lanes == 0:
                    share.busy_lanes = 1
                    return
                if self._taken < self.jobs and group.taken < group.jobs and self._startable() is None:
                    self._take(group)
                    share.busy_lanes += 1
                    return
                self._changed.wait()
            raise errors.BackupDBError("the run was ended")

    def leave_lane(self, share: Share) -> None:
        """Let another lane, or another task, go on."""
        with self._changed:
            share.busy_lanes -= 1
            if share.busy_lanes:
                self._give_back(share.task.group)
            else:
                self._changed.notify_all()


class Share:
    """What a running task has of the jobs: one of its own, and up to ``lanes`` in all while nobody else needs them."""

    def __init__(self, schedule: Schedule, task: Task, lanes: int) -> None:
        self.task = task
        self.lanes = lanes
        self.busy_lanes = 0
        self._schedule = schedule

    @contextlib.contextmanager
    def lane(self) -> Iterator[None]:
        """Hold a job while the block runs: the task's own, or a free one. Raise BackupDBError once the run is ended."""
        self._schedule.enter_lane(self)
        try:
            yield
        finally:
            self._schedule.leave_lane(self)
