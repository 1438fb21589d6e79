# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks between processes: flock on a file that stays, released by the system when its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from . import errors, logbook, ownership, storage

POLL_SECONDS = 0.2


@contextlib.contextmanager
def hold(path: Path, what: str, timeout: float = 0) -> Iterator[None]:
    """Hold the lock on ``path``, which is made if need be (0600, its folder 0700), while the block runs.

    ``what`` names the thing that is locked, for the message. Raise LockedError when another process
    still holds it after ``timeout`` seconds, StorageError when the file cannot be made.
    """
    try:
        path.parent.parent.mkdir(parents=True, exist_ok=True)
        storage.make_private(path.parent)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        ownership.give_to_owner(descriptor, path.parent)
    except OSError as error:
        raise errors.StorageError(f"{path} cannot be opened: {error.strerror}") from error
    try:
        asked = time.monotonic()
        deadline = asked + timeout
        while not try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise errors.LockedError(
                    f"{what} is locked by another run",
                    "Wait for that run to end, then start this one again",
                    lock_file=str(path),
                )
            time.sleep(POLL_SECONDS)
        taken = time.monotonic()
        logbook.event("lock_taken", level="DEBUG", lock_file=str(path), seconds=round(taken - asked, 3))
        try:
            yield
        finally:
            held = round(time.monotonic() - taken, 3)
            logbook.event("lock_released", level="DEBUG", lock_file=str(path), seconds=held)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def in_use(path: Path) -> Iterator[None]:
    """Keep others from taking a file for themselves alone while the block runs; any number may use it.

    A file that is not there is passed over, and one on a file system without locks.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            used = stack.enter_context(path.open("rb"))
            fcntl.flock(used.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield


def try_lock(descriptor: int) -> bool:
    """Try to lock an open file for ourselves alone; say whether that worked."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
