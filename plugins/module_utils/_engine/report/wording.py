# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the moments, spans and names of a report are written for people."""

from __future__ import annotations

from datetime import datetime

# What draws nothing, or turns round what follows, is shown as it would be written in a program.
_UNSEEN = [
    *range(0x20),
    *range(0x7F, 0xA0),
    0xAD,
    *range(0x200B, 0x2010),
    *range(0x2028, 0x202F),
    *range(0x2060, 0x2070),
]
_WRITTEN = {code: f"\\u{code:04x}" for code in [*_UNSEEN, 0xFEFF]}
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))


def moment(when: datetime) -> str:
    """Return a moment to the minute, with its offset: ``2026-01-09 02:00 +01:00``."""
    return f"{when:%Y-%m-%d %H:%M} {when.isoformat()[-6:]}"


def age(when: datetime, now: datetime) -> str:
    """Return how long ago a moment was: ``3 days ago``; one that is to come by an unfit clock is ``just now``."""
    seconds = (now - when).total_seconds()
    return "just now" if seconds < 60 else f"{span(seconds)} ago"


def span(seconds: float) -> str:
    """Return a span of time in its largest unit, two of which must fit in: ``26 hours``, ``3 days``, ``1.5 s``."""
    for length, unit in _UNITS:
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}s"
    return f"{seconds:.1f} s"


def visible(text: str) -> str:
    r"""Return a text with all of its characters to be seen: ``a\u0000b`` for one with a NUL."""
    return text.translate(_WRITTEN)


def sentence(text: str) -> str:
    """Return a message of whatever origin as one line with all of its characters to be seen."""
    return visible(" ".join(text.split()))
