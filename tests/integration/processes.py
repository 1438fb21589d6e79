# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the programs that a task runs, and stop them in the middle of their work."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.integration.ansible import Result
from tests.integration.scenes import Scene

DUMP_PROGRAMS = ("pg_dump", "mariadb-dump")
LOAD_PROGRAMS = ("psql", "mariadb")
PATIENCE_SECONDS = 60
SLICE_SECONDS = 0.004
# In the place of a program that loads: it hands on the beginning of the text, and then waits to be let on.
HOLDING = """#!{python} -SE
import os, shutil, signal, subprocess, sys
command = ["{program}", *sys.argv[1:]]
if "--version" in command:
    os.execv(command[0], command)
with subprocess.Popen(command, stdin=subprocess.PIPE, close_fds=False) as program:
    program.stdin.write(sys.stdin.buffer.read(1024 * 1024))
    program.stdin.flush()
    os.kill(os.getpid(), signal.SIGSTOP)
    shutil.copyfileobj(sys.stdin.buffer, program.stdin)
sys.exit(program.returncode)
"""


@contextlib.contextmanager
def dump_under_way(scene: Scene, database: str) -> Iterator[tuple[int, list[Result]]]:
    """Start a backup task and stop its dump program when part of the dump has been written.

    Yield the stopped program's process id, and a list that holds the task's result after the block. The block
    has to end the dump or the task.
    """
    results: list[Result] = []
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(scene.back_up, databases=[database])
        pid = _wait_for_dump(database)
        os.kill(pid, signal.SIGSTOP)
        try:
            _let_it_write(pid, scene.store)
            yield pid, results
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            results.append(task.result())


def let_end(pid: int) -> None:
    """Let a stopped program go on, and wait until it has ended by itself."""
    os.kill(pid, signal.SIGCONT)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, f"the program {pid} does not end"
        time.sleep(SLICE_SECONDS)


@contextlib.contextmanager
def load_under_way(scene: Scene, folder: Path, **options: Any) -> Iterator[tuple[int, list[Result]]]:
    """Start a restore task whose program that loads stops itself in the middle; yield as ``dump_under_way`` does.

    The block has to end the task or the program; afterwards the program goes on, if it still can. What makes the
    program stop is written to ``folder``.
    """
    results: list[Result] = []
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(scene.put_back, client_path=hold_loads(folder), **options)
        pid = wait_for_program(LOAD_PROGRAMS, f"{scene.database}__restore_", is_stopped=True)
        try:
            yield pid, results
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
            results.append(task.result())


def hold_loads(folder: Path) -> str:
    """Write programs to a folder that load as far as to their middle, and then stop themselves; return its path."""
    # The kernel takes no space in the path of an interpreter, which that of an environment may have.
    python = Path(sys.executable).resolve()
    for name in LOAD_PROGRAMS:
        if (path := shutil.which(name)) is not None:
            holding = folder.joinpath(name)
            holding.write_text(HOLDING.format(python=python, program=path), encoding="utf-8")
            holding.chmod(0o755)
    return str(folder)


def in_child(work: Callable[[], object]) -> int:
    """Do some work in a process of its own, which ends with status 0 if nothing is raised; return its id."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return pid


def with_argument(text: str) -> list[int]:
    """Return the process ids of all that has a text among its arguments."""
    return [pid for pid, words in _running() if any(text in word for word in words)]


def own_load_programs() -> list[int]:
    """Return the process ids of the programs by which this process loads."""
    return [pid for pid, words in _running() if Path(words[0]).name in LOAD_PROGRAMS and parent_of(pid) == os.getpid()]


def parent_of(pid: int) -> int:
    """Return the process that started another."""
    return int(_status_of(pid)[1])


def _state_of(pid: int) -> str:
    """Return a process's state, T where it is stopped; X where it is gone."""
    try:
        return _status_of(pid)[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def _status_of(pid: int) -> list[str]:
    status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return status.rpartition(")")[2].split()


def partial_files(store: Path) -> list[Path]:
    """Return the hidden files of drafts."""
    return sorted(store.rglob(".*.partial"))


def _wait_for_dump(database: str) -> int:
    return wait_for_program(DUMP_PROGRAMS, database)


def wait_for_program(names: Sequence[str], database: str, *, is_stopped: bool = False) -> int:
    """Return the process id of a program that works on a database, as soon as this process has started one.

    With ``is_stopped``, as soon as it has been stopped.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        # Not all that runs on the machine: a small database is loaded before that has been looked through.
        for pid, words in _started_here():
            # What stands in for a program, and stops itself, has an interpreter and its option before its name.
            named = any(Path(word).name in names for word in words[: 3 if is_stopped else 1])
            if named and any(database in word for word in words[1:]) and (not is_stopped or _state_of(pid) == "T"):
                return pid
        time.sleep(0.001)
    raise AssertionError(f"none of {', '.join(names)} began to work on {database}")


def _started_here() -> Iterator[tuple[int, list[str]]]:
    """Yield the process id and the arguments of what this process has started, and of what that has."""
    parents = [os.getpid()]
    while parents:
        with contextlib.suppress(OSError):
            threads = Path(f"/proc/{parents.pop()}/task")
            for thread in os.listdir(threads):
                children = list(map(int, threads.joinpath(thread, "children").read_text(encoding="ascii").split()))
                parents += children
                yield from [(pid, _arguments(Path(f"/proc/{pid}"))) for pid in children]


def _running() -> Iterator[tuple[int, list[str]]]:
    """Yield the process id and the arguments of all that runs."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield int(process.name), _arguments(process)


def _arguments(process: Path) -> list[str]:
    return process.joinpath("cmdline").read_bytes().decode("utf-8", "replace").split("\0")


def _let_it_write(pid: int, store: Path) -> None:
    """Let the dump run in short slices until something of it is in the storage."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not any(path.stat().st_size for path in partial_files(store)):
        if time.monotonic() > deadline:
            raise AssertionError("nothing of the dump was written")
        os.kill(pid, signal.SIGCONT)
        time.sleep(SLICE_SECONDS)
        os.kill(pid, signal.SIGSTOP)
        # What is in the pipe is read and compressed meanwhile.
        time.sleep(0.02)


def closed_port() -> int:
    """Return a port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
