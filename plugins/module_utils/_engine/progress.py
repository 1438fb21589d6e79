# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the work has come, told to whoever watches: begun, then bytes again and again, at last done or failed.

Watchers are called by the threads that do the work, one call at a time, so they must be quick. While nobody watches,
next to nothing is done.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Callable, Literal

Kind = Literal["begun", "bytes", "done", "failed"]
Work = Literal["dump", "load"]

# A pipe gives small blocks; more events than one for so many bytes tell nobody anything.
STEP_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Event:
    """Something that happened to the text of a database while it is dumped or loaded.

    ``raw_bytes`` is how much of the text has passed, uncompressed. ``expected_bytes`` is how much is expected in all,
    None where nothing is known: of a load that is exact, of a dump what the latest artifact had, or else the size of
    the database on the server. After ``done`` or ``failed`` there are no more events of that work.
    """

    kind: Kind
    work: Work
    database_id: str
    database: str
    raw_bytes: int = 0
    expected_bytes: int | None = None


Watcher = Callable[[Event], None]

_watchers: list[Watcher] = []
_turn = threading.RLock()


@contextlib.contextmanager
def observe(watcher: Watcher) -> Iterator[None]:
    """Tell the watcher of all events, of whatever thread, while the block runs."""
    with _turn:
        _watchers.append(watcher)
    try:
        yield
    finally:
        with _turn:
            _watchers.remove(watcher)


def is_observed() -> bool:
    """Say whether anybody watches."""
    return bool(_watchers)


@dataclass
class Meter:
    """The text of one database on its way, which several threads may move on."""

    work: Work
    database_id: str
    database: str
    expected_bytes: int | None = None
    raw_bytes: int = 0
    _told_bytes: int = field(default=0, repr=False)

    def advance(self, raw_bytes: int) -> None:
        """Note that so many more bytes have passed."""
        if not _watchers:
            return
        with _turn:
            self.raw_bytes += raw_bytes
            if self.raw_bytes - self._told_bytes >= STEP_BYTES:
                self._told_bytes = self.raw_bytes
                self.tell("bytes")

    def counted(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the blocks, and note each as it is handed on."""
        for block in blocks:
            self.advance(len(block))
            yield block

    def tell(self, kind: Kind) -> None:
        """Tell all watchers how far it has come."""
        with _turn:
            event = Event(kind, self.work, self.database_id, self.database, self.raw_bytes, self.expected_bytes)
            for watcher in list(_watchers):
                watcher(event)


@contextlib.contextmanager
def measured(work: Work, database_id: str, database: str, expected_bytes: int | None = None) -> Iterator[Meter]:
    """Tell that the block begins, and how it ends; give the meter that its bytes are noted by."""
    meter = Meter(work, database_id, database, expected_bytes)
    meter.tell("begun")
    try:
        yield meter
    except BaseException:
        meter.tell("failed")
        raise
    meter.tell("done")
