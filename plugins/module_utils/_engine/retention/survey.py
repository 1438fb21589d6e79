# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a storage holds for retention to decide on: the artifacts of one host, good or not, held or not."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from .. import errors, layout
from ..artifacts import accounts_catalog, catalog
from ..models.metadata import FileInfoModel, Naming
from ..models.verification import Verification
from .planning import Candidate, Series

# The lower level shows only that the file is as it was written, which was seen when it was written.
PROVING_LEVELS = ("structure", "restore")
LONGEST_HOLD_REASON = 200


@dataclass(frozen=True)
class Found:
    """An artifact of a database or of accounts, and its candidate, which is named by the path of the data file."""

    candidate: Candidate
    paths: layout.ArtifactPaths
    size_bytes: int


@dataclass
class Survey:
    """All that retention needs to know of a storage.

    ``unreadable`` is whether the metadata of anything could not be read. ``idle_folders`` are those of past dates that
    have no file.
    """

    backups: list[Found] = field(default_factory=list)
    accounts: list[Found] = field(default_factory=list)
    tombstones: list[Path] = field(default_factory=list)
    idle_folders: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unreadable: bool = False


def look(base_path: Path, hostname: str, now: datetime) -> Survey:
    """Return what is below ``base_path`` of a host. Raise StorageError when a folder cannot be read."""
    survey = Survey()
    # A run that is making the folder of today, or began before midnight, has its peace.
    yesterday = f"{now - timedelta(days=1):%Y-%m-%d}"
    for folder, files in layout.walk(base_path):
        date = layout.date_of(folder)
        if not files and folder != base_path and date is not None and date < yesterday:
            survey.idle_folders.append(folder)
        for filename in files:
            if layout.is_tombstone(filename):
                survey.tombstones.append(folder.joinpath(filename))
            elif filename.endswith(layout.METADATA_SUFFIX) and not filename.startswith("."):
                _add(survey, folder.joinpath(filename), hostname, now)
    return survey


def _add(survey: Survey, metadata: Path, hostname: str, now: datetime) -> None:
    is_accounts = layout.is_accounts_name(metadata.name)
    try:
        found = _accounts_at(metadata) if is_accounts else _backup_at(metadata, now)
    except errors.NotFoundError as error:
        survey.problems.append(error.message)
        return
    except errors.BackupDBError as error:
        survey.problems.append(error.message)
        survey.unreadable = True
        return
    if found.candidate.series[0] == hostname:
        (survey.accounts if is_accounts else survey.backups).append(found)


def _backup_at(metadata: Path, now: datetime) -> Found:
    artifact = catalog.load_artifact(metadata, details=False)
    info = artifact.metadata.backup_info
    drill = artifact.verification
    return _found(
        artifact.paths,
        (info.hostname, info.database_id, info.database_name),
        info.timestamp,
        artifact.metadata.file_info,
        flaw=_flaw_of(info.status, drill),
        verified=drill is not None and drill.passed and drill.level in PROVING_LEVELS,
        held=held_for(artifact, now),
    )


def _accounts_at(metadata: Path) -> Found:
    artifact = accounts_catalog.load(metadata)
    info = artifact.metadata.backup_info
    return _found(
        artifact.paths,
        (info.hostname, info.database_id, ""),
        info.timestamp,
        artifact.metadata.file_info,
        flaw=_flaw_of(info.status),
        held=hold_reason(artifact.paths),
    )


def _found(
    paths: layout.ArtifactPaths,
    series: Series,
    moment: datetime,
    file_info: FileInfoModel,
    *,
    flaw: str | None,
    verified: bool = False,
    held: str | None,
) -> Found:
    try:
        size = paths.data.stat().st_size
    except FileNotFoundError as error:
        raise errors.NotFoundError(f"{paths.metadata} names {paths.data.name}, which does not exist") from error
    except OSError as error:
        raise errors.StorageError(f"{paths.data} cannot be read: {error.strerror}") from error
    if flaw is None and size != file_info.size_bytes:
        flaw = f"its file has {size} bytes instead of {file_info.size_bytes}"
    return Found(Candidate(series, moment, str(paths.data), flaw, verified, held), paths, size)


def _flaw_of(status: str, drill: Verification | None = None) -> str | None:
    """Return what keeps an artifact from being good. Of drills the newest one counts."""
    if status != "success":
        return "not complete"
    if drill is not None and not drill.passed:
        return f"found bad by the drill of {drill.verified_at:%Y-%m-%d} ({drill.error_message or drill.level})"
    return None


def held_for(artifact: catalog.Artifact, now: datetime) -> str | None:
    """Return why an artifact of a database stays whatever the policy says: somebody's hold file, or its keep_until."""
    held = hold_reason(artifact.paths)
    keep_until = artifact.metadata.backup_info.keep_until
    if held is None and keep_until is not None and keep_until > now:
        held = f"held until {keep_until.isoformat()}"
    return held


def hold_reason(paths: layout.ArtifactPaths) -> str | None:
    """Return what keeps an artifact that somebody put a hold file beside: its first line, if it has one."""
    if not os.path.lexists(paths.hold):
        return None
    try:
        with paths.hold.open(encoding="utf-8", errors="replace") as source:
            line = source.readline(LONGEST_HOLD_REASON).strip()
    except OSError:
        line = ""
    return f"held: {line}" if line else f"held by {paths.hold.name}"


def accounts_named_by(base_path: Path, backup: Found) -> Path | None:
    """Return the data file of the accounts that a backup names, or None. Raise as catalog.load_artifact does."""
    metadata = backup.paths.metadata
    filename = Naming.from_json(catalog.read_metadata(metadata), str(metadata))
    if filename is None:
        return None
    hostname, database_id, _database = backup.candidate.series
    named = layout.accounts_metadata(base_path, hostname, database_id, filename)
    return layout.paths_of_metadata(named, "sha256").data
