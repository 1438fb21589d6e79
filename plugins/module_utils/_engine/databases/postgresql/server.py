# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL server: pg_dump on an exported snapshot, psql to load."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

from ... import errors, layout, process, stream
from ...models.metadata import DatabaseProperties
from .. import dumptext, programs
from ..base import Dump, DumpOptions, Endpoint, Entry, Inspection, Part, Server, rows_of
from . import catalogue, creation, plan
from .connection import command, identifier, maintenance_session, program_error, require_driver, session

FIRST_LINE = b"PostgreSQL database dump"
TRAILER = b"-- PostgreSQL database dump complete"
RESTRICT = re.compile(rb"^\\restrict ", re.M)
# The first minor version of each major whose psql knows \restrict (CVE-2025-8714); later majors all do.
RESTRICT_SINCE = {13: 22, 14: 19, 15: 14, 16: 10, 17: 6}
NEWEST_MAJOR = 30


class PostgreSQLServer(Server):
    """See Server."""

    renames_databases = True
    name_limit = 63
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

    @contextlib.contextmanager
    def begin_dump(self, database: str, options: DumpOptions) -> Iterator[Dump]:
        program = self.dump_program()
        with session(self.endpoint, database) as connection:
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True, autocommit=False)
            with connection.cursor() as cursor:
                snapshot = rows_of(cursor, "SELECT pg_catalog.pg_export_snapshot()")[0][0]
                excluded = catalogue.find_tables(cursor, options.exclude_tables)
                planned = self._plan(cursor, excluded, options.lanes)
            shared = [f"--exclude-table={identifier(schema)}.{identifier(table)}" for schema, table in excluded]
            shared += ["--format=plain", f"--snapshot={snapshot}"]

            def part(one: plan.PlannedPart) -> Part:
                dumping = command(self.endpoint, database, program.path, *shared, *one.arguments)

                def start() -> Generator[bytes, None, None]:
                    blocks = process.stream_out(dumping, options.timeout)
                    return self.text_of(blocks, program, f"dumping {database}")

                return Part(one.kind, start, one.tables, one.size_bytes)

            yield Dump(
                program,
                part(planned.first),
                lambda: catalogue.inspect(connection, excluded),
                [part(one) for one in planned.data],
                [part(one) for one in planned.last],
            )

    def _plan(self, cursor: Any, excluded: Sequence[tuple[str, str]], lanes: int) -> plan.Plan:
        if lanes < 2:
            return plan.plan([], 0, lanes)
        left_out = set(excluded)
        tables = [
            plan.Table(schema, name, int(size))
            for schema, name, size in rows_of(cursor, catalogue.TABLE_SIZES)
            if (schema, name) not in left_out
        ]
        found = plan.plan(tables, int(rows_of(cursor, catalogue.LARGE_OBJECTS_SIZE)[0][0]), lanes)
        if found.data:
            # A part that starts late must find every table as the snapshot has it: TRUNCATE does not respect snapshots.
            for table in tables:
                cursor.execute(f"LOCK TABLE ONLY {table.pattern} IN ACCESS SHARE MODE")
        return found

    def explain(self, program: programs.Program, error: process.ProgramError, what: str) -> errors.BackupDBError:
        return program_error(self.endpoint, program.name, error, what)

    def check_text(self, text: stream.Text) -> None:
        dumptext.check_ends(text, "PostgreSQL", FIRST_LINE, TRAILER)
        dumptext.refuse_foreign_target(text)

    def has_database(self, database: str) -> bool:
        with maintenance_session(self.endpoint) as connection, connection.cursor() as cursor:
            return bool(rows_of(cursor, "SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s", [database]))

    def open_sessions(self, database: str) -> list[str]:
        with maintenance_session(self.endpoint) as connection, connection.cursor() as cursor:
            return [f"{user} ({application})" for user, application in rows_of(cursor, catalogue.SESSIONS, [database])]

    def create_database(self, database: str, properties: DatabaseProperties) -> None:
        with maintenance_session(self.endpoint) as connection, connection.cursor() as cursor:
            cursor.execute(creation.create_statement(database, properties, self.major))

    def load(self, database: str, blocks: Iterable[bytes], text: stream.Text, timeout: float | None) -> None:
        program = self.load_program()
        if RESTRICT.search(text.head):
            self._require_restrict(program)
        arguments = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--set=VERBOSITY=verbose", "--file=-")
        loading = command(self.endpoint, database, program.path, *arguments)
        with self.explained(program, f"loading {database}"):
            process.stream_in(loading, blocks, timeout)

    def _require_restrict(self, program: programs.Program) -> None:
        major, minor = (*programs.numbers(program.version), 0)[:2]
        if major < min(RESTRICT_SINCE) or minor < RESTRICT_SINCE.get(major, 0):
            raise errors.ConfigError(
                f"{program.path} is version {program.version} and does not know the \\restrict of this dump",
                f"Update postgresql-client-{major}",
            )

    def apply_properties(self, database: str, properties: DatabaseProperties) -> list[str]:
        with maintenance_session(self.endpoint) as connection:
            return creation.apply(connection, database, properties)

    def inspect(self, database: str) -> Inspection:
        with session(self.endpoint, database) as connection:
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True, autocommit=False)
            return catalogue.inspect(connection)

    def drop_database(self, database: str) -> None:
        with maintenance_session(self.endpoint) as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {identifier(database)}")

    def swap_database(self, new: str, target: str, previous: str | None) -> None:
        with maintenance_session(self.endpoint) as connection:
            connection.autocommit = False
            with connection, connection.cursor() as cursor:
                if previous is not None:
                    _rename(cursor, target, previous)
                _rename(cursor, new, target)


def _rename(cursor: Any, old: str, new: str) -> None:
    cursor.execute(f"ALTER DATABASE {identifier(old)} RENAME TO {identifier(new)}")
