# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a signal is to those whom it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, process, signals

REFUSED = errors.ServerConnectionError("the server ended the session")


pytestmark = pytest.mark.usefixtures("signals_heeded")


def test_what_fails_when_a_signal_has_come_fails_for_that() -> None:
    found = [signals.meaning(REFUSED)]

    def work() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            found.append(signals.meaning(REFUSED))

    with pytest.raises(signals.Ended), signals.raised():
        work()
    found.append(signals.meaning(REFUSED))
    assert [error.error_code for error in found] == ["connection_error", "interrupted", "connection_error"]
    assert found[1].message == "it was ended by SIGTERM"


def test_an_end_is_told_with_what_was_done_before() -> None:
    ended = signals.Ended(signal.SIGINT)
    ended.details = {"changed": True, "results": ["one"]}
    failure = ended.as_failure()
    assert str(failure) == "ended by SIGINT; of what was not finished, nothing stays"
    assert failure.details() == {"error_code": "interrupted", "changed": True, "results": ["one"]}


def test_a_signal_that_comes_too_late_ends_nothing_and_a_later_one_does() -> None:
    done = []

    def work() -> None:
        with signals.disregarded():
            signal.raise_signal(signal.SIGTERM)
            done.append("recorded")
        done.append("went on")
        signal.raise_signal(signal.SIGTERM)
        done.append("never")

    with pytest.raises(signals.Ended), signals.raised():
        work()
    assert done == ["recorded", "went on"]


def test_in_another_thread_the_block_is_run_and_signals_stay_as_they_are() -> None:
    seen = []

    def work() -> None:
        with signals.raised():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]


GIVEN_TO_ANOTHER_THREAD = """
import signal, threading
from ansible_collections.vya.backupdb.plugins.module_utils._engine import signals

changed, waiting = threading.Condition(), threading.Event()

def work():
    waiting.wait()
    # Whoever has this lock knows that the other thread waits for the condition.
    with changed:
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    threading.Event().wait()

threading.Thread(target=work, daemon=True).start()
try:
    with signals.raised(), changed:
        waiting.set()
        changed.wait()
except signals.Ended as ended:
    print(ended.name)
"""


def test_a_signal_that_the_system_gives_to_another_thread_ends_the_one_that_waits() -> None:
    done = subprocess.run(
        [sys.executable, "-c", GIVEN_TO_ANOTHER_THREAD],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == "SIGTERM\n"


WAITING = """
import ctypes, os, signal, threading
from ansible_collections.vya.backupdb.plugins.module_utils._engine import signals

library, lock = ctypes.CDLL(None), ctypes.create_string_buffer(64)

def cancel(what):
    print(what, flush=True)
    library.pthread_mutex_unlock(lock)

def wait_for_a_library():
    # A second time it waits for the first, whatever signals come.
    library.pthread_mutex_lock(lock)
    library.pthread_mutex_lock(lock)

threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
try:
    with signals.raised():
        with signals.broken_off_by(lambda: cancel("over")):
            pass
        with signals.broken_off_by(lambda: cancel("cancelled")):
            {wait}()
except signals.Ended as ended:
    print(ended.name)
"""


@pytest.mark.parametrize(
    ("wait", "said"),
    [("wait_for_a_library", "cancelled\nSIGTERM\n"), ("threading.Event().wait", "SIGTERM\n")],
)
def test_a_wait_that_no_signal_reaches_is_cancelled_and_nothing_else_is(wait: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WAITING.format(wait=wait)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == said


def test_a_program_that_was_just_being_started_is_killed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def start(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(*arguments, **options))
        signal.raise_signal(signal.SIGTERM)
        return started[-1]

    monkeypatch.setattr(process, "subprocess", SimpleNamespace(**{**vars(subprocess), "Popen": start}))
    with pytest.raises(signals.Ended), signals.raised():
        process.output(process.Command(("sleep", "60")))
    assert [program.returncode for program in started] == [-signal.SIGKILL]


def test_a_program_that_cannot_be_started_puts_off_nothing() -> None:
    with signals.raised():
        with pytest.raises(errors.ConfigError, match="cannot be started"):
            process.output(process.Command(("/nowhere/program",)))
        with pytest.raises(signals.Ended):
            signal.raise_signal(signal.SIGTERM)
