# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throwaway PostgreSQL server."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from pathlib import Path

from ... import errors, layout, process
from ...secrets import Login
from .. import programs
from ..base import Server
from ..throwaway import SYSTEM_FOLDERS, Throwaway
from ..values import Endpoint
from .connection import identifier, maintenance_session
from .server import NEWEST_MAJOR, PostgreSQLServer

# The name that nearly every server gives it: its event triggers can be owned by no other.
ADMINISTRATOR = "postgres"
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "maintenance_work_mem": "128MB",
    "autovacuum": "off",
    "logging_collector": "off",
    # A statement that fails may hold rows.
    "log_min_error_statement": "panic",
    "log_min_messages": "fatal",
}


class PostgreSQLThrowaway(Throwaway):
    """See Throwaway."""

    flavours = ("postgresql",)
    account_name = "postgres"
    # Immediate shutdown, which waits for the helpers.
    stop_signal = signal.SIGQUIT

    def find_program(self) -> programs.Program:
        wanted = programs.numbers(self.version)[0] if self.version else 0
        package = f"postgresql-{wanted}" if wanted else "postgresql"
        folders = [layout.server_programs(str(major)) for major in range(wanted, NEWEST_MAJOR)]
        found = programs.find(
            ["postgres"],
            self.server_path,
            [*folders, *process.search_folders(), *SYSTEM_FOLDERS],
            what="starting a throwaway PostgreSQL server",
            package=package,
            option="server_path",
        )
        if programs.numbers(found.version)[0] < wanted:
            raise errors.ConfigError(
                f"{found.path} is version {found.version}, but the dump is of version {self.version}",
                f"Install {package} or newer, or name its folder in server_path",
            )
        return found

    def preparation(self, program: programs.Program, paths: layout.ThrowawayPaths) -> tuple[str, ...]:
        return (
            str(Path(program.path).with_name("initdb")),
            f"--pgdata={paths.data}",
            f"--username={ADMINISTRATOR}",
            # Whoever can get to the socket may do everything; nobody else can.
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        )

    def command(self, program: programs.Program, paths: layout.ThrowawayPaths) -> tuple[str, ...]:
        settings = {**SETTINGS, "unix_socket_directories": str(paths.sockets), "unix_socket_permissions": "0700"}
        return (program.path, "-D", str(paths.data), *(f"--{name}={value}" for name, value in settings.items()))

    def socket(self, paths: layout.ThrowawayPaths) -> Path:
        return paths.postgresql_socket

    def server(self, paths: layout.ThrowawayPaths) -> Server:
        endpoint = Endpoint(
            family="postgresql",
            host="localhost",
            port=5432,
            login=Login(ADMINISTRATOR, ""),
            unix_socket=str(paths.sockets),
            ssl_mode="disable",
            client_path=self.client_path("psql"),
        )
        return PostgreSQLServer(endpoint)

    def create_accounts(self, server: Server, labels: Iterable[str]) -> None:
        # Some things, such as event triggers, only a superuser can own.
        with maintenance_session(server.endpoint) as connection, connection.cursor() as cursor:
            for label in labels:
                cursor.execute(f"CREATE ROLE {identifier(label)} SUPERUSER NOLOGIN")
