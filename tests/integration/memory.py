# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder in memory for the temporary files of a run: the servers, their storages, all that tests write."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")
PREFIX = "backupdb-tests-"
# A run needs less than half of it.
ROOM_BYTES = 4 * 1024**3


def use(config: pytest.Config) -> None:
    """Make the folder the one for temporary files, here and in what is started from here, until the run is over.

    Where there is little memory, or no program may be run from there, all stays on the disk, and where somebody has
    said by TMPDIR where it is to be, there: that also keeps what failed tests have left.
    """
    if "TMPDIR" in os.environ or not has_room():
        return
    remove_abandoned()
    folder = MEMORY.joinpath(f"{PREFIX}{os.getpid()}")
    folder.mkdir()
    # The servers have accounts of their own.
    folder.chmod(0o755)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)

    def leave() -> None:
        del os.environ["TMPDIR"]
        tempfile.tempdir = None
        shutil.rmtree(folder, ignore_errors=True)

    config.add_cleanup(leave)


def has_room() -> bool:
    """Say whether a run fits into the memory, and programs can be run from there."""
    try:
        found = os.statvfs(MEMORY)
        meminfo = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    kilobytes = {name: int(rest.split()[0]) for name, rest in (line.split(":", maxsplit=1) for line in meminfo)}
    room = min(found.f_bavail * found.f_frsize, kilobytes["MemAvailable"] * 1024 // 2)
    return os.access(MEMORY, os.W_OK) and not found.f_flag & os.ST_NOEXEC and room >= ROOM_BYTES


def remove_abandoned() -> None:
    """Remove the folders of runs that were killed."""
    for folder in MEMORY.glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX)
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(folder, ignore_errors=True)
