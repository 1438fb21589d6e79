# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose files and folders are: those that root makes belong to whoever runs the work at other times."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path


def give_to_owner(made: int | Path, folder: Path) -> None:
    """Let a file (its descriptor) or folder that root has made in ``folder`` belong to whom that belongs to.

    Root may run what a service account runs at other times, which could not go on with folders and files of root's.
    """
    if os.geteuid() != 0:
        return
    owner, found = folder.stat(), os.stat(made)
    # A file with a second name may be one of somebody else's that was linked there.
    if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        return
    if (found.st_uid, found.st_gid) != (owner.st_uid, owner.st_gid):
        # Some file systems of other machines allow root no such thing.
        with contextlib.suppress(PermissionError):
            os.chown(made, owner.st_uid, owner.st_gid)
