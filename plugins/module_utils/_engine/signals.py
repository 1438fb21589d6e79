# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals end the work in order: programs are killed, what was begun is taken back, what was done is recorded.

What is done here can be said of the whole process alone, as the handlers of its signals can.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

from . import errors, process

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Means nothing, and is ignored where nobody handles it.
WAKING = signal.SIGURG
# Until then the main thread has noticed a signal by itself, or waits.
SETTLING_SECONDS = 0.05


class Ended(BaseException):
    """A signal has come; no error, so that nothing takes it for a failure of a database.

    ``details`` is what an operation that it has ended says of what was done, as plain data for a result.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.name = signal.Signals(number).name
        self.details: dict[str, Any] = {}

    def __str__(self) -> str:
        return f"ended by {self.name}; of what was not finished, nothing stays"

    def as_failure(self) -> errors.EndedError:
        """Return the end of the whole operation as an error, with what it says of what was done."""
        return errors.EndedError(str(self), **self.details)

    def as_error(self) -> errors.EndedError:
        """Return what it means for each piece of work that was not done."""
        return errors.EndedError(f"it was ended by {self.name}")


@dataclass
class _State:
    """The signal that has come, and whether one that comes now ends nothing any more."""

    ended: Ended | None = None
    is_over: bool = False


_state = _State()
_waits: list[Callable[[], None]] = []


@contextlib.contextmanager
def broken_off_by(cancel: Callable[[], None]) -> Iterator[None]:
    """Have ``cancel`` end what the main thread waits for in the block, where no signal reaches it, as in a C library.

    It is called in another thread, at most once, and may find that nothing is waited for any more.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _waits.append(cancel)
    try:
        yield
    finally:
        _waits.remove(cancel)


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Raise Ended where the main thread is when a signal comes while the block runs.

    What the caller has told this process to ignore, as nohup does, is ignored. After the first signal no other one can
    disturb the tidying up. In another thread than the main one, which cannot have signals, only the block is run.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in ENDING}
    heeded = [number for number, handler in before.items() if handler != signal.SIG_IGN]

    def end(number: int, _frame: FrameType | None) -> None:
        if _state.is_over:
            return
        for each in heeded:
            signal.signal(each, signal.SIG_IGN)
        _state.ended = Ended(number)
        # A program that is busy would not notice the end of its input for long.
        process.end_all()
        if not process.put_off(_state.ended):
            raise _state.ended

    for number in heeded:
        signal.signal(number, end)
    try:
        with _waking():
            yield
    finally:
        for number in heeded:
            signal.signal(number, before[number])
        _state.ended = None


@contextlib.contextmanager
def _waking() -> Iterator[None]:
    """Wake the main thread, which is this one, whenever a signal comes while the block runs.

    The system gives a signal to any thread. Its handler is run in the main one, which goes on waiting for a lock until
    a signal is given to itself (https://docs.python.org/3.11/library/signal.html#signals-and-threads).
    """
    main, (told, telling) = threading.get_ident(), os.pipe()

    def wake() -> None:
        while numbers := os.read(told, 1):
            if numbers[0] in ENDING:
                # Not those that the tidying up waits for.
                waits = list(_waits)
                time.sleep(SETTLING_SECONDS)
                signal.pthread_kill(main, WAKING)
                time.sleep(SETTLING_SECONDS)
                if _state.ended is None and not _state.is_over:
                    for cancel in waits:
                        cancel()

    os.set_blocking(telling, False)
    waker = threading.Thread(target=wake, name="signals", daemon=True)
    handler = signal.signal(WAKING, lambda _number, _frame: None)
    descriptor = signal.set_wakeup_fd(telling, warn_on_full_buffer=False)
    waker.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(descriptor)
        os.close(telling)
        waker.join()
        os.close(told)
        signal.signal(WAKING, handler)


@contextlib.contextmanager
def disregarded() -> Iterator[None]:
    """Let signals end nothing while the block runs, in which it is recorded what was done: they are too late."""
    _state.is_over = True
    try:
        yield
    finally:
        _state.is_over = False


def meaning(error: errors.BackupDBError) -> errors.BackupDBError:
    """Return why something has really failed: once a signal has come, everything fails for that."""
    return error if _state.ended is None else _state.ended.as_error()
