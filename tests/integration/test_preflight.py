# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands against a restore to a server of any family, found before anything is touched."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.restores import preflight
from ansible_collections.vya.backupdb.plugins.module_utils._engine.restores.replacing import Request

from tests.integration.conftest import Zoos
from tests.integration.planned import findings, info_of, server_of, told
from tests.integration.scenes import Scene


def test_nothing_stands_against_a_good_artifact_and_a_new_target(scene: Scene) -> None:
    request = Request(scene.artifact, "new")
    cleared = preflight.examine(server_of(scene.server), request)
    assert cleared.warnings == []


def test_nothing_stands_against_the_zoos(zoos: Zoos) -> None:
    host = "" if zoos.server.family == "postgresql" else "@%"
    for name in zoos.dumps:
        artifact = zoos.artifact(name)
        assert preflight.examine(server_of(zoos.server), Request(artifact, "new")).warnings == []
        info = artifact.metadata.restore_info
        assert info is not None
        assert set(info.accounts) >= {f"zoo_owner{host}", f"zoo_reader{host}"}


def test_an_account_that_the_database_needs_and_that_is_missing_is_named(scene: Scene) -> None:
    known = info_of(scene).accounts
    found = findings(scene, accounts=[*known, "gone@%", "lost"])
    finding = told(found, "validation_error", "2 accounts", "gone@%, lost")
    assert "scope: all" in str(finding.hint)


def test_an_account_that_will_have_been_restored_is_not_missing(scene: Scene) -> None:
    info = info_of(scene, accounts=["gone@%"])
    assert server_of(scene.server).restore_findings("new", info, None, frozenset({"gone@%"})) == []


def test_what_a_database_needs_is_known_without_what_belongs_to_the_server(scene: Scene) -> None:
    info = info_of(scene)
    admin = {"postgresql": ["postgres"], "mysql": ["root@127.0.0.1"]}[scene.server.family]
    assert info.accounts == admin
    assert info.owners == (admin if scene.server.family == "postgresql" else [])
    assert info.database_size_bytes


def test_a_system_database_is_no_target(scene: Scene) -> None:
    target = {"postgresql": "postgres", "mysql": "mysql"}[scene.server.family]
    told(findings(scene, target), "validation_error", f"the database {target} belongs to")


def test_a_missing_program_is_one_finding_of_several(scene: Scene, tmp_path: Path) -> None:
    server = server_of(scene.server, client_path=tmp_path)
    found = server.restore_findings("new", info_of(scene, accounts=["gone@%"]), None, frozenset())
    assert [finding.error_code for finding in found] == ["config_error", "validation_error"]
    assert "which is not in" in found[0].message


def test_a_dump_of_a_newer_server_is_a_warning(scene: Scene) -> None:
    told(findings(scene, server_version="99.1.2"), None, "the dump is of version 99.1.2")


def test_a_newer_patch_of_the_same_release_is_none(scene: Scene) -> None:
    release = ".".join(map(str, server_of(scene.server).release_of(scene.server.version)))
    assert findings(scene, server_version=f"{release}.99") == []


def test_a_database_larger_than_the_room_on_the_servers_disk_is_refused(scene: Scene) -> None:
    found = findings(scene, scene.database, database_size_bytes=2**60)
    finding = told(found, "storage_error", "has room for", "takes about 1024.0 PB")
    assert finding.hint == "Make room, or restore with strategy in_place"


def test_an_encoding_or_character_set_that_the_server_does_not_know_is_told(scene: Scene) -> None:
    properties = info_of(scene).properties.model_copy(update={"encoding": "KLINGON"})
    told(findings(scene, properties=properties), "validation_error", "KLINGON")


def test_all_that_stands_against_a_restore_is_in_one_error(scene: Scene) -> None:
    info = info_of(
        scene,
        accounts=["gone@%"],
        database_size_bytes=2**60,
        properties=info_of(scene).properties.model_copy(update={"encoding": "KLINGON"}),
    )
    metadata = scene.artifact.metadata.model_copy(update={"restore_info": info})
    damaged = scene.artifact.paths.data.with_suffix(".damaged")
    damaged.write_bytes(scene.artifact.paths.data.read_bytes()[:-9])
    paths = dataclasses.replace(scene.artifact.paths, data=damaged)
    with pytest.raises(errors.PreflightError) as caught:
        preflight.examine(server_of(scene.server), Request(catalog.Artifact(paths, metadata), scene.database))
    details = caught.value.details()
    assert len(details["findings"]) == 5
    for word in ("truncated", f"the database {scene.database} exists", "gone@%", "KLINGON", "has room for"):
        assert word in caught.value.message
        assert sum(word in finding["message"] for finding in details["findings"]) == 1
    assert details["error_code"] == "validation_error"
    assert all(finding["error_code"] for finding in details["findings"])
    json.dumps(details)


def test_looking_changes_nothing(scene: Scene) -> None:
    with scene.untouched():
        for target in (scene.database, "new"):
            findings(scene, target, accounts=["gone@%"], database_size_bytes=2**60)


def test_an_account_without_privileges_is_told_what_it_lacks(scene: Scene, account: str) -> None:
    found = findings(scene, user=account)
    lacking = [finding for finding in found if finding.error_code == "permission_error"]
    assert lacking
    assert any(account in finding.message for finding in lacking)
    assert all(finding.hint for finding in lacking)
