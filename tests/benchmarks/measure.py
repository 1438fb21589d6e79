# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pipeline of programs costs: seconds, processor seconds, memory and the size of what it wrote."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .commands import Command

SAMPLING_SECONDS = 0.05
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Cost:
    """What one run cost. ``others_cpu_seconds`` is what everything else on the machine used meanwhile.

    ``largest_bytes`` is the most memory that one of the programs held, ``together_bytes`` the most that all of
    them held at a time; neither counts the server.
    """

    wall_seconds: float
    client_cpu_seconds: float
    server_cpu_seconds: float
    others_cpu_seconds: float
    largest_bytes: int
    together_bytes: int
    size_bytes: int

    @property
    def cpu_seconds(self) -> float:
        """The processor seconds of the programs and the server."""
        return self.client_cpu_seconds + self.server_cpu_seconds


class PipelineError(Exception):
    """A program of a pipeline failed; the message has its last words."""


def run(stages: Sequence[Command], output: Path | None, folder: Path, server_pid: int) -> Cost:
    """Run programs that read each other's output; the last one's goes to a file, or to nowhere.

    The size is that of all files in ``folder`` afterwards. Raise PipelineError when a program fails.
    """
    # What others wrote before shall not be written out at this one's expense.
    os.sync()
    server_before, machine_before = tree_cpu_seconds(server_pid), machine_cpu_seconds()
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        errors = stack.enter_context(folder.parent.joinpath(f"{folder.name}.errors").open("w+b"))
        sink: IO[bytes] | int = stack.enter_context(output.open("wb")) if output else subprocess.DEVNULL
        processes = _start(stages, sink, errors)
        memory = _Memory([process.pid for process in processes])
        client_cpu_seconds = sum(_wait(process, memory) for process in processes)
        wall_seconds = time.monotonic() - started
        memory.stop()
        _check(processes, stages, errors)
    # A server buries its workers a moment after their client has gone.
    time.sleep(0.1)
    server_cpu_seconds = tree_cpu_seconds(server_pid) - server_before
    others = machine_cpu_seconds() - machine_before - client_cpu_seconds - server_cpu_seconds
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Cost(
        wall_seconds, client_cpu_seconds, server_cpu_seconds, max(0.0, others), memory.largest, memory.together, size
    )


def _start(stages: Sequence[Command], sink: IO[bytes] | int, errors: IO[bytes]) -> list[subprocess.Popen[bytes]]:
    processes: list[subprocess.Popen[bytes]] = []
    source: IO[bytes] | int = subprocess.DEVNULL
    for stage in stages:
        last = stage is stages[-1]
        process = subprocess.Popen(
            stage.argv,
            env=stage.environment,
            cwd=stage.folder,
            stdin=source,
            stdout=sink if last else subprocess.PIPE,
            stderr=errors,
        )
        if not isinstance(source, int):
            # The one before must see when this one goes.
            source.close()
        if process.stdout is not None:
            source = process.stdout
        processes.append(process)
    return processes


def _wait(process: subprocess.Popen[bytes], memory: _Memory) -> float:
    """Wait for a program; return the processor seconds of it and of all that it waited for."""
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    memory.forget(process.pid)
    return usage.ru_utime + usage.ru_stime


def _check(processes: Sequence[subprocess.Popen[bytes]], stages: Sequence[Command], errors: IO[bytes]) -> None:
    for process, stage in zip(processes, stages, strict=True):
        if process.returncode != 0:
            errors.seek(0)
            said = errors.read().decode(errors="replace")[-2000:]
            raise PipelineError(f"{stage.argv[0]} ended with {process.returncode}: {said}")


class _Memory:
    """Looks at the memory of processes and their descendants several times a second, in a thread of its own."""

    def __init__(self, pids: list[int]) -> None:
        self.largest = 0
        self.together = 0
        self._pids = pids
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def forget(self, pid: int) -> None:
        """Look no more at a process that was waited for."""
        self._pids.remove(pid)

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(SAMPLING_SECONDS):
            peaks, sizes = [0], [0]
            for pid in list(self._pids):
                for member, parent in tree(pid):
                    # Between fork and exec a child shows the memory of its parent, and its command line.
                    if parent is None or _command_line(member) != _command_line(parent):
                        peak, size = _memory_bytes(member)
                        peaks.append(peak)
                        sizes.append(size)
            self.largest = max(self.largest, *peaks)
            self.together = max(self.together, sum(sizes))


def tree(pid: int, parent: int | None = None) -> Iterator[tuple[int, int | None]]:
    """Yield a process and its descendants, each with its parent; those that are gone are passed over."""
    yield pid, parent
    for task in _listed(f"/proc/{pid}/task"):
        # A child belongs to the thread that started it.
        for child in _read(f"/proc/{pid}/task/{task}/children").split():
            yield from tree(int(child), pid)


def tree_cpu_seconds(pid: int) -> float:
    """Return the processor seconds of a process, of its descendants, and of those that they have waited for."""
    ticks = 0
    for member, _parent in tree(pid):
        fields = _read(f"/proc/{member}/stat").rpartition(")")[2].split()
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS_PER_SECOND


def machine_cpu_seconds() -> float:
    """Return the seconds in which any processor of the machine was at work since it started."""
    user, nice, system, _idle, _waiting, irq, softirq = (int(field) for field in _read("/proc/stat").split()[1:8])
    return (user + nice + system + irq + softirq) / TICKS_PER_SECOND


def _memory_bytes(pid: int) -> tuple[int, int]:
    """Return the most memory that a process has held, and what it holds now."""
    sizes = {"VmHWM": 0, "VmRSS": 0}
    for line in _read(f"/proc/{pid}/status").splitlines():
        name, _colon, value = line.partition(":")
        if name in sizes:
            sizes[name] = int(value.split()[0]) * 1024
    return sizes["VmHWM"], sizes["VmRSS"]


def _command_line(pid: int) -> str:
    return _read(f"/proc/{pid}/cmdline")


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _listed(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except (FileNotFoundError, ProcessLookupError):
        return []
