# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress bars on a terminal: one for the whole, and one for each database that is dumped or loaded right now."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from .. import progress
from ..report.wording import visible
from ._rich import (
    BarColumn,
    Console,
    DownloadColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from .output import Manner

Key = tuple[str, str, str]
WORDS = {"dump": "dumping", "load": "loading"}


@contextlib.contextmanager
def shown(what: str, manner: Manner) -> Iterator[None]:
    """Show how far the work has come while the block runs, if somebody looks; afterwards nothing is left of it."""
    if not manner.shows_progress:
        yield
        return
    bars = Progress(
        TextColumn("{task.fields[name]}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bars, progress.observe(_Bars(bars, what).see):
        yield


class _Bars:
    """The bar of the whole, of which nobody knows how long it will be, and the bars of what is under way."""

    def __init__(self, bars: Progress, what: str) -> None:
        self._bars = bars
        self._what = what
        self._whole = bars.add_task("", total=None, name=what)
        self._tasks: dict[Key, TaskID] = {}
        self._counted: dict[Key, int] = {}
        self._done = 0

    def see(self, event: progress.Event) -> None:
        """Move the bar of an event's database on."""
        key = (event.work, event.database_id, event.database)
        self._count(key, event)
        if event.kind == "begun":
            name = f"{WORDS[event.work]} {visible(event.database)}"
            self._tasks[key] = self._bars.add_task("", total=event.expected_bytes or None, name=name)
        elif event.kind == "bytes":
            # A dump may be longer than was expected, and must not seem to be over.
            total = max(event.raw_bytes, event.expected_bytes or 0)
            self._bars.update(self._tasks[key], completed=event.raw_bytes, total=total)
        else:
            self._bars.remove_task(self._tasks.pop(key))
            self._done += event.kind == "done"
            self._bars.update(self._whole, name=f"{self._what}, {self._done} done")

    def _count(self, key: Key, event: progress.Event) -> None:
        """Add what is new of the bytes of an event to the whole."""
        before = 0 if event.kind == "begun" else self._counted.get(key, 0)
        self._counted[key] = event.raw_bytes
        self._bars.advance(self._whole, event.raw_bytes - before)
