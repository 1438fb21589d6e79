# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dump programs of one dump, started while writers are kept out, so that all are on one snapshot."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Callable

from ... import errors, process
from .. import programs
from ..base import Server
from ..values import Dump, Inspection, Part
from . import headings, plan
from .connection import command
from .contents import Contents
from .lock import WriteLock, write_lock

ARGUMENTS = (
    "--single-transaction",
    "--quick",
    "--hex-blob",
    "--no-tablespaces",
    "--default-character-set=utf8mb4",
    "--max-allowed-packet=1G",
)
# Fatal for the other product's program.
PRODUCT_ARGUMENTS = {"mysql": ("--set-gtid-purged=OFF",), "mariadb": ()}
SLOW = "it took too long until all dump programs had their snapshot"


@dataclass(frozen=True)
class Source:
    """What the processes of a dump have in common.

    ``own_events`` is the text of events, to be put behind what the program writes, where it cannot read them itself.
    ``warnings`` tell what the program cannot write at all.
    """

    server: Server
    program: programs.Program
    database: str
    arguments: tuple[str, ...]
    own_events: bytes | None
    fingerprint: str | None
    timeout: float | None
    warnings: tuple[str, ...] = ()

    def blocks(self, planned: plan.PlannedPart, stop: threading.Event | None = None) -> Generator[bytes, None, None]:
        """Return the text of a part; the program starts when the first block is asked for."""
        flavour = self.server.flavour
        arguments = [*ARGUMENTS, *PRODUCT_ARGUMENTS[flavour], *planned.arguments, *self.arguments]
        if self.own_events is not None:
            arguments.append("--skip-events")
        dumping = command(
            self.server.endpoint,
            self.program.path,
            flavour == "mariadb",
            *(*arguments, "--", self.database),
            fingerprint=self.fingerprint,
            left_out=[f"{self.database}.{table}" for table in planned.left_out],
        )
        text = process.stream_out(dumping, self.timeout, stop)
        yield from self.server.text_of(text, self.program, f"dumping {self.database}")
        if self.own_events and "--events" in planned.arguments:
            yield self.own_events


class Reading:
    """A dump program that runs; a thread reads its text up to where it shows that it has its snapshot."""

    def __init__(self, source: Source, planned: plan.PlannedPart, threads: concurrent.futures.Executor) -> None:
        self.planned = planned
        self._stop = threading.Event()
        self._blocks = source.blocks(planned, self._stop)
        self.beginning = threads.submit(self._begin)

    def _begin(self) -> list[bytes]:
        blocks: list[bytes] = []
        for block in self._blocks:
            blocks.append(block)
            if headings.show_snapshot(b"".join(blocks)):
                break
        return blocks

    def text(self) -> Generator[bytes, None, None]:
        """Yield the whole text; it is there once."""
        yield from self.beginning.result()
        yield from self._blocks

    def end(self) -> None:
        """End the program, however far it is."""
        self._stop.set()
        concurrent.futures.wait([self.beginning])
        self._blocks.close()

    def part(self, depends_on: Sequence[Part] | None = None) -> Part:
        """Return the part of a dump that has this text."""
        planned = self.planned
        cut = headings.cut if planned.can_be_cut else None
        return Part(planned.kind, self.text, planned.tables, planned.size_bytes, depends_on, cut, is_running=True)


@dataclass(frozen=True)
class Started:
    """The processes that run and what they dump, by ``plan``.

    ``obstacle`` is why they, and our own transaction, are not on one snapshot, and None where they are;
    ``several_wanted`` says whether they were to be more than one.
    """

    contents: Contents
    plan: plan.Plan
    readings: Sequence[Reading]
    obstacle: str | None
    several_wanted: bool
    lock_held_seconds: float | None

    def dump(self, source: Source, inspect: Callable[[], Inspection], cancel: Callable[[], None]) -> Dump:
        """Return the dump that the processes make."""
        first = self.readings[0].part()
        return Dump(
            program=source.program,
            first=first,
            inspect=inspect,
            cancel=cancel,
            data=[reading.part([first]) for reading in self.readings[1:]],
            last=[Part(each.kind, functools.partial(source.blocks, each)) for each in self.plan.last],
            lock_held_seconds=self.lock_held_seconds,
            warnings=[*source.warnings, *self._warnings(source.database)],
        )

    def _warnings(self, database: str) -> list[str]:
        if self.obstacle is None:
            return []
        alone = "it was dumped by one process and " if self.several_wanted else ""
        return [f"{database}: {self.obstacle}; {alone}its row counts may differ from the dump"]


def start(source: Source, connection: Any, contents: Contents, lanes: int, stack: contextlib.ExitStack) -> Started:
    """Start what makes a dump, and a transaction on ``connection``, on one snapshot; ``stack`` ends the processes.

    Where no lock can be had, or not all have their snapshot in time, one process with a snapshot of its own is left.
    """
    threads = stack.enter_context(concurrent.futures.ThreadPoolExecutor(lanes + 2, "beginning"))

    def begin(planned: plan.Plan) -> list[Reading]:
        readings = [Reading(source, part, threads) for part in (planned.first, *planned.data)]
        for reading in readings:
            stack.callback(reading.end)
        return readings

    with write_lock(source.server.endpoint, source.server.flavour) as lock:
        if lock.held:
            contents = contents.read_again()
        several = contents.plan(lanes)
        planned = several if lock.held else contents.plan(0)
        readings = begin(planned)
        _begin_transaction(connection)
        obstacle = _wait_for_snapshots(readings, lock) if lock.held else lock.reason
    if lock.expired:
        obstacle = lock.reason
    if obstacle and planned.data:
        for reading in readings:
            reading.end()
        planned = contents.plan(0)
        readings = begin(planned)
        _begin_transaction(connection)
    return Started(contents, planned, readings, obstacle, bool(several.data), lock.held_seconds)


def _begin_transaction(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")


def _wait_for_snapshots(readings: Sequence[Reading], lock: WriteLock) -> str | None:
    """Wait while the lock may be held; return why not all programs have their snapshot, None if they have."""
    beginnings = [reading.beginning for reading in readings]
    done, waiting = concurrent.futures.wait(beginnings, lock.seconds_left, concurrent.futures.FIRST_EXCEPTION)
    for beginning in done:
        error = beginning.exception()
        if isinstance(error, errors.BackupDBError):
            return error.message
        if error is not None:
            raise error
    return SLOW if waiting else None
