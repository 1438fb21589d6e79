# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A MySQL or MariaDB server: the product's own dump program on one snapshot, its own client to load."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator, Iterable, Iterator
from functools import cached_property
from typing import Any

from ... import errors, process, stream
from ...models.metadata import DatabaseProperties
from .. import dumptext, programs
from ..base import Dump, DumpOptions, Endpoint, Entry, Flavour, Inspection, Part, Server, rows_of
from . import catalogue, events, privileges
from .connection import certificate_fingerprint, command, identifier, program_error, require_driver, session

# By product: the name in the first line of a dump, dump programs, load programs, Debian's package.
PRODUCTS = {
    "mariadb": (("mariadb-dump", "mysqldump"), ("mariadb", "mysql"), "mariadb-client"),
    "mysql": (("mysqldump",), ("mysql",), "mysql-client"),
}
FIRST_LINES = (b"-- MariaDB dump", b"-- MySQL dump")
TRAILER = b"-- Dump completed"
DUMP_ARGUMENTS = (
    "--single-transaction",
    "--quick",
    "--routines",
    "--events",
    "--triggers",
    "--hex-blob",
    "--no-tablespaces",
    "--default-character-set=utf8mb4",
    "--max-allowed-packet=1G",
)
# Fatal for the other product's program.
PRODUCT_DUMP_ARGUMENTS = {"mysql": ("--set-gtid-purged=OFF",), "mariadb": ()}
# Without --comments the client takes the comments out of the bodies of routines, triggers and events.
LOAD_ARGUMENTS = (
    "--batch",
    "--binary-mode",
    "--comments",
    "--default-character-set=utf8mb4",
    "--max-allowed-packet=1G",
)
# No writer waits longer for us than this: to get the lock, and to be rid of it.
LOCK_WAIT_SECONDS = 3
LOCK_HOLD_SECONDS = 5
# The dump program has taken its snapshot before it writes any of these.
FIRST_HEADINGS = (b"-- Table structure for", b"-- Temporary table structure", b"-- Sequence structure", b"-- Dumping")


class MySQLServer(Server):
    """See Server."""

    renames_databases = False
    name_limit = 64

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
        return programs.find_version(self._banner)

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
        fingerprint = certificate_fingerprint(self.endpoint) if is_mariadb else None
        return command(self.endpoint, program.path, is_mariadb, *arguments, fingerprint=fingerprint)

    def missing_privileges(self, database: str) -> list[str]:
        with session(self.endpoint) as connection, connection.cursor() as cursor:
            return privileges.missing(cursor, database)

    @contextlib.contextmanager
    def begin_dump(self, database: str, options: DumpOptions) -> Iterator[Dump]:
        program = self.dump_program()
        with session(self.endpoint, database) as connection:
            with connection.cursor() as cursor:
                excluded = catalogue.find_tables(cursor, database, options.exclude_tables)
                unlocked = catalogue.has_sequence_defaults(cursor, database)
                apart = events.are_beyond_dump_program(database)
                own_text = events.dump(cursor, database, TRAILER) if apart else b""
                cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            arguments = [*DUMP_ARGUMENTS, *PRODUCT_DUMP_ARGUMENTS[self.flavour]]
            arguments += [f"--ignore-table={database}.{table}" for table in excluded]
            arguments += ["--skip-events"] if apart else []
            # A table that takes numbers from a sequence cannot be loaded while it alone is locked (error 1100).
            arguments += ["--skip-add-locks"] if unlocked else []
            dumping = process.stream_out(self._command(program, *arguments, "--", database), options.timeout)
            blocks = self.text_of(dumping, program, f"dumping {database}")
            with contextlib.closing(blocks):
                with self._write_lock() as lock:
                    with connection.cursor() as cursor:
                        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
                    head = list(_until_first_heading(blocks)) if lock.held else []
                exact = lock.held and not lock.expired
                warnings = [] if exact else [f"{database}: {lock.reason}; its row counts may differ from the dump"]

                def inspect() -> Inspection:
                    with connection.cursor() as counting:
                        inspection = catalogue.inspect(counting, database, excluded, exact)
                    # At once, or its metadata locks would hold up ALTER TABLE until the dump ends.
                    connection.rollback()
                    return inspection

                def text() -> Generator[bytes, None, None]:
                    yield from head
                    yield from blocks
                    if own_text:
                        yield own_text

                yield Dump(program, Part("full", text), inspect, warnings=warnings)

    @contextlib.contextmanager
    def _write_lock(self) -> Iterator[_WriteLock]:
        """Keep writers out while the dump program and our own session take their snapshots.

        Without the privilege, or where a long query keeps us from the lock, go on without.
        """
        with session(self.endpoint) as connection:
            lock = _WriteLock(connection)
            lock.acquire()
            try:
                yield lock
            finally:
                lock.release()

    def explain(self, program: programs.Program, error: process.ProgramError, what: str) -> errors.BackupDBError:
        return program_error(self.endpoint, program.name, error, what)

    def check_text(self, text: stream.Text) -> None:
        # MariaDB's newer dumps begin with a comment that enables the client's sandbox mode.
        first = next((line for line in FIRST_LINES if line in text.head[:200]), FIRST_LINES[0])
        dumptext.check_ends(text, "MySQL or MariaDB", first, TRAILER)
        dumptext.refuse_foreign_target(text)

    def has_database(self, database: str) -> bool:
        query = "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s"
        with session(self.endpoint) as connection, connection.cursor() as cursor:
            return bool(rows_of(cursor, query, [database]))

    def create_database(self, database: str, properties: DatabaseProperties) -> None:
        with session(self.endpoint) as connection, connection.cursor() as cursor:
            cursor.execute(
                f"CREATE DATABASE {identifier(database)} CHARACTER SET %s COLLATE %s",
                [properties.encoding, properties.locale],
            )

    def load(self, database: str, blocks: Iterable[bytes], text: stream.Text, timeout: float | None) -> None:
        program = self.load_program()
        with self.explained(program, f"loading {database}"):
            process.stream_in(self._command(program, *LOAD_ARGUMENTS, f"--database={database}"), blocks, timeout)

    def apply_properties(self, database: str, properties: DatabaseProperties) -> list[str]:
        if properties.comment:
            with session(self.endpoint) as connection, connection.cursor() as cursor:
                cursor.execute(f"ALTER DATABASE {identifier(database)} COMMENT = %s", [properties.comment])
        return []

    def inspect(self, database: str) -> Inspection:
        with session(self.endpoint, database) as connection, connection.cursor() as cursor:
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            return catalogue.inspect(cursor, database)

    def drop_database(self, database: str) -> None:
        with session(self.endpoint) as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {identifier(database)}")


class _WriteLock:
    """FLUSH TABLES WITH READ LOCK on a session of its own, for a few seconds at the most."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._timer = threading.Timer(LOCK_HOLD_SECONDS, self._expire)
        self.held = False
        self.expired = False
        self.reason = "the read lock was held too long"

    def acquire(self) -> None:
        """Try to get the lock; ``held`` says whether that worked, ``reason`` why not."""
        with self._connection.cursor() as cursor:
            try:
                # MySQL's own FLUSH waits without end for a long query; the session's setting bounds both products.
                cursor.execute(f"SET SESSION lock_wait_timeout = {LOCK_WAIT_SECONDS}")
                cursor.execute("FLUSH TABLES WITH READ LOCK")
            except self._connection.Error as error:
                self.reason = f"no read lock could be had (error {error.args[0]})"
                return
        self.held = True
        self._timer.daemon = True
        self._timer.start()

    def release(self) -> None:
        """Let the writers go on."""
        self._timer.cancel()
        if self.held and not self.expired:
            with self._connection.cursor() as cursor:
                cursor.execute("UNLOCK TABLES")

    def _expire(self) -> None:
        self.expired = True
        self._connection.close()


def _until_first_heading(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield blocks up to the one by which the dump program has shown that it has its snapshot."""
    seen = b""
    for block in blocks:
        yield block
        seen += block
        if any(heading in seen for heading in FIRST_HEADINGS):
            return
