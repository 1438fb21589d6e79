# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A MySQL or MariaDB server: the product's own dump program on one snapshot, its own client to load."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

from ... import errors, process, stream
from ...models.metadata import DatabaseProperties, RestoreInfo, SequenceInfo
from .. import dumptext, programs
from ..accounts import AccountState, AccountsWork, ObjectGrants, SavedAccounts
from ..base import Server, rows_of
from ..obstacles import PlannedRestore
from ..values import (
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
from . import (
    account_changes,
    accounts,
    catalogue,
    confining,
    dumping,
    events,
    headings,
    leftovers,
    obstacles,
    privileges,
    sequences,
    swapping,
)
from .connection import certificate_fingerprint, command, end_query, identifier, program_error, require_driver, session
from .contents import Columns, Contents

# By product: the name in the first line of a dump, dump programs, load programs, Debian's package.
PRODUCTS = {
    "mariadb": (("mariadb-dump", "mysqldump"), ("mariadb", "mysql"), "mariadb-client"),
    "mysql": (("mysqldump",), ("mysql",), "mysql-client"),
}
FIRST_LINES = (b"-- MariaDB dump", b"-- MySQL dump")
TRAILER = b"-- Dump completed"
# In binary mode the client has no commands of its own but DELIMITER, and LOAD DATA LOCAL would read files of this host.
# Without --comments the client takes the comments out of the bodies of routines, triggers and events.
LOAD_ARGUMENTS = (
    "--batch",
    "--binary-mode",
    "--local-infile=0",
    "--comments",
    "--default-character-set=utf8mb4",
    "--max-allowed-packet=1G",
)

# The first version whose dump program and server know how to keep the past rows of system-versioned tables.
HISTORY_SINCE = (10, 11)


class MySQLServer(Server):
    """See Server."""

    first_lines = FIRST_LINES
    name_limit = 64
    release_numbers = 2
    dumps_hold_grants = False

    def __init__(self, endpoint: Endpoint) -> None:
        require_driver()
        super().__init__(endpoint)

    @cached_property
    def _banner(self) -> str:
        with session(self.endpoint) as connection, connection.cursor() as cursor:
            return str(rows_of(cursor, "SELECT CONCAT(VERSION(), ' ', @@version_comment)")[0][0])

    @property
    def flavour(self) -> Flavour:
        return "mariadb" if "mariadb" in self._banner.lower() else "mysql"

    @property
    def version(self) -> str:
        # Debian's MariaDB goes on with "from Debian", and with other numbers.
        return programs.find_version(self._banner.split(" ", maxsplit=1)[0])

    def list_databases(self) -> list[Entry]:
        with session(self.endpoint) as connection, connection.cursor() as cursor:
            return [Entry(name, int(size)) for name, size in rows_of(cursor, catalogue.DATABASES)]

    def count_tables(self, database: str) -> int:
        with session(self.endpoint) as connection, connection.cursor() as cursor:
            return len(rows_of(cursor, catalogue.TABLES, [database]))

    def dump_program(self) -> programs.Program:
        return self._find_program(PRODUCTS[self.flavour][0], "dumping")

    def load_program(self) -> programs.Program:
        return self._find_program(PRODUCTS[self.flavour][1], "loading")

    def _find_program(self, names: Iterable[str], what: str) -> programs.Program:
        package = PRODUCTS[self.flavour][2]
        found = programs.find(
            names,
            self.endpoint.client_path,
            process.search_folders(),
            what=f"{what} {self.endpoint}",
            package=package,
        )
        if ("mariadb" in found.banner.lower()) != (self.flavour == "mariadb"):
            raise errors.ConfigError(
                f"{found.path} belongs to another product than {self.endpoint}, which is {self.flavour} {self.version}",
                f"Install {package}, or name the folder of its programs in client_path",
            )
        return found

    def _command(self, program: programs.Program, *arguments: str) -> process.Command:
        is_mariadb = self.flavour == "mariadb"
        return command(self.endpoint, program.path, is_mariadb, *arguments, fingerprint=self._fingerprint())

    def missing_privileges(self, database: str) -> list[str]:
        with session(self.endpoint) as connection, connection.cursor() as cursor:
            return privileges.missing(cursor, database)

    def read_sequences(self, database: str, exclude_tables: Sequence[str] = ()) -> list[SequenceInfo]:
        with session(self.endpoint, database) as connection, connection.cursor() as cursor:
            return sequences.read(cursor, self.flavour, database, exclude_tables)

    @contextlib.contextmanager
    def begin_dump(self, database: str, options: DumpOptions) -> Iterator[Dump]:
        with session(self.endpoint, database) as connection, contextlib.ExitStack() as stack:
            contents = Contents.read(connection, database, options.exclude_tables)
            source = self._source(connection, database, options)
            columns = Columns(connection, database) if contents.plan(options.lanes).data else None
            started = dumping.start(source, connection, contents, options.lanes, stack)
            contents, exact = started.contents, started.obstacle is None

            def inspect() -> Inspection:
                with connection.cursor() as counting:
                    inspection = catalogue.inspect(
                        self.endpoint,
                        counting,
                        database,
                        excluded=contents.excluded,
                        counts_exact=exact,
                        fingerprinted=options.fingerprinted,
                    )
                # At once, or its metadata locks would hold up ALTER TABLE until the dump ends.
                connection.rollback()
                return inspection

            yield started.dump(source, inspect, lambda: end_query(self.endpoint, connection.thread_id()))
            if started.plan.data and columns is not None:
                columns.require_unchanged(contents.tables)

    def _source(self, connection: Any, database: str, options: DumpOptions) -> dumping.Source:
        program = self.dump_program()
        with connection.cursor() as cursor:
            history, warnings = self._history(cursor, program, database)
            # A table that takes numbers from a sequence cannot be loaded while it alone is locked (error 1100).
            unlocked = catalogue.has_sequence_defaults(cursor, database)
            apart = events.are_beyond_dump_program(database)
            own_events = events.dump(cursor, database, TRAILER) if apart else None
        return dumping.Source(
            server=self,
            program=program,
            database=database,
            arguments=(*(["--skip-add-locks"] if unlocked else []), *history),
            own_events=own_events,
            fingerprint=self._fingerprint(),
            timeout=options.timeout,
            warnings=tuple(warnings),
        )

    def _history(self, cursor: Any, program: programs.Program, database: str) -> tuple[list[str], list[str]]:
        """Return the argument that has past rows dumped, if there are any, and a warning where they cannot be."""
        versioned, by_transaction = catalogue.tables_with_past(cursor, database)
        if not versioned:
            return [], []
        if by_transaction:
            reason = f"{', '.join(by_transaction)} keeps them by transaction numbers"
        elif min(programs.numbers(program.version), programs.numbers(self.version)) < HISTORY_SINCE:
            reason = f"{program.name} and the server can do that since {'.'.join(map(str, HISTORY_SINCE))}"
        else:
            return ["--dump-history"], []
        return [], [f"{database}: the past rows of system-versioned tables are not dumped: {reason}"]

    def _fingerprint(self) -> str | None:
        return certificate_fingerprint(self.endpoint) if self.flavour == "mariadb" else None

    def explain(self, program: programs.Program, error: process.ProgramError, what: str) -> errors.BackupDBError:
        return program_error(self.endpoint, program.name, error, what)

    @classmethod
    def check_text(cls, text: stream.Text) -> None:
        # MariaDB's newer dumps begin with a comment that enables the client's sandbox mode.
        first = next((line for line in FIRST_LINES if line in text.head[:200]), FIRST_LINES[0])
        dumptext.check_ends(text, "MySQL or MariaDB", first, TRAILER)
        dumptext.refuse_foreign_target(text)

    def has_database(self, database: str) -> bool:
        query = "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s"
        with session(self.endpoint) as connection, connection.cursor() as cursor:
            return bool(rows_of(cursor, query, [database]))

    def restore_findings(
        self,
        target: str,
        restore_info: RestoreInfo | None,
        text: stream.Text | None,
        accounts: frozenset[str],
        *,
        in_place: bool = False,
    ) -> list[Finding]:
        return obstacles.find(PlannedRestore(self, target, restore_info, text, accounts, in_place))

    def create_database(self, database: str, properties: DatabaseProperties) -> None:
        with session(self.endpoint) as connection, connection.cursor() as cursor:
            cursor.execute(
                f"CREATE DATABASE {identifier(database)} CHARACTER SET %s COLLATE %s",
                [properties.encoding, properties.locale],
            )

    def load(self, database: str, blocks: Iterable[bytes], text: stream.Text, timeout: float | None) -> None:
        program = self.load_program()
        with self.explained(program, f"loading {database}"):
            loading = self._command(program, *LOAD_ARGUMENTS, f"--database={database}")
            process.stream_in(loading, confining.confined(headings.loadable(blocks), database), timeout)

    def apply_properties(self, database: str, properties: DatabaseProperties) -> list[str]:
        if properties.comment:
            with session(self.endpoint) as connection, connection.cursor() as cursor:
                cursor.execute(f"ALTER DATABASE {identifier(database)} COMMENT = %s", [properties.comment])
        return []

    def inspect(self, database: str, fingerprinted: Fingerprinted = no_table, source: str | None = None) -> Inspection:
        with session(self.endpoint, database) as connection, connection.cursor() as cursor:
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            inspection = catalogue.inspect(
                self.endpoint,
                cursor,
                database,
                source=source,
                excluded=(leftovers.UNFINISHED,),
                fingerprinted=fingerprinted,
            )
        return dataclasses.replace(inspection, sequences=self.read_sequences(database))

    def read_properties(self, database: str) -> DatabaseProperties:
        with session(self.endpoint) as connection, connection.cursor() as cursor:
            return catalogue.read_properties(cursor, database)

    def drop_database(self, database: str, terminate_sessions: bool = False) -> None:
        with session(self.endpoint) as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {identifier(database)}")

    def keep_tables(self, database: str, keys: Sequence[TableKey]) -> None:
        swapping.keep_tables(self.endpoint, database, [name for _schema, name in keys])

    def exclusive(self, target: str) -> contextlib.AbstractContextManager[None]:
        return swapping.exclusive(self.endpoint, target)

    def recover(self, target: str) -> list[str]:
        return swapping.recover(self.endpoint, target, lambda name: self.is_scratch_of(name, target))

    def mark_unfinished(self, database: str) -> None:
        with session(self.endpoint) as connection, connection.cursor() as cursor:
            leftovers.mark_unfinished(cursor, database)

    def mark_finished(self, database: str) -> None:
        with session(self.endpoint) as connection, connection.cursor() as cursor:
            leftovers.mark_finished(cursor, database)

    def needs_own_name(self, restore_info: RestoreInfo) -> bool:
        # MariaDB writes the database's name into DEFAULT nextval(...).
        tables = {table.name for table in restore_info.tables}
        return any(sequence.name not in tables for sequence in restore_info.sequences)

    def silence(self, database: str) -> Sequence[Any]:
        return swapping.hold_events(self.endpoint, database)

    def swap_database(self, swap: Swap) -> list[str]:
        properties = self.read_properties(swap.new)
        said = swapping.swap(
            self.endpoint,
            swap.new,
            swap.target,
            swap.previous,
            source=swap.source,
            held_events=swap.silenced,
            keep_previous=swap.keep_previous,
        )
        try:
            # The tables have moved; what belongs to the database itself has not.
            return said + self.apply_properties(swap.target, properties)
        except errors.BackupDBError as error:
            return [*said, f"{swap.target} has not got its comment: {error.message}"]

    def read_accounts(self) -> SavedAccounts:
        with session(self.endpoint) as connection, connection.cursor() as cursor:
            return accounts.read(cursor, self.flavour)

    def account_state(self) -> AccountState:
        with session(self.endpoint) as connection, connection.cursor() as cursor:
            return accounts.state(cursor, self.flavour)

    def apply_accounts(self, work: AccountsWork) -> list[str]:
        return account_changes.apply(self.endpoint, self.flavour, work)

    def apply_object_grants(self, grants: ObjectGrants) -> list[str]:
        return account_changes.grant_on_objects(self.endpoint, self.flavour, grants)
