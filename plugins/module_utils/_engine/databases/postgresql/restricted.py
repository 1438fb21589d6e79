# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The restricted mode of psql, in which a dump cannot run its commands (CVE-2025-8714)."""

from __future__ import annotations

import re

from ... import errors, stream
from .. import programs

_RESTRICT = re.compile(rb"^\\restrict ", re.M)
# The first minor version of each major whose psql knows \restrict; later majors all do.
SINCE = {13: 22, 14: 19, 15: 14, 16: 10, 17: 6}


def require(program: programs.Program, text: stream.Text) -> None:
    """Raise ConfigError unless this psql can read the text."""
    major, minor = (*programs.numbers(program.version), 0)[:2]
    if _RESTRICT.search(text.head) and (major < min(SINCE) or minor < SINCE.get(major, 0)):
        raise errors.ConfigError(
            f"{program.path} is version {program.version} and does not know the \\restrict of this dump",
            f"Update postgresql-client-{major}",
        )
