# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be restored: an artifact of a database, of accounts, or any dump."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Union

from .. import errors, layout
from ..artifacts import accounts_catalog, catalog
from ..artifacts.accounts_catalog import AccountsArtifact
from .foreign import ForeignDump

#: What can be restored: an artifact, or any dump.
Artifact = Union[catalog.Artifact, ForeignDump]


@dataclass(frozen=True)
class Selection:
    """Which artifact: a data file, or the newest good one of a database, at or before ``until``."""

    backup_file: Path | None = None
    database_id: str | None = None
    database: str | None = None
    hostname: str | None = None
    until: datetime | None = None


def select_artifact(base_path: Path, selection: Selection) -> Artifact:
    """Return what is to be restored. Raise NotFoundError when there is no such artifact or file."""
    if selection.backup_file is None:
        if selection.database_id is None or selection.database is None:
            raise errors.ConfigError("an artifact is named by backup_file, or by database_id and database")
        return catalog.find_latest(
            base_path,
            database_id=selection.database_id,
            database=selection.database,
            hostname=selection.hostname,
            until=selection.until,
        )
    file = selection.backup_file
    if not file.exists():
        raise errors.NotFoundError(f"{file} does not exist")
    if layout.is_accounts_name(file.name):
        raise errors.ValidationError(f"{file} holds accounts and no database", "Restore it with scope: accounts")
    if layout.is_artifact_name(file.name):
        metadata = layout.paths_of_data(file, "sha256").metadata
        if metadata.exists():
            return catalog.load_artifact(metadata)
    return ForeignDump(file)


def select_accounts(base_path: Path, selection: Selection, artifact: Artifact | None) -> AccountsArtifact:
    """Return the accounts that are to be restored: those of an artifact's own run, of a file, or the newest whole ones.

    Raise NotFoundError when there are none.
    """
    if isinstance(artifact, catalog.Artifact):
        companion = accounts_catalog.find_companion(base_path, artifact)
        if companion is None:
            raise errors.NotFoundError(
                f"no accounts were saved in the run of {artifact.data}", "Name the file of others"
            )
        return companion
    if selection.backup_file is not None:
        if not layout.is_accounts_name(selection.backup_file.name):
            raise errors.ValidationError(
                f"{selection.backup_file} is not named as an accounts artifact", "Name the users_*.sql.gz file of a run"
            )
        return accounts_catalog.load(layout.paths_of_data(selection.backup_file, "sha256").metadata)
    if selection.database_id is None:
        raise errors.ConfigError("accounts are named by backup_file or database_id")
    return accounts_catalog.find_latest(base_path, database_id=selection.database_id, hostname=selection.hostname)
