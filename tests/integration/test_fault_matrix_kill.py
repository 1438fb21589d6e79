# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore that is broken off at any moment leaves the live database as it was or as it was to become."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors

from tests.integration import processes
from tests.integration.faults import (
    PATIENCE_SECONDS,
    InjectedError,
    Replaceable,
    Steps,
    assert_nothing_shown,
    engine_restore,
    next_moment,
    replaceable,
    secrets_of,
    shown_by,
    wait_until_loading,
)
from tests.integration.processes import in_child
from tests.integration.scenes import back_up
from tools.private_servers.base import PrivateServer

MANY_MOMENTS = 20
MOMENTS = 5
FEW_MOMENTS = 4
SEED = 20260109
KILLED = 9
BALLAST = {
    "postgresql": "CREATE TABLE ballast AS SELECT sha256(n::text::bytea)::text FROM generate_series(1, 100000) AS n",
    "mysql": "CREATE TABLE ballast AS SELECT sha2(seq, 256) AS content FROM seq_1_to_100000",
}
OTHER_SESSIONS = "SELECT 1 FROM information_schema.processlist WHERE id <> connection_id() AND command <> 'Daemon'"


@pytest.fixture
def live(server: PrivateServer, store: Path) -> Iterator[Replaceable]:
    """A live database that has changed since its backup and may be replaced."""
    with replaceable(server, store) as made:
        yield made


@pytest.fixture
def large(live: Replaceable) -> Replaceable:
    """The same with so much in it that a load takes a while."""
    live.server.execute(BALLAST[live.server.family], live.scene.database)
    back_up(live.server, live.scene.store, [live.scene.database])
    dump = live.server.whole_dump(live.scene.database, create=True)
    live.server.execute("DELETE FROM ballast", live.scene.database)
    old = live.server.whole_dump(live.scene.database, create=True)
    return Replaceable(dataclasses.replace(live.scene, dump=dump), old)


def status_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def assert_old_or_new_and_restorable(live: Replaceable) -> bool:
    """See that the live database is one or the other and the next restore succeeds; say whether it is the new one."""
    replaced = live.is_new()
    live.assert_only_known_leftovers()
    if replaced or live.others():
        live.restore_again()
        live.clear()
        live.change()
    return replaced


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_fault_before_or_after_any_step_leaves_the_old_or_the_new_database(live: Replaceable, moment: str) -> None:
    hidden = secrets_of(live.server)
    outcomes = []
    for at in itertools.count():

        def fault(number: int, when: str, at: int = at) -> None:
            if (number, when) == (at, moment):
                raise InjectedError("a fault of the test")

        steps = Steps(live.engine, fault)
        try:
            engine_restore(live.scene, server=steps.as_server())
        except errors.BackupDBError as error:
            assert_nothing_shown(shown_by(error), hidden)
            outcomes.append((steps.made[at], assert_old_or_new_and_restorable(live)))
        else:
            # What fails when all is done is told as a warning, and nothing else is.
            assert live.is_new()
            if at >= len(steps.made):
                break
            assert steps.made[at] == "drop_database"
        live.clear()
        live.change()
    done = dict(outcomes)
    assert {"exclusive", "recover", "create_database", "load", "inspect", "swap_database"} <= set(done)
    if moment == "before":
        assert not any(done.values())


@pytest.mark.slow
def test_a_process_that_is_killed_between_any_two_steps_leaves_the_old_or_the_new_database(live: Replaceable) -> None:
    outcomes = []
    for at in itertools.count():

        def die(number: int, when: str, at: int = at) -> None:
            if (number, when) == (at, "after"):
                # As by SIGKILL: nothing is tidied up.
                os._exit(KILLED)

        server = Steps(live.engine, die).as_server()
        status = status_of(in_child(functools.partial(engine_restore, live.scene, server=server, moment=next_moment())))
        assert status in (0, KILLED)
        outcomes.append(assert_old_or_new_and_restorable(live))
        if status == 0:
            break
    # Once it is the new one, it stays so, and it was the old one for most of the way.
    assert outcomes == sorted(outcomes)
    assert len(outcomes) > 8
    assert not outcomes[len(outcomes) // 2]


def assert_survives(live: Replaceable, number: int, moments: int) -> None:
    """Restore in a process that gets a signal, at so many moments of the time that it takes."""
    started = time.monotonic()
    assert status_of(in_child(lambda: engine_restore(live.scene))) == 0
    duration = time.monotonic() - started
    assert live.is_new()
    live.change()
    chance = random.Random(SEED)
    for part in range(moments):
        pid = in_child(functools.partial(engine_restore, live.scene, moment=next_moment()))
        time.sleep(duration * (part + chance.random()) / moments)
        os.kill(pid, number)
        os.waitpid(pid, 0)
        settle(live)
        assert_old_or_new_and_restorable(live)


def settle(live: Replaceable) -> None:
    """Have what MariaDB does not do in one step finished or undone, as the next restore does first."""
    if live.server.family == "postgresql":
        return
    deadline = time.monotonic() + PATIENCE_SECONDS
    # The server goes on with a statement when its client is gone.
    while live.server.execute(OTHER_SESSIONS):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    if not live.is_whole():
        with live.engine.exclusive(live.scene.database):
            live.engine.recover(live.scene.database)


@pytest.mark.slow
@pytest.mark.parametrize("moments", [MOMENTS, pytest.param(MANY_MOMENTS, marks=pytest.mark.thorough)])
def test_a_process_that_is_killed_at_any_of_some_moments_leaves_the_old_or_the_new_database(
    live: Replaceable, moments: int
) -> None:
    assert_survives(live, signal.SIGKILL, moments)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_is_told_to_end_leaves_the_old_or_the_new_database(
    live: Replaceable, number: signal.Signals
) -> None:
    assert_survives(live, number, FEW_MOMENTS)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_task_that_is_ended_while_it_loads_fails_and_leaves_the_live_database(
    large: Replaceable, tmp_path: Path, number: signal.Signals
) -> None:
    hidden = secrets_of(large.server)
    with processes.load_under_way(large.scene, tmp_path) as (program, results):
        wait_until_loading(large.scene)
        os.kill(processes.parent_of(program), number)
    assert results[0].rc != 0
    assert results[0].result["failed"] is True
    assert_nothing_shown(results[0].stdout, hidden)
    assert not large.is_new()
    large.assert_only_known_leftovers()
    large.restore_again()
    assert large.others() == []
