# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is compared after a load besides tables and rows: sequences, definitions, what is valid."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import RestoreInfo

from tests.integration.planned import server_of
from tests.integration.scenes import Scene, back_up, put_back
from tools.private_servers.base import PrivateServer

SCRIPTS = {
    "postgresql": """
        CREATE SEQUENCE up; SELECT nextval('up'), nextval('up');
        CREATE SEQUENCE down INCREMENT -3; SELECT nextval('down');
        CREATE SEQUENCE fresh START 5;
        CREATE SEQUENCE set_ahead; SELECT setval('set_ahead', 70, false);
        CREATE SEQUENCE round_and_round MAXVALUE 5 CYCLE; SELECT nextval('round_and_round');
        CREATE TABLE a (id integer GENERATED ALWAYS AS IDENTITY, n serial, note text);
        INSERT INTO a (note) VALUES ('x'), ('y');
        DELETE FROM a;
        CREATE TABLE valid (id integer, note text);
        INSERT INTO valid VALUES (1, 'x');
        ALTER TABLE valid ADD CONSTRAINT short CHECK (length(note) < 1) NOT VALID;
        ALTER TABLE valid ADD CONSTRAINT positive CHECK (id > 0);
        """,
    "mysql": """
        CREATE SEQUENCE up; SELECT nextval(up), nextval(up);
        CREATE SEQUENCE down INCREMENT -3 START -1; SELECT nextval(down);
        CREATE SEQUENCE round_and_round MAXVALUE 5 CYCLE; SELECT nextval(round_and_round);
        CREATE TABLE a (id integer AUTO_INCREMENT PRIMARY KEY, note text);
        INSERT INTO a (note) VALUES ('x'), ('y');
        DELETE FROM a;
        CREATE TABLE of_myisam (id integer AUTO_INCREMENT PRIMARY KEY) ENGINE = MyISAM;
        CREATE EVENT once ON SCHEDULE AT now() + INTERVAL 1 SECOND DO SET @a = 1;
        CREATE EVENT passing ON SCHEDULE EVERY 1 DAY STARTS now() ENDS now() + INTERVAL 1 SECOND DO SET @a = 1;
        CREATE EVENT lasting ON SCHEDULE EVERY 1 DAY DO SET @a = 1;
        """,
}
# The number that comes next, and whether the numbers go down.
NUMBERS = {
    "postgresql": {
        "a_id_seq": (3, False),
        "a_n_seq": (3, False),
        "down": (-4, True),
        "fresh": (5, False),
        "set_ahead": (70, False),
        "up": (3, False),
    },
    # MariaDB stores where the numbers that it keeps in memory end.
    "mysql": {"a": (3, False), "up": (1001, False), "down": (-3001, True)},
}


@pytest.fixture
def counted(server: PrivateServer, new_database: Callable[[], str], store: Path) -> Scene:
    """A database with sequences of every kind, and an artifact of it."""
    name = new_database()
    server.create_database(name)
    server.run_script(SCRIPTS[server.family], name)
    back_up(server, store, [name])
    return Scene(server, name, store, "")


def forged(scene: Scene, **changes: Any) -> catalog.Artifact:
    """Return the scene's artifact with other metadata on what a restore needs."""
    artifact = scene.artifact
    info = info_of(artifact).model_copy(update=changes)
    return dataclasses.replace(artifact, metadata=artifact.metadata.model_copy(update={"restore_info": info}))


def info_of(artifact: catalog.Artifact) -> RestoreInfo:
    assert artifact.metadata.restore_info is not None
    return artifact.metadata.restore_info


def test_the_number_that_comes_next_is_recorded_where_it_never_begins_anew(counted: Scene) -> None:
    recorded = {one.name: (one.number, one.descending) for one in info_of(counted.artifact).sequences}
    assert recorded == NUMBERS[counted.server.family]


def test_a_restored_database_goes_on_counting_where_it_was(counted: Scene, new_database: Callable[[], str]) -> None:
    target = new_database()
    comparison = put_back(counted.server, counted.artifact, target).comparison
    assert comparison is not None
    assert comparison["sequences_compared"] == len(NUMBERS[counted.server.family])
    assert comparison["schema_hash_equal"]
    assert comparison["differences"] == []


@pytest.mark.parametrize("name", ["up", "down"])
def test_a_sequence_that_is_behind_fails_the_restore(
    counted: Scene, new_database: Callable[[], str], name: str
) -> None:
    target = new_database()
    further = [
        one.model_copy(update={"number": one.number + (-1 if one.descending else 1)}) if one.name == name else one
        for one in info_of(counted.artifact).sequences
    ]
    with pytest.raises(errors.ValidationError, match=f"the numbers of (public.)?{name} go on at"):
        put_back(counted.server, forged(counted, sequences=further), target)
    assert target not in counted.server.databases()


def test_other_definitions_fail_the_restore_on_the_same_release_alone(
    counted: Scene, new_database: Callable[[], str]
) -> None:
    artifact = counted.artifact
    schema = artifact.metadata.schema_info.model_copy(update={"schema_hash": "0" * 64})
    other = dataclasses.replace(artifact, metadata=artifact.metadata.model_copy(update={"schema_info": schema}))
    target = new_database()
    with pytest.raises(errors.ValidationError, match="schema_hash"):
        put_back(counted.server, other, target)
    info = info_of(artifact).model_copy(update={"server_version": "9.9.9"})
    older = dataclasses.replace(other, metadata=other.metadata.model_copy(update={"restore_info": info}))
    comparison = put_back(counted.server, older, target).comparison
    assert comparison is not None
    assert not comparison["schema_hash_equal"]


def test_what_is_not_valid_is_recorded_and_what_was_valid_must_be(
    server: PrivateServer, counted: Scene, new_database: Callable[[], str]
) -> None:
    if server.family != "postgresql":
        assert info_of(counted.artifact).invalid == []
        return
    assert info_of(counted.artifact).invalid == ["constraint short of public.valid"]
    with pytest.raises(errors.ValidationError, match=r"the constraint short of public\.valid is not valid"):
        put_back(server, forged(counted, invalid=[]), new_database())


def test_the_numbers_of_an_excluded_table_are_not_expected(counted: Scene) -> None:
    found = server_of(counted.server).read_sequences(counted.database, ["a"])
    left_out = {name for name in NUMBERS[counted.server.family] if name == "a" or name.startswith("a_")}
    assert {one.name for one in found} == set(NUMBERS[counted.server.family]) - left_out
