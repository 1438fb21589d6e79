# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals end the command in order: programs are killed, what was begun is taken back, then it exits."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from .. import process
from .exits import SIGNAL_BASE

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """A signal has come; no error, so that nothing takes it for a failure of a database."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.name = signal.Signals(number).name
        self.exit_code = SIGNAL_BASE + number


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Raise Ended where the main thread is when a signal comes while the block runs.

    What the caller has told this process to ignore, as nohup does, is ignored. After the first signal no other one can
    disturb the tidying up.
    """
    before = {number: signal.getsignal(number) for number in ENDING}
    heeded = [number for number, handler in before.items() if handler != signal.SIG_IGN]

    def end(number: int, _frame: FrameType | None) -> None:
        for each in heeded:
            signal.signal(each, signal.SIG_IGN)
        # A program that is busy would not notice the end of its input for long.
        process.end_all()
        raise Ended(number)

    for number in heeded:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in heeded:
            signal.signal(number, before[number])
