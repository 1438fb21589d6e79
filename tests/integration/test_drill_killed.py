# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A drill that is killed leaves nothing that the next one does not take away."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.base import is_scratch
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.throwaway import Throwaway
from ansible_collections.vya.backupdb.plugins.module_utils._engine.restores import loading

from tests.integration.drills import only, same, throwaway, throwaway_folders, verify, work_folder
from tests.integration.processes import in_child, with_argument
from tests.integration.scenes import Scene, instance_of

PATIENCE_SECONDS = 60


@pytest.fixture
def work_path() -> Iterator[Path]:
    with work_folder() as folder:
        yield folder


def wait_until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextlib.contextmanager
def stopping_in(owner: object, name: str, reached: Path) -> Iterator[None]:
    """Have whoever calls that method tell so, and then wait for the end."""

    def stop(*_arguments: object, **_named: object) -> None:
        reached.touch()
        time.sleep(PATIENCE_SECONDS)

    with mock.patch.object(owner, name, stop):
        yield


def kill_in(owner: object, name: str, work: Callable[[], object], folder: Path) -> None:
    """Do some work in another process and kill that when it has come to a method."""
    reached = folder.joinpath("reached")

    def stopped() -> None:
        with stopping_in(owner, name, reached):
            work()

    pid = in_child(stopped)
    try:
        wait_until(reached.exists)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.mark.slow
@pytest.mark.parametrize(("owner", "name"), [(Throwaway, "_wait"), (loading, "load")], ids=["start", "load"])
def test_the_next_drill_ends_the_server_of_one_that_was_killed(
    scene: Scene, work_path: Path, tmp_path: Path, owner: object, name: str
) -> None:
    kill_in(owner, name, functools.partial(verify, scene.store, throwaway(work_path)), tmp_path)
    (left,) = throwaway_folders(work_path)
    # Of MariaDB it may have ended by itself: nobody reads what it says as it starts.
    assert with_argument(str(left)) or name == "_wait"
    assert scene.artifact.verification is None
    drilled = verify(scene.store, throwaway(work_path))
    assert only(drilled).success
    assert str(left) in drilled.swept[0]
    assert with_argument(str(left)) == []
    assert throwaway_folders(work_path) == []


@pytest.mark.slow
def test_the_next_drill_drops_the_scratch_database_of_one_that_was_killed(scene: Scene, tmp_path: Path) -> None:
    databases = scene.server.databases()
    kill_in(loading, "load", functools.partial(verify, scene.store, same(scene)), tmp_path)
    (left,) = set(scene.server.databases()) - set(databases)
    assert is_scratch(left, "verify")
    engine = instance_of(scene.server).server()

    def is_unlocked() -> bool:
        # The server notices in its own time that the client is gone.
        with contextlib.suppress(errors.LockedError), engine.exclusive(left):
            return True
        return False

    wait_until(is_unlocked)
    drilled = verify(scene.store, same(scene))
    assert only(drilled).success
    assert left in drilled.swept[0]
    assert scene.server.databases() == databases


@pytest.mark.slow
def test_the_scratch_database_of_a_drill_that_lives_is_left_alone(scene: Scene) -> None:
    engine = instance_of(scene.server).server()
    name = engine.scratch_name(scene.database, "verify", "20260109020000")
    scene.server.create_database(name)
    try:
        with engine.exclusive(name):
            drilled = verify(scene.store, same(scene))
        assert only(drilled).success
        assert drilled.swept == []
        assert name in scene.server.databases()
    finally:
        scene.server.drop_database(name)


@pytest.mark.slow
def test_an_interrupted_drill_takes_its_server_along(scene: Scene, work_path: Path) -> None:
    def interrupt(*_arguments: object, **_named: object) -> None:
        raise KeyboardInterrupt

    with mock.patch.object(loading, "load", interrupt), pytest.raises(KeyboardInterrupt):
        verify(scene.store, throwaway(work_path))
    assert throwaway_folders(work_path) == []
    assert with_argument(str(work_path)) == []
