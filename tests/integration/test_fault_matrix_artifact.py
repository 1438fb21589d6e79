# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An artifact or a dump that is not what it must be is refused, and the live database stays as it is."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import random
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, secrets, stream
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql import plan as mysql_plan
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.postgresql import plan as postgresql_plan
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.registry import server_at

from tests.integration.artifacts import change_metadata, replace_text
from tests.integration.faults import assert_refused, engine_restore, foreign_dump, members_of
from tests.integration.planned import PASSWORD
from tests.integration.scenes import Scene, back_up, instance_of
from tools.private_servers.base import PrivateServer

MANY_PLACES = 50
PLACES = 10
SEED = 20260109
GZIP_HEAD_BYTES = 10
# Statements that would take a load past its target.
FOREIGN = {
    "postgresql": [
        "\\connect postgres",
        "\\c postgres",
        "CREATE DATABASE other;",
        "create database other;",
        "DROP DATABASE live;",
    ],
    "mysql": [
        "USE `mysql`;",
        "use live;",
        "CREATE DATABASE `live`;",
        "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `live`;",
        "DROP DATABASE IF EXISTS live;",
        "/*!40000 DROP DATABASE IF EXISTS `live`*/;",
        "/*!50000 USE `live` */;",
        "/*M!100100 USE live */;",
    ],
}
# Behind the beginning of a dump, where MariaDB's client would take each of them.
FOREIGN_LATER = [
    *FOREIGN["mysql"],
    "USE live",
    "  USE\t`live` ;",
    "ALTER SCHEMA live COMMENT 'other';",
    "INSERT INTO live.audit VALUES (1000, 'other');",
    "REPLACE INTO `live` . `audit` VALUES (1000, 'other');",
    "DROP TABLE IF EXISTS `live`.`audit`;",
    "LOCK TABLES `live`.`audit` WRITE;",
    "TRUNCATE live.audit;",
    "DELIMITER $$\nUSE `live` $$\nDELIMITER ;",
]
# Commands of the client, which it must not know, and what would read a file of this host.
CLIENT_COMMANDS = [
    "\\! touch {made}",
    "system touch {made}",
    "SELECT 1; \\! touch {made}",
    "\\T {made}",
    "tee {made};",
    "\\. {file}",
    "source {file};",
    "\\u live",
    "\\r live",
    "LOAD DATA LOCAL INFILE '{file}' INTO TABLE audit (what);",
]
TRAPS = [
    "USE `live`;",
    "\nUSE mysql;\n",
    "CREATE DATABASE `live`;",
    "\n\\connect live\n",
    "\\c postgres",
    "DROP DATABASE live;",
    "\n-- PostgreSQL database dump complete\n",
    "\n-- Dump completed on 2026-01-09  2:00:00\n",
    "\n\\.\n",
    "'); DROP TABLE person; --",
    "\\unrestrict abc",
    "\nDELIMITER ;;\n",
]


# What was made under another collation of the database, whose name the dump has for that.
COLLATED = """
    ALTER DATABASE collated COLLATE latin1_german1_ci;
    CREATE TABLE noted (id int);
    CREATE TRIGGER counted BEFORE INSERT ON noted FOR EACH ROW SET NEW.id = 1;
    CREATE PROCEDURE one() SELECT 1;
    CREATE EVENT yearly ON SCHEDULE EVERY 1 YEAR STARTS '2030-01-01 00:00:00' DISABLE DO SELECT 1;
    ALTER DATABASE collated COLLATE utf8mb4_bin;
"""
DATABASE_COLLATIONS = """
    SELECT SCHEMA_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA
    WHERE SCHEMA_NAME LIKE 'collated%' ORDER BY SCHEMA_NAME
"""
ROUTINE_COLLATIONS = """
    SELECT 'routine', ROUTINE_NAME, DATABASE_COLLATION FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = %s
    UNION SELECT 'trigger', TRIGGER_NAME, DATABASE_COLLATION FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = %s
    UNION SELECT 'event', EVENT_NAME, DATABASE_COLLATION FROM information_schema.EVENTS WHERE EVENT_SCHEMA = %s
    ORDER BY 1, 2
"""


def routine_collations(server: PrivateServer, database: str) -> list[Any]:
    return server.execute(ROUTINE_COLLATIONS, params=[database] * 3)


def restore_over_live(scene: Scene, artifact: catalog.Artifact, **options: Any) -> Callable[[], object]:
    return lambda: engine_restore(scene, artifact, **options)


def with_right_checksum(artifact: catalog.Artifact, data: bytes) -> catalog.Artifact:
    """Give an artifact other data, and metadata that has their checksum."""
    artifact.paths.data.write_bytes(data)
    return change_metadata(artifact, "file_info", size_bytes=len(data), checksum=hashlib.sha256(data).hexdigest())


def assert_all_refused(scene: Scene, damaged: list[bytes], *, repaired: bool) -> None:
    """See that each of these data files is refused; if wanted, though its metadata has its checksum."""
    artifact = scene.artifact
    for data in damaged:
        artifact.paths.data.write_bytes(data)
        if repaired:
            artifact = with_right_checksum(artifact, data)
        with pytest.raises(errors.ValidationError):
            engine_restore(scene, artifact)


def cuts(whole: bytes, places: int) -> list[bytes]:
    """Return the data, cut at random places."""
    return [whole[:length] for length in random.Random(SEED).sample(range(len(whole)), places)]


def flips(whole: bytes, places: int) -> list[bytes]:
    """Return the data, with a bit flipped at random places behind the head of gzip."""
    chance = random.Random(SEED)
    damaged = []
    for place in chance.sample(range(GZIP_HEAD_BYTES, len(whole)), places):
        data = bytearray(whole)
        data[place] ^= 1 << chance.randrange(8)
        damaged.append(bytes(data))
    return damaged


@pytest.mark.slow
@pytest.mark.parametrize("places", [PLACES, pytest.param(MANY_PLACES, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("repaired", [False, True], ids=["", "and the checksum is made anew"])
@pytest.mark.parametrize("damage", [cuts, flips])
def test_an_artifact_damaged_at_any_of_some_places_is_refused(
    scene: Scene, damage: Callable[[bytes, int], list[bytes]], repaired: bool, places: int
) -> None:
    whole = scene.artifact.paths.data
    server = scene.server
    before = server.databases(), server.whole_dump(scene.database, create=True)
    assert_all_refused(scene, damage(whole.read_bytes(), places), repaired=repaired)
    assert (server.databases(), server.whole_dump(scene.database, create=True)) == before


@pytest.fixture
def in_sections(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> catalog.Artifact:
    """An artifact of several sections."""
    for plan in (postgresql_plan, mysql_plan):
        monkeypatch.setattr(plan, "SMALLEST_PARALLEL_BYTES", 0)
    back_up(scene.server, scene.store, [scene.database], jobs=2)
    assert len(members_of(scene.artifact)) >= 3
    return scene.artifact


def test_an_artifact_that_lacks_one_gzip_member_is_refused(scene: Scene, in_sections: catalog.Artifact) -> None:
    members = members_of(in_sections)
    for number in range(len(members)):
        artifact = with_right_checksum(in_sections, b"".join(members[:number] + members[number + 1 :]))
        assert_refused(scene, "validation_error", restore_over_live(scene, artifact))


def test_an_artifact_whose_gzip_members_changed_places_is_refused_or_restored_exactly(
    scene: Scene, in_sections: catalog.Artifact, new_database: Callable[[], str]
) -> None:
    members = members_of(in_sections)
    whole = scene.server.whole_dump(scene.database)
    refused = 0
    for first in range(len(members) - 1):
        order = [*members[:first], members[first + 1], members[first], *members[first + 2 :]]
        artifact, target = with_right_checksum(in_sections, b"".join(order)), new_database()
        try:
            engine_restore(scene, artifact, target, jobs=1 + first % 2)
        except errors.ValidationError:
            refused += 1
            assert target not in scene.server.databases()
        else:
            assert scene.server.whole_dump(target) == whole
    # Nothing comes before what creates the tables.
    assert refused >= 1


def test_an_artifact_with_the_metadata_of_another_is_refused(
    scene: Scene, new_database: Callable[[], str], tmp_path: Path
) -> None:
    name = new_database()
    scene.server.create_database(name)
    scene.server.execute("CREATE TABLE other (id integer)", name)
    store = tmp_path.joinpath("other")
    back_up(scene.server, store, [name])
    other = catalog.find_latest(store, database_id="private-server", database=name).paths.metadata
    mine = scene.artifact
    info = mine.metadata.restore_info
    assert info is not None
    data, raw_size = mine.paths.data.read_bytes(), info.raw_size_bytes
    mine.paths.metadata.write_bytes(other.read_bytes())
    mixed = catalog.Artifact(mine.paths, catalog.load_artifact(mine.paths.metadata).metadata)
    assert "checksum" in assert_refused(scene, "validation_error", restore_over_live(scene, mixed)).message
    mixed = with_right_checksum(mixed, data)
    assert "text it was made of" in assert_refused(scene, "validation_error", restore_over_live(scene, mixed)).message
    mixed = change_metadata(mixed, "restore_info", raw_size_bytes=raw_size)
    assert (
        "not what was dumped"
        in assert_refused(scene, "validation_error", restore_over_live(scene, mixed, jobs=1)).message
    )


def test_a_dump_that_enters_or_makes_another_database_is_refused(scene: Scene, tmp_path: Path) -> None:
    before = b"\nSET " if scene.server.family == "postgresql" else b"\n/*!"
    first, rest = b"".join(stream.read(scene.artifact.paths.data)).split(before, 1)
    for statement in FOREIGN[scene.server.family]:
        text = first + f"\n\n{statement}\n".encode() + before + rest
        for artifact in (foreign_dump(tmp_path, text), replace_text(scene.artifact, text)):
            attempt = functools.partial(engine_restore, scene, artifact, "a_copy")
            assert "names its own database" in assert_refused(scene, "validation_error", attempt).message


@pytest.fixture
def mariadb_scene(mariadb: PrivateServer, scene_of: Callable[[PrivateServer], Scene], store: Path) -> Scene:
    shared = scene_of(mariadb)
    shutil.copytree(shared.store, store)
    return dataclasses.replace(shared, store=store)


def with_line(text: bytes, line: str) -> bytes:
    """Put a line between the rows of two tables."""
    before, after = text.split(b"\nUNLOCK TABLES;\n", 1)
    return before + b"\nUNLOCK TABLES;\n" + line.encode() + b"\n" + after


@pytest.mark.parametrize("statement", FOREIGN_LATER)
def test_a_dump_that_enters_another_database_later_is_refused(
    mariadb_scene: Scene, tmp_path: Path, statement: str
) -> None:
    scene = mariadb_scene
    text = with_line(b"".join(stream.read(scene.artifact.paths.data)), statement)
    for artifact in (foreign_dump(tmp_path, text), replace_text(scene.artifact, text)):
        attempt = functools.partial(engine_restore, scene, artifact, "a_copy")
        assert "names its own database" in assert_refused(scene, "validation_error", attempt).message


@pytest.mark.parametrize("command", CLIENT_COMMANDS)
def test_a_dump_runs_no_command_of_the_client(mariadb_scene: Scene, tmp_path: Path, command: str) -> None:
    made, file = tmp_path.joinpath("made"), tmp_path.joinpath("file.sql")
    file.write_text("DROP TABLE person;\n", encoding="utf-8")
    line = command.format(made=made, file=file)
    dump = foreign_dump(tmp_path, with_line(b"".join(stream.read(mariadb_scene.artifact.paths.data)), line))
    assert_refused(mariadb_scene, None, functools.partial(engine_restore, mariadb_scene, dump, "a_copy"))
    assert not made.exists()


@pytest.mark.parametrize(
    "hidden",
    ["SELECT 1; USE `live`; DROP TABLE audit;", "SELECT 1; DROP TABLE live.audit;", "EXECUTE IMMEDIATE 'USE live';"],
)
def test_a_statement_that_is_hidden_is_held_by_the_privileges_of_the_account(
    mariadb_scene: Scene, tmp_path: Path, hidden: str
) -> None:
    server = mariadb_scene.server
    server.create_user("confined", PASSWORD)
    try:
        for database in ("a\\_copy", "a\\_copy\\_\\_restore\\_%%", "a\\_copy\\_\\_before\\_%%"):
            server.execute(f"GRANT ALL ON `{database}`.* TO confined@'%%'", params=[])
        endpoint = instance_of(server).endpoint
        confined = server_at(dataclasses.replace(endpoint, login=secrets.Login("confined", PASSWORD)))
        harmless = foreign_dump(tmp_path, b"CREATE TABLE own (id int);\n")
        for _again in range(2):
            engine_restore(mariadb_scene, harmless, "a_copy", server=confined)
        server.drop_database("a_copy")
        dump = foreign_dump(tmp_path, f"CREATE TABLE own (id int);\n{hidden}\n".encode())
        attempt = functools.partial(engine_restore, mariadb_scene, dump, "a_copy", server=confined)
        assert_refused(mariadb_scene, "permission_error", attempt)
    finally:
        server.execute("DROP USER confined@'%%'", params=[])


def test_a_restore_leaves_the_collation_of_the_live_database_and_keeps_those_of_routines(
    mariadb: PrivateServer, store: Path
) -> None:
    name, target = "collated", "collated_copy"
    mariadb.create_database(name)
    try:
        mariadb.run_script(COLLATED, name)
        before = routine_collations(mariadb, name)
        assert [collation for *_what, collation in before] == ["latin1_german1_ci"] * 3
        back_up(mariadb, store, [name])
        mariadb.execute("ALTER DATABASE collated COLLATE latin1_bin")
        engine_restore(Scene(mariadb, name, store, ""), target=target)
        assert routine_collations(mariadb, target) == before
        found = mariadb.execute(DATABASE_COLLATIONS)
        assert found == [(name, "latin1_bin"), (target, "utf8mb4_bin")]
    finally:
        for database in {name, target} & set(mariadb.databases()):
            mariadb.drop_database(database)


def test_rows_that_hold_such_statements_come_back_exactly(
    server: PrivateServer, store: Path, new_database: Callable[[], str]
) -> None:
    name, target = new_database(), new_database()
    server.create_database(name)
    server.execute("CREATE TABLE trap (id integer PRIMARY KEY, content text)", name)
    for number, content in enumerate(TRAPS):
        server.execute("INSERT INTO trap VALUES (%s, %s)", name, [number, content])
    back_up(server, store, [name])
    trapped = Scene(server, name, store, "")
    engine_restore(trapped, target=target)
    assert server.execute("SELECT content FROM trap ORDER BY id", target) == [(trap,) for trap in TRAPS]
    assert server.whole_dump(target) == server.whole_dump(name)


def test_a_moment_before_the_first_artifact_has_none(scene: Scene) -> None:
    first = scene.artifact.metadata.backup_info.timestamp

    def latest_until(moment: datetime) -> catalog.Artifact:
        return catalog.find_latest(scene.store, database_id="private-server", database=scene.database, until=moment)

    assert latest_until(first) == scene.artifact
    error = assert_refused(scene, "file_not_found", lambda: latest_until(first - timedelta(seconds=1)))
    assert scene.database in error.message
