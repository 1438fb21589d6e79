# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of an operation, in one form for all who keep it: the audit log, the metrics, the log."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Operation = Literal["backup", "restore", "cleanup", "verify"]
Status = Literal["success", "failed", "partial"]


@dataclass(frozen=True)
class Entry:
    """One operation on one database, and how it went.

    ``database_name`` is None where a whole instance failed. ``details`` is plain data for JSON: what the status and
    the sizes do not say. No field holds a secret.
    """

    timestamp: datetime
    operation: Operation
    database_id: str
    database_name: str | None
    database_type: str | None
    status: Status
    duration_seconds: float
    hostname: str
    size_bytes: int | None = None
    error_message: str | None = None
    error_code: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
