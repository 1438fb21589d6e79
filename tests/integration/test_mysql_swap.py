# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One database takes the place of another on MySQL and MariaDB: whole, under users, and whatever breaks it off."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql import (
    definitions,
    leftovers,
    swap_plan,
    swapping,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql.connection import session

from tests.integration.swaps import (
    PLANTED,
    Pair,
    disturbed,
    lose,
    refuse,
    swap_and_be_killed,
    swap_and_die,
    users,
    with_events_disabled,
)
from tools.private_servers.base import PrivateServer
from tools.private_servers.zoo.loader import load_zoo


@pytest.fixture(scope="session")
def swapping_server(mariadb: PrivateServer) -> PrivateServer:
    """The server on which databases are swapped."""
    return mariadb


@pytest.fixture
def empty_pair(swapping_server: PrivateServer) -> Iterator[Pair]:
    """Names of a target and its scratch database, for whatever databases a test makes."""
    pair = Pair(swapping_server, f'ta "r" `g`_{os.urandom(3).hex()}')
    yield pair
    pair.clear()


@pytest.fixture
def pair(empty_pair: Pair) -> Pair:
    """A target and its scratch database."""
    return empty_pair.fill()


def only_mariadb(pair: Pair) -> None:
    if pair.server.flavour != "mariadb":
        pytest.skip("only MariaDB has sequences")


def test_the_new_database_takes_the_place_of_the_old_one_which_stays_whole(pair: Pair) -> None:
    said = pair.swap()
    pair.assert_swapped()
    assert said == [f"the events of {pair.previous} are disabled: nightly"]


def test_a_zoo_takes_the_place_of_another(swapping_server: PrivateServer) -> None:
    pair = Pair(swapping_server, f"zoo_{os.urandom(3).hex()}")
    load_zoo(swapping_server, pair.target)
    load_zoo(swapping_server, pair.scratch)
    for statement in (
        "DROP TRIGGER noted",
        "INSERT INTO trap (line) VALUES ('changed')",
        "CREATE OR REPLACE VIEW every_view AS SELECT id FROM names",
        "CREATE TABLE only_new (id int PRIMARY KEY)",
        "CREATE TRIGGER of_only_new BEFORE INSERT ON only_new FOR EACH ROW SET NEW.id = NEW.id + 1",
        "CREATE TRIGGER of_item BEFORE INSERT ON item FOR EACH ROW SET @changed = 1",
        "DROP TABLE no_key",
        "DROP VIEW z_checked",
        "CREATE TABLE z_checked (id int, parent int)",
        "DROP FUNCTION doubled",
        "CREATE FUNCTION doubled(value int) RETURNS int DETERMINISTIC RETURN value + value",
    ):
        swapping_server.execute(statement, pair.scratch)
    pair = dataclasses.replace(pair, old=pair.dump(pair.target), new=pair.dump(pair.scratch))
    pair.swap()
    pair.assert_swapped()
    pair.clear()


def test_a_database_that_is_there_under_no_name_yet_gets_one(pair: Pair) -> None:
    pair.server.drop_database(pair.target)
    assert swapping.swap(pair.endpoint, pair.scratch, pair.target, None) == []
    assert pair.databases() == {pair.target}
    assert pair.dump(pair.target) == pair.new


def test_the_default_character_set_of_the_new_database_comes_along(pair: Pair) -> None:
    pair.server.execute(f"ALTER DATABASE {pair.server.quote(pair.scratch)} COLLATE latin1_german1_ci")
    pair.swap()
    query = "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = %s"
    assert pair.server.execute(query, params=[pair.target])[0][0] == "latin1_german1_ci"
    assert pair.server.execute(query, params=[pair.previous])[0][0] != "latin1_german1_ci"


def test_the_grants_on_the_target_stay_also_those_on_a_routine_that_is_another_now(pair: Pair) -> None:
    user = f"user_{os.urandom(3).hex()}"
    pair.server.create_user(user, "secret")
    for what in ("EXECUTE ON FUNCTION {}.version_of", "SELECT (id, name) ON {}.person", "INSERT ON {}.note"):
        pair.server.execute(f"GRANT {what.format(pair.server.quote(pair.target))} TO {user}@'%'")
    before = pair.server.execute(f"SHOW GRANTS FOR {user}@'%'")
    pair.swap()
    assert pair.server.execute(f"SHOW GRANTS FOR {user}@'%'") == before
    connection = pair.server.connect_as(user, "secret", pair.target)
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT version_of(), (SELECT max(name) FROM person)")
        assert cursor.fetchall() == ((2, PLANTED),)
    pair.server.execute(f"DROP USER {user}@'%'")


def test_tables_take_their_numbers_from_the_sequences_beside_them(pair: Pair) -> None:
    only_mariadb(pair)
    pair.swap()
    for database, numbers in ((pair.target, (200, 402)), (pair.previous, (100, 202))):
        pair.server.execute("INSERT INTO takes (t) VALUES ('x')", database)
        assert pair.server.execute("SELECT id, twice FROM takes", database) == [numbers]


def test_a_sequence_that_was_not_there_before_is_named_too(pair: Pair) -> None:
    only_mariadb(pair)
    pair.server.execute("CREATE SEQUENCE later", pair.scratch)
    pair.server.execute(
        "CREATE TABLE of_later (id int DEFAULT nextval(later), t text) WITH SYSTEM VERSIONING", pair.scratch
    )
    pair.swap()
    pair.server.execute("INSERT INTO of_later (t) VALUES ('x')", pair.target)
    assert pair.server.execute("SELECT id FROM of_later", pair.target) == [(1,)]


def test_defaults_that_name_the_sequences_of_the_database_that_was_dumped_name_those_of_the_target(pair: Pair) -> None:
    only_mariadb(pair)
    source = f"source_{os.urandom(3).hex()}"
    pair.server.create_database(source)
    pair.server.execute("CREATE SEQUENCE numbers", source)
    pair.server.execute(f"ALTER TABLE takes ALTER COLUMN id SET DEFAULT nextval({source}.numbers)", pair.scratch)
    swapping.swap(pair.endpoint, pair.scratch, pair.target, pair.previous, source=source)
    pair.server.drop_database(source)
    pair.server.execute("INSERT INTO takes (t) VALUES ('x')", pair.target)
    assert pair.server.execute("SELECT id FROM takes", pair.target) == [(200,)]


def test_held_events_are_disabled_and_are_in_the_target_as_they_were(pair: Pair) -> None:
    pair.server.execute("CREATE EVENT idle ON SCHEDULE EVERY 1 DAY DISABLE DO DO 1", pair.scratch)
    new = pair.dump(pair.scratch)
    held = swapping.hold_events(pair.endpoint, pair.scratch)
    assert [event.name for event in held] == ["nightly"]
    assert pair.dump(pair.scratch) == with_events_disabled(new) != new
    swapping.swap(pair.endpoint, pair.scratch, pair.target, pair.previous, held_events=held)
    assert pair.dump(pair.target) == new


def test_only_the_wanted_tables_of_a_scratch_database_are_kept(pair: Pair) -> None:
    swapping.keep_tables(pair.endpoint, pair.scratch, ["note"])
    tables = {row[0] for row in pair.server.execute("SHOW TABLES", pair.scratch)}
    assert tables - {"numbers"} == {"note"}
    assert [row[0] for row in pair.server.execute("SHOW TRIGGERS", pair.scratch)] == ["noted", "noted_too"]


def test_no_writer_meets_a_table_without_its_triggers_and_no_reader_a_mixture(pair: Pair) -> None:
    def write(cursor: Any, count: int) -> None:
        cursor.execute("INSERT INTO note (person, what) VALUES (1, %s)", [count])

    def read(cursor: Any, _count: int) -> None:
        cursor.execute("SELECT max(version), (SELECT count(*) FROM information_schema.schemata) > 0 FROM person")
        cursor.execute("SELECT DISTINCT p.version, q.version FROM person AS p JOIN person AS q")
        assert len(set(cursor.fetchone())) == 1

    with users(pair, 4, write) as of_writers, users(pair, 1, read) as of_readers:
        time.sleep(0.5)
        pair.swap()
        time.sleep(0.5)
    assert of_writers == of_readers == []
    for database in (pair.previous, pair.target):
        notes, audits = pair.server.execute(
            "SELECT (SELECT count(*) FROM note), (SELECT count(*) FROM audit)", database
        )[0]
        assert notes == audits > 0


def test_a_target_that_a_transaction_uses_is_left_as_it_is_and_the_user_is_named(pair: Pair) -> None:
    with contextlib.closing(pair.server.connect(pair.target)) as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        cursor.execute("SELECT count(*) FROM person")
        with pytest.raises(errors.ValidationError, match=r"in use.* root \(session") as raised:
            pair.swap()
        assert PLANTED not in str(raised.value)
        pair.server.drop_database(pair.scratch)
        pair.assert_old()


def test_foreign_keys_of_other_databases_stand_against_a_swap(pair: Pair) -> None:
    other = f"other_{os.urandom(3).hex()}"
    pair.server.create_database(other)
    target = pair.server.quote(pair.target)
    pair.server.execute(f"CREATE TABLE x (id int, FOREIGN KEY (id) REFERENCES {target}.person (id))", other)
    with pytest.raises(errors.ValidationError, match=rf"{other}\.x"):
        pair.swap()
    pair.server.drop_database(other)
    pair.server.drop_database(pair.scratch)
    pair.assert_old()


def test_a_view_that_cannot_be_created_leaves_the_old_content(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    create = definitions.create

    def refusing(cursor: Any, definition: Any, *, replace: bool = False) -> None:
        if definition.name == "view_2":
            raise pymysql.err.OperationalError(1142, "denied")
        create(cursor, definition, replace=replace)

    monkeypatch.setattr(definitions, "create", refusing)
    with pytest.raises(errors.ValidationError, match="view view_2 could not be created"):
        pair.swap()
    pair.assert_old()


def test_a_second_restore_to_the_same_target_is_refused_while_one_is_under_way(pair: Pair) -> None:
    with swapping.exclusive(pair.endpoint, pair.target):
        with pytest.raises(errors.LockedError), swapping.exclusive(pair.endpoint, pair.target):
            pass
        with swapping.exclusive(pair.endpoint, "another"):
            pass
    with swapping.exclusive(pair.endpoint, pair.target):
        pass


def test_a_scratch_database_that_a_killed_load_left_is_dropped_and_no_other(pair: Pair) -> None:
    pair.server.create_database(pair.previous)
    assert pair.recover() == [
        f"{pair.scratch}, which a restore to {pair.target} that was broken off had left, has been dropped"
    ]
    assert pair.databases() == {pair.target, pair.previous}
    assert pair.dump(pair.target) == pair.old


def test_the_old_database_is_noted_as_one_to_be_dropped_unless_it_is_to_be_kept(pair: Pair) -> None:
    swapping.swap(pair.endpoint, pair.scratch, pair.target, pair.previous, keep_previous=False)
    assert pair.databases() == {pair.target, pair.previous}
    assert pair.recover() == [
        f"the database {pair.previous}, which was to be dropped when {pair.target} had been replaced, was dropped"
    ]
    assert pair.databases() == {pair.target}
    assert pair.dump(pair.target) == pair.new


def test_that_note_means_nothing_in_another_database(pair: Pair) -> None:
    swapping.swap(pair.endpoint, pair.scratch, pair.target, pair.previous, keep_previous=False)
    journal = swap_plan.qualified(pair.previous, swap_plan.DROPPING)
    pair.server.execute(
        f"CREATE TABLE {swap_plan.qualified(pair.target, swap_plan.DROPPING)} AS SELECT * FROM {journal}"
    )
    pair.server.drop_database(pair.previous)
    assert pair.recover() == []
    assert pair.databases() == {pair.target}


def test_a_swap_without_keeping_that_was_killed_anywhere_leaves_the_new_database_alone(pair: Pair) -> None:
    def swap() -> None:
        swapping.swap(pair.endpoint, pair.scratch, pair.target, pair.previous, keep_previous=False)

    with disturbed(-1, refuse) as said:
        swap()
    pair.recover()
    for at in range(len(said) - 4, len(said)):
        pair.make_anew()
        with contextlib.suppress(pymysql.err.OperationalError, errors.BackupDBError), disturbed(at, lose):
            swap()
        pair.recover()
        assert pair.databases() == {pair.target}
        assert pair.dump(pair.target) == pair.new


def test_a_new_database_that_is_noted_as_not_whole_is_dropped(pair: Pair) -> None:
    with session(pair.endpoint) as connection, connection.cursor() as cursor:
        leftovers.mark_unfinished(cursor, pair.target)
        leftovers.mark_unfinished(cursor, pair.scratch)
        assert pair.recover()[0] == (
            f"the database {pair.target}, which was not whole, for the restore to it was killed, was dropped"
        )
        pair.fill()
        leftovers.mark_unfinished(cursor, pair.target)
        leftovers.mark_finished(cursor, pair.target)
        pair.server.drop_database(pair.scratch)
        assert pair.recover() == []
    pair.assert_old()


def duration_of_a_swap(pair: Pair) -> float:
    """Return how many seconds a swap takes from its beginning to its end."""
    started = time.monotonic()
    pair.swap()
    return time.monotonic() - started


def number_of_changes(pair: Pair) -> int:
    """Return how many statements of a swap change something."""
    with disturbed(-1, refuse) as said:
        pair.swap()
    return len(said)


@pytest.mark.slow
def test_a_swap_that_was_killed_anywhere_is_finished_or_undone(pair: Pair) -> None:
    outcomes = []
    for at in itertools.count():
        pair.make_anew()
        if not swap_and_die(pair, at):
            break
        said = pair.recover()
        outcomes += said
        if pair.databases() == {pair.target}:
            pair.assert_old()
        else:
            pair.assert_swapped()
        assert pair.recover() == []
    assert {sentence.rsplit(" ", 1)[-1] for sentence in outcomes} >= {"undone", "finished", "dropped"}


@pytest.mark.slow
@pytest.mark.parametrize("disturb", [refuse, lose])
def test_a_fault_anywhere_leaves_the_old_or_the_new_database(pair: Pair, disturb: Any) -> None:
    count = number_of_changes(pair)
    for at in range(count):
        pair.make_anew()
        with contextlib.suppress(errors.BackupDBError), disturbed(at, disturb):
            pair.swap()
        assert pair.dump(pair.target) in {pair.old, pair.new}
        # What restores do when they fail.
        if pair.scratch in pair.databases():
            pair.server.drop_database(pair.scratch)
        pair.recover()
        if pair.databases() == {pair.target}:
            pair.assert_old()
        else:
            pair.assert_swapped()


@pytest.mark.slow
def test_a_swap_that_gets_a_signal_at_any_moment_is_finished_or_undone(pair: Pair) -> None:
    duration = duration_of_a_swap(pair)
    for _number in range(10):
        pair.make_anew()
        swap_and_be_killed(pair, random.uniform(0, 1.2 * duration))
        pair.recover()
        if pair.databases() == {pair.target}:
            pair.assert_old()
        else:
            pair.assert_swapped()


@pytest.mark.slow
def test_a_server_that_is_killed_has_the_old_or_the_new_database_when_it_is_back(
    swapping_server: PrivateServer,
) -> None:
    kind = type(swapping_server)
    with kind(server_root=swapping_server.server_root, client_path=swapping_server.client_path) as server:
        pair = Pair(server, "target").fill()
        duration = duration_of_a_swap(pair)
        for _attempt in range(6):
            pair.make_anew()
            thread = threading.Thread(target=_swap_quietly, args=[pair])
            thread.start()
            time.sleep(random.uniform(0, duration))
            server.kill()
            thread.join()
            # MySQL takes the dead process for a living one as long as nobody has waited for its end.
            server.folder.joinpath("socket", "mysqld.sock.lock").unlink(missing_ok=True)
            server.start()
            pair.recover()
            if pair.databases() == {pair.target}:
                pair.assert_old()
            else:
                pair.assert_swapped()


def _swap_quietly(pair: Pair) -> None:
    with contextlib.suppress(errors.BackupDBError):
        pair.swap()
