# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store of artifacts."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, layout, storage, stream
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import StorageConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import (
    BackupInfoModel,
    BackupMetadata,
    FileInfoModel,
    SchemaInfoModel,
    human_size,
)

MOMENT = datetime(2026, 1, 9, 2, tzinfo=timezone(timedelta(hours=-3)))
DATA = b"not looked at here"


class KilledError(BaseException):
    """Stands for the end of the process: nothing after it runs."""


def metadata_of(draft: catalog.Draft, **info: Any) -> BackupMetadata:
    fields = {"database_id": "a", "database_name": "shop", "hostname": "host", "status": "success", **info}
    return BackupMetadata(
        backup_info=BackupInfoModel(database_type="mysql", timestamp=draft.moment, duration_seconds=1.0, **fields),
        file_info=FileInfoModel(
            filename=draft.paths.data.name,
            size_bytes=len(DATA),
            size_human=human_size(len(DATA)),
            compression_level=6,
            checksum_algorithm="sha256",
            checksum=stream.checksum(draft.data, "sha256"),
        ),
        schema_info=SchemaInfoModel(tables_count=1, schema_hash="x"),
    )


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "backups"


Publish = Callable[..., catalog.Artifact]


@pytest.fixture
def publish(base: Path) -> Publish:
    def make(moment: datetime = MOMENT, **info: Any) -> catalog.Artifact:
        names = {"hostname": "host", "database_id": "a", "database_name": "shop"}
        names.update({name: info[name] for name in names if name in info})
        with catalog.draft(StorageConfig(base_path=base), clock=lambda: moment, **names) as draft:
            draft.sink.write(DATA)
            draft.seal()
            return draft.publish(metadata_of(draft, **info))

    return make


def files(base: Path) -> set[str]:
    return {name for _folder, _folders, names in os.walk(base) for name in names}


WHOLE = {
    "shop_20260109_020000_full.sql.gz",
    "shop_20260109_020000_full.sql.gz.sha256",
    "shop_20260109_020000_full.metadata.json",
}


def test_a_published_draft_is_three_private_files_and_nothing_else(base: Path, publish: Publish) -> None:
    artifact = publish()
    assert files(base) == WHOLE
    for path in (artifact.paths.data, artifact.paths.checksum, artifact.paths.metadata):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert artifact.paths.data.read_bytes() == DATA


def test_the_checksum_file_is_one_that_sha256sum_checks(publish: Publish) -> None:
    paths = publish(database_name='weird db-1 "ü"').paths
    subprocess.run(["sha256sum", "--check", "--strict", paths.checksum.name], cwd=paths.checksum.parent, check=True)


def test_a_draft_that_is_not_published_leaves_no_file(base: Path) -> None:
    names = {"hostname": "h", "database_id": "a", "database_name": "b"}
    with catalog.draft(StorageConfig(base_path=base), clock=lambda: MOMENT, **names) as draft:
        draft.sink.write(DATA)
        assert files(base) == {".b_20260109_020000_full.sql.gz.partial"}
    assert files(base) == set()


def test_a_draft_that_is_not_published_leaves_no_folder_that_it_made(base: Path, publish: Publish) -> None:
    names = {"hostname": "host", "database_id": "a"}
    publish()
    (base / "host" / "a" / "mine").mkdir()
    before, tomorrow = sorted(base.rglob("*")), MOMENT + timedelta(days=1)
    for name in ("shop", "mine", "other"):
        with catalog.draft(StorageConfig(base_path=base), clock=lambda: tomorrow, database_name=name, **names) as draft:
            assert draft.data.parent.is_dir()
        assert sorted(base.rglob("*")) == before


def test_a_draft_that_fails_leaves_the_folder_that_another_one_writes_to(base: Path) -> None:
    names = {"hostname": "host", "database_id": "a", "database_name": "shop"}
    moments = iter([MOMENT, MOMENT + timedelta(seconds=1)])
    config = StorageConfig(base_path=base)
    failing = catalog.draft(config, clock=lambda: next(moments), **names)
    with failing as first:
        other = catalog.draft(config, clock=lambda: next(moments), **names)
        second = other.__enter__()
        assert second.data.parent == first.data.parent
    second.sink.write(DATA)
    second.seal()
    artifact = second.publish(metadata_of(second))
    other.__exit__(None, None, None)
    assert files(base) == {
        path.name for path in (artifact.paths.data, artifact.paths.checksum, artifact.paths.metadata)
    }


@pytest.mark.parametrize("step", ["folder", "file"])
def test_a_draft_makes_its_folder_again_that_a_failing_one_removes_under_it(
    base: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    names = {"hostname": "host", "database_id": "a", "database_name": "shop"}
    config = StorageConfig(base_path=base)
    failing = catalog.draft(config, clock=lambda: MOMENT, **names)
    failing.__enter__()
    # The other has found the folder there, and is about to make the file.
    owner, name = (storage, "make_folder") if step == "folder" else (catalog, "_reserve")
    really = getattr(owner, name)

    def late(*arguments: Any) -> Any:
        made = really(*arguments) if step == "folder" else None
        monkeypatch.undo()
        failing.__exit__(None, None, None)
        return made if step == "folder" else really(*arguments)

    monkeypatch.setattr(owner, name, late)
    with catalog.draft(config, clock=lambda: MOMENT + timedelta(seconds=1), **names) as draft:
        assert draft.data.exists()
    assert list(base.iterdir()) == []


def test_a_name_is_never_used_twice(base: Path, publish: Publish) -> None:
    publish()
    moments = iter([MOMENT, MOMENT, MOMENT + timedelta(seconds=1)])
    names = {"hostname": "host", "database_id": "a", "database_name": "shop"}
    with catalog.draft(StorageConfig(base_path=base), clock=lambda: next(moments), **names) as draft:
        assert draft.paths.data.name == "shop_20260109_020001_full.sql.gz"
    assert files(base) == WHOLE


def test_two_drafts_of_the_same_second_get_different_names(base: Path) -> None:
    names = {"hostname": "host", "database_id": "a", "database_name": "shop"}
    moments = iter([MOMENT, MOMENT, MOMENT + timedelta(seconds=1)])
    config = StorageConfig(base_path=base)
    with (
        catalog.draft(config, clock=lambda: next(moments), **names) as first,
        catalog.draft(config, clock=lambda: next(moments), **names) as second,
    ):
        assert first.paths.data != second.paths.data


def test_a_draft_that_cannot_be_made_is_a_storage_error(base: Path) -> None:
    base.mkdir()
    (base / "host").touch()
    with (
        pytest.raises(errors.StorageError),
        catalog.draft(
            StorageConfig(base_path=base), hostname="host", database_id="a", database_name="b", clock=lambda: MOMENT
        ),
    ):
        pass


def test_artifacts_are_listed_newest_first_as_they_were_published(base: Path, publish: Publish) -> None:
    first, third, second = publish(), publish(MOMENT + timedelta(days=2)), publish(MOMENT + timedelta(days=1))
    listing = catalog.list_artifacts(base)
    assert listing == catalog.Listing([third, second, first], [])


def test_moments_are_compared_across_their_offsets(base: Path, publish: Publish) -> None:
    later = publish(MOMENT)
    earlier = publish(datetime(2026, 1, 9, 4, 30, tzinfo=timezone.utc))
    assert catalog.list_artifacts(base).artifacts == [later, earlier]


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (catalog.Filters(), 4),
        (catalog.Filters(hostname="other"), 1),
        (catalog.Filters(database_id="b"), 1),
        (catalog.Filters(database="crm"), 1),
        (catalog.Filters(status="partial"), 1),
        (catalog.Filters(since=MOMENT + timedelta(days=1)), 3),
        (catalog.Filters(until=MOMENT), 1),
        (catalog.Filters(since=MOMENT, until=MOMENT + timedelta(days=1)), 2),
        (catalog.Filters(database_id="b", status="partial"), 0),
    ],
)
def test_only_what_the_filters_admit_is_listed(
    base: Path, publish: Publish, filters: catalog.Filters, count: int
) -> None:
    publish()
    publish(MOMENT + timedelta(days=1), hostname="other")
    publish(MOMENT + timedelta(days=2), database_id="b", database_name="crm")
    publish(MOMENT + timedelta(days=3), status="partial", error_message="no accounts")
    assert len(catalog.list_artifacts(base, filters).artifacts) == count


def test_an_empty_or_missing_base_has_no_artifacts(base: Path) -> None:
    assert catalog.list_artifacts(base) == catalog.Listing()


def test_what_cannot_be_taken_for_an_artifact_is_a_problem_not_an_error(base: Path, publish: Publish) -> None:
    good = publish()
    lost = publish(MOMENT + timedelta(days=1))
    lost.paths.data.unlink()
    broken = base / "broken.metadata.json"
    broken.write_text("{")
    listing = catalog.list_artifacts(base)
    assert listing.artifacts == [good]
    assert sorted(listing.problems) == sorted(
        [
            f"{lost.paths.metadata} names {lost.paths.data.name}, which does not exist",
            next(problem for problem in listing.problems if problem.startswith(f"{broken} is not valid metadata")),
        ]
    )


def test_foreign_files_are_not_listed(base: Path, publish: Publish) -> None:
    artifact = publish()
    (base / "notes.txt").touch()
    (base / "old_20250101_000000_full.sql.gz").touch()
    (base / ".hidden.metadata.json").write_text("{")
    assert catalog.list_artifacts(base) == catalog.Listing([artifact], [])


def test_the_latest_is_the_newest_good_one_at_or_before_the_limit(base: Path, publish: Publish) -> None:
    first, second = publish(), publish(MOMENT + timedelta(days=1))
    publish(MOMENT + timedelta(days=2), status="partial", error_message="no accounts")
    publish(MOMENT + timedelta(days=3), database_name="crm")
    wanted: dict[str, Any] = {"database_id": "a", "database": "shop"}
    assert catalog.find_latest(base, **wanted) == second
    assert catalog.find_latest(base, **wanted, until=MOMENT + timedelta(days=1)) == second
    assert catalog.find_latest(base, **wanted, until=MOMENT + timedelta(hours=23)) == first


def test_no_good_artifact_is_not_found(base: Path, publish: Publish) -> None:
    publish()
    with pytest.raises(
        errors.NotFoundError, match="no good artifact of the database shop of a at or before 2026-01-08"
    ):
        catalog.find_latest(base, database_id="a", database="shop", until=MOMENT - timedelta(days=1))
    with pytest.raises(errors.NotFoundError, match="no good artifact of the database crm of a is below"):
        catalog.find_latest(base, database_id="a", database="crm")


def test_the_latest_of_each_database_is_its_newest_good_one(base: Path, publish: Publish) -> None:
    publish()
    shop = publish(MOMENT + timedelta(days=1))
    publish(MOMENT + timedelta(days=2), status="partial", error_message="no accounts")
    crm = publish(database_name="crm")
    publish(database_name="only bad", status="partial", error_message="no accounts")
    assert catalog.latest_of_each(base) == {("a", "shop"): shop, ("a", "crm"): crm}
    assert catalog.latest_of_each(base, hostname="other") == {}


def test_metadata_that_does_not_exist_is_not_found(base: Path) -> None:
    with pytest.raises(errors.NotFoundError):
        catalog.load_artifact(base / "x.metadata.json")


@pytest.fixture
def dying(base: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Publish a draft and die at the given rename, leaving everything as it then is."""

    def die(renames: int) -> None:
        left = renames
        rename = os.rename

        def counted(source: Path, target: Path) -> None:
            nonlocal left
            if not left:
                raise KilledError
            left -= 1
            rename(source, target)

        folder = base / "host" / "a" / "shop" / "2026-01-09"
        folder.mkdir(parents=True)
        paths = layout.artifact_paths(folder, "shop", MOMENT, "sha256")
        with layout.partial(paths.data).open("wb") as sink, monkeypatch.context() as patch:
            draft = catalog.Draft(paths, MOMENT, sink)
            sink.write(DATA)
            draft.seal()
            patch.setattr(os, "rename", counted)
            with pytest.raises(KilledError):
                draft.publish(metadata_of(draft))

    return die


def test_a_run_that_died_before_the_data_had_its_name_leaves_nothing(base: Path, dying: Callable[[int], None]) -> None:
    dying(0)
    assert files(base) == {f".{name}.partial" for name in WHOLE}
    assert catalog.list_artifacts(base) == catalog.Listing()
    assert len(catalog.sweep(base)) == 3
    assert files(base) == set()


@pytest.mark.parametrize("renames", [1, 2])
def test_a_run_that_died_after_the_data_had_its_name_is_finished(
    base: Path, dying: Callable[[int], None], renames: int
) -> None:
    dying(renames)
    assert catalog.list_artifacts(base) == catalog.Listing()
    assert len(catalog.sweep(base)) == 1
    assert files(base) == WHOLE
    assert [artifact.moment for artifact in catalog.list_artifacts(base).artifacts] == [MOMENT]
    assert catalog.sweep(base) == []


def test_the_folders_of_a_draft_of_a_dead_run_go_with_it(base: Path, publish: Publish) -> None:
    artifact = publish()
    left = layout.artifact_paths(base / "host" / "b" / "new" / "2026-01-09", "new", MOMENT, "sha256")
    storage.make_folder(base, left.data.parent)
    layout.partial(left.data).write_bytes(DATA)
    before = artifact.data.parent / layout.partial(left.data).name
    before.write_bytes(DATA)
    assert len(catalog.sweep(base)) == 2
    assert [path.name for path in base.joinpath("host").iterdir()] == ["a"]
    assert files(base) == WHOLE


def test_a_draft_whose_process_lives_is_not_swept(base: Path) -> None:
    names = {"hostname": "host", "database_id": "a", "database_name": "shop"}
    with catalog.draft(StorageConfig(base_path=base), clock=lambda: MOMENT, **names) as draft:
        draft.sink.write(DATA)
        assert catalog.sweep(base) == []
        assert draft.data.read_bytes() == DATA


@pytest.fixture
def foreign(base: Path) -> set[str]:
    base.mkdir()
    names = {".notes.txt.partial", ".x.sql.gz.partial", "x_20260109_020000_full.sql.gz", ".profile"}
    for name in names:
        (base / name).write_text("mine")
    return names


def test_files_that_are_not_ours_are_not_swept(base: Path, foreign: set[str], publish: Publish) -> None:
    publish()
    assert catalog.sweep(base) == []
    assert files(base) == WHOLE | foreign


def test_an_orphan_of_metadata_is_swept(base: Path) -> None:
    base.mkdir()
    (base / ".x_20260109_020000_full.metadata.json.partial").write_text("{")
    assert len(catalog.sweep(base)) == 1
    assert files(base) == set()
