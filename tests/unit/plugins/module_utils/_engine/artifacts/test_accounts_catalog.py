# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts artifacts in the store, among the artifacts of databases."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, layout, storage, stream
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import accounts_catalog, catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.accounts import (
    AccountInfo,
    AccountsInfoModel,
    AccountsMetadata,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import StorageConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import FileInfoModel, human_size

from tests.integration.artifacts import write_artifact

MOMENT = datetime(2026, 1, 9, 2, tzinfo=timezone(timedelta(hours=-3)))
DATA = b"not looked at here"


class KilledError(BaseException):
    """Stands for the end of the process: nothing after it runs."""


def metadata_of(draft: catalog.Draft, **info: Any) -> AccountsMetadata:
    fields = {"database_id": "a", "hostname": "host", "status": "success", **info}
    return AccountsMetadata(
        backup_info=AccountsInfoModel(
            database_type="postgresql", timestamp=draft.moment, duration_seconds=1.0, **fields
        ),
        file_info=FileInfoModel(
            filename=draft.paths.data.name,
            size_bytes=len(DATA),
            size_human=human_size(len(DATA)),
            compression_level=6,
            checksum_algorithm="sha256",
            checksum=stream.checksum(draft.data, "sha256"),
        ),
        server_flavour="postgresql",
        server_version="15.1",
        raw_size_bytes=1,
        accounts=[AccountInfo(name="app", kind="login")],
        sections=[],
    )


def publish(base: Path, moment: datetime = MOMENT, **info: Any) -> accounts_catalog.AccountsArtifact:
    names = {"hostname": info.get("hostname", "host"), "database_id": info.get("database_id", "a")}
    with accounts_catalog.draft(StorageConfig(base_path=base), clock=lambda: moment, **names) as draft:
        draft.sink.write(DATA)
        draft.seal()
        return accounts_catalog.publish(draft, metadata_of(draft, **info))


def database(base: Path, name: str) -> Path:
    return write_artifact(base, hostname="host", database_id="a", database=name, moment=MOMENT)


def test_an_accounts_artifact_is_beside_the_databases_of_its_instance(tmp_path: Path) -> None:
    paths = publish(tmp_path).paths
    assert [str(path.relative_to(tmp_path)) for path in (paths.data, paths.checksum, paths.metadata)] == [
        "host/a/users_20260109_020000.sql.gz",
        "host/a/users_20260109_020000.sql.gz.sha256",
        "host/a/users_20260109_020000.metadata.json",
    ]


@pytest.mark.parametrize("name", ["users", "users_20260109_020000", "a"])
def test_neither_listing_takes_the_other_kind_for_its_own(tmp_path: Path, name: str) -> None:
    metadata = database(tmp_path, name)
    saved = publish(tmp_path)
    listed = catalog.list_artifacts(tmp_path)
    assert ([artifact.paths.metadata for artifact in listed.artifacts], listed.problems) == ([metadata], [])
    assert accounts_catalog.list_artifacts(tmp_path) == accounts_catalog.AccountsListing([saved])
    assert set(catalog.latest_of_each(tmp_path)) == {("a", name)}


@pytest.mark.parametrize("name", ["users", "users_20260109_020000"])
def test_no_database_has_an_artifact_that_is_named_as_accounts_are(tmp_path: Path, name: str) -> None:
    paths = layout.artifact_paths(tmp_path, name, MOMENT, "sha256")
    assert not layout.is_accounts_name(paths.data.name)
    assert not layout.is_accounts_name(paths.metadata.name)
    own = layout.accounts_paths(tmp_path, hostname="h", database_id="a", moment=MOMENT, checksum_algorithm="md5")
    assert layout.is_accounts_name(own.data.name)
    assert layout.is_accounts_name(own.metadata.name)
    assert not layout.is_artifact_name(own.data.name)


def test_metadata_of_the_other_kind_is_not_valid(tmp_path: Path) -> None:
    with pytest.raises(errors.ValidationError, match="schema_info"):
        catalog.load_artifact(publish(tmp_path).paths.metadata)
    with pytest.raises(errors.ValidationError, match="accounts"):
        accounts_catalog.load(database(tmp_path, "shop"))


def test_the_latest_whole_one_of_an_instance_is_found(tmp_path: Path) -> None:
    publish(tmp_path)
    newest = publish(tmp_path, MOMENT + timedelta(days=1))
    publish(tmp_path, MOMENT + timedelta(days=2), status="partial", error_message="without passwords")
    publish(tmp_path, MOMENT + timedelta(days=3), database_id="b")
    publish(tmp_path, MOMENT + timedelta(days=4), hostname="other")
    assert accounts_catalog.find_latest(tmp_path, database_id="a", hostname="host") == newest
    with pytest.raises(errors.NotFoundError):
        accounts_catalog.find_latest(tmp_path, database_id="c")


def test_what_cannot_be_read_is_a_problem_and_no_error(tmp_path: Path) -> None:
    broken, gone = publish(tmp_path), publish(tmp_path, MOMENT + timedelta(days=1))
    broken.paths.metadata.write_text("{}", encoding="ascii")
    gone.paths.data.unlink()
    listing = accounts_catalog.list_artifacts(tmp_path)
    assert listing.artifacts == []
    assert len(listing.problems) == 2


def test_an_artifact_of_a_database_leads_to_the_accounts_of_its_run(tmp_path: Path) -> None:
    saved, path = publish(tmp_path), database(tmp_path, "shop")
    assert accounts_catalog.find_companion(tmp_path, catalog.load_artifact(path)) is None
    content = json.loads(path.read_text(encoding="utf-8"))
    content["restore_info"]["accounts_artifact"] = saved.paths.data.name
    path.write_text(json.dumps(content), encoding="utf-8")
    artifact = catalog.load_artifact(path)
    assert accounts_catalog.find_companion(tmp_path, artifact) == saved
    saved.paths.metadata.unlink()
    with pytest.raises(errors.NotFoundError):
        accounts_catalog.find_companion(tmp_path, artifact)


def test_the_name_of_a_companion_leads_nowhere_else(tmp_path: Path) -> None:
    path = database(tmp_path, "shop")
    content = json.loads(path.read_text(encoding="utf-8"))
    content["restore_info"]["accounts_artifact"] = "../b/users_20260109_020000.sql.gz"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(errors.ValidationError, match="bare name"):
        catalog.load_artifact(path)


def test_positions_that_are_not_there_are_refused(tmp_path: Path) -> None:
    path = publish(tmp_path).paths.metadata
    content = json.loads(path.read_text(encoding="utf-8"))
    section = {"kind": "create", "account": 1, "offset_bytes": 0, "length_bytes": 1, "raw_length_bytes": 1}
    path.write_text(json.dumps({**content, "sections": [section]}), encoding="utf-8")
    with pytest.raises(errors.ValidationError, match="position"):
        accounts_catalog.load(path)


def test_a_draft_of_a_dead_run_is_swept(tmp_path: Path) -> None:
    with accounts_catalog.draft(
        StorageConfig(base_path=tmp_path), hostname="host", database_id="a", clock=lambda: MOMENT
    ) as draft:
        left = draft.data.read_bytes()
    storage.make_folder(tmp_path, draft.data.parent)
    draft.data.write_bytes(left)
    assert len(catalog.sweep(tmp_path)) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_died_while_publishing_is_finished_by_the_next_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def last(source: Path, target: Path) -> None:
        if target.name.endswith(layout.DATA_SUFFIX):
            rename(source, target)
        else:
            raise KilledError

    paths = layout.accounts_paths(
        tmp_path, hostname="host", database_id="a", moment=MOMENT, checksum_algorithm="sha256"
    )
    paths.data.parent.mkdir(parents=True)
    with layout.partial(paths.data).open("wb") as sink, monkeypatch.context() as patch:
        draft = catalog.Draft(paths, MOMENT, sink)
        sink.write(DATA)
        draft.seal()
        patch.setattr(os, "rename", last)
        with pytest.raises(KilledError):
            accounts_catalog.publish(draft, metadata_of(draft))
    assert accounts_catalog.list_artifacts(tmp_path) == accounts_catalog.AccountsListing()
    assert len(catalog.sweep(tmp_path)) == 1
    assert [found.paths for found in accounts_catalog.list_artifacts(tmp_path).artifacts] == [paths]
    assert catalog.sweep(tmp_path) == []


def test_the_folder_of_a_database_of_the_same_name_is_no_obstacle(tmp_path: Path) -> None:
    database(tmp_path, "users_20260109_020000.sql.gz")
    moments = iter([MOMENT, MOMENT, MOMENT + timedelta(seconds=1)])
    config = StorageConfig(base_path=tmp_path)
    with accounts_catalog.draft(config, hostname="host", database_id="a", clock=lambda: next(moments)) as draft:
        assert draft.paths.data.name == "users_20260109_020001.sql.gz"
