# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exit codes: what cron, timers and scripts go by."""

from __future__ import annotations

from ..errors import BackupDBError

OK = 0
CODES = {
    "partial_failure": 1,
    "complete_failure": 2,
    "config_error": 3,
    "credentials_error": 4,
    "storage_error": 5,
    "connection_error": 6,
    "file_not_found": 7,
    "validation_error": 8,
    "permission_error": 9,
}
OTHER = 10
#: A command line that makes no sense, and a host that lacks what the command needs.
USAGE = CODES["config_error"]
#: Plus its number: that of a signal which ended the command, as shells have it.
SIGNAL_BASE = 128


def code_of(failure: BackupDBError | None) -> int:
    """Return the exit code of a failure, or of none."""
    return OK if failure is None else CODES.get(failure.error_code, OTHER)
