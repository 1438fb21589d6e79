# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metadata of an artifact."""

from __future__ import annotations

import copy
import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models._pydantic import PydanticError
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import (
    EMPTY_DIGESTS,
    BackupInfoModel,
    BackupMetadata,
    human_size,
)
from hypothesis import given
from hypothesis import strategies as st

EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
DOCUMENTED: dict[str, Any] = {
    "backup_info": {
        "database_id": "prod-mysql-01",
        "database_name": "mydb",
        "database_type": "mysql",
        "hostname": "wfdb02",
        "backup_type": "full",
        "timestamp": "2026-01-09T02:00:00-03:00",
        "duration_seconds": 45.2,
        "status": "success",
    },
    "file_info": {
        "filename": "mydb_20260109_020000_full.sql.gz",
        "size_bytes": 1572864,
        "size_human": "1.5 MB",
        "compression_level": 6,
        "checksum_algorithm": "sha256",
        "checksum": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    },
    "schema_info": {
        "tables_count": 25,
        "views_count": 5,
        "procedures_count": 10,
        "functions_count": 3,
        "triggers_count": 2,
        "schema_hash": "a1b2c3d4e5f6789...",
    },
    "version": "2.0.0",
}
RESTORE = {
    "server_flavour": "postgresql",
    "server_version": "15.18",
    "client_program": "/usr/lib/postgresql/15/bin/pg_dump",
    "client_version": "15.18",
    "compressor": "zlib_ng",
    "properties": {
        "encoding": "UTF8",
        "locale": "C.UTF-8",
        "owner": "shop",
        "connection_limit": -1,
        "settings": [{"role": "shop", "name": "search_path", "value": "a, b"}],
        "grants": [{"grantor": "postgres", "privilege": "CONNECT", "grantable": False}],
    },
    "extensions": [{"name": "pg_trgm", "version": "1.6", "schema_name": "public"}],
    "raw_size_bytes": 4000,
    "sections": [
        {"kind": "pre_data", "tables": [], "offset_bytes": 0, "length_bytes": 1000, "raw_length_bytes": 1500},
        {
            "kind": "data",
            "tables": ["public.t"],
            "offset_bytes": 1000,
            "length_bytes": 1571864,
            "raw_length_bytes": 2500,
            "depends_on": [0],
        },
    ],
    "tables": [{"schema_name": "public", "name": 'a"b', "rows": 3, "exact": True, "fingerprint": "ab"}],
    "accounts_artifact": "users_20260109_020000.sql.gz",
    "accounts": ["app", "reader"],
    "owners": ["app"],
    "collations": ["C"],
    "tablespaces": ["fast"],
    "sequences": [{"schema_name": "public", "name": "t_id_seq", "number": -4, "descending": True}],
    "invalid": ["index public.t_note"],
    "database_size_bytes": 8000000,
    "schema_hash_scheme": "settled-rows-1",
    "objects": [{"kind": "table", "schema_name": "public", "name": "orders", "digest": "0123456789abcdef"}],
    "lanes": 2,
    "lock_held_seconds": 0.05,
    "warnings": ["the read lock was held too long"],
}


def encoded(document: Any) -> bytes:
    return json.dumps(document).encode("utf-8")


def changed(path: str, value: Any) -> dict[str, Any]:
    document: Any = copy.deepcopy({**DOCUMENTED, "restore_info": RESTORE})
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    target = document
    for step in steps:
        target = target[step]
    target[last] = value
    return dict(document)


def problems(document: Any) -> list[str]:
    with pytest.raises(errors.ValidationError) as caught:
        BackupMetadata.from_json(encoded(document), "f.metadata.json")
    return [problem["path"] for problem in caught.value.details()["errors"]]


def test_the_documented_metadata_loads_and_is_written_as_it_was() -> None:
    loaded = BackupMetadata.from_json(encoded(DOCUMENTED), "f")
    assert json.loads(loaded.to_json()) == DOCUMENTED
    assert loaded.backup_info.timestamp == datetime(2026, 1, 9, 2, tzinfo=timezone(timedelta(hours=-3)))


def test_what_a_restore_needs_is_written_as_it_was() -> None:
    document = {**DOCUMENTED, "restore_info": RESTORE}
    assert json.loads(BackupMetadata.from_json(encoded(document), "f").to_json()) == document


def test_the_file_is_indented_and_ends_with_a_line_end() -> None:
    text = BackupMetadata.from_json(encoded(DOCUMENTED), "f").to_json()
    assert text.startswith('{\n  "backup_info": {\n    "database_id"')
    assert text.endswith("}\n")


def test_a_moment_in_utc_is_written_with_an_offset_that_every_python_reads() -> None:
    document = changed("backup_info.timestamp", "2026-01-09T05:00:00Z")
    text = BackupMetadata.from_json(encoded(document), "f").to_json()
    assert json.loads(text)["backup_info"]["timestamp"] == "2026-01-09T05:00:00+00:00"


def test_what_is_missing_has_its_documented_default() -> None:
    document = copy.deepcopy(DOCUMENTED)
    del document["version"], document["backup_info"]["backup_type"]
    document["schema_info"] = {"tables_count": 1, "schema_hash": "x"}
    loaded = BackupMetadata.from_json(encoded(document), "f")
    assert (loaded.version, loaded.backup_info.backup_type) == ("2.0.0", "full")
    counts = loaded.schema_info
    assert (counts.views_count, counts.procedures_count, counts.functions_count, counts.triggers_count) == (0,) * 4


def test_keys_of_another_version_are_passed_over() -> None:
    document = changed("backup_info.colour", "red")
    assert "colour" not in BackupMetadata.from_json(encoded({**document, "new": 1}), "f").to_json()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("backup_info.database_id", ""),
        ("backup_info.database_name", ""),
        ("backup_info.database_type", "oracle"),
        ("backup_info.backup_type", "half"),
        ("backup_info.timestamp", "2026-01-09T02:00:00"),
        ("backup_info.timestamp", "2026-01-09"),
        ("backup_info.timestamp", 1767935000),
        ("backup_info.timestamp", "1767935000"),
        ("backup_info.duration_seconds", -1),
        ("backup_info.duration_seconds", "45.2"),
        ("backup_info.status", "ok"),
        ("file_info.filename", "../x.sql.gz"),
        ("file_info.filename", "/x.sql.gz"),
        ("file_info.filename", ".."),
        ("file_info.filename", ""),
        ("file_info.filename", "a\0b"),
        ("file_info.size_bytes", -1),
        ("file_info.size_bytes", "1572864"),
        ("file_info.compression_level", 0),
        ("file_info.compression_level", 10),
        ("file_info.checksum_algorithm", "sha1"),
        ("file_info.checksum", "zz"),
        ("file_info.checksum", "zz" * 32),
        ("file_info.checksum", "ab" * 16),
        ("file_info.checksum", "ab" * 32 + "\n"),
        ("file_info.checksum", ""),
        ("file_info.checksum", EMPTY_SHA256),
        ("file_info.checksum", EMPTY_SHA256.upper()),
        ("schema_info.tables_count", -1),
        ("schema_info.tables_count", "25"),
        ("restore_info.server_flavour", "oracle"),
        ("restore_info.sections.0.kind", "half"),
        ("restore_info.sections.0.offset_bytes", -1),
        ("restore_info.tables.0.rows", "3"),
    ],
)
def test_a_value_against_a_rule_is_refused_by_its_path(path: str, value: Any) -> None:
    assert problems(changed(path, value)) == [path]


def test_an_md5_checksum_has_32_digits_and_is_not_that_of_an_empty_file() -> None:
    document = changed("file_info.checksum_algorithm", "md5")
    assert problems(document) == ["file_info.checksum"]
    document["file_info"]["checksum"] = EMPTY_MD5
    assert problems(document) == ["file_info.checksum"]
    document["file_info"]["checksum"] = "AB" * 16
    assert BackupMetadata.from_json(encoded(document), "f").file_info.checksum == "ab" * 16


def test_the_digests_of_nothing_are_what_hashing_nothing_gives() -> None:
    assert {EMPTY_SHA256, EMPTY_MD5} == EMPTY_DIGESTS


def test_a_successful_backup_has_a_size() -> None:
    with pytest.raises(errors.ValidationError, match=re.escape("file_info.size_bytes must be greater than 0")):
        BackupMetadata.from_json(encoded(changed("file_info.size_bytes", 0)), "f")


@pytest.mark.parametrize("status", ["failed", "partial"])
def test_a_backup_that_went_wrong_says_why(status: str) -> None:
    document = changed("backup_info.status", status)
    assert problems(document) == ["backup_info.error_message"]
    document["backup_info"]["error_message"] = "accounts could not be dumped"
    assert BackupMetadata.from_json(encoded(document), "f").backup_info.status == status


def test_a_failed_backup_may_have_no_bytes() -> None:
    document = changed("backup_info.status", "failed")
    document["backup_info"]["error_message"] = "x"
    document["file_info"].update(size_bytes=0, checksum=EMPTY_SHA256)
    assert BackupMetadata.from_json(encoded(document), "f").file_info.size_bytes == 0


def test_all_problems_are_named_at_once_with_the_file() -> None:
    document = changed("file_info.checksum", "zz")
    document["backup_info"]["timestamp"] = "2026-01-09T02:00:00"
    del document["schema_info"]["schema_hash"]
    with pytest.raises(errors.ValidationError) as caught:
        BackupMetadata.from_json(encoded(document), "/base/f.metadata.json")
    assert caught.value.message.startswith("/base/f.metadata.json is not valid metadata: ")
    for path in ("file_info.checksum: ", "backup_info.timestamp: ", "schema_info.schema_hash: "):
        assert path in caught.value.message


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b'{"backup_info": 1}'])
def test_anything_that_is_not_metadata_is_a_validation_error(content: bytes) -> None:
    with pytest.raises(errors.ValidationError):
        BackupMetadata.from_json(content, "f")


def test_a_naive_moment_is_refused_in_python_too() -> None:
    with pytest.raises(PydanticError):
        BackupInfoModel(
            database_id="a",
            database_name="b",
            database_type="mysql",
            hostname="h",
            timestamp=datetime(2026, 1, 9),  # noqa: DTZ001
            duration_seconds=1,
            status="success",
        )


@given(name=st.text(min_size=1), seconds=st.integers(0, 4_000_000_000), offset=st.integers(-14 * 60, 14 * 60))
def test_any_name_and_moment_survive_the_file(name: str, seconds: int, offset: int) -> None:
    moment = datetime.fromtimestamp(seconds, timezone(timedelta(minutes=offset)))
    document = changed("backup_info.database_name", name)
    document["backup_info"]["timestamp"] = moment.isoformat()
    loaded = BackupMetadata.from_json(encoded(document), "f")
    again = BackupMetadata.from_json(loaded.to_json().encode("utf-8"), "f")
    assert again == loaded
    assert again.backup_info.database_name == name
    assert again.backup_info.timestamp.isoformat() == moment.isoformat()


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0.0 B"),
        (1023, "1023.0 B"),
        (1024, "1.0 KB"),
        (1572864, "1.5 MB"),
        (1024**2 - 1, "1.0 MB"),
        (1024**3, "1.0 GB"),
        (5 * 1024**4, "5.0 TB"),
        (3 * 1024**5, "3.0 PB"),
    ],
)
def test_sizes_are_told_with_base_1024_and_one_decimal(size_bytes: int, text: str) -> None:
    assert human_size(size_bytes) == text
