# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the metrics tell of besides the operations: the instances, the artifacts of their databases, the storage."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from .. import errors, storage
from ..artifacts import accounts_catalog, catalog
from ..artifacts.store import Store
from ..models.config import AppConfig, DatabaseConfig
from ..models.verification import LEVELS


@dataclass(frozen=True)
class DatabaseState:
    """A database with good artifacts: when the newest was taken and its size, how many there are and their size.

    ``verified`` has, for each level of proof, when an artifact was last found good by it or by a higher one.
    """

    database_type: str
    database_id: str
    database: str
    last_success: datetime
    size_bytes: int
    artifacts: int
    artifacts_bytes: int
    verified: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class StorageState:
    """The file system of the storage, and what all artifacts take of it."""

    path: Path
    size_bytes: int
    used_bytes: int
    free_bytes: int
    artifacts_bytes: int


@dataclass(frozen=True)
class State:
    """What is there at the end of a run: the instances of the configuration, their databases, and the storage."""

    configured: Sequence[DatabaseConfig]
    databases: Sequence[DatabaseState]
    storage: StorageState


def state_of(store: Store, config: AppConfig) -> State:
    """Return what this host's artifacts of the configured databases are, and how full the storage is.

    Raise StorageError when the storage cannot be read.
    """
    base_path = store.config.base_path
    everything = catalog.list_artifacts(base_path).artifacts
    good: dict[tuple[str, str], list[catalog.Artifact]] = {}
    for artifact in everything:
        info = artifact.metadata.backup_info
        if info.hostname == store.hostname and info.status == "success":
            good.setdefault((info.database_id, info.database_name), []).append(artifact)
    accounts = accounts_catalog.list_artifacts(base_path).artifacts
    files = [one.metadata.file_info for one in everything] + [one.metadata.file_info for one in accounts]
    artifacts_bytes = sum(file.size_bytes for file in files)
    return State(
        configured=tuple(config.databases),
        databases=[_state_of_database(found) for key, found in good.items() if is_backed_up(config.databases, *key)],
        storage=_state_of_storage(base_path, artifacts_bytes),
    )


def is_backed_up(configured: Iterable[DatabaseConfig], database_id: str, database: str) -> bool:
    """Say whether the configuration backs up a database; the name of an instance as a whole is empty."""
    return any(
        entry.id == database_id and entry.enabled and (not database or entry.selects(database)) for entry in configured
    )


def _state_of_database(artifacts: Sequence[catalog.Artifact]) -> DatabaseState:
    newest = artifacts[0].metadata
    verified: dict[str, datetime] = {}
    for found in (artifact.verification for artifact in artifacts):
        if found is not None and found.passed:
            for level in LEVELS[: LEVELS.index(found.level) + 1]:
                verified[level] = max(found.verified_at, verified.get(level, found.verified_at))
    return DatabaseState(
        database_type=newest.backup_info.database_type,
        database_id=newest.backup_info.database_id,
        database=newest.backup_info.database_name,
        last_success=newest.backup_info.timestamp,
        size_bytes=newest.file_info.size_bytes,
        artifacts=len(artifacts),
        artifacts_bytes=sum(artifact.metadata.file_info.size_bytes for artifact in artifacts),
        verified=verified,
    )


def _state_of_storage(base_path: Path, artifacts_bytes: int) -> StorageState:
    try:
        usage = shutil.disk_usage(storage.nearest(base_path))
    except OSError as error:
        raise errors.StorageError(f"{base_path} cannot be read: {error.strerror}") from error
    return StorageState(base_path, usage.total, usage.used, usage.free, artifacts_bytes)
