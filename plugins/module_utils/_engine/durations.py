# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lengths of time as people write them: ``20h``, ``90m``, ``7d``, ``1h30m``, ``2w``."""

from __future__ import annotations

import re
from datetime import timedelta

from . import errors

UNITS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_WRITTEN = re.compile("".join(f"(?:([0-9]+){unit})?" for unit in UNITS))


def parse(text: str, name: str) -> timedelta:
    """Given what the option ``name`` says, return the length of time: each unit at most once, the biggest first.

    Raise ConfigError when it is none, or no time at all.
    """
    written = _WRITTEN.fullmatch(text.strip())
    length = timedelta()
    if written is not None:
        try:
            for unit, count in zip(UNITS.values(), written.groups()):
                length += int(count or 0) * unit
        except (OverflowError, ValueError):
            length = timedelta()
    if not length:
        raise errors.ConfigError(
            f"{name} is {text!r}, which is no length of time", "Write it as in 20h, 90m, 7d, 2w or 1h30m"
        )
    return length


def optional(text: str | None, name: str) -> timedelta | None:
    """Return the length of time of an option that may be left out. Raise as parse does."""
    return None if text is None else parse(text, name)


def written(length: timedelta) -> str:
    """Return a length of time as parse reads it, to the second and without weeks."""
    left = max(length, timedelta())
    told = ""
    for unit in "dhms":
        count, left = divmod(left, UNITS[unit])
        if count:
            told += f"{count}{unit}"
    return told or "0s"
