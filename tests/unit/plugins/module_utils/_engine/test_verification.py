# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts and restored databases beside what they should be."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, verification
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.registry import server_at
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.values import (
    FINGERPRINT_SCHEME,
    SCHEMA_HASH_SCHEME,
    Endpoint,
    Family,
    Inspection,
    TableKey,
    fingerprint,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import StorageConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import (
    BackupInfoModel,
    BackupMetadata,
    DatabaseProperties,
    FileInfoModel,
    LargeObjectsInfo,
    RestoreInfo,
    SchemaInfoModel,
    SequenceInfo,
    TableInfo,
    human_size,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engine.secrets import Login

MOMENT = datetime(2026, 1, 9, 2, tzinfo=timezone.utc)
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


def found(schema: SchemaInfoModel = SCHEMA, tables: tuple[TableInfo, ...] = TABLES, **more: Any) -> Inspection:
    return Inspection(schema, list(tables), PROPERTIES, **more)


def compare(
    expected: RestoreInfo | None, inspection: Inspection, keys: Sequence[TableKey] = (), version: str = "15.20"
) -> verification.Comparison:
    """Compare with what a server of a version says."""
    info = BackupInfoModel(
        database_id="a",
        database_name="shop",
        database_type="postgresql",
        hostname="host",
        timestamp=MOMENT,
        duration_seconds=1,
        status="success",
    )
    file_info = FileInfoModel(
        filename="a.sql.gz",
        size_bytes=1,
        size_human="1 B",
        compression_level=6,
        checksum_algorithm="sha256",
        checksum="a" * 64,
    )
    metadata = BackupMetadata(backup_info=info, file_info=file_info, schema_info=SCHEMA, restore_info=expected)
    one = server()
    one.__dict__["version"] = version
    return verification.compare(metadata, inspection, one, keys)


def test_an_equal_database_has_no_differences() -> None:
    comparison = compare(restore_info(0, *TABLES), found())
    assert comparison.as_dict() == {
        "objects_compared": 9,
        "tables_compared": 1,
        "rows_compared": 10,
        "fingerprints_compared": 0,
        "sequences_compared": 0,
        "large_objects_compared": 0,
        "schema_hash_equal": True,
        "differences": [],
    }


FIRST, SECOND = f"{FINGERPRINT_SCHEME}:1", f"{FINGERPRINT_SCHEME}:2"


@pytest.mark.parametrize(
    ("expected", "here", "differences"),
    [
        (None, LargeObjectsInfo(count=2), []),
        (LargeObjectsInfo(count=2), None, []),
        (LargeObjectsInfo(count=2, fingerprint=FIRST), LargeObjectsInfo(count=2), []),
        (LargeObjectsInfo(count=2, fingerprint="other:1"), LargeObjectsInfo(count=2, fingerprint=FIRST), []),
        (LargeObjectsInfo(count=2), LargeObjectsInfo(count=1), ["1 large objects instead of 2"]),
        (LargeObjectsInfo(count=2), LargeObjectsInfo(count=3), ["3 large objects instead of 2"]),
        (
            LargeObjectsInfo(count=2, fingerprint=FIRST),
            LargeObjectsInfo(count=2, fingerprint=SECOND),
            ["the 2 large objects have other content"],
        ),
        (
            LargeObjectsInfo(count=2, fingerprint=SECOND),
            LargeObjectsInfo(count=2, fingerprint=FIRST),
            ["the 2 large objects have other content"],
        ),
    ],
)
def test_large_objects_are_compared_as_far_as_both_are_known(
    expected: LargeObjectsInfo | None, here: LargeObjectsInfo | None, differences: list[str]
) -> None:
    described = restore_info(0, *TABLES).model_copy(update={"large_objects": expected})
    comparison = compare(described, found(large_objects=here))
    assert comparison.differences == differences
    assert comparison.large_objects_compared == (here.count if expected and here else 0)


@pytest.mark.parametrize("more", [1, -1])
@pytest.mark.parametrize("name", verification.OBJECT_COUNTS)
def test_every_kind_of_object_is_counted(name: str, more: int) -> None:
    other = SCHEMA.model_copy(update={name: getattr(SCHEMA, name) + more})
    differences = compare(None, found(other)).differences
    kind = name.removesuffix("_count")
    assert differences == [f"{getattr(other, name)} {kind} instead of {getattr(SCHEMA, name)}"]


@pytest.mark.parametrize("rows", [0, 9, 11])
def test_a_table_with_other_rows_is_a_difference(rows: int) -> None:
    other = (TABLES[0].model_copy(update={"rows": rows}), TABLES[1])
    differences = compare(restore_info(0, *TABLES), found(tables=other)).differences
    assert differences == [f"the table public.person has {rows} rows instead of 10"]


def test_rows_that_were_not_counted_in_the_snapshot_are_not_compared() -> None:
    more = (TABLES[0], TABLES[1].model_copy(update={"rows": 6}))
    assert compare(restore_info(0, *TABLES), found(tables=more)).differences == []


def with_fingerprint(taken: str | None, rows: int = 10) -> tuple[TableInfo, ...]:
    return (TABLES[0].model_copy(update={"fingerprint": taken, "rows": rows}), TABLES[1])


def compare_fingerprints(dumped: str | None, restored: str | None, rows: int = 10) -> verification.Comparison:
    expected = restore_info(0, *with_fingerprint(dumped))
    return compare(expected, found(tables=with_fingerprint(restored, rows)))


def test_equal_fingerprints_are_no_difference_and_are_told() -> None:
    comparison = compare_fingerprints(fingerprint(5), fingerprint(5))
    assert (comparison.differences, comparison.fingerprints_compared) == ([], 1)


@pytest.mark.parametrize("restored", [fingerprint(6), None, "of-the-future:0000000000000005"])
def test_a_table_with_another_fingerprint_or_none_is_a_difference(restored: str | None) -> None:
    differences = compare_fingerprints(fingerprint(5), restored).differences
    assert differences == ["the table public.person has other content in its 10 rows"]


def test_of_a_table_with_other_rows_the_number_alone_is_told() -> None:
    differences = compare_fingerprints(fingerprint(5), fingerprint(6), rows=9).differences
    assert differences == ["the table public.person has 9 rows instead of 10"]


@pytest.mark.parametrize("dumped", [None, "of-the-future:0000000000000005", f"{FINGERPRINT_SCHEME}2:5"])
def test_a_fingerprint_that_is_missing_or_of_another_kind_is_passed_over(dumped: str | None) -> None:
    comparison = compare_fingerprints(dumped, fingerprint(5))
    assert (comparison.differences, comparison.fingerprints_compared) == ([], 0)


def test_only_tables_whose_fingerprint_can_be_compared_are_fingerprinted_again() -> None:
    tables = [
        TableInfo(schema_name="a", name="one", rows=0, fingerprint=fingerprint(0)),
        TableInfo(schema_name="b", name="two", rows=0, fingerprint="of-the-future:0"),
        TableInfo(schema_name="b", name="one", rows=0),
    ]
    wanted = verification.fingerprinted(restore_info(0, *tables))
    assert [table.schema_name for table in tables if wanted((table.schema_name, table.name))] == ["a"]
    assert not verification.fingerprinted(None)(("a", "one"))


def test_a_table_of_the_same_name_in_another_schema_does_not_stand_in() -> None:
    moved = (TABLES[0].model_copy(update={"schema_name": "other"}), TABLES[1])
    differences = compare(restore_info(0, *TABLES), found(tables=moved)).differences
    assert differences == ["the table public.person is missing"]


OTHER_HASH, LATER_HASH = (SCHEMA.model_copy(update={"schema_hash": other}) for other in ("another", "the other"))


@pytest.mark.parametrize("other", [OTHER_HASH, LATER_HASH])
def test_another_schema_hash_is_told(other: SchemaInfoModel) -> None:
    assert compare(None, found(other)).schema_hash_equal is False


@pytest.mark.parametrize("other", [OTHER_HASH, LATER_HASH])
@pytest.mark.parametrize(
    ("version", "scheme", "flavour", "count"),
    [
        ("15.1", SCHEMA_HASH_SCHEME, "postgresql", 1),
        ("16.1", SCHEMA_HASH_SCHEME, "postgresql", 0),
        ("14.1", SCHEMA_HASH_SCHEME, "postgresql", 0),
        ("15.1", SCHEMA_HASH_SCHEME, "mysql", 0),
        ("15.1", SCHEMA_HASH_SCHEME, "yet another", 0),
        ("15.1", None, "postgresql", 0),
        ("15.1", "of-the-future", "postgresql", 0),
    ],
)
def test_another_schema_hash_is_a_difference_on_the_same_release_when_it_was_made_alike(
    other: SchemaInfoModel, version: str, scheme: str | None, flavour: str, count: int
) -> None:
    described = {"schema_hash_scheme": scheme, "server_flavour": flavour}
    expected = restore_info(0, *TABLES).model_copy(update=described)
    comparison = compare(expected, found(other), version=version)
    assert (comparison.schema_hash_equal, len(comparison.differences)) == (False, count)


def test_a_sequence_that_would_give_a_number_again_is_a_difference() -> None:
    sequence = SequenceInfo(schema_name="public", name="ids", number=7)
    expected = restore_info(0, *TABLES).model_copy(update={"sequences": [sequence]})
    behind = [sequence.model_copy(update={"number": 6})]
    comparison = compare(expected, found(sequences=behind))
    assert comparison.differences == ["the numbers of public.ids go on at 6 instead of 7"]
    assert comparison.sequences_compared == 1
    assert compare(expected, found(sequences=[sequence])).differences == []


def test_what_is_not_valid_any_more_is_a_difference_unless_it_was_not_when_dumped() -> None:
    expected = restore_info(0, *TABLES).model_copy(update={"invalid": ["index public.a"]})
    differences = compare(expected, found(invalid=["index public.a", "constraint b of public.c"])).differences
    assert differences == ["the constraint b of public.c is not valid"]
    assert compare(expected, found()).differences == []


def test_of_a_restore_of_some_tables_they_alone_are_compared() -> None:
    objects = LargeObjectsInfo(count=2)
    described: dict[str, Any] = {
        "sequences": [SequenceInfo(schema_name="public", name="ids", number=7)],
        "large_objects": objects,
        "schema_hash_scheme": SCHEMA_HASH_SCHEME,
    }
    expected = restore_info(0, *TABLES).model_copy(update=described)
    other = OTHER_HASH.model_copy(update={"tables_count": 1})
    inspection = found(other, TABLES[:1], invalid=["index public.a"], large_objects=objects)
    comparison = compare(expected, inspection, [("public", "person")])
    assert comparison.differences == []
    assert (comparison.tables_compared, comparison.rows_compared, comparison.objects_compared) == (1, 10, 0)
    assert (comparison.sequences_compared, comparison.large_objects_compared) == (0, 0)
    assert comparison.schema_hash_equal is None
    assert compare(expected, inspection, [("public", "log")]).differences == ["the table public.log is missing"]
