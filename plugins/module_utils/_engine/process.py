# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run programs: the only importer of subprocess.

AnsibleModule.run_command collects a program's output in memory and cannot stream a dump, so the
engine starts programs itself: argument lists, no shell, a small clean environment, a process
group of its own that is killed as a whole, every exit status looked at.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import errors, layout, logbook
from .redaction import redact

BLOCK_BYTES = 1024 * 1024
STDERR_TAIL_BYTES = 64 * 1024
STOP_POLL_MILLISECONDS = 200
STOP_SECONDS = 20
# What a child needs of our own environment; everything else could change what it does.
INHERITED_VARIABLES = ("PATH", "HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")

_children: set[_Child] = set()


@dataclass(frozen=True)
class Account:
    """An account of the operating system that a program runs as; it has no groups but ``gid``."""

    uid: int
    gid: int


@dataclass(frozen=True)
class PrivateFile:
    """A file that exists only in memory and only for one child: how a password is handed over, among other things.

    Its path goes to the child as an option at the front (``--defaults-file=`` + path), as the value of an environment
    variable (``PGPASSFILE``), or as the last argument, whichever is named here.
    """

    content: bytes = field(repr=False)
    option: str = ""
    variable: str = ""
    last_argument: bool = False


@dataclass(frozen=True)
class Command:
    """A program to run: its argument list, additions to the environment, and the secrets it knows.

    Only root can run one as another ``account``, which cannot read private files.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    private_files: tuple[PrivateFile, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)
    account: Account | None = None

    @property
    def program(self) -> str:
        """The program's name without its folder, for messages."""
        return os.path.basename(self.argv[0])


class ProgramError(errors.ValidationError):
    """A program did not do its work; ``stderr`` holds the redacted end of what it said.

    It was ``broken_off`` where a signal or its time limit ended it.
    """

    def __init__(self, message: str, stderr: str = "", *, broken_off: bool = False) -> None:
        super().__init__(message)
        self.stderr = stderr
        self.broken_off = broken_off

    def meaning(self, what: str, said: str = "") -> errors.ValidationError:
        """Return what it means for the work that the program was to do, where nothing more is known of the cause."""
        kind = errors.BrokenOffError if self.broken_off else errors.ValidationError
        return kind(f"{what} failed: {self.message}{f': {said}' if said else ''}")


def find_program(names: Iterable[str], folders: Iterable[str]) -> str | None:
    """Given names and folders, each in order of preference, return the first program that exists.

    An earlier folder wins over an earlier name.
    """
    candidates = list(names)
    for folder in folders:
        for name in candidates:
            found = shutil.which(name, path=folder)
            if found:
                return found
    return None


def search_folders() -> list[str]:
    """Return the folders of PATH, and those that a task's short PATH may lack."""
    return [*os.get_exec_path(), "/usr/local/bin", "/usr/bin"]


def output(command: Command, timeout: float = 30) -> str:
    """Return the whole standard output of a short command as text. Raise ProgramError if it fails."""
    return b"".join(stream_out(command, timeout)).decode("utf-8", "replace")


def stream_out(command: Command, timeout: float | None = None, stop: threading.Event | None = None) -> Iterator[bytes]:
    """Yield the command's standard output in blocks of up to 1 MiB as they come.

    After the last block the exit status is looked at. Raise ProgramError when it is not 0, or when
    ``timeout`` (seconds) ran out. A consumer that stops early kills the program; so does ``stop``, when another
    thread sets it, also while nothing comes.
    """
    with _running(command, timeout, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as child:
        descriptor = child.process.stdout.fileno()  # type: ignore[union-attr]
        _widen_pipe(descriptor)
        while True:
            if stop is not None:
                _wait_for_output(command, descriptor, stop)
            block = os.read(descriptor, BLOCK_BYTES)
            if not block:
                break
            yield block
        child.finish()


def _wait_for_output(command: Command, descriptor: int, stop: threading.Event) -> None:
    ready = select.poll()
    ready.register(descriptor, select.POLLIN)
    while not stop.is_set():
        if ready.poll(STOP_POLL_MILLISECONDS):
            return
    raise ProgramError(f"{command.program} was stopped")


def stream_in(command: Command, blocks: Iterable[bytes], timeout: float | None = None) -> None:
    """Feed ``blocks`` to the command's standard input and wait for its end.

    Raise ProgramError when its exit status is not 0, it did not read all, or ``timeout`` (seconds) ran out.
    When ``blocks`` raises, the program is killed before it can take the early end for the end of its input.
    """
    with _running(command, timeout, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
        descriptor = child.process.stdin.fileno()  # type: ignore[union-attr]
        _widen_pipe(descriptor)
        whole = False
        # A program that stopped reading mostly says why by its exit status, in finish().
        with contextlib.suppress(BrokenPipeError):
            for block in blocks:
                _write_all(descriptor, block)
            whole = True
        with contextlib.suppress(BrokenPipeError):
            child.process.stdin.close()  # type: ignore[union-attr]
        child.finish()
        if not whole:
            raise ProgramError(f"{command.program} ended well but did not read all that it was given")


class Service:
    """A program that is to run until it is stopped."""

    def __init__(self, child: _Child) -> None:
        self._child = child

    def has_ended(self) -> bool:
        """Say whether the program has ended by itself."""
        return self._child.process.poll() is not None

    def said(self) -> str:
        """Return the redacted end of what the program wrote to its standard error."""
        return self._child.said()


@contextlib.contextmanager
def serving(command: Command, stop_signal: int) -> Iterator[Service]:
    """Run a program while the block runs, then stop it by a signal, or kill it where it does not listen."""
    with _running(command, None, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as child:
        try:
            yield Service(child)
        finally:
            child.stop(stop_signal)


def end_by_argument(text: str, account: Account, stop_signal: int) -> None:
    """End what runs as that account and has the text in an argument: what a process that was killed had started.

    They get the signal first, and are killed where they do not listen.
    """
    for number in (stop_signal, signal.SIGKILL):
        deadline = time.monotonic() + STOP_SECONDS
        found = _with_argument(text, account)
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        while found and time.monotonic() < deadline:
            time.sleep(STOP_POLL_MILLISECONDS / 1000)
            found = _with_argument(text, account)
        if not found:
            return


def _with_argument(text: str, account: Account) -> list[int]:
    found = []
    for pid in layout.process_ids():
        path = layout.process_arguments(pid)
        # It may end at any moment.
        with contextlib.suppress(OSError):
            if path.stat().st_uid == account.uid and text.encode("utf-8") in path.read_bytes():
                found.append(pid)
    return found


def end_all() -> None:
    """Kill every program that runs: whatever waits for one is to give up."""
    for child in list(_children):
        child.kill()


@dataclass
class _Start:
    """Whether the main thread is just starting a program, and what is to interrupt it afterwards."""

    is_under_way: bool = False
    interrupt: BaseException | None = None


_start = _Start()


def put_off(interrupt: BaseException) -> bool:
    """Given what a signal is to raise in the main thread, say whether that has to wait, and is raised later.

    It has to while a program is started, which end_all does not know yet.
    """
    if _start.is_under_way:
        _start.interrupt = interrupt
    return _start.is_under_way


def _set_starting(is_under_way: bool) -> None:
    if threading.current_thread() is threading.main_thread():
        _start.is_under_way = is_under_way
        if not is_under_way and _start.interrupt is not None:
            interrupt, _start.interrupt = _start.interrupt, None
            raise interrupt


class _Child:
    """A started program with a thread that keeps the end of its standard error."""

    def __init__(self, command: Command, process: subprocess.Popen[bytes]) -> None:
        self.command = command
        self.process = process
        self.timed_out = False
        self._stderr = b""
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def _drain(self) -> None:
        stderr = self.process.stderr
        while stderr and (said := stderr.read1(STDERR_TAIL_BYTES)):  # type: ignore[attr-defined]
            self._stderr = (self._stderr + said)[-STDERR_TAIL_BYTES:]

    def kill(self) -> None:
        """Kill the whole process group, so that no helper of the program lives on."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def expire(self) -> None:
        """End the program because its time is up."""
        self.timed_out = True
        self.kill()

    def stop(self, stop_signal: int) -> None:
        """Ask the program to end, and wait for that a while."""
        if self.process.poll() is None:
            self.process.send_signal(stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)

    def said(self) -> str:
        """Return the redacted end of what came on standard error."""
        return redact(self._stderr.decode("utf-8", "replace"), self.command.secrets).strip()

    def finish(self) -> None:
        """Wait for the end and raise ProgramError unless it was a good one."""
        status = self.process.wait()
        self._reader.join(timeout=5)
        said = self.said()
        if self.timed_out:
            raise ProgramError(f"{self.command.program} was stopped because its time ran out", said, broken_off=True)
        if status < 0:
            raise ProgramError(f"{self.command.program} was killed by signal {-status}", said, broken_off=True)
        if status > 0:
            raise ProgramError(f"{self.command.program} ended with exit status {status}", said)


@contextlib.contextmanager
def _running(command: Command, timeout: float | None, stdin: int, stdout: int) -> Iterator[_Child]:
    """Start the command; on leaving, see that its whole process group is gone."""
    environment = {name: os.environ[name] for name in INHERITED_VARIABLES if name in os.environ}
    environment.update(command.environment, LC_ALL="C")
    argv, account = list(command.argv), command.account
    identity: dict[str, Any] = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    with _handed_over(command.private_files, argv, environment) as descriptors:
        _set_starting(True)
        try:
            process = subprocess.Popen(
                argv,
                stdin=stdin,
                stdout=stdout,
                stderr=subprocess.PIPE,
                env=environment,
                cwd="/",
                pass_fds=descriptors,
                start_new_session=True,
                **identity,
            )
        except BaseException as error:
            _set_starting(False)
            if isinstance(error, OSError):
                raise errors.ConfigError(f"{command.argv[0]} cannot be started: {error.strerror}") from error
            raise
        child = _Child(command, process)
        _children.add(child)
    named: dict[str, Any] = {"level": "DEBUG", "program": command.program, "process_id": process.pid}
    started = time.monotonic()
    timer = threading.Timer(timeout, child.expire) if timeout else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        _set_starting(False)
        logbook.event("program_started", **named, arguments=[redact(word, command.secrets) for word in argv[1:]])
        yield child
    finally:
        if timer:
            timer.cancel()
        if process.poll() is None:
            child.kill()
            process.wait()
        _children.discard(child)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        seconds = round(time.monotonic() - started, 3)
        logbook.event("program_ended", **named, exit_status=process.returncode, seconds=seconds)


@contextlib.contextmanager
def _handed_over(
    private_files: Iterable[PrivateFile], argv: list[str], environment: dict[str, str]
) -> Iterator[tuple[int, ...]]:
    """Put private files where only the child can open them, and name them in its arguments or environment.

    An anonymous memory file is never on a disk, can be opened more than once (a pipe cannot), passes
    libpq's check that PGPASSFILE is a regular file of mode 0600, and is gone even after a SIGKILL.
    """
    with contextlib.ExitStack() as stack:
        descriptors = []
        for private_file in private_files:
            descriptor = os.memfd_create("private", 0)
            stack.callback(os.close, descriptor)
            descriptors.append(descriptor)
            os.fchmod(descriptor, 0o600)
            _write_all(descriptor, private_file.content)
            path = f"/dev/fd/{descriptor}"
            if private_file.option:
                argv.insert(1, private_file.option + path)
            if private_file.variable:
                environment[private_file.variable] = path
            if private_file.last_argument:
                argv.append(path)
        yield tuple(descriptors)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _widen_pipe(descriptor: int) -> None:
    """Let a pipe hold a whole block: fewer switches between the program and us. Only a wish."""
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, BLOCK_BYTES)
