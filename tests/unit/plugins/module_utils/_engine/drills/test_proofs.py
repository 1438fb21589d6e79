# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an artifact's file and text show, and what they cannot hide."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.catalog import Artifact
from ansible_collections.vya.backupdb.plugins.module_utils._engine.drills import proofs

from tests.integration.artifacts import change_metadata, write_artifact
from tests.integration.drills import flip_bit, write_sections

MOMENT = datetime(2026, 1, 9, 2, tzinfo=timezone.utc)
HEAD = b"--\n-- PostgreSQL database dump\n--\n\nCREATE TABLE a ();\n"
ROWS = b"COPY public.a FROM stdin;\n\\.\n"
END = b"\n--\n-- PostgreSQL database dump complete\n--\n"


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    """An artifact of three sections."""
    metadata = write_artifact(tmp_path, hostname="h", database_id="a", database="shop", moment=MOMENT)
    return write_sections(catalog.load_artifact(metadata), [HEAD, ROWS, END])


def change_section(artifact: Artifact, number: int, **changes: Any) -> Artifact:
    metadata = json.loads(artifact.paths.metadata.read_text(encoding="utf-8"))
    metadata["restore_info"]["sections"][number].update(changes)
    artifact.paths.metadata.write_text(json.dumps(metadata), encoding="utf-8")
    return catalog.load_artifact(artifact.paths.metadata)


def test_a_good_artifact_passes_both(artifact: Artifact) -> None:
    size = artifact.paths.data.stat().st_size
    assert proofs.of_file(artifact) == {"size_bytes": size, "checksum_algorithm": "sha256"}
    text, evidence = proofs.of_text(artifact)
    assert text.head == HEAD + ROWS + END
    assert evidence == {"raw_size_bytes": len(HEAD + ROWS + END), "sections": 3}


def cut(artifact: Artifact) -> None:
    artifact.paths.data.write_bytes(artifact.paths.data.read_bytes()[:-9])


def forge_checksum_file(artifact: Artifact) -> None:
    artifact.paths.checksum.write_text(f"{'0' * 64}  {artifact.paths.data.name}\n", encoding="ascii")


def rename_in_checksum_file(artifact: Artifact) -> None:
    artifact.paths.checksum.write_text(f"{artifact.metadata.file_info.checksum}  other.sql.gz\n", encoding="ascii")


@pytest.mark.parametrize(
    "damage",
    [
        flip_bit,
        cut,
        forge_checksum_file,
        rename_in_checksum_file,
        lambda artifact: artifact.paths.checksum.unlink(),
        lambda artifact: artifact.paths.data.unlink(),
        lambda artifact: change_metadata(artifact, "file_info", size_bytes=4711),
    ],
    ids=["a bit", "cut", "digest", "name", "no checksum file", "no data", "size"],
)
def test_a_file_that_is_not_what_it_was_is_the_fault_of_the_artifact(
    artifact: Artifact, damage: Callable[[Artifact], object]
) -> None:
    damage(artifact)
    with pytest.raises(errors.FaultyArtifactError):
        proofs.of_file(catalog.load_artifact(artifact.paths.metadata))


def test_a_file_that_cannot_be_read_is_no_fault_of_the_artifact(artifact: Artifact) -> None:
    artifact.paths.data.unlink()
    artifact.paths.data.mkdir()
    with pytest.raises(errors.StorageError):
        proofs.of_file(artifact)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ([HEAD, ROWS, b"and no trailer"], "not complete"),
        ([b"-- MariaDB dump\n", ROWS, END.replace(b"PostgreSQL", b"My")], "PostgreSQL"),
        ([HEAD.replace(b"CREATE TABLE a ();", b"\\connect postgres"), ROWS, END], "names its own database"),
    ],
    ids=["no trailer", "of another family", "to another database"],
)
def test_a_text_that_is_no_whole_dump_of_one_database_is_refused(
    artifact: Artifact, texts: list[bytes], said: str
) -> None:
    changed = write_sections(artifact, texts)
    proofs.of_file(changed)
    with pytest.raises(errors.FaultyArtifactError, match=said):
        proofs.of_text(changed)


@pytest.mark.parametrize(
    ("number", "changes", "said"),
    [
        (1, {"offset_bytes": 1}, "where its section 1 begins"),
        (1, {"raw_length_bytes": 1}, "section 1 of .* does not hold"),
        (2, {"length_bytes": 9}, "truncated|damaged"),
        (0, {"length_bytes": 9999}, "begins|does not hold"),
    ],
)
def test_sections_that_are_not_where_the_metadata_says_are_refused(
    artifact: Artifact, number: int, changes: dict[str, int], said: str
) -> None:
    with pytest.raises(errors.FaultyArtifactError, match=said):
        proofs.of_text(change_section(artifact, number, **changes))


def test_data_behind_the_last_section_is_refused(artifact: Artifact) -> None:
    with artifact.paths.data.open("ab") as file:
        file.write(gzip.compress(b"more"))
    longer = change_metadata(artifact, "file_info", size_bytes=artifact.paths.data.stat().st_size)
    with pytest.raises(errors.FaultyArtifactError, match="does not end where the last section"):
        proofs.of_text(longer)


def test_metadata_of_another_file_is_refused(artifact: Artifact) -> None:
    other = change_metadata(artifact, "file_info", filename="other.sql.gz")
    with pytest.raises(errors.FaultyArtifactError, match=r"tells of other\.sql\.gz"):
        proofs.of_text(other)


def test_what_was_broken_off_is_no_fault_of_the_artifact() -> None:
    with pytest.raises(errors.BrokenOffError), proofs.blamed():
        raise errors.BrokenOffError("psql was killed by signal 9")
