# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks between processes."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, locking, logbook
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import LoggingConfig

HOLDER = """\
import fcntl, sys, time
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


@contextmanager
def held_by_another_process(path: Path, seconds: float) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-c", HOLDER, str(path), str(seconds)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_lock_is_held_against_other_processes_while_the_block_runs(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    probe = [sys.executable, "-c", "import fcntl, sys; fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)"]
    with locking.hold(path, "the instance a"):
        assert subprocess.run([*probe, str(path)], stderr=subprocess.DEVNULL, check=False).returncode != 0
    assert subprocess.run([*probe, str(path)], check=False).returncode == 0


def test_the_log_has_when_a_lock_was_taken_and_released(tmp_path: Path) -> None:
    log, path = tmp_path / "app.log", tmp_path / "lock"
    with logbook.opened(LoggingConfig(file_path=log, level="DEBUG")), locking.hold(path, "the instance a"):
        pass
    told = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert [(event["phase"], event["level"]) for event in told] == [("lock_taken", "DEBUG"), ("lock_released", "DEBUG")]
    assert {event["lock_file"] for event in told} == {str(path)}


def test_a_lock_of_another_process_is_an_error_that_names_what_is_locked(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with (
        held_by_another_process(path, 30),
        pytest.raises(errors.LockedError, match="the instance a is locked by another run") as caught,
        locking.hold(path, "the instance a"),
    ):
        pass
    assert caught.value.details() == {
        "error_code": "locked",
        "hint": "Wait for that run to end, then start this one again",
        "lock_file": str(path),
    }


def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with held_by_another_process(path, 0.5):
        started = time.monotonic()
        with locking.hold(path, "x", timeout=20):
            assert 0.1 < time.monotonic() - started < 15


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with held_by_another_process(path, 30) as process:
        process.kill()
        process.wait()
        with locking.hold(path, "x"):
            pass


def test_the_lock_file_is_private_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "lock"
    with locking.hold(path, "x"):
        pass
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_lock_is_free_again_after_an_error_in_the_block(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(ZeroDivisionError), locking.hold(path, "x"):
        raise ZeroDivisionError
    with locking.hold(path, "x"):
        pass


def test_a_symlink_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    path = tmp_path / "lock"
    path.symlink_to(victim)
    with pytest.raises(errors.StorageError, match="cannot be opened"), locking.hold(path, "x"):
        pass
    assert not victim.exists()


def test_only_one_of_two_open_files_gets_the_lock(tmp_path: Path) -> None:
    first = os.open(tmp_path / "f", os.O_RDWR | os.O_CREAT)
    second = os.open(tmp_path / "f", os.O_RDWR)
    try:
        assert locking.try_lock(first)
        assert not locking.try_lock(second)
    finally:
        os.close(first)
        os.close(second)
