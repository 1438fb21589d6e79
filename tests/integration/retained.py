# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A storage with what retention decides on: backups of databases, accounts, drills, holds, and a clock to set."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engine import layout
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import accounts_catalog, catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.store import Store
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.accounts import (
    AccountInfo,
    AccountsInfoModel,
    AccountsMetadata,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import RetentionConfig, StorageConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import FileInfoModel, human_size
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.results import RemovalResult
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.verification import Level, Verification
from ansible_collections.vya.backupdb.plugins.module_utils._engine.retention import pruning

from tests.integration.artifacts import DATA, change_metadata, write_artifact

HOSTNAME = "host"
DATABASE_ID = "a"
DATABASE = "shop"
NOON = datetime(2026, 3, 31, 12, tzinfo=timezone(timedelta(hours=2)))
LAST_ONE = RetentionConfig(strategy="simple", daily_keep=1)


def store(base_path: Path, now: datetime = NOON, hostname: str = HOSTNAME) -> Store:
    """Return the storage as a host writes to it at that moment."""
    return Store(StorageConfig(base_path=base_path), hostname, lambda: now)


def days_ago(number: float) -> datetime:
    """Return the moment that many days before noon."""
    return NOON - timedelta(days=number)


def write_backup(
    base_path: Path, moment: datetime, *, accounts: str | None = None, keep_until: datetime | None = None, **names: Any
) -> catalog.Artifact:
    """Write an artifact; ``accounts`` is the bare name of the data file that it names."""
    named = {"hostname": HOSTNAME, "database_id": DATABASE_ID, "database": DATABASE, **names}
    artifact = catalog.load_artifact(write_artifact(base_path, moment=moment, **named))
    if accounts is not None:
        artifact = change_metadata(artifact, "restore_info", accounts_artifact=accounts)
    if keep_until is not None:
        artifact = change_metadata(artifact, "backup_info", keep_until=keep_until.isoformat())
    return artifact


def write_accounts(base_path: Path, moment: datetime, **info: Any) -> accounts_catalog.AccountsArtifact:
    """Publish an accounts artifact."""
    fields = {"database_id": DATABASE_ID, "hostname": HOSTNAME, "status": "success", **info}
    with accounts_catalog.draft(
        StorageConfig(base_path=base_path),
        hostname=fields["hostname"],
        database_id=fields["database_id"],
        clock=lambda: moment,
    ) as draft:
        draft.sink.write(DATA)
        draft.seal()
        metadata = AccountsMetadata(
            backup_info=AccountsInfoModel(
                database_type="postgresql", timestamp=draft.moment, duration_seconds=0.1, **fields
            ),
            file_info=FileInfoModel(
                filename=draft.paths.data.name,
                size_bytes=len(DATA),
                size_human=human_size(len(DATA)),
                compression_level=6,
                checksum_algorithm="sha256",
                checksum=hashlib.sha256(DATA).hexdigest(),
            ),
            server_flavour="postgresql",
            server_version="15.1",
            raw_size_bytes=1,
            accounts=[AccountInfo(name="app", kind="login")],
            sections=[],
        )
        return accounts_catalog.publish(draft, metadata)


def write_drill(
    artifact: catalog.Artifact, *, passed: bool = True, level: Level = "restore", moment: datetime = NOON
) -> None:
    """Write what a drill found of an artifact."""
    verification = Verification(
        level=level,
        passed=passed,
        verified_at=moment,
        checksum=artifact.metadata.file_info.checksum,
        error_message=None if passed else "the table orders differs",
    )
    artifact.paths.verification.write_text(verification.to_json(), encoding="utf-8")


def all_files(base_path: Path) -> set[str]:
    """Return the paths of all files, relative to the storage; those of locks are no part of it."""
    return {
        os.path.relpath(os.path.join(folder, name), base_path)
        for folder, folders, names in os.walk(base_path)
        for name in names
        if layout.LOCKS_FOLDER not in folder
    }


def all_folders(base_path: Path) -> set[str]:
    """Return the paths of all folders, relative to the storage, but the one of locks."""
    return {
        os.path.relpath(folder, base_path) for folder, *_rest in os.walk(base_path) if layout.LOCKS_FOLDER not in folder
    } - {"."}


def by_file(cleanup: pruning.Cleanup) -> dict[str, RemovalResult]:
    """Return what a cleanup decided, by the bare name of the data file."""
    return {one.backup_file.name: one for one in cleanup.results}


def reasons(cleanup: pruning.Cleanup, name: str) -> list[str]:
    """Return why an artifact was kept or removed, by the bare name of its data file."""
    return by_file(cleanup)[name].reasons
