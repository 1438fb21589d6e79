# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments as people write them, in ISO 8601."""

from __future__ import annotations

import re
from datetime import datetime

from . import errors


def optional(text: str | None, name: str) -> datetime | None:
    """Given what the option ``name`` says, return the moment; without an offset it is in this host's local time.

    Raise ConfigError when it is none.
    """
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text.strip()))
    except ValueError:
        raise errors.ConfigError(f"{name} is not a moment", "Write it as in 2026-01-09T02:00:00+01:00") from None
    return found if found.tzinfo else found.astimezone()
