# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts without a server: tiny ones, written as fast as files can be, and damaged ones."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

from ansible_collections.vya.backupdb.plugins.module_utils._engine import layout
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.catalog import Artifact, load_artifact
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import StorageConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import (
    BackupInfoModel,
    BackupMetadata,
    DatabaseProperties,
    FileInfoModel,
    RestoreInfo,
    SchemaInfoModel,
    SectionInfo,
    TableInfo,
    human_size,
)

Status = Literal["success", "failed", "partial"]
TEXT = b"-- a dump without content\n"
DATA = gzip.compress(TEXT, mtime=0)


def write_artifact(
    base_path: Path, *, hostname: str, database_id: str, database: str, moment: datetime, status: Status = "success"
) -> Path:
    """Write the three files of a tiny artifact, as layout and metadata say; return the path of its metadata."""
    config = StorageConfig(base_path=base_path)
    folder = layout.artifact_folder(
        base_path,
        config.structure,
        hostname=hostname,
        database_id=database_id,
        database_name=database,
        moment=moment,
    )
    folder.mkdir(parents=True, exist_ok=True)
    paths = layout.artifact_paths(folder, database, moment, config.checksum_algorithm)
    metadata = BackupMetadata(
        backup_info=BackupInfoModel(
            database_id=database_id,
            database_name=database,
            database_type="postgresql",
            hostname=hostname,
            timestamp=moment,
            duration_seconds=0.25,
            status=status,
            error_message=None if status == "success" else "the accounts could not be dumped",
        ),
        file_info=FileInfoModel(
            filename=paths.data.name,
            size_bytes=len(DATA),
            size_human=human_size(len(DATA)),
            compression_level=config.compression_level,
            checksum_algorithm=config.checksum_algorithm,
            checksum=hashlib.sha256(DATA).hexdigest(),
        ),
        schema_info=SchemaInfoModel(tables_count=20, views_count=2, schema_hash=hashlib.sha256(TEXT).hexdigest()),
        restore_info=_restore_info(),
    )
    paths.data.write_bytes(DATA)
    paths.checksum.write_text(f"{metadata.file_info.checksum}  {paths.data.name}\n", encoding="ascii")
    paths.metadata.write_text(metadata.to_json(), encoding="utf-8")
    return paths.metadata


def _restore_info() -> RestoreInfo:
    return RestoreInfo(
        server_flavour="postgresql",
        server_version="15.18",
        client_program="pg_dump",
        client_version="15.18",
        compressor="zlib",
        properties=DatabaseProperties(encoding="UTF8", locale="C.UTF-8", owner="shop"),
        raw_size_bytes=len(TEXT),
        sections=[
            SectionInfo(kind="full", offset_bytes=0, length_bytes=len(DATA), raw_length_bytes=len(TEXT)),
        ],
        tables=[TableInfo(schema_name="public", name=f"table_{number}", rows=number) for number in range(20)],
    )


def write_many(base_path: Path, count: int, hostname: str = "db01") -> Iterator[Path]:
    """Write ``count`` artifacts: ten databases on each of four instances, one of each per day."""
    first = datetime(2026, 1, 9, 2, 0, tzinfo=timezone(timedelta(hours=1)))
    for number in range(count):
        day, which = divmod(number, 40)
        yield write_artifact(
            base_path,
            hostname=hostname,
            database_id=f"prod-{which // 10}",
            database=f"database_{which % 10}",
            moment=first - timedelta(days=day),
        )


def change_metadata(artifact: Artifact, part: str, **changes: Any) -> Artifact:
    """Write other values into a part of an artifact's metadata file; return the artifact as it is then."""
    path = artifact.paths.metadata
    metadata = json.loads(path.read_text(encoding="utf-8"))
    metadata[part].update(changes)
    path.write_text(json.dumps(metadata), encoding="utf-8")
    return load_artifact(path)


def replace_text(artifact: Artifact, text: bytes) -> Artifact:
    """Give an artifact another text, with a checksum, sizes and gzip data that are right for it."""
    data = gzip.compress(text, mtime=0)
    artifact.paths.data.write_bytes(data)
    change_metadata(artifact, "restore_info", raw_size_bytes=len(text))
    return change_metadata(artifact, "file_info", size_bytes=len(data), checksum=hashlib.sha256(data).hexdigest())
