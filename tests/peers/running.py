# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run what a tool is told to run, look at what it starts, and break it off in the middle."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.commands import Command
from tests.benchmarks.measure import tree

DUMP_PROGRAMS = ("pg_dump", "pg_dumpall", "mariadb-dump", "mysqldump")
LOAD_PROGRAMS = ("psql", "pg_restore", "mariadb", "mysql")
TIMEOUT_SECONDS = 240
STRAGGLER_SECONDS = 10
# Marks all that a run has started, also what its parent did not wait for.
MARK = "BACKUPDB_PEERS_RUN"


class NotCaughtError(Exception):
    """A run ended before the program was seen that it was to be broken off in."""


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code, and what it printed."""

    code: int
    output: str

    @property
    def failed(self) -> bool:
        """Whether whoever started it is told that it failed."""
        return self.code != 0

    def __str__(self) -> str:
        return "fails" if self.failed else "reports success"


def run(command: Command, meanwhile: Callable[[subprocess.Popen[bytes]], None] | None = None) -> Ended:
    """Run a command to its end, with ``meanwhile`` beside it, and wait for what it left running for itself."""
    mark = os.urandom(8).hex()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command.argv,
            env={**command.environment, MARK: mark},
            cwd=command.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            if meanwhile is not None:
                meanwhile(process)
            code = process.wait(TIMEOUT_SECONDS)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        _wait_for_stragglers(mark)
        output.seek(0)
        return Ended(code, output.read().decode(errors="replace"))


def _wait_for_stragglers(mark: str) -> None:
    deadline = time.monotonic() + STRAGGLER_SECONDS
    wanted = f"{MARK}={mark}".encode()
    while time.monotonic() < deadline:
        if not any(wanted in _bytes(f"/proc/{pid}/environ") for pid in os.listdir("/proc") if pid.isdigit()):
            return
        time.sleep(0.02)


def kill_program(names: Sequence[str], counter: str, enough_bytes: int) -> Callable[[subprocess.Popen[bytes]], None]:
    """Return what kills the first of these programs that a run starts and that has moved so many bytes.

    ``counter`` is ``rchar`` for what was read and ``wchar`` for what was written.
    """

    def meanwhile(process: subprocess.Popen[bytes]) -> None:
        os.kill(_catch(process, names, counter, enough_bytes), 9)

    return meanwhile


def call_when_moving(
    names: Sequence[str], counter: str, enough_bytes: int, action: Callable[[], None]
) -> Callable[[subprocess.Popen[bytes]], None]:
    """Return what calls an action when the first of these programs has moved so many bytes."""

    def meanwhile(process: subprocess.Popen[bytes]) -> None:
        _catch(process, names, counter, enough_bytes)
        action()

    return meanwhile


def _catch(process: subprocess.Popen[bytes], names: Sequence[str], counter: str, enough_bytes: int) -> int:
    while process.poll() is None:
        for pid, _parent in tree(process.pid):
            if _program(pid) in names and _moved(pid, counter) >= enough_bytes:
                return pid
        time.sleep(0.001)
    raise NotCaughtError(f"the run ended before {' or '.join(names)} had moved {enough_bytes} bytes")


def _program(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/exe").readlink().name
    return ""


def _moved(pid: int, counter: str) -> int:
    for line in _bytes(f"/proc/{pid}/io").decode().splitlines():
        name, _colon, value = line.partition(":")
        if name == counter:
            return int(value)
    return 0


def _bytes(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


class Arguments:
    """The arguments of every program that is started while the block runs, as the kernel was given them."""

    def __init__(self, folder: Path) -> None:
        self._file = folder.joinpath("arguments")

    def watched(self, command: Command) -> Command:
        """Return a command that does the same and has its arguments recorded."""
        tracer = ["strace", "--follow-forks", "--quiet=all", "--seccomp-bpf", "--trace=execve", "--string-limit=65536"]
        return Command([*tracer, f"--output={self._file}", *command.argv], command.environment, command.folder)

    def hold(self, text: str) -> bool:
        """Say whether a text was among the arguments of any program, the recorded command itself included.

        Environments, which strace tells of by their address alone, are not looked at.
        """
        return text in self._file.read_text(encoding="utf-8", errors="replace")


class Threads:
    """The processor seconds of each thread that a run has, by what was last seen of it."""

    def __init__(self) -> None:
        self.seconds: dict[tuple[int, int], float] = {}
        self._ended = threading.Event()

    @contextlib.contextmanager
    def beside(self) -> Iterator[Callable[[subprocess.Popen[bytes]], None]]:
        """Yield what begins to look at a run; the end of the block ends it."""
        threads: list[threading.Thread] = []

        def begin(process: subprocess.Popen[bytes]) -> None:
            thread = threading.Thread(target=self._watch, args=(process.pid,), daemon=True)
            threads.append(thread)
            thread.start()

        try:
            yield begin
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()

    def _watch(self, pid: int) -> None:
        ticks_per_second = os.sysconf("SC_CLK_TCK")
        while not self._ended.wait(0.01):
            for member, _parent in list(tree(pid)):
                with contextlib.suppress(OSError):
                    for task in os.listdir(f"/proc/{member}/task"):
                        fields = _bytes(f"/proc/{member}/task/{task}/stat").decode(errors="replace").rpartition(")")[2]
                        if fields:
                            used = sum(map(int, fields.split()[11:13])) / ticks_per_second
                            self.seconds[member, int(task)] = used

    def busiest(self) -> tuple[float, float]:
        """Return the seconds of the two busiest threads, the busiest first."""
        first, second, *_others = [*sorted(self.seconds.values(), reverse=True), 0.0, 0.0]
        return first, second
