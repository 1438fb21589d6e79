# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What operations give back."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Optional

from ._pydantic import BaseModel, ConfigDict, Field
from .metadata import Count, Moment, Seconds, now


class _Result(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON: paths as text, moments in ISO 8601 with their offset."""
        return self.model_dump(mode="json")


class BackupResult(_Result):
    """How the backup of one database went."""

    success: bool
    database_id: str
    database_name: str
    backup_file: Optional[Path] = None
    metadata_file: Optional[Path] = None
    checksum_file: Optional[Path] = None
    duration_seconds: Seconds
    size_bytes: Count = 0
    error_message: Optional[str] = None
    error_code: Optional[str] = None
    hint: Optional[str] = None
    warnings: list[str] = Field(default_factory=list)
    timestamp: Moment = Field(default_factory=now)


class RestoreResult(_Result):
    """How the restore of one artifact went; ``comparison`` is what was found different or equal afterwards."""

    success: bool
    database_id: Optional[str] = None
    database_name: str
    target_database: Optional[str] = None
    backup_file: Path
    duration_seconds: Seconds
    error_message: Optional[str] = None
    error_code: Optional[str] = None
    hint: Optional[str] = None
    warnings: list[str] = Field(default_factory=list)
    comparison: Optional[dict[str, Any]] = None
    timestamp: Moment = Field(default_factory=now)


class DatabaseInfo(_Result):
    """A database and the state of its backups."""

    database_id: Optional[str] = None
    name: str
    size_bytes: Count = 0
    tables_count: Count = 0
    last_backup: Optional[Moment] = None
    backup_status: Literal["never", "success", "failed", "partial"] = "never"
