# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An artifact that is removed is there or not there at every moment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, layout, locking
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import accounts_catalog, catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import StorageConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.retention import removal

from tests.integration.retained import (
    HOSTNAME,
    NOON,
    all_files,
    days_ago,
    write_accounts,
    write_backup,
    write_drill,
)

NAMES = {"hostname": HOSTNAME, "database_id": "a", "database_name": "shop"}


def buried(artifact: catalog.Artifact | accounts_catalog.AccountsArtifact) -> Path:
    """Leave an artifact as a run does that dies after the first step of its removal."""
    os.rename(artifact.paths.metadata, artifact.paths.tombstone)
    return artifact.paths.tombstone


def test_all_files_of_an_artifact_go_and_those_of_others_stay(tmp_path: Path) -> None:
    gone, other = write_backup(tmp_path, NOON), write_backup(tmp_path, days_ago(1))
    write_drill(gone)
    write_drill(other)
    before = all_files(tmp_path)
    removal.remove(gone.paths)
    assert before - all_files(tmp_path) == {
        f"host/a/shop/2026-03-31/shop_20260331_120000_full{suffix}"
        for suffix in (".sql.gz", ".sql.gz.sha256", ".metadata.json", ".verification.json")
    }
    assert [each.paths for each in catalog.list_artifacts(tmp_path).artifacts] == [other.paths]


def test_an_accounts_artifact_goes_like_any_other(tmp_path: Path) -> None:
    removal.remove(write_accounts(tmp_path, NOON).paths)
    assert all_files(tmp_path) == set()


def test_an_artifact_is_not_listed_from_the_first_step_on(tmp_path: Path) -> None:
    tombstone = buried(write_backup(tmp_path, NOON))
    assert catalog.list_artifacts(tmp_path) == catalog.Listing()
    assert catalog.sweep(tmp_path) == []
    assert tombstone.exists()


@pytest.mark.parametrize("lost", [[], ["data"], ["data", "checksum"], ["data", "checksum", "verification"]])
def test_a_removal_is_finished_from_wherever_it_ended(tmp_path: Path, lost: list[str]) -> None:
    artifact = write_backup(tmp_path, NOON)
    write_drill(artifact)
    tombstone = buried(artifact)
    for name in lost:
        getattr(artifact.paths, name).unlink()
    assert removal.finish(tombstone, HOSTNAME)
    assert all_files(tmp_path) == set()


def test_the_removal_of_accounts_is_finished_too(tmp_path: Path) -> None:
    assert removal.finish(buried(write_accounts(tmp_path, NOON)), HOSTNAME)
    assert all_files(tmp_path) == set()


def test_a_check_says_what_would_be_finished_and_leaves_it(tmp_path: Path) -> None:
    tombstone = buried(write_backup(tmp_path, NOON))
    before = all_files(tmp_path)
    assert removal.finish(tombstone, HOSTNAME, check=True)
    assert all_files(tmp_path) == before


@pytest.mark.parametrize("hostname", ["a-host", "z-host"])
def test_the_tombstone_of_another_host_is_left_to_it(tmp_path: Path, hostname: str) -> None:
    tombstone = buried(write_backup(tmp_path, NOON, hostname=hostname))
    before = all_files(tmp_path)
    assert not removal.finish(tombstone, HOSTNAME)
    assert all_files(tmp_path) == before


def test_a_tombstone_that_does_not_say_whose_it_is_is_left_alone(tmp_path: Path) -> None:
    tombstone = buried(write_backup(tmp_path, NOON))
    tombstone.write_text("{}", encoding="utf-8")
    before = all_files(tmp_path)
    with pytest.raises(errors.ValidationError, match="is not valid metadata"):
        removal.finish(tombstone, HOSTNAME)
    assert all_files(tmp_path) == before


def test_an_artifact_that_somebody_brought_back_is_not_removed_by_its_tombstone(tmp_path: Path) -> None:
    artifact = write_backup(tmp_path, NOON)
    artifact.paths.tombstone.write_bytes(artifact.paths.metadata.read_bytes())
    with pytest.raises(errors.ValidationError, match="is of an artifact that is there again"):
        removal.finish(artifact.paths.tombstone, HOSTNAME)
    assert artifact.paths.data.exists()


def test_no_new_artifact_takes_the_name_of_one_that_is_being_removed(tmp_path: Path) -> None:
    artifact = write_backup(tmp_path, NOON)
    buried(artifact)
    artifact.paths.data.unlink()
    moments = iter([NOON, days_ago(1)])
    with catalog.draft(StorageConfig(base_path=tmp_path), clock=lambda: next(moments), **NAMES) as draft:
        assert draft.moment == days_ago(1)


def test_an_artifact_that_a_run_holds_is_not_removed(tmp_path: Path) -> None:
    artifact = write_backup(tmp_path, NOON)
    before = all_files(tmp_path)
    with artifact.data.open("rb") as held:
        assert locking.try_lock(held.fileno())
        with pytest.raises(errors.LockedError, match="is in use by another run"):
            removal.remove(artifact.paths)
    assert all_files(tmp_path) == before


def test_what_cannot_be_removed_is_a_storage_error(tmp_path: Path) -> None:
    artifact = write_backup(tmp_path, NOON)
    artifact.paths.tombstone.mkdir()
    with pytest.raises(errors.StorageError, match="cannot be removed"):
        removal.remove(artifact.paths)
    assert catalog.load_artifact(artifact.paths.metadata) == artifact


def test_only_an_empty_folder_below_the_storage_is_removed(tmp_path: Path) -> None:
    base = tmp_path / "2026-01-09"
    empty, full, hidden, outside = base / "x", base / "y", base / ".z", tmp_path / "w"
    for folder in (empty, full, hidden, outside):
        folder.mkdir(parents=True)
    (full / ".notes").touch()
    assert [removal.remove_folder(base, each) for each in (empty, full, hidden, outside, base, tmp_path)] == [
        True,
        False,
        False,
        False,
        False,
        False,
    ]
    assert sorted(each.name for each in base.iterdir()) == [".z", "y"]


def test_a_backup_whose_folder_is_removed_under_it_makes_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_open = os.open
    removed: list[bool] = []

    def open_late(path: Path, *arguments: int) -> int:
        if layout.is_partial(path.name) and not removed:
            removed.append(removal.remove_folder(tmp_path, path.parent))
        return really_open(path, *arguments)

    monkeypatch.setattr(os, "open", open_late)
    monkeypatch.setattr(catalog, "NAME_POLL_SECONDS", 0)
    moments = iter([days_ago(1), NOON])
    with catalog.draft(StorageConfig(base_path=tmp_path), clock=lambda: next(moments), **NAMES) as draft:
        monkeypatch.undo()
        assert removed == [True]
        assert draft.data.exists()


def test_the_name_of_a_tombstone_leads_to_all_files(tmp_path: Path) -> None:
    paths = layout.artifact_paths(tmp_path, "shop.metadata.json", NOON, "md5")
    assert layout.is_tombstone(paths.tombstone.name)
    assert not layout.is_tombstone(paths.metadata.name)
    assert not layout.is_partial(paths.tombstone.name)
    assert layout.paths_of_tombstone(paths.tombstone, "md5") == paths
