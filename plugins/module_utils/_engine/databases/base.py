# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine asks of every family of servers.

A family is a folder beside this file with one subclass of Server; the registry names it. All SQL
and all flags of client programs of a family live in its folder and nowhere else.
"""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, ClassVar, Literal

from .. import errors, process, stream
from ..models.metadata import DatabaseProperties, ExtensionInfo, SchemaInfoModel, TableInfo
from ..secrets import Login
from .programs import Program

Family = Literal["mysql", "postgresql"]
Flavour = Literal["postgresql", "mariadb", "mysql"]
SectionKind = Literal["full", "pre_data", "data", "large_objects", "post_data", "routines"]


@dataclass(frozen=True)
class Endpoint:
    """Where a server is and how to log in; timeouts in seconds.

    ``ssl_mode`` is one of libpq's: disable, prefer, require, verify-ca, verify-full.
    """

    family: Family
    host: str
    port: int
    login: Login
    unix_socket: str | None = None
    ssl_mode: str = "prefer"
    ca_cert: str | None = None
    connect_timeout: int = 10
    client_path: Path | None = None

    def __str__(self) -> str:
        return f"the {self.family} server at {self.unix_socket or f'{self.host}:{self.port}'}"


@dataclass(frozen=True)
class Entry:
    """A database as the server lists it."""

    name: str
    size_bytes: int


@dataclass(frozen=True)
class Inspection:
    """What is inside a database, in one consistent view, and what belongs to the database itself."""

    schema: SchemaInfoModel
    tables: list[TableInfo]
    properties: DatabaseProperties
    extensions: list[ExtensionInfo] = field(default_factory=list)


@dataclass(frozen=True)
class Part:
    """A part of a dump whose text one program makes; ``open`` starts it, and closing its generator ends it.

    ``depends_on`` are the parts that must be loaded before it; None is all that come before it in the file.
    """

    kind: SectionKind
    open: Callable[[], Generator[bytes, None, None]]
    tables: Sequence[str] = ()
    size_bytes: int = 0
    depends_on: Sequence[Part] | None = None


@dataclass(frozen=True)
class Dump:
    """A dump on one snapshot: its parts, and a function that inspects the database in that same snapshot.

    ``first`` comes first and ``last`` last in the file; the parts of ``data`` may be read side by side. A dump by one
    process has its ``first`` alone. ``inspect`` may run while the text is read, in another thread.
    ``lock_held_seconds`` is how long writers were kept out for the snapshot.
    """

    program: Program
    first: Part
    inspect: Callable[[], Inspection]
    data: Sequence[Part] = ()
    last: Sequence[Part] = ()
    lock_held_seconds: float | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class DumpOptions:
    """How a database is dumped: what is left out, for how long (seconds), and how many parts are read at a time."""

    exclude_tables: Sequence[str] = ()
    timeout: float | None = None
    lanes: int = 1


class Server(abc.ABC):
    """One server. Each call opens the connections that it needs, so an object may serve several threads.

    Every method raises ServerConnectionError, CredentialsError or PermissionDeniedError as the server
    answers; what else it raises is said there.
    """

    #: Whether a database can be given another name at once; decides how a restore takes its place.
    renames_databases: ClassVar[bool]
    #: The longest name of a database, and whether that is counted in bytes or in characters.
    name_limit: ClassVar[int]

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    @property
    @abc.abstractmethod
    def flavour(self) -> Flavour:
        """The product: postgresql, mariadb or mysql."""

    @property
    @abc.abstractmethod
    def version(self) -> str:
        """The server's version, as in ``15.18``."""

    @abc.abstractmethod
    def list_databases(self) -> list[Entry]:
        """Return every database that takes connections, system databases too, by name.

        Also those that the account may not connect to: a backup of them must fail, not be forgotten.
        """

    @abc.abstractmethod
    def explain(self, program: Program, error: process.ProgramError, what: str) -> errors.BackupDBError:
        """Given a failed program and what it was to do, return the error it means, without rows of data."""

    @contextlib.contextmanager
    def explained(self, program: Program, what: str) -> Iterator[None]:
        """Raise what a program's failure inside the block means, instead of the failure."""
        try:
            yield
        except process.ProgramError as error:
            raise self.explain(program, error, what) from None

    def text_of(self, blocks: Iterable[bytes], program: Program, what: str) -> Generator[bytes, None, None]:
        """Yield the blocks that a program makes, with its failure explained."""
        with self.explained(program, what):
            yield from blocks

    @abc.abstractmethod
    def count_tables(self, database: str) -> int:
        """Return how many tables a database has."""

    @abc.abstractmethod
    def dump_program(self) -> Program:
        """Return the program that dumps. Raise ConfigError when none is fit for this server."""

    @abc.abstractmethod
    def load_program(self) -> Program:
        """Return the program that loads. Raise ConfigError when none is fit for this server."""

    @abc.abstractmethod
    def missing_privileges(self, database: str) -> list[str]:
        """Return a sentence for each privilege without which a dump of the database would lack something."""

    @abc.abstractmethod
    def begin_dump(self, database: str, options: DumpOptions) -> contextlib.AbstractContextManager[Dump]:
        """Start a dump on one consistent snapshot; leaving the context ends it.

        Raise NotFoundError when the database does not exist.
        """

    @abc.abstractmethod
    def check_text(self, text: stream.Text) -> None:
        """Raise ValidationError unless a dump's text begins and ends as a whole dump of one database does."""

    @abc.abstractmethod
    def has_database(self, database: str) -> bool:
        """Say whether the server has a database of that name."""

    def open_sessions(self, database: str) -> list[str]:
        """Return who keeps a database from being renamed, as ``user (application)``; nobody where it is not renamed."""
        return []

    @abc.abstractmethod
    def create_database(self, database: str, properties: DatabaseProperties) -> None:
        """Create an empty database with the encoding and locale given. Raise ValidationError if that fails."""

    @abc.abstractmethod
    def load(self, database: str, blocks: Iterable[bytes], text: stream.Text, timeout: float | None) -> None:
        """Load a dump's text, stopping at the first error. Raise ValidationError when there is one."""

    @abc.abstractmethod
    def apply_properties(self, database: str, properties: DatabaseProperties) -> list[str]:
        """Give a loaded database its owner, settings, grants and comment; return what could not be, as sentences."""

    @abc.abstractmethod
    def inspect(self, database: str) -> Inspection:
        """Inspect a database now."""

    @abc.abstractmethod
    def drop_database(self, database: str) -> None:
        """Drop a database. Raise ValidationError if that fails."""

    def swap_database(self, new: str, target: str, previous: str | None) -> None:
        """Rename ``new`` to ``target``, and the present ``target`` to ``previous`` if there is one, as one step.

        Only where ``renames_databases``. Raise ValidationError when it cannot be done; then nothing has changed.
        """
        raise AssertionError(f"contract violation: {type(self).__name__} does not rename databases")

    def scratch_name(self, database: str, purpose: str, stamp: str) -> str:
        """Return a name for a companion of a database: its own, cut where it must be, purpose and time."""
        ending = f"__{purpose}_{stamp}"
        kept = database.encode("utf-8")[: self.name_limit - len(ending)].decode("utf-8", "ignore")
        return kept + ending


def quoted(name: str, mark: str) -> str:
    """Return an SQL identifier in its quotes."""
    return mark + name.replace(mark, mark * 2) + mark


def rows_of(cursor: Any, sql: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
    """Run a query on a DB-API cursor and return all its rows."""
    cursor.execute(sql, parameters)
    return list(cursor.fetchall())
