# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a dump keeps those waiting who write: one small transaction after the other while it runs."""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from tools.private_servers.base import PrivateServer

TABLE = "written_meanwhile"
PAUSE_SECONDS = 0.002


@dataclass
class Writes:
    """How long each transaction took, in seconds."""

    seconds: list[float] = field(default_factory=list)

    def describe(self) -> str:
        """Return the numbers as cells of a table: how many, the median and the longest in milliseconds."""
        median, longest = statistics.median(self.seconds) * 1000, max(self.seconds) * 1000
        return f"{len(self.seconds)} | {median:.1f} | {longest:.0f}"


@contextlib.contextmanager
def writer(server: PrivateServer, database: str) -> Iterator[Writes]:
    """Write while the block runs; what it took is known when the block has ended. Raise what the writer met."""
    server.execute(f"CREATE TABLE {TABLE} (id integer PRIMARY KEY, number integer)", database)
    server.execute(f"INSERT INTO {TABLE} VALUES (1, 0)", database)
    writes, ended, failures = Writes(), threading.Event(), list[Exception]()

    def write() -> None:
        try:
            with contextlib.closing(server.connect(database)) as connection, connection.cursor() as cursor:
                while not ended.wait(PAUSE_SECONDS):
                    started = time.monotonic()
                    cursor.execute(f"UPDATE {TABLE} SET number = number + 1 WHERE id = 1")
                    writes.seconds.append(time.monotonic() - started)
        except Exception as error:  # noqa: BLE001 - raised below, in the thread that waits
            failures.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield writes
    finally:
        ended.set()
        thread.join()
        server.execute(f"DROP TABLE {TABLE}", database)
    if failures:
        raise failures[0]
