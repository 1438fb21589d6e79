# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that is started for a copy alone, from the installed programs, and of which nothing stays.

It has a private folder, listens on a socket in there and nowhere else, and never waits for the disk. As root it runs
as an account that may do nothing. Its folder is locked while its user lives: so what one that was killed has left can
be told, and is taken away by the next one.
"""

from __future__ import annotations

import abc
import contextlib
import os
import pwd
import shutil
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from .. import errors, layout, locking, process
from .base import Server
from .programs import Program
from .values import Flavour

START_TIMEOUT_SECONDS = 120
PREPARATION_TIMEOUT_SECONDS = 300
POLL_SECONDS = 0.05
UNPRIVILEGED = "nobody"
# The name of a socket has 107 bytes at the most.
LONGEST_SOCKET_NAME = 107
SAID_CHARACTERS = 600
SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/usr/libexec")


class Throwaway(abc.ABC):
    """How a family makes and runs such a server, for an artifact of a product and version.

    ``server_path`` is the folder of the server's programs; without it they are looked for.
    """

    #: The products of the family, the account that their packages make, and the signal that ends a server at once.
    flavours: ClassVar[tuple[Flavour, ...]]
    account_name: ClassVar[str]
    stop_signal: ClassVar[int]

    def __init__(self, flavour: Flavour, version: str, server_path: Path | None = None) -> None:
        self.flavour = flavour
        self.version = version
        self.server_path = server_path

    @abc.abstractmethod
    def find_program(self) -> Program:
        """Return the program of the server. Raise ConfigError, with the package to install, when there is none fit."""

    @abc.abstractmethod
    def preparation(self, program: Program, paths: layout.ThrowawayPaths) -> tuple[str, ...]:
        """Return the command that makes the server's data."""

    @abc.abstractmethod
    def command(self, program: Program, paths: layout.ThrowawayPaths) -> tuple[str, ...]:
        """Return the command that runs the server in the foreground."""

    @abc.abstractmethod
    def socket(self, paths: layout.ThrowawayPaths) -> Path:
        """Return the socket that the server listens on."""

    @abc.abstractmethod
    def server(self, paths: layout.ThrowawayPaths) -> Server:
        """Return the server as its administrator reaches it."""

    @abc.abstractmethod
    def create_accounts(self, server: Server, labels: Iterable[str]) -> None:
        """Create accounts that nobody can log in with, only to own and define things, where there are none such."""

    def client_path(self, *names: str) -> Path | None:
        """Return the folder of the server's programs if it has one of these client programs, too."""
        has_client = self.server_path and process.find_program(names, [str(self.server_path)])
        return self.server_path if has_client else None

    @contextlib.contextmanager
    def started(self, work_path: Path) -> Iterator[Server]:
        """Run the server in a new folder below ``work_path``; when the block is left, nothing of it stays.

        Raise ConfigError when it cannot be run.
        """
        program = self.find_program()
        account = self.account()
        with self._folder(work_path, account) as paths:
            self._prepare(program, paths, account)
            running = process.Command(self.command(program, paths), _environment(paths), account=account)
            with process.serving(running, self.stop_signal) as service:
                server = self.server(paths)
                self._wait(server, service, self.socket(paths))
                yield server

    def account(self) -> process.Account | None:
        """Return the account that the server runs as, None for the one that we run as."""
        if os.geteuid() != 0:
            return None
        for name in (self.account_name, UNPRIVILEGED):
            with contextlib.suppress(KeyError):
                entry = pwd.getpwnam(name)
                return process.Account(entry.pw_uid, entry.pw_gid)
        raise errors.ConfigError(
            f"a server cannot run as root, and there is neither an account {self.account_name} nor {UNPRIVILEGED}",
            "Install the server's package, which makes one",
        )

    @contextlib.contextmanager
    def _folder(self, work_path: Path, account: process.Account | None) -> Iterator[layout.ThrowawayPaths]:
        """Give a private folder that is locked while the block runs, and removed afterwards."""
        _require_usable(work_path, account)
        with _locked_folder(work_path, layout.throwaway_prefix(self.flavour)) as folder:
            paths = layout.throwaway_paths(folder)
            try:
                _require_short(paths)
                for path in (paths.sockets, paths.temporary):
                    path.mkdir(mode=0o700)
                if account is not None:
                    for path in (paths.sockets, paths.temporary, folder):
                        os.chown(path, account.uid, account.gid)
                yield paths
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def _prepare(self, program: Program, paths: layout.ThrowawayPaths, account: process.Account | None) -> None:
        preparing = process.Command(self.preparation(program, paths), _environment(paths), account=account)
        try:
            process.output(preparing, PREPARATION_TIMEOUT_SECONDS)
        except process.ProgramError as error:
            raise self._failure(f"could not be prepared, {error.message}", error.stderr) from None

    def _wait(self, server: Server, service: process.Service, socket: Path) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        why = "there is no socket"
        while not service.has_ended() and time.monotonic() < deadline:
            try:
                if socket.exists():
                    server.list_databases()
                    return
            except errors.BackupDBError as error:
                why = error.message
            time.sleep(POLL_SECONDS)
        raise self._failure(f"did not start, {why}", service.said())

    def _failure(self, what: str, said: str) -> errors.ConfigError:
        end = " ".join(said.split())[-SAID_CHARACTERS:]
        return errors.ConfigError(
            f"a throwaway {self.flavour} server {what}{f': {end}' if end else ''}",
            "Remove the cause, or let artifacts be verified on a server that is there",
        )


def sweep(kinds: Iterable[type[Throwaway]], work_path: Path) -> list[str]:
    """Take away the servers and folders that users who were killed have left below ``work_path``; say which."""
    said = []
    for kind in kinds:
        for flavour in kind.flavours:
            for folder in sorted(work_path.glob(f"{layout.throwaway_prefix(flavour)}*")):
                if _take_away(folder, kind(flavour, "")):
                    said.append(f"removed {folder}, a throwaway server that a drill which was killed had left")
    return said


def _take_away(folder: Path, kind: Throwaway) -> bool:
    account = kind.account() or process.Account(os.geteuid(), os.getegid())
    with contextlib.suppress(OSError):
        found = folder.lstat()
        # In a folder where anybody may write, somebody else may have made it.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (account.uid, os.geteuid()):
            return False
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if not locking.try_lock(descriptor):
                return False
            process.end_by_argument(str(folder), account, kind.stop_signal)
            shutil.rmtree(folder, ignore_errors=True)
            return not folder.exists()
        finally:
            os.close(descriptor)
    return False


@contextlib.contextmanager
def _locked_folder(work_path: Path, prefix: str) -> Iterator[Path]:
    while True:
        try:
            folder = Path(tempfile.mkdtemp(prefix=prefix, dir=work_path))
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            # Between making and opening it somebody has taken it for a leftover; or there is no such work_path.
            if work_path.is_dir():
                continue
            raise errors.ConfigError(f"the folder {work_path} does not exist") from None
        except OSError as error:
            raise errors.StorageError(f"no folder can be made in {work_path}: {error.strerror}") from error
        try:
            if locking.try_lock(descriptor) and folder.exists():
                yield folder
                return
        finally:
            os.close(descriptor)


def _require_usable(work_path: Path, account: process.Account | None) -> None:
    """Raise ConfigError unless the account can get to what is in a folder."""
    if account is None:
        return
    for folder in (work_path, *work_path.parents):
        with contextlib.suppress(OSError):
            found = folder.stat()
            owned = (found.st_uid == account.uid, found.st_gid == account.gid)
            needed = stat.S_IXUSR if owned[0] else stat.S_IXGRP if owned[1] else stat.S_IXOTH
            if not found.st_mode & needed:
                raise errors.ConfigError(
                    f"a throwaway server in {work_path} would run as {pwd.getpwuid(account.uid).pw_name},"
                    f" who may not enter {folder}",
                    "Name another folder in work_path, such as /var/tmp",
                )


def _require_short(paths: layout.ThrowawayPaths) -> None:
    if len(os.fsencode(paths.postgresql_socket)) > LONGEST_SOCKET_NAME:
        raise errors.ConfigError(
            f"the path of {paths.folder.parent} is too long for the socket of a server in it",
            "Name another folder in work_path, such as /var/tmp",
        )


def _environment(paths: layout.ThrowawayPaths) -> dict[str, str]:
    return {"TMPDIR": str(paths.temporary), "HOME": str(paths.folder)}
