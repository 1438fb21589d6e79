# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drill as far as it needs no server: levels, records, the time budget, what is told."""

from __future__ import annotations

import itertools
from datetime import datetime, timezone
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, layout, locking
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.catalog import Artifact
from ansible_collections.vya.backupdb.plugins.module_utils._engine.drills import drill

from tests.integration.artifacts import write_artifact
from tests.integration.drills import flip_bit, store_of, verify, write_sections
from tests.integration.scenes import HOSTNAME, files_of

DUMP = b"--\n-- PostgreSQL database dump\n--\n\n--\n-- PostgreSQL database dump complete\n--\n"
WHERE = drill.Where(work_path=Path("/nowhere"))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "store"


def write(base: Path, database: str, day: int = 9) -> Artifact:
    """Write a good artifact of a database."""
    moment = datetime(2026, 1, day, 2, tzinfo=timezone.utc)
    metadata = write_artifact(base, hostname=HOSTNAME, database_id="a", database=database, moment=moment)
    return write_sections(catalog.load_artifact(metadata), [DUMP])


def again(artifact: Artifact) -> Artifact:
    """Return an artifact as it is now."""
    return catalog.load_artifact(artifact.paths.metadata)


@pytest.mark.parametrize("level", ["checksum", "structure"])
def test_a_good_artifact_gets_a_record_of_the_level(base: Path, level: str) -> None:
    artifact = write(base, "shop")
    drilled = verify(base, WHERE, level=level)
    (result,) = drilled.results
    assert (result.success, result.level, result.recorded) == (True, level, True)
    assert drilled.changed
    assert drilled.error_code() is None
    drilled.raise_for_failures()
    found = again(artifact).verification
    assert found is not None
    assert (found.level, found.passed, found.error_message) == (level, True, None)
    assert found.verified_at == result.timestamp
    assert list(found.evidence) == ["checksum", "structure"][: 1 + (level == "structure")]


def test_a_damaged_artifact_gets_a_record_of_what_is_wrong_and_does_not_stop_the_others(base: Path) -> None:
    bad = write(base, "bad")
    write(base, "good")
    flip_bit(bad)
    drilled = verify(base, WHERE, level="structure")
    assert drilled.summary() == {"total": 2, "successful": 1, "failed": 1, "left_out": 0}
    assert drilled.error_code() == "partial_failure"
    with pytest.raises(
        errors.RunError, match=f"1 of 2 verifications failed: a/bad: .*{bad.paths.data.name}"
    ) as failure:
        drilled.raise_for_failures()
    assert failure.value.details()["changed"] is True
    found = again(bad).verification
    assert found is not None
    assert (found.level, found.passed) == ("checksum", False)
    assert "checksum is not that of its metadata" in str(found.error_message)


def test_a_data_file_that_is_gone_is_a_failure_of_its_artifact(base: Path) -> None:
    artifact = write(base, "shop")
    artifact.paths.data.unlink()
    drilled = verify(base, WHERE, artifact.paths.data, level="checksum")
    assert drilled.error_code() == "validation_error"
    found = again(artifact).verification
    assert found is not None
    assert not found.passed


def test_a_drill_that_cannot_be_made_fails_and_leaves_the_record_as_it_was(base: Path) -> None:
    artifact = write(base, "shop")
    verify(base, WHERE, level="structure")
    before = files_of(base)
    drilled = verify(base, WHERE, level="restore")
    (result,) = drilled.results
    assert (result.success, result.level, result.recorded) == (False, "restore", False)
    assert result.error_code == "config_error"
    assert "/nowhere" in str(result.error_message)
    assert artifact.paths.data.name in str(result.error_message)
    assert not drilled.changed
    assert files_of(base) == before


def test_a_weaker_level_that_finds_nothing_wrong_writes_nothing_over_a_stronger_one(base: Path) -> None:
    write(base, "shop")
    verify(base, WHERE, level="structure")
    before = files_of(base)
    drilled = verify(base, WHERE, level="checksum")
    assert drilled.results[0].success
    assert not drilled.changed
    assert files_of(base) == before


def test_no_drill_is_begun_when_the_time_is_used_up(base: Path) -> None:
    artifacts = [write(base, name) for name in ("a", "b", "c")]
    clock = itertools.count()
    choice = drill.Choice(time_budget=1.5)
    drilled = drill.verify(choice, "checksum", WHERE, store_of(base), timer=lambda: float(next(clock)))
    assert [result.database_name for result in drilled.results] == ["a"]
    assert drilled.left_out == [artifact.paths.data for artifact in artifacts[1:]]
    assert drilled.as_dict()["left_out"] == [str(artifact.paths.data) for artifact in artifacts[1:]]
    assert drilled.summary() == {"total": 1, "successful": 1, "failed": 0, "left_out": 2}
    assert drilled.error_code() is None
    # What had its turn least recently is first the next time.
    drilled = drill.verify(choice, "checksum", WHERE, store_of(base), timer=lambda: float(next(clock)))
    assert [result.database_name for result in drilled.results] == ["b"]


def test_check_mode_says_what_would_be_verified_and_writes_nothing(base: Path) -> None:
    artifact = write(base, "shop")
    before = files_of(base)
    drilled = drill.verify(drill.Choice(), "restore", WHERE, store_of(base), check=True)
    assert drilled.as_dict()["plan"] == [
        {
            "database_id": "a",
            "database_name": "shop",
            "backup_file": str(artifact.paths.data),
            "level": "restore",
        }
    ]
    assert drilled.results == []
    assert files_of(base) == before


def test_two_drills_of_a_host_are_not_made_at_once(base: Path) -> None:
    write(base, "shop")
    with locking.hold(layout.drill_lock(base, HOSTNAME), "the other drill"), pytest.raises(errors.LockedError):
        verify(base, WHERE, level="checksum")


def test_an_artifact_that_is_removed_meanwhile_is_no_failure(base: Path) -> None:
    listed = write(base, "shop")
    other = write(base, "zoo")

    asked = itertools.count()

    def timer() -> float:
        # It is asked for once before the listing, and then before each artifact.
        if next(asked) == 2:
            other.paths.metadata.unlink()
        return 0.0

    drilled = drill.verify(drill.Choice(time_budget=10), "checksum", WHERE, store_of(base), timer=timer)
    assert [result.backup_file for result in drilled.results] == [listed.paths.data]
    assert "was removed while" in drilled.warnings[0]
    assert not other.paths.verification.exists()
