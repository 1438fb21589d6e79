# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a task has come, in a file on the host that is written anew once per second. Private to this collection.

The file is read by the action plugin of the same task, see plugin_utils/_progress.py. It holds names and numbers of
bytes, and nothing that a server or a login gave.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

from ._engine import progress

#: The environment variable by which the action plugin names the file.
VARIABLE = "BACKUPDB_PROGRESS_FILE"
INTERVAL_SECONDS = 1.0
ENDS = ("done", "failed")


class Board:
    """What is under way, since when, and how much has ended. Events come from the threads that do the work."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turn = threading.Lock()
        self._under_way: dict[tuple[str, str], tuple[float, progress.Event]] = {}
        self._ended: Counter[str] = Counter()

    def see(self, event: progress.Event) -> None:
        """Note an event."""
        key = (event.database_id, event.database)
        with self._turn:
            if event.kind in ENDS:
                self._under_way.pop(key, None)
                self._ended[event.kind] += 1
            else:
                begun, _before = self._under_way.get(key, (self._clock(), event))
                self._under_way[key] = (begun, event)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data: how many databases have ended, and how far each of the others has come."""
        with self._turn:
            now = self._clock()
            return {
                **{kind: self._ended[kind] for kind in ENDS},
                "under_way": [
                    {
                        "database_id": event.database_id,
                        "database": event.database,
                        "raw_bytes": event.raw_bytes,
                        "expected_bytes": event.expected_bytes,
                        "seconds": round(now - begun, 3),
                    }
                    for begun, event in self._under_way.values()
                ],
            }


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Tell how far the block has come in the file that VARIABLE names, if it names one; then remove the file.

    A file that cannot be written is none of the block's business.
    """
    if not os.environ.get(VARIABLE):
        yield
        return
    file = Path(os.environ[VARIABLE]).expanduser()
    board, over = Board(), threading.Event()
    writer = threading.Thread(target=_write_until, args=(over, file, board), name="progress", daemon=True)
    writer.start()
    try:
        with progress.observe(board.see):
            yield
    finally:
        over.set()
        writer.join()
        with contextlib.suppress(OSError):
            file.unlink()


def _write_until(over: threading.Event, file: Path, board: Board) -> None:
    beat = 0
    while True:
        beat += 1
        with contextlib.suppress(OSError):
            _replace(file, json.dumps({"beat": beat, **board.as_dict()}))
        if over.wait(INTERVAL_SECONDS):
            return


def _replace(file: Path, text: str) -> None:
    """Write a file that only its owner may read, so that a reader sees the old text or the new one."""
    new = file.with_name(f"{file.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8") as sink:
        sink.write(text)
    new.replace(file)
