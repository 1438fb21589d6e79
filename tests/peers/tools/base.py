# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every tool that is compared has: a place to work in, ways to be used, and commands for what it does."""

from __future__ import annotations

import abc
import dataclasses
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from tests.benchmarks.commands import Command
from tools.private_servers.base import PrivateServer

DATA_SUFFIXES = (".gz", ".pgc", ".sql")


@dataclass(frozen=True)
class Way:
    """A way to use a tool: as its documentation begins, or with a documented option that makes the difference.

    ``families`` are those that it is for; where it is empty, all.
    """

    label: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    families: tuple[str, ...] = ()


PLAIN = Way()


@dataclass(frozen=True)
class Place:
    """Where a tool works: on which server, in which folder, with which password, programs and variables.

    ``password`` is for other passwords than the right one. ``programs`` is a folder of programs that come before
    those of the machine. ``source`` is the server that what is restored to this one was dumped from.
    """

    server: PrivateServer
    folder: Path
    store: Path
    password: str | None = None
    programs: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    source: PrivateServer | None = None

    @property
    def login_password(self) -> str:
        """The password that the tool is given."""
        return self.server.admin_password if self.password is None else self.password

    def environment(self, **more: str) -> dict[str, str]:
        """Return the variables of a command: those of a person with a home in the folder, and no others."""
        home = self.folder.joinpath("home")
        home.mkdir(exist_ok=True)
        path = os.environ.get("PATH", os.defpath)
        return {
            "PATH": f"{self.programs}:{path}" if self.programs else path,
            "HOME": str(home),
            "TMPDIR": str(home),
            "LC_ALL": "C.UTF-8",
            **self.variables,
            **more,
        }


class Tool(abc.ABC):
    """One of the tools, in one place, used in one way."""

    name: ClassVar[str]
    # How it was used, in sentences for people.
    usage: ClassVar[str]
    families: ClassVar[tuple[str, ...]] = ("postgresql", "mysql")
    # Why the tool is not asked for a row, by the row's id: it has nothing that could be run for it.
    lacks: ClassVar[Mapping[str, str]] = {}
    # Of those, what it is not meant for.
    not_its_job: ClassVar[frozenset[str]] = frozenset()
    # The ways for a row, in the order in which they are tried; where none is said, the plain one.
    ways: ClassVar[Mapping[str, tuple[Way, ...]]] = {}

    def __init__(self, place: Place, way: Way = PLAIN) -> None:
        self.place = place
        self.way = way

    def elsewhere(self, **changes: Any) -> Tool:
        """Return the same tool in a changed place."""
        return type(self)(dataclasses.replace(self.place, **changes), self.way)

    @property
    def server(self) -> PrivateServer:
        """The server that the tool works on."""
        return self.place.server

    @classmethod
    @abc.abstractmethod
    def version(cls) -> str:
        """Return the tool's version."""

    def prepare(self) -> None:
        """Do what comes before the first backup."""
        self.place.store.mkdir(parents=True, exist_ok=True)

    @abc.abstractmethod
    def back_up(self, databases: Sequence[str]) -> Command:
        """Return what backs up databases, as it is done every night."""

    @abc.abstractmethod
    def backups(self, database: str | None = None) -> list[str]:
        """Return the names of all that is there as a backup, of one database if it is named, the oldest first."""

    @abc.abstractmethod
    def content(self, backup: str) -> bytes:
        """Return the bytes that a backup has, in whatever form it keeps them."""

    @abc.abstractmethod
    def damage(self) -> None:
        """Damage the newest backup as a person can who knows where it is, so that it cannot be read to its end."""

    def restore(self, database: str, replace: bool = False) -> Command:
        """Return what puts a database back; with ``replace``, also where it exists."""
        raise NotImplementedError(f"{self.name} does not restore")

    def restore_all(self, databases: Sequence[str]) -> list[Command]:
        """Return what brings databases and the accounts that were saved with them to an empty server."""
        return [self.restore(database) for database in databases]

    def dry_run(self, databases: Sequence[str]) -> Command:
        """Return what shows what a backup would do."""
        raise NotImplementedError(f"{self.name} has no dry run")

    def announces(self, output: str, database: str) -> bool:
        """Say whether the output of a dry run tells that a database would be backed up."""
        return database in output

    def inspect(self) -> Command:
        """Return what looks at the stored bytes."""
        raise NotImplementedError(f"{self.name} does not look at what it has stored")

    def drill(self) -> Command:
        """Return what proves that backups restore."""
        raise NotImplementedError(f"{self.name} has no drill")

    def clean_up(self) -> Command:
        """Return what removes old backups, where that is apart from a backup."""
        raise NotImplementedError(f"{self.name} removes nothing")


class FileTool(Tool):
    """A tool whose backups are files."""

    def files(self, database: str | None = None) -> list[Path]:
        """Return the files that look like backups, of one database if it is named, the oldest first."""
        found = [path for path in self.place.store.rglob("*") if path.is_file() and path.suffix in DATA_SUFFIXES]
        visible = [path for path in found if not path.name.startswith(".")]
        mine = [path for path in visible if database is None or self.is_of(path, database)]
        return sorted(mine, key=lambda path: path.stat().st_mtime_ns)

    def is_of(self, path: Path, database: str) -> bool:
        """Say whether a file is a backup of a database."""
        return path.name.startswith((f"{database}-", f"{database}."))

    def backups(self, database: str | None = None) -> list[str]:
        """Return the paths of the files below the store."""
        return [str(path.relative_to(self.place.store)) for path in self.files(database)]

    def content(self, backup: str) -> bytes:
        """Return the bytes of the file."""
        return self.place.store.joinpath(backup).read_bytes()

    def damage(self) -> None:
        """Cut the newest file to half its length."""
        newest = self.files()[-1]
        os.truncate(newest, newest.stat().st_size // 2)


def write_private(path: Path, text: str, mode: int = 0o600) -> Path:
    """Write a file that only its owner can read, in place of what was there."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def moment() -> str:
    """Return this moment as part of a file's name, later ones after earlier ones."""
    return f"{time.time_ns()}"
