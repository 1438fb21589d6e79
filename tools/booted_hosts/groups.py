# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Control groups for booted systems: two in one group would take each other's processes for their own."""

from __future__ import annotations

import os
import time
from pathlib import Path

REMOVAL_ATTEMPTS = 50


def create_groups(name: str) -> list[Path]:
    """Make a group in each hierarchy that systemd uses and return their ``cgroup.procs``."""
    files = []
    for hierarchy in hierarchies(Path("/proc/self/mountinfo").read_text(encoding="utf-8")):
        (hierarchy / name).mkdir(parents=True, exist_ok=True)
        files.append(hierarchy / name / "cgroup.procs")
    return files


def remove_groups(prefix: str) -> None:
    """Remove the groups whose names begin so, with all below them, once their processes are gone."""
    for hierarchy in hierarchies(Path("/proc/self/mountinfo").read_text(encoding="utf-8")):
        for group in hierarchy.glob(f"{prefix}*"):
            for folder, _folders, _files in os.walk(group, topdown=False):
                remove_folder(Path(folder))


def remove_folder(folder: Path) -> None:
    """Remove a group; the kernel holds on to it until it has buried the last process."""
    for _attempt in range(REMOVAL_ATTEMPTS):
        try:
            folder.rmdir()
            return
        except OSError:
            time.sleep(0.1)
    folder.rmdir()


def hierarchies(mount_info: str) -> list[Path]:
    """Given the text of /proc/self/mountinfo, return where cgroup2 and systemd's own older hierarchy are mounted."""
    found = []
    for line in mount_info.splitlines():
        mount, _dash, filesystem = line.partition(" - ")
        kind, _source, options = filesystem.split(" ", 2)
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
            found.append(Path(mount.split(" ")[4]))
    return found
