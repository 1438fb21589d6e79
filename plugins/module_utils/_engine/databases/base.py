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
import hashlib
import re
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from typing import Any, ClassVar

from .. import errors, process, stream
from ..models.metadata import DatabaseProperties, RestoreInfo, SequenceInfo
from .accounts import AccountState, AccountsWork, ObjectGrants, SavedAccounts
from .programs import Program, numbers
from .values import (
    Dump,
    DumpOptions,
    Endpoint,
    Entry,
    Finding,
    Fingerprinted,
    Flavour,
    Inspection,
    Swap,
    TableKey,
    no_table,
)

# The time in the name of a scratch database: YYYYMMDDHHMMSS.
STAMP_LENGTH = 14
DIGEST_LENGTH = 8
_COMPANION = re.compile(rf".+__(restore|verify|before)_[0-9]{{{STAMP_LENGTH}}}", re.S)


class Server(abc.ABC):
    """One server. Each call opens the connections that it needs, so an object may serve several threads.

    Every method raises ServerConnectionError, CredentialsError or PermissionDeniedError as the server
    answers; what else it raises is said there.
    """

    #: What a dump of this family begins with, in one of these forms.
    first_lines: ClassVar[tuple[bytes, ...]]
    #: The longest name of a database, and whether that is counted in bytes or in characters.
    name_limit: ClassVar[int]
    #: How many numbers of a version tell one release from another.
    release_numbers: ClassVar[int]
    #: Whether a dump brings what accounts may do with single objects.
    dumps_hold_grants: ClassVar[bool]

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

    def release_of(self, version: str) -> tuple[int, ...]:
        """Return what of a version tells one release from another, to be compared."""
        return numbers(version)[: self.release_numbers]

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

    def read_sequences(self, database: str, exclude_tables: Sequence[str] = ()) -> list[SequenceInfo]:
        """Return what numbers come from now, as far as it only ever goes one way, without that of excluded tables."""
        return []

    @abc.abstractmethod
    def begin_dump(self, database: str, options: DumpOptions) -> contextlib.AbstractContextManager[Dump]:
        """Start a dump on one consistent snapshot; leaving the context ends it.

        Raise NotFoundError when the database does not exist.
        """

    @classmethod
    @abc.abstractmethod
    def check_text(cls, text: stream.Text) -> None:
        """Raise ValidationError unless a dump's text begins and ends as a whole dump of one database does."""

    @abc.abstractmethod
    def has_database(self, database: str) -> bool:
        """Say whether the server has a database of that name."""

    def open_sessions(self, database: str) -> list[str]:
        """Return who keeps a database from being swapped, as ``user (application)``; nobody where nobody can."""
        return []

    def restore_findings(
        self,
        target: str,
        restore_info: RestoreInfo | None,
        text: stream.Text | None,
        accounts: frozenset[str],
        *,
        in_place: bool = False,
    ) -> list[Finding]:
        """Return what this server says, before anything is touched, to a restore to the database ``target``.

        ``text`` is None where it could not be read. ``accounts`` will be there when the database is loaded, by their
        labels. With ``in_place`` the target is dropped before, which makes room.
        """
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
    def inspect(self, database: str, fingerprinted: Fingerprinted = no_table, source: str | None = None) -> Inspection:
        """Inspect a database now. ``source`` is the name that it had where it was dumped, if it was."""

    @abc.abstractmethod
    def read_properties(self, database: str) -> DatabaseProperties:
        """Return what belongs to a database itself and is in no dump."""

    def with_accounts(
        self, present: DatabaseProperties, dumped: DatabaseProperties, accounts: Collection[str]
    ) -> DatabaseProperties:
        """Return the properties of a database that is replaced, and what it had for accounts that are restored with it.

        Nothing of these is a property where the server keeps it with the accounts.
        """
        return present

    @abc.abstractmethod
    def drop_database(self, database: str, terminate_sessions: bool = False) -> None:
        """Drop a database, if wanted after the sessions in it have been ended. Raise ValidationError if that fails."""

    def discard_database(self, database: str) -> None:
        """Drop a scratch database with all that is in it, whoever uses it. Raise ValidationError if that fails."""
        self.drop_database(database, terminate_sessions=True)

    @abc.abstractmethod
    def keep_tables(self, database: str, keys: Sequence[TableKey]) -> None:
        """Drop all tables of a scratch database but those, and what depends on them."""

    def needs_own_name(self, restore_info: RestoreInfo) -> bool:
        """Say whether a dump names its own database, so that it cannot be loaded under another where that is gone."""
        return False

    def silence(self, database: str) -> Sequence[Any]:
        """Keep a loaded scratch database from doing anything by itself; return what the swap is to give back to it."""
        return []

    @abc.abstractmethod
    def exclusive(self, target: str) -> contextlib.AbstractContextManager[None]:
        """Keep every other restore to that target out, from whichever host. Raise LockedError if one is under way."""

    @abc.abstractmethod
    def recover(self, target: str) -> list[str]:
        """Take away, or finish, what a restore to that target left behind when it was killed.

        To be called under ``exclusive``. Return a sentence for each thing done, or that could not be done. What the
        target was before stays where it was to be kept.
        """

    @abc.abstractmethod
    def mark_unfinished(self, database: str) -> None:
        """Note on a new database, which is loaded under its own name, that ``recover`` is to drop it."""

    @abc.abstractmethod
    def mark_finished(self, database: str) -> None:
        """Take that note from a database, which is whole now."""

    @abc.abstractmethod
    def swap_database(self, swap: Swap) -> list[str]:
        """Give a scratch database the name of the target, and the target another name.

        Return what should be known, as sentences. Raise ValidationError when it cannot be done; then nothing has
        changed.
        """

    @abc.abstractmethod
    def read_accounts(self) -> SavedAccounts:
        """Return the accounts of the server without its own. Raise PermissionDeniedError if they may not be read."""

    @abc.abstractmethod
    def account_state(self) -> AccountState:
        """Return which accounts there are now, and which of them must never be touched."""

    @abc.abstractmethod
    def apply_accounts(self, work: AccountsWork) -> list[str]:
        """Create and change accounts; return a sentence for what came out another way than it was saved.

        Raise as the server's first refusal means. Then no account is new: all was one transaction, or what was
        created is dropped again; the message says so, and which accounts were changed that cannot be changed back.
        """

    def apply_object_grants(self, grants: ObjectGrants) -> list[str]:
        """Grant privileges on objects that exist by now; return a sentence for each that could not be granted.

        Nothing is left to do where a dump brings the privileges on its objects.
        """
        return []

    def scratch_name(self, database: str, purpose: str, stamp: str) -> str:
        """Return a name for a companion of a database: its own, purpose and time.

        Where that is too long, the name is cut and the start of its SHA-256 digest stands for the rest.
        """
        ending = f"__{purpose}_{stamp}"
        room = self.name_limit - len(ending)
        if len(database.encode("utf-8")) <= room:
            return database + ending
        digest = hashlib.sha256(database.encode("utf-8")).hexdigest()[:DIGEST_LENGTH]
        kept = database.encode("utf-8")[: room - len(digest) - 1].decode("utf-8", "ignore")
        return f"{kept}~{digest}{ending}"

    def is_scratch_of(self, name: str, target: str) -> bool:
        """Say whether a database is a scratch database of a restore to ``target``."""
        return self._is_companion(name, target, "restore")

    def is_previous_of(self, name: str, target: str) -> bool:
        """Say whether a database has the name of one that a restore to ``target`` replaced."""
        return self._is_companion(name, target, "before")

    def _is_companion(self, name: str, target: str, purpose: str) -> bool:
        stamp = name[-STAMP_LENGTH:]
        return stamp.isdigit() and name == self.scratch_name(target, purpose, stamp)

    def section_name(self, key: TableKey) -> str:
        """Return a table's name as the metadata of sections has it."""
        schema, name = key
        return name if schema is None else f"{schema}.{name}"


def is_scratch(name: str, purpose: str | None = None) -> bool:
    """Say whether a database has the name of a scratch one, of a restore or a drill, or of that ``purpose`` alone."""
    found = _COMPANION.fullmatch(name)
    return found is not None and found[1] in (("restore", "verify") if purpose is None else (purpose,))


def is_companion(name: str) -> bool:
    """Say whether a database has the name of a scratch one, or of one that a restore replaced."""
    return _COMPANION.fullmatch(name) is not None


def quoted(name: str, mark: str) -> str:
    """Return an SQL identifier in its quotes."""
    return mark + name.replace(mark, mark * 2) + mark


def rows_of(cursor: Any, sql: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
    """Run a query on a DB-API cursor and return all its rows."""
    cursor.execute(sql, parameters)
    return list(cursor.fetchall())
