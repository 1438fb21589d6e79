# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill found, kept beside the artifact."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, layout
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.catalog import Artifact
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.verification import Verification

from tests.integration.artifacts import change_metadata, write_artifact

MOMENT = datetime(2026, 1, 9, 2, tzinfo=timezone.utc)


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    written = write_artifact(tmp_path, hostname="db01", database_id="a", database="shop", moment=MOMENT)
    return catalog.load_artifact(written)


def found(artifact: Artifact, level: Any, passed: bool = True) -> Verification:
    return Verification(
        level=level,
        passed=passed,
        verified_at=MOMENT,
        checksum=artifact.metadata.file_info.checksum,
        error_message=None if passed else "it is damaged",
    )


def known(artifact: Artifact) -> tuple[str, bool] | None:
    """Return the level and the outcome of the record that there is."""
    record = catalog.load_artifact(artifact.paths.metadata).verification
    return None if record is None else (record.level, record.passed)


@pytest.mark.parametrize(
    ("before", "new", "after"),
    [
        (("checksum", True), ("restore", True), ("restore", True)),
        (("restore", True), ("restore", False), ("restore", False)),
        (("restore", False), ("restore", True), ("restore", True)),
        (("restore", True), ("structure", True), ("restore", True)),
        (("restore", False), ("checksum", True), ("restore", False)),
        (("restore", True), ("checksum", False), ("checksum", False)),
        (("checksum", False), ("checksum", True), ("checksum", True)),
    ],
)
def test_the_newest_record_counts_unless_it_is_weaker_and_finds_nothing_wrong(
    artifact: Artifact, before: tuple[str, bool], new: tuple[str, bool], after: tuple[str, bool]
) -> None:
    assert catalog.record_verification(artifact, found(artifact, *before))
    assert catalog.record_verification(artifact, found(artifact, *new)) is (after == new)
    assert known(artifact) == after


def test_a_record_is_private_and_nothing_else_is_left(artifact: Artifact) -> None:
    catalog.record_verification(artifact, found(artifact, "checksum"))
    assert artifact.paths.verification.stat().st_mode & 0o777 == 0o600
    assert not layout.partial(artifact.paths.verification).exists()


def test_a_record_of_another_data_file_does_not_count(artifact: Artifact) -> None:
    catalog.record_verification(artifact, found(artifact, "restore"))
    other = change_metadata(artifact, "file_info", checksum="1" * 64)
    assert other.verification is None
    assert catalog.record_verification(other, found(other, "checksum"))
    assert known(other) == ("checksum", True)


def test_an_artifact_that_is_gone_gets_no_record(artifact: Artifact) -> None:
    artifact.paths.metadata.unlink()
    with pytest.raises(errors.NotFoundError):
        catalog.record_verification(artifact, found(artifact, "restore"))
    assert not artifact.paths.verification.exists()


def test_a_half_written_record_is_removed_by_the_drill_of_its_own_host(artifact: Artifact, tmp_path: Path) -> None:
    half = layout.partial(artifact.paths.verification)
    half.write_text("{", encoding="utf-8")
    foreign = half.parent / ".note.partial"
    foreign.write_text("", encoding="utf-8")
    catalog.sweep_verifications(tmp_path, "db02")
    assert half.exists()
    catalog.sweep_verifications(tmp_path, "db01")
    assert not half.exists()
    assert foreign.exists()
    assert artifact.paths.metadata.exists()
