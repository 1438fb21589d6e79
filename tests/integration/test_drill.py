# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills on real servers: what passes leaves nothing behind, and what was tampered with is found."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.catalog import Artifact
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.base import is_scratch
from ansible_collections.vya.backupdb.plugins.module_utils._engine.drills import drill

from tests.integration.artifacts import change_metadata
from tests.integration.conftest import ZOOS, Zoos
from tests.integration.drills import flip_bit, only, same, tamper, throwaway, verify, work_folder
from tests.integration.scenes import PEOPLE, PLANTED, Scene, back_up, files_of, instance_of
from tools.private_servers.base import PrivateServer

WHERES = ("throwaway", "same")
SEQUENCES = """
    CREATE SEQUENCE numbers START WITH 7;
    CREATE TABLE numbered (id int PRIMARY KEY DEFAULT nextval(numbers), note text);
    INSERT INTO numbered (note) VALUES ('a'), ('b');
    """


@pytest.fixture
def work_path() -> Iterator[Path]:
    with work_folder() as folder:
        yield folder


@pytest.fixture(params=WHERES)
def where(request: pytest.FixtureRequest, scene: Scene, work_path: Path) -> drill.Where:
    """Each place that the artifact of the scene can be restored to."""
    return throwaway(work_path) if request.param == "throwaway" else same(scene)


def programs_of(server: PrivateServer) -> Path | None:
    """Return a folder of programs that find what no package has, the extensions of the zoo."""
    if server.family != "postgresql":
        return None
    folder = server.folder / "usr/lib/postgresql" / server.major / "bin"
    for name in ("initdb", "psql"):
        if not (folder / name).exists():
            (folder / name).symlink_to(server.bin_dir / name)
    return folder


def again(artifact: Artifact) -> Artifact:
    """Return an artifact as it is now."""
    return catalog.load_artifact(artifact.paths.metadata)


def in_fingerprints(scene: Scene) -> Scene:
    """Return a scene whose newest artifact has the fingerprint of every table."""
    result = scene.back_up(fingerprint="content")
    assert result.rc == 0, result.stdout
    return scene


@pytest.mark.slow
@pytest.mark.parametrize("place", WHERES)
def test_one_of_everything_passes_and_the_live_databases_are_as_they_were(
    zoos: Zoos, place: str, work_path: Path, tmp_path: Path
) -> None:
    server, store = zoos.server, tmp_path / "store"
    shutil.copytree(zoos.store, store)
    scene = Scene(server, ZOOS[0], store, "")
    where = same(scene) if place == "same" else throwaway(work_path, server_path=programs_of(server))
    databases = server.databases()
    drilled = verify(store, where)
    drilled.raise_for_failures()
    assert drilled.summary() == {"total": len(ZOOS), "successful": len(ZOOS), "failed": 0, "left_out": 0}
    assert server.databases() == databases
    for name, dump in zoos.dumps.items():
        assert server.whole_dump(name, create=True) == dump
        found = catalog.find_latest(store, database_id="private-server", database=name).verification
        assert found is not None
        assert (found.level, found.passed, found.server_version) == ("restore", True, server.version)
        assert found.restore_seconds is not None
        compared = found.evidence["restore"]
        assert compared["differences"] == []
        assert compared["tables_compared"] > 5
        assert compared["schema_hash_equal"]
    # Of the accounts nothing is told as lacking.
    assert drilled.warnings == []


def test_a_good_artifact_passes_and_nothing_but_its_record_is_new(scene: Scene, where: drill.Where) -> None:
    before, databases = files_of(scene.store), scene.server.databases()
    dump = scene.server.whole_dump(scene.database, create=True)
    drilled = verify(scene.store, where)
    result = only(drilled)
    assert (result.success, result.level, result.recorded) == (True, "restore", True)
    assert result.evidence["restore"]["rows_compared"] == PEOPLE
    new = set(files_of(scene.store)) - set(before)
    assert {Path(name).name for name in new} == {scene.artifact.paths.verification.name}
    assert scene.server.databases() == databases
    assert scene.server.whole_dump(scene.database, create=True) == dump
    assert PLANTED not in json.dumps(drilled.as_dict())


def test_a_row_that_is_missing_fails_the_drill_with_its_table(scene: Scene, where: drill.Where) -> None:
    databases = scene.server.databases()
    # Of COPY a line, of INSERT a row in brackets.
    row = {"postgresql": rf"(?m)^17\t{PLANTED} 17\n", "mysql": rf"\(17,'{PLANTED} 17'\),\n?"}[scene.server.family]
    artifact = tamper(scene.artifact, lambda text: re.sub(row.encode(), b"", text))
    assert only(verify(scene.store, where, level="structure")).success
    drilled = verify(scene.store, where)
    result = only(drilled)
    assert (result.success, result.error_code, result.recorded) == (False, "validation_error", True)
    message = str(result.error_message)
    assert f"person has {PEOPLE - 1} rows instead of {PEOPLE}" in message
    assert artifact.paths.data.name in message
    found = again(artifact).verification
    assert found is not None
    assert (found.level, found.passed, found.error_message) == ("restore", False, message)
    assert scene.server.databases() == databases
    assert PLANTED not in json.dumps(drilled.as_dict())


def test_a_row_that_is_another_fails_the_drill_where_the_content_was_hashed(scene: Scene) -> None:
    before = f"{PLANTED} 17".encode()
    artifact = tamper(in_fingerprints(scene).artifact, lambda text: text.replace(before, before[:-2] + b"xy", 1))
    result = only(verify(scene.store, same(scene), artifact.paths.data))
    assert (result.success, result.recorded) == (False, True)
    assert re.search(rf"the table (public\.)?person has other content in its {PEOPLE} rows", str(result.error_message))


def test_text_that_does_not_load_fails_the_drill_and_leaves_nothing(scene: Scene) -> None:
    databases = scene.server.databases()
    artifact = tamper(scene.artifact, lambda text: text.replace(b"CREATE TABLE", b"CREATE TABEL", 1))
    result = only(verify(scene.store, same(scene)))
    assert (result.success, result.error_code, result.recorded) == (False, "validation_error", True)
    found = again(artifact).verification
    assert found is not None
    assert not found.passed
    assert scene.server.databases() == databases


def test_a_flipped_bit_is_found_before_anything_is_restored(scene: Scene) -> None:
    artifact = scene.artifact
    flip_bit(artifact)

    def refuse(_id: str) -> object:
        raise AssertionError("the server was asked for")

    drilled = verify(scene.store, drill.Where(find_instance=refuse))  # type: ignore[arg-type]
    result = only(drilled)
    assert (result.success, result.level, result.recorded) == (False, "checksum", True)
    found = catalog.load_artifact(artifact.paths.metadata).verification
    assert found is not None
    assert (found.level, found.passed) == ("checksum", False)


def test_a_server_that_is_not_there_fails_the_drill_and_leaves_the_record(scene: Scene) -> None:
    instance = instance_of(scene.server)
    elsewhere = dataclasses.replace(instance, endpoint=dataclasses.replace(instance.endpoint, port=9))
    before = files_of(scene.store)
    result = only(verify(scene.store, drill.Where(find_instance=lambda _id: elsewhere)))
    assert (result.success, result.error_code, result.recorded) == (False, "connection_error", False)
    assert files_of(scene.store) == before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"server_version": "99.1.0"}, "Verify it on a server of"),
        ({"extensions": [{"name": "nix", "version": "1"}]}, ""),
    ],
    ids=["a newer version", "an extension that is not there"],
)
def test_what_the_server_lacks_is_no_fault_of_the_artifact(scene: Scene, changes: dict[str, object], said: str) -> None:
    if "extensions" in changes and scene.server.family == "mysql":
        changes = {"collations": ["nix_ci"]}
    change_metadata(scene.artifact, "restore_info", **changes)
    before = files_of(scene.store)
    result = only(verify(scene.store, same(scene)))
    assert (result.success, result.recorded) == (False, False)
    assert said in str(result.hint)
    assert files_of(scene.store) == before


def test_the_two_families_are_told_apart(scene: Scene, postgresql: PrivateServer, mariadb: PrivateServer) -> None:
    other = mariadb if scene.server is postgresql else postgresql
    result = only(verify(scene.store, drill.Where(find_instance=lambda _id: instance_of(other))))
    assert (result.success, result.error_code, result.recorded) == (False, "config_error", False)
    assert not any(is_scratch(name) for name in other.databases())


def test_an_artifact_without_details_is_restored_to_a_server_of_its_product(scene: Scene, work_path: Path) -> None:
    metadata = json.loads(scene.artifact.paths.metadata.read_text(encoding="utf-8"))
    del metadata["restore_info"]
    scene.artifact.paths.metadata.write_text(json.dumps(metadata), encoding="utf-8")
    result = only(verify(scene.store, throwaway(work_path)))
    assert result.success, result.error_message
    assert result.evidence["restore"]["server"] == f"{scene.server.flavour} {scene.server.version}"
    assert result.evidence["restore"]["tables_compared"] == 0


def test_accounts_that_nobody_saved_are_made_for_the_drill(
    server: PrivateServer, new_database: Callable[[], str], store: Path, work_path: Path
) -> None:
    name = new_database()
    server.create_database(name)
    server.create_user("drill_owner", "Secret-1")
    try:
        if server.family == "postgresql":
            server.execute("CREATE TABLE owned (id integer)", name)
            server.execute("ALTER TABLE owned OWNER TO drill_owner", name)
        else:
            server.execute("CREATE DEFINER = drill_owner@'%%' VIEW owned AS SELECT 1 AS id", name, [])
        back_up(server, store, [name])
        artifact = catalog.find_latest(store, database_id="private-server", database=name)
        change_metadata(artifact, "restore_info", accounts_artifact=None)
        result = only(verify(store, throwaway(work_path), artifact.paths.data))
        assert result.success, result.error_message
    finally:
        server.drop_database(name)
        server.execute("DROP ROLE drill_owner" if server.family == "postgresql" else "DROP USER drill_owner")


@pytest.mark.parametrize("server", ["mariadb"], indirect=True)
def test_a_database_that_names_itself_is_restored_under_its_own_name(
    server: PrivateServer, new_database: Callable[[], str], store: Path, work_path: Path
) -> None:
    name = new_database()
    server.create_database(name)
    server.run_script(SEQUENCES, name)
    back_up(server, store, [name])
    scene = Scene(server, name, store, server.whole_dump(name))
    assert only(verify(store, same(scene))).success
    assert server.whole_dump(name) == scene.dump
    server.drop_database(name)
    refused = only(verify(store, same(scene)))
    assert (refused.success, refused.error_code, refused.recorded) == (False, "config_error", False)
    assert "throwaway" in str(refused.hint)
    assert name not in server.databases()
    result = only(verify(store, throwaway(work_path)))
    assert result.success, result.error_message


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_a_subscription_in_the_dump_does_not_keep_the_scratch_database(
    server: PrivateServer, new_database: Callable[[], str], store: Path
) -> None:
    name = new_database()
    server.create_database(name)
    subscription = (
        "CREATE SUBSCRIPTION drilled CONNECTION 'host=/nowhere dbname=x' PUBLICATION p WITH (connect = false)"
    )
    server.execute(subscription, name)
    back_up(server, store, [name])
    databases = server.databases()
    try:
        result = only(verify(store, same(Scene(server, name, store, ""))))
        assert result.success, result.error_message
        assert result.warnings == []
        assert server.databases() == databases
        assert server.execute("SELECT subslotname FROM pg_subscription") == [("drilled",)]
    finally:
        server.execute("ALTER SUBSCRIPTION drilled SET (slot_name = NONE)", name)
        server.execute("DROP SUBSCRIPTION drilled", name)


def test_a_scratch_database_is_not_backed_up_with_the_others(scene: Scene) -> None:
    scratch = f"{scene.database}__verify_20260109020000"
    scene.server.create_database(scratch)
    try:
        result = scene.back_up(databases=[f"{scene.database}*"])
    finally:
        scene.server.drop_database(scratch)
    assert result.rc == 0, result.stdout
    assert [each["database_name"] for each in result.result["results"]] == [scene.database]
