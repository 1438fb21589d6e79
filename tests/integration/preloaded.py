# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs ansible and ansible-playbook, loaded once and forked for each run.

To load Ansible and to pack a module with all that it imports takes longer than most modules run. So a process loads
Ansible and then only forks; what it forks is the program from its main() on, in its own environment and folder. The
modules themselves run as ever, each in a new Python. With PLAIN_VARIABLE in the environment nothing is preloaded.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

PLAIN_VARIABLE = "BACKUPDB_TESTS_PLAIN_ANSIBLE"
PROGRAMS = {"ansible": "ansible.cli.adhoc", "ansible-playbook": "ansible.cli.playbook"}
# Ansible loads these when it comes to them.
USED_BY_MOST = (
    "ansible.executor.module_common",
    "ansible.executor.playbook_executor",
    "ansible.executor.process.worker",
    "ansible.executor.task_executor",
    "ansible.plugins.action.normal",
    "ansible.plugins.callback.default",
    "ansible.plugins.callback.minimal",
    "ansible.plugins.connection.local",
    "ansible.plugins.shell.sh",
    "ansible.plugins.strategy.linear",
)
HEAD_BYTES = 8
# For a process that was ended before it could tell its exit code.
KILLED = -signal.SIGKILL

Outcome = tuple[int, str]


def run(
    program: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, timeout_seconds: float
) -> Outcome:
    """Run one of the programs; return its exit code and all that it printed.

    Raise subprocess.TimeoutExpired if it takes too long.
    """
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    if not os.environ.get(PLAIN_VARIABLE):
        return _loader(_read_at_loading(environment)).run(command, environment, folder, timeout_seconds)
    done = subprocess.run(
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    return done.returncode, done.stdout


def _read_at_loading(environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the variables that count when Ansible is loaded."""
    prefixes, names = ("ANSIBLE_", "LC_", "PYTHON"), ("HOME", "LANG", "PATH", "TMPDIR")
    found = {name: value for name, value in environment.items() if name.startswith(prefixes) or name in names}
    return tuple(sorted(found.items()))


@functools.cache
def _loader(variables: tuple[tuple[str, str], ...]) -> Loader:
    return Loader(dict(variables))


class Loader:
    """A process that has loaded Ansible in an environment and forks for whoever asks."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair()
        with theirs:
            # -P: beside this file is an ansible.py that is another thing.
            process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno())],
                env=environment,
                cwd="/",
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        atexit.register(self._end, process)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        self._socket.close()
        process.wait()

    def run(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, timeout_seconds: float
    ) -> Outcome:
        """Have a command run by a fork of the process."""
        request = {"command": command, "environment": dict(environment), "folder": str(folder)}
        printed, printing = os.pipe()
        told, telling = os.pipe()
        with open(printed, encoding="utf-8") as output, open(told, encoding="ascii") as status:
            try:
                self._send(json.dumps(request).encode(), [printing, telling])
            finally:
                os.close(printing)
                os.close(telling)
            late = threading.Event()
            watch = threading.Timer(timeout_seconds, _kill, [int(status.readline()), late])
            watch.start()
            text = output.read()
            watch.cancel()
            if late.is_set():
                raise subprocess.TimeoutExpired(list(command), timeout_seconds, text.encode())
            return int(status.readline() or KILLED), text

    def _send(self, request: bytes, files: Sequence[int]) -> None:
        with self._lock:
            socket.send_fds(self._socket, [str(len(request)).encode().rjust(HEAD_BYTES)], files)
            self._socket.sendall(request)


def _kill(pid: int, late: threading.Event) -> None:
    late.set()
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


# The rest is the process that has loaded Ansible.


def main() -> None:
    """Load Ansible, and fork until nobody can ask for it any more."""
    for name in (*PROGRAMS.values(), *USED_BY_MOST):
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, _bury)
    with socket.socket(fileno=int(sys.argv[1])) as requests, contextlib.suppress(KeyboardInterrupt):
        while _fork(requests):
            pass


def _bury(*_signal: object) -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _fork(requests: socket.socket) -> bool:
    """Fork for one request; say whether there was one."""
    head, files, _flags, _address = socket.recv_fds(requests, HEAD_BYTES, 2, socket.MSG_CMSG_CLOEXEC)
    if not head:
        return False
    request = json.loads(requests.recv(int(head), socket.MSG_WAITALL))
    if os.fork() == 0:
        requests.close()
        printing, telling = files
        _become(printing, telling, **request)
    for number in files:
        os.close(number)
    return True


def _become(printing: int, telling: int, command: list[str], environment: dict[str, str], folder: str) -> NoReturn:
    """Be the program to its end."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.write(telling, f"{os.getpid()}\n".encode())
        for number in (sys.stdout.fileno(), sys.stderr.fileno()):
            os.dup2(printing, number)
        os.close(printing)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        sys.argv = command
        code = _exit_code(importlib.import_module(PROGRAMS[Path(command[0]).name]).main)
    except BaseException:  # noqa: BLE001 - whatever it is, it is shown as Python shows it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(telling, f"{code}\n".encode())
        # What is registered for the exit is for the process that was forked from.
        os._exit(code)


def _exit_code(program: Callable[[], object]) -> int:
    try:
        program()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


if __name__ == "__main__":
    main()
