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


class DriftResult(_Result):
    """What became of a database's objects since its previous artifact, each named as ``table public.orders``."""

    previous_backup: Path
    came: list[str] = Field(default_factory=list)
    went: list[str] = Field(default_factory=list)
    changed: list[str] = Field(default_factory=list)


class BackupResult(_Result):
    """How the backup of one database went.

    ``up_to_date`` is whether a good artifact was new enough already, which is then the one that is named; Ansible would
    take a task whose results are all ``skipped`` for one that did not run. ``drift`` is None where the schema is that
    of the previous artifact, or there is none to compare with.
    """

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
    up_to_date: bool = False
    drift: Optional[DriftResult] = None
    timestamp: Moment = Field(default_factory=now)


class AccountsResult(_Result):
    """How the accounts of one instance were saved; not a success where they are not whole."""

    success: bool
    database_id: str
    backup_file: Optional[Path] = None
    accounts_count: Count = 0
    error_message: Optional[str] = None
    error_code: Optional[str] = None
    hint: Optional[str] = None
    warnings: list[str] = Field(default_factory=list)


class RestoreResult(_Result):
    """How the restore of one artifact went; ``comparison`` is what was found different or equal afterwards.

    ``seconds`` is what each step took, ``bytes_read`` how much of the data file was loaded, ``target_existed`` whether
    there was a database of the target's name before, and ``previous_database`` where that is, if it was kept.
    ``backup_timestamp`` and ``size_bytes`` are the artifact's.
    """

    success: bool
    database_id: Optional[str] = None
    database_name: str
    target_server: Optional[str] = None
    target_database: Optional[str] = None
    target_existed: bool = False
    previous_database: Optional[str] = None
    backup_file: Path
    backup_timestamp: Optional[Moment] = None
    size_bytes: Count = 0
    bytes_read: Count = 0
    sections_loaded: Count = 0
    duration_seconds: Seconds
    seconds: dict[str, float] = Field(default_factory=dict)
    error_message: Optional[str] = None
    error_code: Optional[str] = None
    hint: Optional[str] = None
    warnings: list[str] = Field(default_factory=list)
    comparison: Optional[dict[str, Any]] = None
    accounts: Optional[dict[str, Any]] = None
    timestamp: Moment = Field(default_factory=now)


class RemovalResult(_Result):
    """What retention decides on one artifact, and whether it has been removed; an accounts artifact has no database.

    ``reasons`` are all that it is kept or removed for. ``error_message`` is why it could not be removed.
    """

    backup_file: Path
    hostname: str
    database_id: str
    database_name: Optional[str] = None
    timestamp: Moment
    size_bytes: Count = 0
    keep: bool
    reasons: list[str]
    removed: bool = False
    error_message: Optional[str] = None
    error_code: Optional[str] = None


class VerifyResult(_Result):
    """How the drill of one artifact went; see Verification for ``level``, ``restore_seconds`` and ``evidence``.

    ``recorded`` is whether that was written beside the artifact, see catalog.record_verification.
    """

    success: bool
    database_id: str
    database_name: str
    database_type: Optional[Literal["mysql", "postgresql"]] = None
    hostname: str
    backup_file: Path
    backup_timestamp: Moment
    size_bytes: Count = 0
    level: Literal["checksum", "structure", "restore"]
    duration_seconds: Seconds
    restore_seconds: Optional[Seconds] = None
    evidence: dict[str, Any] = Field(default_factory=dict)
    recorded: bool = False
    error_message: Optional[str] = None
    error_code: Optional[str] = None
    hint: Optional[str] = None
    warnings: list[str] = Field(default_factory=list)
    timestamp: Moment = Field(default_factory=now)


class DatabaseInfo(_Result):
    """A database and the state of its backups.

    ``backup_status`` is that of the last backup. A good one is whole, and no drill has found it bad. ``last_verified``
    is when a drill has last found one of its backups good, and ``verified_level`` the level of that drill.
    """

    database_id: Optional[str] = None
    name: str
    size_bytes: Count = 0
    tables_count: Count = 0
    last_backup: Optional[Moment] = None
    backup_status: Literal["never", "success", "failed", "partial"] = "never"
    last_good_backup: Optional[Moment] = None
    last_verified: Optional[Moment] = None
    verified_level: Optional[Literal["checksum", "structure", "restore"]] = None
