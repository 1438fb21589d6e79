# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database server of one's own: private folder, port, socket and password, gone when its user is."""

from __future__ import annotations

import abc
import atexit
import contextlib
import dataclasses
import json
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

from . import guardian
from .tls import Tls

START_TIMEOUT_SECONDS = 60
HOST_ROOT = Path("/")


class PrivateServerError(Exception):
    """A private server, or a client program that talks to it, failed; the message ends with its own words."""


class PrivateServer(abc.ABC):
    """A context manager around one server process on a private folder.

    ``start`` makes the data folder and runs the server, ``kill`` ends it as a power cut would (``start`` then
    recovers it), ``stop`` ends it and removes all of it. As root, the server runs as the system account of
    its family; otherwise as the caller. ``folder_root`` must be reachable for that account.
    """

    family: ClassVar[str]
    flavour: ClassVar[str]
    account_name: ClassVar[str]
    admin_user: ClassVar[str]
    stop_signal: ClassVar[int] = signal.SIGKILL
    host = "127.0.0.1"

    def __init__(
        self,
        *,
        folder_root: Path | None = None,
        tls: Tls | None = None,
        settings: Mapping[str, str] | None = None,
        admin_password: str | None = None,
        server_root: Path = HOST_ROOT,
        programs: Path | None = None,
        client_path: Path | None = None,
    ) -> None:
        """``settings`` are server settings as in its configuration file. ``server_root`` is a file system
        that holds the server's programs, in the folder ``programs`` of it unless they are where a package puts them;
        ``client_path`` is a folder of client programs that run on this machine.
        """
        self.server_root = server_root
        self.tls = tls
        self.settings = dict(settings or {})
        self.admin_password = admin_password or secrets.token_urlsafe(18)
        self.bin_dir = programs or self.find_programs()
        self.client_path = client_path or self.bin_dir
        self.version = ""
        self.major = ""
        self._folder_root = folder_root or (server_root / "tmp" if server_root != HOST_ROOT else None)
        self._folder: Path | None = None
        self._port: int | None = None
        self._guardian: subprocess.Popen[bytes] | None = None
        self._server_pid: int | None = None
        self._helps: dict[str, str] = {}

    # What a family has to say about itself.

    @property
    @abc.abstractmethod
    def socket(self) -> Path:
        """The PostgreSQL socket folder, or the socket file of the MySQL family."""

    @abc.abstractmethod
    def find_programs(self) -> Path:
        """Return the folder of the server's programs, as this machine sees it. Raise PrivateServerError if none."""

    @abc.abstractmethod
    def write_configuration(self) -> None:
        """Write the server's and the clients' configuration files into the folder."""

    @abc.abstractmethod
    def prepare_commands(self) -> list[list[str]]:
        """Return the commands that make the data folder."""

    @abc.abstractmethod
    def server_command(self) -> list[str]:
        """Return the command that runs the server in the foreground."""

    @abc.abstractmethod
    def connect_as(self, user: str, password: str, database: str | None = None) -> Any:
        """Return a DB-API connection of an account over TCP, in autocommit mode."""

    @abc.abstractmethod
    def read_version(self) -> tuple[str, str]:
        """Return the running server's version, whole and major: ``15.18`` and ``15``, ``10.11.11`` and ``10.11``."""

    @abc.abstractmethod
    def quote(self, identifier: str) -> str:
        """Return an identifier as the family quotes it in SQL."""

    @abc.abstractmethod
    def databases(self) -> list[str]:
        """Return the names of the databases that are not the system's, sorted."""

    @abc.abstractmethod
    def create_user(self, name: str, password: str) -> None:
        """Create an account that can log in from this machine and may do nothing."""

    @abc.abstractmethod
    def run_script(self, script: str, database: str) -> None:
        """Run SQL text by the family's plain client, stopping at the first error."""

    @abc.abstractmethod
    def whole_dump(self, database: str, create: bool = False) -> str:
        """Return everything in a database as the vendor's own dump tool tells it, without dates and tokens.

        With ``create``, also what belongs to the database itself: name, encoding, settings, grants on it.
        """

    @abc.abstractmethod
    def connect_hint(self) -> str:
        """Return a command line that a person can paste to open a session; the password is in a file."""

    # Life.

    def __enter__(self) -> PrivateServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Run the server and wait until it answers. Raise PrivateServerError with the log's end if it does not."""
        first = self._folder is None
        if first:
            self._create_folder()
            self.write_configuration()
            self._hand_over()
        atexit.register(self.stop)
        try:
            self._run(self.prepare_commands() if first else [])
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise
        self.version, self.major = self.read_version()

    def kill(self) -> None:
        """End the server and its workers at once, without a chance to tidy up; ``start`` brings it back."""
        pid = self._require_pid()
        workers = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        for process in [pid, *map(int, workers)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        while any(is_alive(process) for process in [pid, *map(int, workers)]):
            time.sleep(0.01)

    def stop(self) -> None:
        """End the server and remove its folder; harmless when that is done already."""
        atexit.unregister(self.stop)
        if self._guardian is not None and self._guardian.stdin is not None:
            self._guardian.stdin.close()
            self._guardian.wait()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._guardian = self._folder = self._server_pid = None

    def keep(self) -> int:
        """Let the server outlive this process. Return the process id whose SIGTERM stops and removes it."""
        if self._guardian is None or self._guardian.stdin is None:
            raise PrivateServerError(f"the {self.flavour} server was not started")
        atexit.unregister(self.stop)
        self._guardian.stdin.write(b"k")
        self._guardian.stdin.close()
        pid = self._guardian.pid
        # It is meant to go on: an unwaited child is no leak here.
        self._guardian.returncode = 0
        self._guardian = self._folder = None
        return pid

    @property
    def is_running(self) -> bool:
        """Whether the server process exists."""
        return self._server_pid is not None and is_alive(self._server_pid)

    # Where things are.

    @property
    def folder(self) -> Path:
        """The private folder. Raise PrivateServerError before ``start`` and after ``stop``."""
        if self._folder is None:
            raise PrivateServerError(f"the {self.flavour} server was not started")
        return self._folder

    @property
    def port(self) -> int:
        """The server's TCP port on ``host``; the same after ``kill`` and ``start``."""
        if self._port is None:
            raise PrivateServerError(f"the {self.flavour} server was not started")
        return self._port

    @property
    def log_file(self) -> Path:
        """What the server and the programs that made its data folder printed."""
        return self.folder / "server.log"

    def inside(self, path: Path) -> str:
        """Return a path of this machine as the server's own root sees it."""
        return "/" + str(path.relative_to(self.server_root))

    # Use.

    def login_options(self) -> dict[str, Any]:
        """Return the administrator's login as the collection's modules take it inline."""
        return {
            "type": self.family,
            "login_host": self.host,
            "login_port": self.port,
            "login_user": self.admin_user,
            "login_password": self.admin_password,
        }

    def connect(self, database: str | None = None) -> Any:
        """Return a DB-API connection of the administrator over TCP, in autocommit mode."""
        return self.connect_as(self.admin_user, self.admin_password, database)

    def execute(self, sql: str, database: str | None = None, params: Sequence[Any] | None = None) -> list[Any]:
        """Run one statement as the administrator; return its rows, or an empty list if it has none."""
        with contextlib.closing(self.connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(sql, params)
            return list(cursor.fetchall()) if cursor.description else []

    def create_database(self, name: str) -> None:
        """Create an empty database of the server's default encoding."""
        self.execute(f"CREATE DATABASE {self.quote(name)}")

    def drop_database(self, name: str) -> None:
        """Drop a database that must exist."""
        self.execute(f"DROP DATABASE {self.quote(name)}")

    def run_client(
        self, program: str, *arguments: str, script: str | None = None, environment: Mapping[str, str] | None = None
    ) -> str:
        """Run one of the client programs and return what it printed. Raise PrivateServerError if it fails."""
        finished = subprocess.run(
            [str(self.client_path / program), *arguments],
            input=None if script is None else script.encode(),
            stdin=subprocess.DEVNULL if script is None else None,
            capture_output=True,
            check=False,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", **(environment or {})},
        )
        if finished.returncode != 0:
            raise PrivateServerError(f"{program} failed: {finished.stderr.decode(errors='replace').strip()[-2000:]}")
        # Dumps hold bytes of any table encoding; surrogates keep two dumps comparable byte by byte.
        return finished.stdout.decode(errors="surrogateescape")

    def help_of(self, program: str) -> str:
        """Return what one of the client programs says about its options."""
        if program not in self._helps:
            self._helps[program] = self.run_client(program, "--help")
        return self._helps[program]

    # The parts of starting.

    def _create_folder(self) -> None:
        # Outside the kernel's range for outgoing connections, which takes ports at any moment.
        for port in random.SystemRandom().sample(range(20000, 32000), 50):
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.bind((self.host, port))
                self._port = port
                break
        self._folder = Path(tempfile.mkdtemp(prefix=f"backupdb-{self.flavour}-", dir=self._folder_root))
        self._folder.chmod(0o755)
        for name in ("data", "socket", "private", "tmp"):
            (self._folder / name).mkdir(mode=0o755 if name == "socket" else 0o700)
        if self.tls is not None:
            for source in (self.tls.ca_cert, self.tls.server_cert, self.tls.server_key):
                copy = self._folder / "private" / source.name
                shutil.copyfile(source, copy)
                copy.chmod(0o600)

    def _account(self) -> tuple[int, int] | None:
        """Return the server account's user and group id, or None to run as the caller."""
        if os.geteuid() != 0:
            return None
        if self.server_root == HOST_ROOT:
            entry = pwd.getpwnam(self.account_name)
            return entry.pw_uid, entry.pw_gid
        for line in (self.server_root / "etc/passwd").read_text(encoding="utf-8").splitlines():
            name, _password, uid, gid = line.split(":")[:4]
            if name == self.account_name:
                return int(uid), int(gid)
        raise PrivateServerError(f"{self.server_root} has no account {self.account_name}")

    def _hand_over(self) -> None:
        """Give the folder to the server's account, except the clients' files."""
        account = self._account()
        if account is not None:
            for path in [self.folder, *self.folder.rglob("*")]:
                if not path.name.startswith("client"):
                    os.chown(path, *account, follow_symlinks=False)

    def _run(self, prepare: list[list[str]]) -> None:
        if self._guardian is not None and self._guardian.stdin is not None:
            self._guardian.kill()
            self._guardian.wait()
            self._guardian.stdin.close()
        uid, gid = self._account() or (None, None)
        guarded = guardian.Guarded(
            prepare=prepare,
            command=self.server_command(),
            folder=str(self.folder),
            log_file=str(self.log_file),
            root=str(self.server_root),
            uid=uid,
            gid=gid,
            stop_signal=self.stop_signal,
        )
        # A server that is kept must not hold its parent's own output open.
        with self.log_file.open("ab") as log:
            self._guardian = subprocess.Popen(
                [sys.executable, "-I", "-S", guardian.__file__, json.dumps(dataclasses.asdict(guarded))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )
        if self._guardian.stdout is None:
            raise AssertionError("contract violation: the guardian has a pipe for its output")
        with self._guardian.stdout as output:
            answer = output.readline().strip()
        if not answer.isdigit():
            raise self._failure("could not be prepared")
        self._server_pid = int(answer)

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while True:
            try:
                self.connect().close()
                return
            except Exception as error:  # each driver has errors of its own
                if not self.is_running or time.monotonic() > deadline:
                    raise self._failure("did not start") from error
            time.sleep(0.03)

    def _failure(self, what: str) -> PrivateServerError:
        tail = self.log_file.read_text(encoding="utf-8", errors="replace")[-3000:] if self.log_file.exists() else ""
        return PrivateServerError(f"the private {self.flavour} server {what}:\n{tail}")

    def _require_pid(self) -> int:
        if self._server_pid is None or not self.is_running:
            raise PrivateServerError(f"the {self.flavour} server does not run")
        return self._server_pid


def is_alive(pid: int) -> bool:
    """Whether a process exists and has not ended yet; init may take a second to bury an orphan."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")
