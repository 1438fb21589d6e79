# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore that fails says why, leaves the live database and the list of databases as they were, and shows no row."""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors

from tests.integration.ansible import run_module
from tests.integration.artifacts import change_metadata, replace_text
from tests.integration.scenes import DATABASE_ID, PLANTED, Scene, assert_failed, back_up, put_back
from tools.private_servers.base import PrivateServer

TARGETS = {"over the live database": None, "to a new database": "restored_elsewhere"}


def test_an_artifact_cut_anywhere_is_refused_before_the_server_is_touched(scene: Scene) -> None:
    artifact = scene.artifact
    whole = artifact.paths.data.read_bytes()
    with_cuts = [0, 1, 9, 10, 18, len(whole) // 3, len(whole) // 2, len(whole) - 9, len(whole) - 8, len(whole) - 1]
    with scene.untouched():
        for length in with_cuts:
            artifact.paths.data.write_bytes(whole[:length])
            with pytest.raises(errors.ValidationError):
                put_back(scene.server, artifact, scene.database, force=True)
        artifact.paths.data.write_bytes(whole)


def test_an_artifact_with_something_behind_it_is_refused(scene: Scene) -> None:
    artifact = scene.artifact
    with artifact.paths.data.open("ab") as data:
        data.write(b"more")
    with scene.untouched(), pytest.raises(errors.ValidationError):
        put_back(scene.server, artifact, scene.database, force=True)


def test_an_artifact_with_one_flipped_byte_is_refused_before_the_server_is_touched(scene: Scene) -> None:
    artifact = scene.artifact
    whole = artifact.paths.data.read_bytes()
    chance = random.Random(20260109)
    with scene.untouched():
        for position in [0, 3, 4, 9, len(whole) - 1, *chance.sample(range(10, len(whole)), 20)]:
            damaged = bytearray(whole)
            damaged[position] ^= 1 << chance.randrange(8)
            artifact.paths.data.write_bytes(damaged)
            with pytest.raises(errors.ValidationError):
                put_back(scene.server, artifact, scene.database, force=True)
        artifact.paths.data.write_bytes(whole)


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_artifact_fails_the_task(scene: Scene, damage: str) -> None:
    data = scene.artifact.paths.data
    whole = data.read_bytes()
    half = len(whole) // 2
    damaged = {
        "cut": whole[:half],
        "flipped": whole[:half] + bytes([whole[half] ^ 0x10]) + whole[half + 1 :],
    }
    data.write_bytes(damaged[damage])
    with scene.untouched():
        result = scene.put_back()
    assert_failed(result, "validation_error")
    assert str(data) in result.result["msg"]


def test_a_dump_without_its_last_line_is_refused_though_all_checksums_are_right(scene: Scene) -> None:
    artifact = scene.artifact
    with gzip.open(artifact.paths.data) as source:
        text = source.read()
    artifact = replace_text(artifact, text[: text.index(PLANTED.encode())])
    with scene.untouched(), pytest.raises(errors.ValidationError, match="not complete"):
        put_back(scene.server, artifact, scene.database, force=True)


def test_a_dump_that_enters_another_database_is_refused(scene: Scene) -> None:
    artifact = scene.artifact
    with gzip.open(artifact.paths.data) as source:
        first, rest = source.read().split(b"\nSET " if scene.server.family == "postgresql" else b"\n/*!", 1)
    entering = b"\n\\connect postgres\n\nSET " if scene.server.family == "postgresql" else b"\nUSE `mysql`;\n\n/*!"
    artifact = replace_text(artifact, first + entering + rest)
    with scene.untouched(), pytest.raises(errors.ValidationError, match="names its own database"):
        put_back(scene.server, artifact, "a_copy")


def test_a_checksum_that_is_not_the_metadata_s_is_refused(scene: Scene) -> None:
    change_metadata(scene.artifact, "file_info", checksum="0123456789abcdef" * 4)
    with scene.untouched():
        result = scene.put_back()
    assert_failed(result, "validation_error")
    assert "checksum" in result.result["msg"]


def test_metadata_that_cannot_be_read_is_refused(scene: Scene) -> None:
    artifact = scene.artifact
    artifact.paths.metadata.write_text("{", encoding="utf-8")
    with scene.untouched():
        result = scene.put_back(backup_file=str(artifact.paths.data))
    assert_failed(result, "validation_error")


def test_an_artifact_of_the_other_family_is_refused(
    scene: Scene, request: pytest.FixtureRequest, scene_of: Callable[[PrivateServer], Scene]
) -> None:
    other = scene_of(request.getfixturevalue("mariadb" if scene.server.family == "postgresql" else "postgresql"))
    with scene.untouched(), other.untouched():
        result = scene.put_back(backup_file=str(other.artifact.paths.data))
    assert_failed(result, "validation_error")
    assert other.server.family in result.result["msg"]


def test_an_existing_target_is_refused_without_force(scene: Scene) -> None:
    with scene.untouched():
        result = scene.put_back(force=False)
    assert_failed(result, "validation_error")
    assert "force" in result.result["hint"]


def test_a_wrong_password_is_a_credentials_error(scene: Scene) -> None:
    with scene.untouched():
        result = scene.put_back(login_password="wrong")
    assert_failed(result, "credentials_error")


def test_a_server_that_is_down_is_a_connection_error(mortal: Scene) -> None:
    with mortal.untouched():
        mortal.server.kill()
        try:
            result = mortal.put_back()
        finally:
            mortal.server.start()
    assert_failed(result, "connection_error")


@pytest.mark.parametrize(
    "wanted",
    [{"database": "never backed up", "latest": True}, {"backup_file": "/nowhere/x_20260109_020000_full.sql.gz"}],
)
def test_what_is_not_in_the_store_is_not_found(scene: Scene, wanted: dict[str, object]) -> None:
    with scene.untouched():
        result = scene.put_back(**wanted)
    assert_failed(result, "file_not_found")


def test_a_missing_client_program_is_a_config_error(scene: Scene, tmp_path: Path) -> None:
    empty = tmp_path.joinpath("empty")
    empty.mkdir()
    with scene.untouched():
        result = scene.put_back(client_path=str(empty))
    assert_failed(result, "config_error")


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_metadata_that_tells_of_other_rows_fails_the_comparison(scene: Scene, target: str | None) -> None:
    restore_info = scene.artifact.metadata.restore_info
    assert restore_info is not None
    tables = [table.model_dump() for table in restore_info.tables]
    for table in tables:
        table["rows"] += 1 if table["name"] == "person" else 0
    change_metadata(scene.artifact, "restore_info", tables=tables)
    with scene.untouched():
        result = scene.put_back(**({"target_database": target} if target else {}))
    assert_failed(result, "validation_error")
    assert "person has 300 rows instead of 301" in result.result["msg"]


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_a_dump_that_the_server_refuses_half_way_leaves_no_database_and_shows_no_row(
    scene: Scene, target: str | None
) -> None:
    with gzip.open(scene.artifact.paths.data) as source:
        text = source.read()
    # The names are unique, and servers quote the one that is there twice.
    replace_text(scene.artifact, re.sub(rf"{PLANTED} 2\b".encode(), f"{PLANTED} 1".encode(), text, count=1))
    with scene.untouched():
        result = scene.put_back(**({"target_database": target} if target else {}))
    assert_failed(result, "validation_error")
    assert "failed" in result.result["msg"]


def test_a_role_that_is_gone_fails_the_task_and_is_named(
    postgresql: PrivateServer, store: Path, scene_of: Callable[[PrivateServer], Scene]
) -> None:
    server, live = postgresql, scene_of(postgresql)
    server.execute("CREATE ROLE departed_owner")
    server.create_database("owned")
    server.execute("CREATE TABLE thing (id int)", "owned")
    server.execute("ALTER TABLE thing OWNER TO departed_owner", "owned")
    back_up(server, store, ["owned"])
    server.drop_database("owned")
    server.execute("DROP ROLE departed_owner")
    with live.untouched():
        result = run_module(
            "db_restore",
            live.options(base_path=str(store), database_id=DATABASE_ID, database="owned", latest=True),
        )
    assert_failed(result, "validation_error")
    assert "departed_owner" in result.result["msg"]
