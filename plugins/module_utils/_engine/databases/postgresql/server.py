# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL server: pg_dump on an exported snapshot, psql to load."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property

from ... import errors, layout, process, stream
from ...models.metadata import DatabaseProperties, RestoreInfo, SequenceInfo
from .. import dumptext, programs
from ..accounts import AccountState, AccountsWork, SavedAccounts
from ..base import Server, rows_of
from ..obstacles import PlannedRestore
from ..values import Dump, DumpOptions, Endpoint, Entry, Finding, Fingerprinted, Inspection, Swap, TableKey, no_table
from . import accounts, catalogue, creation, discarding, dumping, marks, obstacles, restricted, sequences, swapping
from .connection import cancel, command, identifier, maintenance_session, program_error, require_driver, session

FIRST_LINE = b"PostgreSQL database dump"
TRAILER = b"-- PostgreSQL database dump complete"
NEWEST_MAJOR = 30
# Nothing waits for the disk before the swap, whose own commit makes everything before it durable.
LOAD_SETTINGS = {"synchronous_commit": "off"}
# An event trigger would write down what the rest of the load does, as if it were news; a superuser can prevent that.
NO_TRIGGERS = {"session_replication_role": "replica"}


class PostgreSQLServer(Server):
    """See Server."""

    first_lines = (FIRST_LINE,)
    name_limit = 63
    release_numbers = 1
    dumps_hold_grants = True
    flavour = "postgresql"

    def __init__(self, endpoint: Endpoint) -> None:
        require_driver()
        super().__init__(endpoint)

    @cached_property
    def version(self) -> str:
        with maintenance_session(self.endpoint) as connection, connection.cursor() as cursor:
            return str(rows_of(cursor, "SHOW server_version")[0][0]).split()[0]

    @property
    def major(self) -> int:
        """The major version, as in 15."""
        return programs.numbers(self.version)[0]

    def list_databases(self) -> list[Entry]:
        with maintenance_session(self.endpoint) as connection, connection.cursor() as cursor:
            return [Entry(name, int(size)) for name, size in rows_of(cursor, catalogue.DATABASES)]

    def count_tables(self, database: str) -> int:
        with session(self.endpoint, database) as connection, connection.cursor() as cursor:
            return int(rows_of(cursor, catalogue.TABLES_COUNT)[0][0])

    def dump_program(self) -> programs.Program:
        found = self._find_program("pg_dump", "dumping")
        if programs.numbers(found.version)[0] < self.major:
            raise errors.ConfigError(
                f"{found.path} is version {found.version} and cannot dump {self.endpoint}, which is {self.version}",
                f"Install postgresql-client-{self.major} or newer, or name its folder in client_path",
            )
        return found

    def load_program(self) -> programs.Program:
        return self._find_program("psql", "loading")

    def _find_program(self, name: str, what: str) -> programs.Program:
        # The programs of the server's own major first, then any newer one's, then what PATH has.
        folders = [layout.server_programs(str(major)) for major in range(self.major, NEWEST_MAJOR)]
        return programs.find(
            [name],
            self.endpoint.client_path,
            [*folders, *process.search_folders()],
            what=f"{what} {self.endpoint}",
            package=f"postgresql-client-{self.major}",
        )

    def missing_privileges(self, database: str) -> list[str]:
        with session(self.endpoint, database) as connection, connection.cursor() as cursor:
            return [
                f"{self.endpoint.login.username} may not read {schema}.{table}"
                for schema, table in rows_of(cursor, catalogue.UNREADABLE_TABLES)
            ]

    def read_sequences(self, database: str, exclude_tables: Sequence[str] = ()) -> list[SequenceInfo]:
        with session(self.endpoint, database) as connection, connection.cursor() as cursor:
            return sequences.read(cursor, exclude_tables)

    @contextlib.contextmanager
    def begin_dump(self, database: str, options: DumpOptions) -> Iterator[Dump]:
        program = self.dump_program()
        with session(self.endpoint, database) as connection:
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True, autocommit=False)
            with connection.cursor() as cursor:
                snapshot = rows_of(cursor, "SELECT pg_catalog.pg_export_snapshot()")[0][0]
                excluded = catalogue.find_tables(cursor, options.exclude_tables)
                planned = dumping.plan_parts(cursor, excluded, options.lanes)
                arguments = [f"--exclude-table={identifier(schema)}.{identifier(table)}" for schema, table in excluded]
                arguments.append(f"--snapshot={snapshot}")
                source = dumping.Source(self, database, program, tuple(arguments), options.timeout)
                first = source.part(planned.first)
                data = [source.part(one, [first]) for one in planned.data]
                last = source.post_data(cursor, planned.large, data) if data else []
            yield Dump(
                program,
                first,
                lambda: catalogue.inspect(
                    self.endpoint, connection, excluded=excluded, fingerprinted=options.fingerprinted
                ),
                data,
                last,
                cancel=lambda: cancel(connection),
            )

    def explain(self, program: programs.Program, error: process.ProgramError, what: str) -> errors.BackupDBError:
        return program_error(self.endpoint, program.name, error, what)

    @classmethod
    def check_text(cls, text: stream.Text) -> None:
        dumptext.check_ends(text, "PostgreSQL", FIRST_LINE, TRAILER)
        dumptext.refuse_foreign_target(text)

    def has_database(self, database: str) -> bool:
        with maintenance_session(self.endpoint) as connection, connection.cursor() as cursor:
            return bool(rows_of(cursor, "SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s", [database]))

    def open_sessions(self, database: str) -> list[str]:
        with maintenance_session(self.endpoint) as connection, connection.cursor() as cursor:
            return [f"{user} ({application})" for user, application in rows_of(cursor, catalogue.SESSIONS, [database])]

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
        with maintenance_session(self.endpoint) as connection, connection.cursor() as cursor:
            cursor.execute(creation.create_statement(database, properties, self.major))

    @cached_property
    def is_superuser(self) -> bool:
        """Whether the account may do everything."""
        with maintenance_session(self.endpoint) as connection, connection.cursor() as cursor:
            return bool(rows_of(cursor, "SHOW is_superuser")[0][0] == "on")

    def load(self, database: str, blocks: Iterable[bytes], text: stream.Text, timeout: float | None) -> None:
        program = self.load_program()
        restricted.require(program, text)
        arguments = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--set=VERBOSITY=verbose", "--file=-")
        # pg_dump puts rows before what watches over them; a script by another hand may count on its triggers.
        is_ordered = FIRST_LINE in text.head[:200]
        settings = {**LOAD_SETTINGS, **(NO_TRIGGERS if is_ordered and self.is_superuser else {})}
        loading = command(self.endpoint, database, program.path, *arguments, settings=settings)
        if restricted.knows(program):
            loading = dataclasses.replace(loading, private_files=(*loading.private_files, restricted.beginning()))
            blocks = restricted.loadable(blocks)
        with self.explained(program, f"loading {database}"):
            process.stream_in(loading, blocks, timeout)

    def apply_properties(self, database: str, properties: DatabaseProperties) -> list[str]:
        with maintenance_session(self.endpoint) as connection:
            return creation.apply(connection, database, properties)

    def inspect(self, database: str, fingerprinted: Fingerprinted = no_table, source: str | None = None) -> Inspection:
        with session(self.endpoint, database) as connection:
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True, autocommit=False)
            inspection = catalogue.inspect(self.endpoint, connection, fingerprinted=fingerprinted)
        return dataclasses.replace(inspection, sequences=self.read_sequences(database))

    def read_properties(self, database: str) -> DatabaseProperties:
        with session(self.endpoint, database) as connection, connection.cursor() as cursor:
            return catalogue.read_properties(cursor)

    def with_accounts(
        self, present: DatabaseProperties, dumped: DatabaseProperties, accounts: Collection[str]
    ) -> DatabaseProperties:
        return creation.with_accounts(present, dumped, accounts)

    def drop_database(self, database: str, terminate_sessions: bool = False) -> None:
        force = " WITH (FORCE)" if terminate_sessions else ""
        with maintenance_session(self.endpoint) as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {identifier(database)}{force}")

    def discard_database(self, database: str) -> None:
        discarding.discard(self.endpoint, database)

    def keep_tables(self, database: str, keys: Sequence[TableKey]) -> None:
        with session(self.endpoint, database) as connection, connection.cursor() as cursor:
            swapping.keep_tables(cursor, keys)

    def exclusive(self, target: str) -> contextlib.AbstractContextManager[None]:
        return swapping.exclusive(self.endpoint, target)

    def recover(self, target: str) -> list[str]:
        return swapping.drop_leftovers(
            self.endpoint,
            target,
            lambda name: self.is_scratch_of(name, target),
            lambda name: self.is_previous_of(name, target),
        )

    def mark_unfinished(self, database: str) -> None:
        with maintenance_session(self.endpoint) as connection, connection.cursor() as cursor:
            marks.mark(cursor, database, marks.UNFINISHED)

    def mark_finished(self, database: str) -> None:
        with maintenance_session(self.endpoint) as connection, connection.cursor() as cursor:
            marks.unmark(cursor, database)

    def swap_database(self, swap: Swap) -> list[str]:
        swapping.swap(self.endpoint, swap)
        return []

    def read_accounts(self) -> SavedAccounts:
        with maintenance_session(self.endpoint) as connection:
            return accounts.read(connection, self.endpoint.login.username, self.major)

    def account_state(self) -> AccountState:
        with maintenance_session(self.endpoint) as connection, connection.cursor() as cursor:
            return accounts.state(cursor)

    def apply_accounts(self, work: AccountsWork) -> list[str]:
        with maintenance_session(self.endpoint) as connection:
            return accounts.apply(self.endpoint, connection, work, self.major)
