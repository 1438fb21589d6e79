# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of an operation, in one form for all who keep it: the audit log, the metrics, the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from . import errors
from .models.results import BackupResult, DriftResult, RemovalResult, RestoreResult, VerifyResult

#: Of the objects that came, went or changed, how many of each are named at the most.
NAMED_OBJECTS = 200
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


def of_backup(result: BackupResult, hostname: str, database_type: str | None) -> Entry:
    """Return what is told of a backup that was not skipped; ``hostname`` is the host that took it."""
    return Entry(
        timestamp=result.timestamp,
        operation="backup",
        database_id=result.database_id,
        database_name=result.database_name or None,
        database_type=database_type,
        status="success" if result.success else "partial" if result.backup_file else "failed",
        duration_seconds=result.duration_seconds,
        hostname=hostname,
        size_bytes=result.size_bytes if result.backup_file else None,
        error_message=result.error_message,
        error_code=result.error_code,
        details=_known(backup_file=_path(result.backup_file), drift=_drift(result.drift), warnings=result.warnings),
    )


def details_of_restore(result: RestoreResult) -> dict[str, Any]:
    """Return what the status and the sizes of a restore do not say: what came from where, and what it replaced."""
    return _known(
        backup_file=_path(result.backup_file),
        backup_timestamp=_iso(result.backup_timestamp),
        source_id=result.database_id,
        source_database=result.database_name,
        target_server=result.target_server,
        replaced=result.target_existed or None,
        previous_database=result.previous_database,
        warnings=result.warnings,
    )


def of_removals(results: Iterable[RemovalResult], moment: datetime, duration_seconds: float = 0.0) -> list[Entry]:
    """Return what is told of a cleanup: an entry for each database of which something was removed or could not be.

    ``duration_seconds`` is that of the whole cleanup, ``size_bytes`` what the removed artifacts took. The accounts of
    an instance are a database without a name.
    """
    series: dict[tuple[str, str, str | None], list[RemovalResult]] = {}
    for result in results:
        series.setdefault((result.hostname, result.database_id, result.database_name), []).append(result)
    return [
        _removal(each, moment, duration_seconds)
        for each in series.values()
        if any(result.removed or result.error_message for result in each)
    ]


def _removal(results: Sequence[RemovalResult], moment: datetime, duration_seconds: float) -> Entry:
    removed = [result for result in results if result.removed]
    failures = [result for result in results if result.error_message]
    codes = {result.error_code or errors.BackupDBError.error_code for result in failures}
    return Entry(
        timestamp=moment,
        operation="cleanup",
        database_id=results[0].database_id,
        database_name=results[0].database_name,
        database_type=None,
        status="success" if not failures else "partial" if removed else "failed",
        duration_seconds=duration_seconds,
        hostname=results[0].hostname,
        size_bytes=sum(result.size_bytes for result in removed),
        error_message="; ".join(dict.fromkeys(result.error_message or "" for result in failures)) or None,
        error_code=None if not codes else codes.pop() if len(codes) == 1 and not removed else "partial_failure",
        details=_known(removed=len(removed), failed=len(failures), kept=sum(result.keep for result in results)),
    )


def of_verify(result: VerifyResult) -> Entry:
    """Return what is told of the drill of an artifact; its host is the one that the artifact is of."""
    return Entry(
        timestamp=result.timestamp,
        operation="verify",
        database_id=result.database_id,
        database_name=result.database_name,
        database_type=result.database_type,
        status="success" if result.success else "failed",
        duration_seconds=result.duration_seconds,
        hostname=result.hostname,
        size_bytes=result.size_bytes or None,
        error_message=result.error_message,
        error_code=result.error_code,
        details=_known(
            level=result.level,
            backup_file=_path(result.backup_file),
            backup_timestamp=_iso(result.backup_timestamp),
            restore_seconds=result.restore_seconds,
            warnings=result.warnings,
        ),
    )


def _known(**details: Any) -> dict[str, Any]:
    """Return the details that say something; a number does, also where it is 0."""
    return {name: value for name, value in details.items() if value or isinstance(value, (int, float))}


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _drift(drift: DriftResult | None) -> dict[str, Any] | None:
    if drift is None:
        return None
    objects = {"came": drift.came, "went": drift.went, "changed": drift.changed}
    return {
        "previous_backup": str(drift.previous_backup),
        **{what: _first(names) for what, names in objects.items() if names},
    }


def _first(names: list[str]) -> list[str]:
    more = len(names) - NAMED_OBJECTS
    return names if more <= 0 else [*names[:NAMED_OBJECTS], f"and {more} more"]
