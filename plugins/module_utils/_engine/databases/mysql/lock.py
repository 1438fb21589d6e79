# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping writers out of a MySQL or MariaDB server while several sessions take one snapshot."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

from ..base import rows_of
from ..values import Endpoint, Flavour
from . import privileges
from .connection import PRIVILEGE_DENIED, session

# No writer waits longer for us than this: to get the lock, and to be rid of it.
WAIT_SECONDS = 3
HOLD_SECONDS = 5
# On MySQL a query that has been running for so long keeps us from trying.
LONG_QUERY_SECONDS = 1
RUNNING = ("Query", "Execute")
DAEMONS = ("event_scheduler", "system user")


@contextlib.contextmanager
def write_lock(endpoint: Endpoint, flavour: Flavour) -> Iterator[WriteLock]:
    """Keep writers out while the block runs, if that can be had; the lock says whether and, if not, why."""
    with session(endpoint) as connection:
        lock = WriteLock(connection)
        obstacle = _obstacle(connection) if flavour == "mysql" else None
        if obstacle:
            lock.reason = obstacle
        else:
            lock.acquire()
        try:
            yield lock
        finally:
            lock.release()


class WriteLock:
    """FLUSH TABLES WITH READ LOCK on a session of its own, for a few seconds at the most.

    ``held_seconds`` is how long writers were kept out, once that is over.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._timer = threading.Timer(HOLD_SECONDS, self._expire)
        self._since = 0.0
        self.held = False
        self.expired = False
        self.held_seconds: float | None = None
        self.reason = "the read lock was held too long"

    def acquire(self) -> None:
        """Try to get the lock; ``held`` says whether that worked, ``reason`` why not."""
        with self._connection.cursor() as cursor:
            try:
                # MySQL's own FLUSH waits without end for a long query; the session's setting bounds both products.
                cursor.execute(f"SET SESSION lock_wait_timeout = {WAIT_SECONDS}")
                cursor.execute("FLUSH TABLES WITH READ LOCK")
            except self._connection.Error as error:
                self.reason = _reason(error.args[0])
                # MySQL 9.7 keeps every writer out even after the statement failed, until the session says this.
                with contextlib.suppress(self._connection.Error):
                    cursor.execute("UNLOCK TABLES")
                return
        self._since = time.monotonic()
        self.held = True
        self._timer.daemon = True
        self._timer.start()

    @property
    def seconds_left(self) -> float:
        """How long the lock will be held at the most from now on."""
        return max(0.0, self._since + HOLD_SECONDS - time.monotonic())

    def release(self) -> None:
        """Let the writers go on."""
        self._timer.cancel()
        if self.held and self.held_seconds is None:
            if not self.expired:
                with self._connection.cursor() as cursor:
                    cursor.execute("UNLOCK TABLES")
            self.held_seconds = round(time.monotonic() - self._since, 3)

    def _expire(self) -> None:
        self.expired = True
        self._connection.close()


def _reason(number: int) -> str:
    """Given the number of a server's error, return why there is no lock."""
    if number in PRIVILEGE_DENIED:
        return "there is no privilege (RELOAD) for a read lock"
    return f"no read lock could be had (error {number})"


def _obstacle(connection: Any) -> str | None:
    """Return why the lock must not even be tried for on MySQL, None where nothing is in the way.

    There FLUSH waits for every query that runs, and once it has waited, all that need a table of that query wait
    for the query too, also after FLUSH has given up (seen with 9.7). MariaDB does not wait for queries that read.
    """
    with connection.cursor() as cursor:
        if "PROCESS" not in privileges.everywhere(cursor):
            return "without the privilege PROCESS it cannot be seen whether a long query is in the way of the read lock"
        longest = max(
            (
                int(row[5] or 0)
                for row in rows_of(cursor, "SHOW PROCESSLIST")
                if row[4] in RUNNING and row[1] not in DAEMONS
            ),
            default=0,
        )
    if longest < LONG_QUERY_SECONDS:
        return None
    return f"no read lock was asked for, since a query has been running for {longest} s"
