# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine and the families of servers hand each other."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Literal, Optional

from .. import errors
from ..models.metadata import (
    DatabaseProperties,
    ExtensionInfo,
    LargeObjectsInfo,
    ObjectInfo,
    SchemaInfoModel,
    SequenceInfo,
    TableInfo,
)
from ..secrets import Login
from .programs import Program

Family = Literal["mysql", "postgresql"]
Flavour = Literal["postgresql", "mariadb", "mysql"]
SectionKind = Literal["full", "pre_data", "data", "large_objects", "post_data", "routines"]
#: A table as metadata names it: its schema, None where the family has none, and its name.
TableKey = tuple[Optional[str], str]
#: What stands for all large objects of a database where tables are named.
LARGE_OBJECTS: TableKey = ("pg_catalog", "pg_largeobject")
#: Says of which tables the content is fingerprinted, besides the rows being counted.
Fingerprinted = Callable[[TableKey], bool]
#: How fingerprints are made. Whoever makes them in another way, in any family, gives that another name.
FINGERPRINT_SCHEME = "sha256sum64"
#: How schema hashes are made. Whoever changes the rows that are hashed, in any family, gives that another name.
SCHEMA_HASH_SCHEME = "settled-rows-1"


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
class Swap:
    """A scratch database, whose target, what the target is to be called (None: there is none yet), and how.

    ``source`` is the name that the database had where it was dumped, ``silenced`` what Server.silence returned.
    Without ``keep_previous`` the old database is noted as one that is to be dropped, which the caller does.
    """

    new: str
    target: str
    previous: str | None
    terminate_sessions: bool = False
    source: str | None = None
    silenced: Sequence[Any] = ()
    keep_previous: bool = True


@dataclass(frozen=True)
class Finding:
    """Something that a restore meets: what stands against it, with its error code, or (None) what should be known."""

    error_code: str | None
    message: str
    hint: str | None = None

    @classmethod
    def of(cls, error: errors.BackupDBError) -> Finding:
        """Return an error as a finding."""
        return cls(error.error_code, error.message, error.hint)

    def as_error(self) -> errors.BackupDBError:
        """Return the finding as an error."""
        error = errors.ValidationError(self.message, self.hint)
        error.error_code = self.error_code or error.error_code
        return error


@dataclass(frozen=True)
class Inspection:
    """What is inside a database, in one consistent view, and what belongs to the database itself.

    From ``accounts`` to ``large_objects`` they are those of RestoreInfo.
    ``sequences``, which no consistent view holds, are there where the database is inspected by itself.
    """

    schema: SchemaInfoModel
    tables: list[TableInfo]
    properties: DatabaseProperties
    extensions: list[ExtensionInfo] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)
    collations: list[str] = field(default_factory=list)
    tablespaces: list[str] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    database_size_bytes: int = 0
    objects: list[ObjectInfo] = field(default_factory=list)
    large_objects: Optional[LargeObjectsInfo] = None
    sequences: list[SequenceInfo] = field(default_factory=list)


#: Some text of a part, with the name of a table if it begins where the rows of that table do.
Run = tuple[bytes, Optional[str]]


@dataclass(frozen=True)
class Part:
    """A part of a dump whose text one program makes; ``open`` starts it, and closing its generator ends it.

    ``depends_on`` are the parts that must be loaded before it; None is all that come before it in the file.
    ``cut`` divides the text into runs wherever the rows of a table begin; it must find those of each of ``tables``.
    The text of a part that ``is_running`` already must be read without a long wait.
    """

    kind: SectionKind
    open: Callable[[], Generator[bytes, None, None]]
    tables: Sequence[str] = ()
    size_bytes: int = 0
    depends_on: Sequence[Part] | None = None
    cut: Callable[[Iterable[bytes]], Iterator[Run]] | None = None
    is_running: bool = False


def nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Dump:
    """A dump on one snapshot: its parts, and a function that inspects the database in that same snapshot.

    ``first`` comes first and ``last`` last in the file; the parts of ``data`` may be read side by side. A dump by one
    process has its ``first`` alone. ``inspect`` may run while the text is read, in another thread; ``cancel`` has the
    server break off the query that it waits for.
    ``lock_held_seconds`` is how long writers were kept out for the snapshot.
    """

    program: Program
    first: Part
    inspect: Callable[[], Inspection]
    data: Sequence[Part] = ()
    last: Sequence[Part] = ()
    lock_held_seconds: float | None = None
    warnings: list[str] = field(default_factory=list)
    cancel: Callable[[], None] = nothing


def no_table(_table: TableKey) -> bool:
    """Have no table fingerprinted."""
    return False


def every_table(_table: TableKey) -> bool:
    """Have every table fingerprinted that is read in the snapshot."""
    return True


@dataclass(frozen=True)
class DumpOptions:
    """How a database is dumped: what is left out, for how long (seconds), and how many parts are read at a time."""

    exclude_tables: Sequence[str] = ()
    timeout: float | None = None
    lanes: int = 1
    fingerprinted: Fingerprinted = no_table


def fingerprint(total: int) -> str:
    """Given the sum of the first 64 bits of the SHA-256 of each row of a table, return the table's fingerprint.

    Equal rows count as often as they are there, and their order does not matter.
    """
    return f"{FINGERPRINT_SCHEME}:{total % 2**64:016x}"
