# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the collection importable by its full name, wherever this folder is, and the helpers of tests by theirs."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
COLLECTIONS = REPOSITORY / ".collections"
LINK = COLLECTIONS / "ansible_collections" / "vya" / "backupdb"

if not LINK.is_symlink():
    LINK.parent.mkdir(parents=True, exist_ok=True)
    LINK.symlink_to("../../..")
    importlib.invalidate_caches()
# pytest has both from pyproject.toml; ansible-test reads no such file.
for path in (COLLECTIONS, REPOSITORY):
    if str(path) not in sys.path:
        sys.path.insert(0, str(path))
