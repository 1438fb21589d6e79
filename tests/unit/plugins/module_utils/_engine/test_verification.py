# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts and restored databases beside what they should be."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import catalog, errors, verification
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.base import Endpoint, Family, Inspection
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.registry import server_at
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import StorageConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import (
    BackupInfoModel,
    BackupMetadata,
    DatabaseProperties,
    FileInfoModel,
    RestoreInfo,
    SchemaInfoModel,
    TableInfo,
    human_size,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engine.secrets import Login

MOMENT = datetime(2026, 1, 9, 2, tzinfo=timezone.utc)  # noqa: UP017
DUMP = b"--\n-- PostgreSQL database dump\n--\n\nCREATE TABLE a ();\n\n--\n-- PostgreSQL database dump complete\n--\n"
PROPERTIES = DatabaseProperties(encoding="UTF8", locale="C.UTF-8")


def server(family: Family = "postgresql") -> Any:
    """Return a server that nothing is asked of: the endpoint is the discard port."""
    return server_at(Endpoint(family, "127.0.0.1", 9, Login("nobody", "")))


def restore_info(raw_size_bytes: int = 0, *tables: TableInfo) -> RestoreInfo:
    return RestoreInfo(
        server_flavour="postgresql",
        server_version="15.18",
        client_program="pg_dump",
        client_version="15.18",
        compressor="zlib",
        properties=PROPERTIES,
        raw_size_bytes=raw_size_bytes,
        sections=[],
        tables=list(tables),
    )


Publish = Callable[..., catalog.Artifact]


@pytest.fixture
def publish(tmp_path: Path) -> Publish:
    def make(text: bytes = DUMP, raw_size_bytes: int | None = None, algorithm: str = "sha256") -> catalog.Artifact:
        data = gzip.compress(text)
        config = StorageConfig(base_path=tmp_path / "store", checksum_algorithm=algorithm)  # type: ignore[arg-type]
        names: dict[str, Any] = {"hostname": "host", "database_id": "a", "database_name": "shop"}
        with catalog.draft(config, clock=lambda: MOMENT, **names) as draft:
            draft.sink.write(data)
            draft.seal()
            info = BackupInfoModel(
                database_type="postgresql", timestamp=MOMENT, duration_seconds=1, status="success", **names
            )
            file_info = FileInfoModel(
                filename=draft.paths.data.name,
                size_bytes=len(data),
                size_human=human_size(len(data)),
                compression_level=6,
                checksum_algorithm=config.checksum_algorithm,
                checksum=hashlib.new(algorithm, data).hexdigest(),
            )
            metadata = BackupMetadata(
                backup_info=info,
                file_info=file_info,
                schema_info=SchemaInfoModel(tables_count=1, schema_hash="x"),
                restore_info=restore_info(len(text) if raw_size_bytes is None else raw_size_bytes),
            )
            return draft.publish(metadata)

    return make


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_a_whole_artifact_gives_what_its_text_looks_like(publish: Publish, algorithm: str) -> None:
    text = verification.verify_artifact(publish(algorithm=algorithm), server())
    assert (text.raw_size_bytes, text.head, text.tail) == (len(DUMP), DUMP, DUMP)


def test_one_changed_byte_that_gzip_does_not_notice_is_damage(publish: Publish) -> None:
    artifact = publish()
    content = bytearray(artifact.paths.data.read_bytes())
    content[4] ^= 1  # the moment in the header, which no CRC covers
    artifact.paths.data.write_bytes(content)
    assert gzip.decompress(content) == DUMP
    with pytest.raises(errors.ValidationError, match="its sha256 checksum is not that of its metadata"):
        verification.verify_artifact(artifact, server())


def test_a_truncated_artifact_is_damage(publish: Publish) -> None:
    artifact = publish()
    artifact.paths.data.write_bytes(artifact.paths.data.read_bytes()[:-1])
    with pytest.raises(errors.ValidationError, match="truncated"):
        verification.verify_artifact(artifact, server())


def test_a_text_of_another_length_than_was_dumped_is_damage(publish: Publish) -> None:
    with pytest.raises(errors.ValidationError, match="does not hold the text it was made of"):
        verification.verify_artifact(publish(raw_size_bytes=len(DUMP) + 1), server())


def test_a_dump_that_was_never_complete_is_refused(publish: Publish) -> None:
    with pytest.raises(errors.ValidationError, match="not complete"):
        verification.verify_artifact(publish(DUMP[: -len("complete\n--\n")]), server())


def test_an_artifact_of_another_family_is_refused_before_it_is_read(publish: Publish) -> None:
    artifact = publish()
    artifact.paths.data.unlink()
    with pytest.raises(errors.ValidationError, match="artifact of a postgresql database"):
        verification.verify_artifact(artifact, server("mysql"))


def test_a_data_file_that_is_gone_is_not_found(publish: Publish) -> None:
    artifact = publish()
    artifact.paths.data.unlink()
    with pytest.raises(errors.NotFoundError):
        verification.verify_artifact(artifact, server())


SCHEMA = SchemaInfoModel(
    tables_count=2, views_count=1, procedures_count=1, functions_count=2, triggers_count=3, schema_hash="hash"
)
TABLES = (
    TableInfo(schema_name="public", name="person", rows=10),
    TableInfo(schema_name="public", name="log", rows=5, exact=False),
)


def found(schema: SchemaInfoModel = SCHEMA, tables: tuple[TableInfo, ...] = TABLES) -> Inspection:
    return Inspection(schema, list(tables), PROPERTIES)


def test_an_equal_database_has_no_differences() -> None:
    comparison = verification.compare(SCHEMA, restore_info(0, *TABLES), found())
    assert comparison.as_dict() == {
        "objects_compared": 9,
        "tables_compared": 1,
        "rows_compared": 10,
        "schema_hash_equal": True,
        "differences": [],
    }


@pytest.mark.parametrize("name", verification.OBJECT_COUNTS)
def test_every_kind_of_object_is_counted(name: str) -> None:
    other = SCHEMA.model_copy(update={name: getattr(SCHEMA, name) + 1})
    differences = verification.compare(SCHEMA, None, found(other)).differences
    kind = name.removesuffix("_count")
    assert differences == [f"{getattr(other, name)} {kind} instead of {getattr(SCHEMA, name)}"]


def test_a_table_with_other_rows_is_a_difference() -> None:
    fewer = (TABLES[0].model_copy(update={"rows": 9}), TABLES[1])
    differences = verification.compare(SCHEMA, restore_info(0, *TABLES), found(tables=fewer)).differences
    assert differences == ["the table public.person has 9 rows instead of 10"]


def test_rows_that_were_not_counted_in_the_snapshot_are_not_compared() -> None:
    more = (TABLES[0], TABLES[1].model_copy(update={"rows": 6}))
    assert verification.compare(SCHEMA, restore_info(0, *TABLES), found(tables=more)).differences == []


def test_a_table_of_the_same_name_in_another_schema_does_not_stand_in() -> None:
    moved = (TABLES[0].model_copy(update={"schema_name": "other"}), TABLES[1])
    differences = verification.compare(SCHEMA, restore_info(0, *TABLES), found(tables=moved)).differences
    assert differences == ["the table public.person is missing"]


def test_another_schema_hash_is_told() -> None:
    other = SCHEMA.model_copy(update={"schema_hash": "another"})
    assert not verification.compare(SCHEMA, None, found(other)).schema_hash_equal
