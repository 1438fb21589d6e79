# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that run until they are stopped, as whom, and what is left of them by a process that was killed."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import process

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a program as somebody else")
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def shell(script: str, account: process.Account | None = None) -> process.Command:
    return process.Command(("/bin/sh", "-c", script), account=account)


def ourselves() -> process.Account:
    return process.Account(os.geteuid(), os.getegid())


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + 10
    while not path.exists() or not path.read_text(encoding="utf-8").endswith("\n"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return path.read_text(encoding="utf-8").strip()


def test_a_service_runs_while_its_block_does_and_is_asked_to_end(tmp_path: Path) -> None:
    up, down = tmp_path / "up", tmp_path / "down"
    script = f"trap 'echo bye > {down}; exit 0' TERM; echo $$ > {up}; while :; do sleep 0.05; done"
    with process.serving(shell(script), signal.SIGTERM) as service:
        pid = int(wait_for(up))
        assert not service.has_ended()
    assert wait_for(down) == "bye"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_service_that_ends_by_itself_is_seen_and_its_words_are_kept(tmp_path: Path) -> None:
    with process.serving(shell("echo 'no room left' >&2; exit 3"), signal.SIGTERM) as service:
        deadline = time.monotonic() + 10
        while not (service.has_ended() and service.said()):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert service.said() == "no room left"


def test_a_service_ends_with_an_error_in_its_block(tmp_path: Path) -> None:
    up = tmp_path / "up"

    def fail_when_it_is_up() -> None:
        with process.serving(shell(f"echo $$ > {up}; exec sleep 60"), signal.SIGTERM):
            wait_for(up)
            raise KeyError

    with pytest.raises(KeyError):
        fail_when_it_is_up()
    pid = int(wait_for(up))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_service_that_does_not_listen_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "STOP_SECONDS", 0.2)
    command = process.Command((sys.executable, "-I", "-c", STUBBORN))
    with process.serving(command, signal.SIGTERM) as service:
        time.sleep(0.3)
    assert service.has_ended()


@AS_ROOT
def test_a_program_can_run_as_an_account_without_other_groups() -> None:
    entry = pwd.getpwnam("nobody")
    command = shell("id -u; id -g; id -G", process.Account(entry.pw_uid, entry.pw_gid))
    assert process.output(command).split() == [str(entry.pw_uid), str(entry.pw_gid), str(entry.pw_gid)]


def test_what_has_a_text_in_its_arguments_is_ended_and_nothing_else(tmp_path: Path) -> None:
    def started(word: str) -> subprocess.Popen[bytes]:
        script = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN) if sys.argv[2:] else 0; "
        return subprocess.Popen([sys.executable, "-I", "-c", script + "input()", word], stdin=subprocess.PIPE)

    ours, other = started(f"{tmp_path}/data"), started(f"{tmp_path.parent}/other")
    try:
        process.end_by_argument(str(tmp_path), ourselves(), signal.SIGTERM)
        assert ours.wait(10) == -signal.SIGTERM
        assert other.poll() is None
    finally:
        for each in (ours, other):
            each.kill()
            each.wait()
            if each.stdin:
                each.stdin.close()


def test_what_belongs_to_another_account_is_left_alone(tmp_path: Path) -> None:
    running = subprocess.Popen([sys.executable, "-I", "-c", "input()", str(tmp_path)], stdin=subprocess.PIPE)
    try:
        process.end_by_argument(str(tmp_path), process.Account(4711, 4711), signal.SIGTERM)
        assert running.poll() is None
    finally:
        running.kill()
        running.wait()
        if running.stdin:
            running.stdin.close()


@pytest.mark.parametrize(("script", "broken_off"), [("exit 1", False), ("kill -9 $$", True)])
def test_a_program_that_was_ended_from_outside_is_told_from_one_that_failed(script: str, broken_off: bool) -> None:
    with pytest.raises(process.ProgramError) as failure:
        process.output(shell(script))
    assert failure.value.broken_off is broken_off
    meaning = failure.value.meaning("loading shop")
    assert type(meaning).__name__ == ("BrokenOffError" if broken_off else "ValidationError")
    assert meaning.message.startswith("loading shop failed: sh ")
