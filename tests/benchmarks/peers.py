# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch the community's collections, which the benchmark compares with, into a cache of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

PACKAGE = "ansible==12.3.0"


def install(say: Callable[[str], None]) -> Path:
    """Return a folder that has ``ansible_collections`` in it; install it there when it is not yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home().joinpath(".cache"), "vya-backupdb-benchmark")
    folder = cache.joinpath(PACKAGE.replace("==", "-"))
    whole = folder.joinpath(".whole")
    if not whole.exists():
        say(f"installing {PACKAGE} into {folder}")
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--upgrade", "--target", str(folder), PACKAGE], check=True)
        whole.touch()
    return folder
