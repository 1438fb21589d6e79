# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which release of the collection the engine is of, and up to which version it knows the configuration."""

from __future__ import annotations

import re

#: The same as ``version`` in galaxy.yml.
ENGINE_VERSION = "1.0.0"
CONFIG_VERSION = "2.0.0"


def is_newer(version: str, known: str = CONFIG_VERSION) -> bool:
    """Say whether a version of three numbers is newer than the known one. Raise ValueError when it is none."""
    return _numbers(version) > _numbers(known)


def _numbers(version: str) -> tuple[int, ...]:
    if not re.fullmatch(r"[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}", version):
        raise ValueError("a version is three numbers with dots between")
    return tuple(map(int, version.split(".")))
