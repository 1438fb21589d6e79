# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said on the controller of how far a task has come. Private to this collection.

The text that is read here is written by module_utils/_progress.py.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engine import durations
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import human_size
from ansible_collections.vya.backupdb.plugins.module_utils._engine.report.wording import visible

#: A long task is told of every tenth of the time that it has taken, but not more and not less often than this.
SHARE = 0.1
SHORTEST_SECONDS = 10.0
LONGEST_SECONDS = 60.0
# The host writes milliseconds.
SHORTEST_STEP_SECONDS = 0.001
# A longer time left says nothing but that hardly anything comes.
LONGEST_LEFT_SECONDS = 7 * 24 * 3600.0


@dataclass(frozen=True)
class Dump:
    """How far a dump or a load has come, ``seconds`` after it began. Bytes are those of the text, unpacked.

    Where nothing is known of what is loaded, ``database_id`` is empty.
    """

    database_id: str
    database: str
    raw_bytes: int
    expected_bytes: int | None
    seconds: float


@dataclass(frozen=True)
class Report:
    """What the host has written: a number that is another one each time, databases that ended, dumps under way."""

    beat: int
    done: int
    failed: int
    under_way: tuple[Dump, ...]


def read(text: str) -> Report | None:
    """Given what a shell printed of the file, return what is in it, or None where that is nothing sensible."""
    for line in text.splitlines():
        if line.startswith("{"):
            try:
                return _report(json.loads(line))
            except (ValueError, TypeError, KeyError, OverflowError):
                return None
    return None


def _report(found: dict[str, Any]) -> Report:
    dumps = tuple(
        Dump(
            str(each["database_id"]),
            str(each["database"]),
            int(each["raw_bytes"]),
            None if each["expected_bytes"] is None else int(each["expected_bytes"]),
            float(each["seconds"]),
        )
        for each in found["under_way"]
    )
    return Report(int(found["beat"]), int(found["done"]), int(found["failed"]), dumps)


@dataclass
class Teller:
    """Chooses what is said, and when: nothing in the first ``quiet_seconds``, then a line for each text that moves.

    ``ended`` is what a database is whose text has come to its end.
    """

    host: str
    quiet_seconds: float = SHORTEST_SECONDS
    ended: str = "done"
    _next_seconds: float = 0.0
    _told: dict[tuple[str, str], Dump] = field(default_factory=dict)
    _told_ended: tuple[int, int] = (0, 0)

    def lines(self, report: Report, elapsed_seconds: float) -> list[str]:
        """Return what is to be said ``elapsed_seconds`` after the task began."""
        if elapsed_seconds < max(self.quiet_seconds, self._next_seconds):
            return []
        lines = []
        for dump in report.under_way:
            key = (dump.database_id, dump.database)
            before = self._told.get(key)
            if before is None or before.raw_bytes != dump.raw_bytes:
                self._told[key] = dump
                name = "/".join(visible(part) for part in key if part)
                lines.append(f"{self.host}: {name}: {told(dump, before)}")
        if (report.done, report.failed) != self._told_ended:
            self._told_ended = (report.done, report.failed)
            ended = [_count(report.done, self.ended), *([f"{report.failed} failed"] if report.failed else [])]
            lines.append(f"{self.host}: {', '.join(ended)} so far")
        if lines:
            pause = min(max(elapsed_seconds * SHARE, self.quiet_seconds), LONGEST_SECONDS)
            self._next_seconds = elapsed_seconds + pause
        return lines


def _count(number: int, what: str) -> str:
    return f"{number} {'database' if number == 1 else 'databases'} {what}"


def told(dump: Dump, before: Dump | None = None) -> str:
    """Return how far a dump has come, in words: ``45 %, 1.2 GB of 2.7 GB, 48.1 MB/s, 31s left``.

    The rate is that since ``before``. A dump that has become longer than expected has no percent and no end.
    """
    speed = rate(dump, before)
    words = [human_size(dump.raw_bytes)]
    share = percent(dump.raw_bytes, dump.expected_bytes)
    if share is not None and dump.expected_bytes:
        words = [f"{share} %", f"{human_size(dump.raw_bytes)} of {human_size(dump.expected_bytes)}"]
    words.append(f"{human_size(round(speed))}/s")
    left = seconds_left(dump.raw_bytes, dump.expected_bytes, speed)
    if left is not None:
        words.append(f"{durations.written(timedelta(seconds=math.ceil(left)))} left")
    return ", ".join(words)


def percent(raw_bytes: int, expected_bytes: int | None) -> int | None:
    """Return how much is there, from 0 to 100; None where nobody knows how much it will be."""
    if not expected_bytes or not 0 <= raw_bytes <= expected_bytes:
        return None
    return raw_bytes * 100 // expected_bytes


def rate(dump: Dump, before: Dump | None = None) -> float:
    """Return how many bytes come in a second: lately, or if that is not known, from the beginning."""
    raw_bytes, seconds = dump.raw_bytes, dump.seconds
    if before is not None and before.seconds + SHORTEST_STEP_SECONDS <= seconds and before.raw_bytes <= raw_bytes:
        raw_bytes, seconds = raw_bytes - before.raw_bytes, seconds - before.seconds
    return raw_bytes / seconds if seconds >= SHORTEST_STEP_SECONDS else 0.0


def seconds_left(raw_bytes: int, expected_bytes: int | None, bytes_per_second: float) -> float | None:
    """Return how long the rest takes at a rate; None where nobody knows."""
    if not expected_bytes or not 0 <= raw_bytes <= expected_bytes or bytes_per_second <= 0:
        return None
    left = (expected_bytes - raw_bytes) / bytes_per_second
    return left if left <= LONGEST_LEFT_SECONDS else None
