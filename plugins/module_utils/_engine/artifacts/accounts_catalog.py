# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts artifacts of a store: draft, list, find. The rules are those of catalog, which sweeps for both."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from .. import errors, layout
from ..models.accounts import AccountsMetadata
from ..models.config import StorageConfig
from . import catalog


@dataclass(frozen=True)
class AccountsArtifact:
    """The published accounts of an instance: its files and its metadata."""

    paths: layout.ArtifactPaths
    metadata: AccountsMetadata

    @property
    def moment(self) -> datetime:
        """When the accounts were read, with the offset."""
        return self.metadata.backup_info.timestamp


@dataclass(frozen=True)
class AccountsListing:
    """Accounts artifacts, newest first, and a sentence for each file that could not be taken for one."""

    artifacts: list[AccountsArtifact] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def draft(
    config: StorageConfig, *, hostname: str, database_id: str, clock: catalog.Clock
) -> contextlib.AbstractContextManager[catalog.Draft]:
    """Reserve the names of a new accounts artifact of an instance and yield its draft; see catalog.draft."""

    def paths_at(moment: datetime) -> layout.ArtifactPaths:
        return layout.accounts_paths(
            config.base_path,
            hostname=hostname,
            database_id=database_id,
            moment=moment,
            checksum_algorithm=config.checksum_algorithm,
        )

    return catalog.drafted(config.base_path, paths_at, clock)


def publish(draft: catalog.Draft, metadata: AccountsMetadata) -> AccountsArtifact:
    """Make a draft an accounts artifact. Whatever interrupts this, the next sweep finishes or removes it."""
    draft.settle(metadata.file_info.checksum, metadata.to_json())
    return AccountsArtifact(draft.paths, metadata)


def list_artifacts(base_path: Path, *, hostname: str | None = None, database_id: str | None = None) -> AccountsListing:
    """Return the accounts artifacts below ``base_path``, newest first; only those of a host and instance if given.

    A metadata file that cannot be read, or whose data file is gone, is a problem, not an error.
    """
    listing = AccountsListing()
    for path in catalog.metadata_files(base_path, accounts=True):
        try:
            artifact = load(path)
            catalog.require_data(path, artifact.paths)
        except errors.BackupDBError as error:
            listing.problems.append(error.message)
            continue
        info = artifact.metadata.backup_info
        if hostname in (None, info.hostname) and database_id in (None, info.database_id):
            listing.artifacts.append(artifact)
    listing.artifacts.sort(key=lambda artifact: (artifact.moment, str(artifact.paths.data)), reverse=True)
    return listing


def load(metadata_path: Path) -> AccountsArtifact:
    """Return the accounts artifact of a metadata file. Raise as catalog.load_artifact does."""
    metadata = AccountsMetadata.from_json(catalog.read_metadata(metadata_path), str(metadata_path))
    return AccountsArtifact(layout.paths_of_metadata(metadata_path, metadata.file_info.checksum_algorithm), metadata)


def find_latest(base_path: Path, *, database_id: str, hostname: str | None = None) -> AccountsArtifact:
    """Return the newest whole accounts artifact of an instance. Raise NotFoundError when there is none."""
    for artifact in list_artifacts(base_path, hostname=hostname, database_id=database_id).artifacts:
        if artifact.metadata.backup_info.status == "success":
            return artifact
    raise errors.NotFoundError(f"no whole accounts artifact of {database_id} is below {base_path}")


def find_companion(base_path: Path, artifact: catalog.Artifact) -> AccountsArtifact | None:
    """Return the accounts that were saved in the run of a database's artifact; None where it names none.

    Raise NotFoundError when they are gone. The artifact must have been loaded with its details.
    """
    restore_info = artifact.metadata.restore_info
    if restore_info is None or restore_info.accounts_artifact is None:
        return None
    info = artifact.metadata.backup_info
    return load(layout.accounts_metadata(base_path, info.hostname, info.database_id, restore_info.accounts_artifact))
