# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inspection of a database while it is dumped: it has as long as a dump may take, and ends when the dump fails.

It reads what the dump reads, all rows of a table by one query. So the server is told to break that off: what made the
dump fail, such as a full disk, is not to wait for it.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
from collections.abc import Iterator

from .. import errors
from ..databases.values import Dump, Inspection

# A query may be about to start when the server is told.
CANCEL_EVERY_SECONDS = 0.5

_under_way: set[Inspecting] = set()


class Inspecting:
    """An inspection that is under way in a thread of its own."""

    def __init__(self, dump: Dump, database: str, pool: concurrent.futures.Executor) -> None:
        self._dump = dump
        self._database = database
        self._future = pool.submit(dump.inspect)
        self._expired = threading.Event()

    def result(self) -> Inspection:
        """Wait for its end and return what it found. Raise ValidationError when its time ran out."""
        try:
            return self._future.result()
        except Exception as error:
            if self._expired.is_set():
                raise errors.ValidationError(
                    f"inspecting {self._database} was stopped because its time ran out",
                    "Raise dump_timeout, or take no fingerprints",
                ) from error
            raise

    def raise_if_failed(self) -> None:
        """Raise what went wrong if it has ended."""
        if self._future.done():
            self.result()

    def expire(self) -> None:
        """End it because its time is up."""
        self._expired.set()
        self.end()

    def cancel(self) -> None:
        """Have the server break off its query, if one is under way."""
        if not self._future.done():
            self._dump.cancel()

    def end(self) -> None:
        """End it, however far it is."""
        while not self._future.done():
            self.cancel()
            concurrent.futures.wait([self._future], CANCEL_EVERY_SECONDS)


def end_all() -> None:
    """Have the servers break off whatever is inspected right now: whoever waits for it is to give up."""
    for one in list(_under_way):
        one.cancel()


@contextlib.contextmanager
def inspecting(dump: Dump, database: str, timeout: float | None) -> Iterator[Inspecting]:
    """Inspect a database in the dump's snapshot while the block runs, for ``timeout`` seconds at the most."""
    with concurrent.futures.ThreadPoolExecutor(1, "inspect") as pool:
        under_way = Inspecting(dump, database, pool)
        _under_way.add(under_way)
        timer = threading.Timer(timeout, under_way.expire) if timeout else None
        if timer:
            timer.daemon = True
            timer.start()
        try:
            yield under_way
        finally:
            if timer:
                timer.cancel()
            under_way.end()
            _under_way.discard(under_way)
