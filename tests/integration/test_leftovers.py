# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore leaves when it is killed is taken away by the next one, and nothing else is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.results import RestoreResult

from tests.integration.facts import facts_of
from tests.integration.faults import Replaceable, Steps, engine_restore, next_moment, replaceable
from tests.integration.scenes import DATABASE_ID, Scene, back_up
from tools.private_servers.base import PrivateServer

KILLED = 9
REPLACED = "which was to be dropped when {} had been replaced, was dropped"
NOT_WHOLE = "the database {0}, which was not whole, for the restore to it was killed, was dropped"
NUMBERED = """
    CREATE SEQUENCE numbers;
    CREATE TABLE numbered (id int PRIMARY KEY DEFAULT nextval(numbers), t text);
    INSERT INTO numbered (t) VALUES ('a'), ('b');
"""


@pytest.fixture
def live(server: PrivateServer, store: Path) -> Iterator[Replaceable]:
    """A live database that has changed since its backup and may be replaced."""
    with replaceable(server, store, "left_behind") as made:
        yield made


def die_at(live: Replaceable, step: str, moment: str, **options: Any) -> None:
    """Restore in a process that dies, as by SIGKILL, before or after a step."""

    def die(number: int, when: str) -> None:
        if (steps.made[number], when) == (step, moment):
            os._exit(KILLED)

    steps = Steps(live.engine, die)
    stamp = next_moment()
    pid = os.fork()
    if pid == 0:
        try:
            engine_restore(live.scene, server=steps.as_server(), moment=stamp, **options)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == KILLED


def restored(live: Replaceable, **options: Any) -> RestoreResult:
    return engine_restore(live.scene, moment=next_moment(), **options)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_what_was_replaced_is_dropped_by_the_next_restore_where_the_first_one_died_before_it_could(
    live: Replaceable, moment: str
) -> None:
    step = "drop_database" if moment == "before" else "swap_database"
    die_at(live, step, moment)
    (left,) = live.others()
    assert live.is_kept(left)
    assert live.is_new()
    live.change()
    assert [warning for warning in restored(live).warnings if left in warning] == [
        f"the database {left}, {REPLACED.format(live.scene.database)}"
    ]
    assert live.others() == []
    assert live.is_new()


def test_what_was_replaced_and_is_to_be_kept_is_never_dropped(live: Replaceable) -> None:
    kept = restored(live, keep_previous=True).previous_database
    assert kept is not None
    assert live.server.whole_dump(kept, create=True).replace(kept, live.scene.database) == live.old
    live.change()
    die_at(live, "swap_database", "after", keep_previous=True)
    assert len(live.others()) == 2
    live.change()
    assert not [warning for warning in restored(live).warnings if "dropped" in warning]
    assert len(live.others()) == 2
    assert kept in live.others()


def test_a_note_that_comes_back_with_a_backup_of_what_was_replaced_means_nothing(
    live: Replaceable, tmp_path: Path
) -> None:
    die_at(live, "drop_database", "before")
    (left,) = live.others()
    # What somebody does who wants the old database back.
    other = tmp_path.joinpath("other")
    back_up(live.server, other, [left])
    old = catalog.find_latest(other, database_id=DATABASE_ID, database=left)
    restored(live, artifact=old)
    assert live.others() == []
    kept = restored(live, keep_previous=True).previous_database
    assert not [warning for warning in restored(live).warnings if "dropped" in warning]
    assert live.others() == [kept]


def test_what_somebody_uses_stays_and_that_is_told(live: Replaceable) -> None:
    if live.server.family == "mysql":
        pytest.skip("a database of this family can be dropped below a session")
    die_at(live, "drop_database", "before")
    (left,) = live.others()
    connection = live.server.connect(left)
    told = [warning for warning in restored(live).warnings if left in warning]
    assert len(told) == 1
    assert "could not be dropped: database" in told[0]
    connection.close()
    assert left in live.others()


@pytest.mark.parametrize("step", ["mark_unfinished", "load", "inspect"])
def test_a_new_database_that_is_not_whole_is_dropped_by_the_next_restore(
    live: Replaceable, new_database: Callable[[], str], step: str
) -> None:
    target = new_database()
    die_at(live, step, "after", target=target, strategy="in_place", force=False)
    assert target in live.server.databases()
    warnings = restored(live, target=target, force=False).warnings
    assert NOT_WHOLE.format(target) in warnings
    restored(live)
    assert facts_of(live.server, target) == facts_of(live.server, live.scene.database)
    with pytest.raises(errors.ValidationError, match="exists"):
        restored(live, target=target, force=False)


def test_a_database_with_sequences_that_is_gone_is_dropped_where_it_is_not_whole(
    mariadb: PrivateServer, store: Path
) -> None:
    name = f"numbered_{os.urandom(4).hex()}"
    mariadb.create_database(name)
    mariadb.run_script(NUMBERED, name)
    back_up(mariadb, store, [name])
    live = Replaceable(Scene(mariadb, name, store, mariadb.whole_dump(name, create=True)), "")
    mariadb.drop_database(name)
    die_at(live, "load", "after", force=False)
    assert name in mariadb.databases()
    result = restored(live, force=False)
    assert NOT_WHOLE.format(name) in result.warnings
    assert live.is_new()
    mariadb.drop_database(name)
