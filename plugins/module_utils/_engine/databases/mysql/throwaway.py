# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throwaway MariaDB or MySQL server."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from pathlib import Path

from ... import errors, layout, process
from ...models.accounts import AccountName
from ...secrets import Login
from .. import programs
from ..base import Server
from ..throwaway import SYSTEM_FOLDERS, Throwaway
from ..values import Endpoint
from . import accounts
from .connection import session
from .server import MySQLServer

# By product: names of the server's program, and Debian's package.
PRODUCTS = {
    "mariadb": (("mariadbd", "mysqld"), "mariadb-server"),
    "mysql": (("mysqld",), "mysql-server"),
}
SETTINGS = (
    "--skip-networking",
    "--skip-log-bin",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--max-allowed-packet=1G",
    "--character-set-server=utf8mb4",
    # Nothing but the load is to change the copy.
    "--event-scheduler=OFF",
)
# MySQL's packages set a folder for SELECT INTO OUTFILE that other accounts than theirs cannot enter.
OWN_SETTINGS = {"mariadb": ("--skip-ssl",), "mysql": ("--mysqlx=OFF", "--secure-file-priv=NULL")}


class MySQLThrowaway(Throwaway):
    """See Throwaway."""

    flavours = ("mariadb", "mysql")
    account_name = "mysql"
    # One process, of whose data nothing is to stay.
    stop_signal = signal.SIGKILL

    def find_program(self) -> programs.Program:
        names, package = PRODUCTS[self.flavour]
        found = programs.find(
            names,
            self.server_path,
            [*SYSTEM_FOLDERS, *process.search_folders()],
            what=f"starting a throwaway {self.flavour} server",
            package=package,
            option="server_path",
        )
        if ("mariadb" in found.banner.lower()) != (self.flavour == "mariadb"):
            raise errors.ConfigError(
                f"{found.path} belongs to another product than the dump, which is of {self.flavour}",
                f"Install {package}, or name the folder of its programs in server_path",
            )
        return found

    def preparation(self, program: programs.Program, paths: layout.ThrowawayPaths) -> tuple[str, ...]:
        if self.flavour == "mysql":
            making = (program.path, "--no-defaults", f"--datadir={paths.data}", "--initialize-insecure")
            return (*making, *OWN_SETTINGS["mysql"])
        # Not asked for its version: it does not know the question, and begins to work.
        folders = [str(Path(program.path).parent), *process.search_folders()]
        installing = process.find_program(("mariadb-install-db", "mysql_install_db"), folders)
        if installing is None:
            raise errors.ConfigError(
                "preparing a throwaway mariadb server needs the program mariadb-install-db, which is not on this host",
                f"Install {PRODUCTS[self.flavour][1]}",
            )
        return (
            installing,
            "--no-defaults",
            f"--datadir={paths.data}",
            f"--tmpdir={paths.temporary}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        )

    def command(self, program: programs.Program, paths: layout.ThrowawayPaths) -> tuple[str, ...]:
        return (
            program.path,
            "--no-defaults",
            f"--datadir={paths.data}",
            f"--tmpdir={paths.temporary}",
            f"--socket={paths.mysql_socket}",
            f"--pid-file={paths.mysql_socket}.pid",
            *SETTINGS,
            *OWN_SETTINGS[self.flavour],
        )

    def socket(self, paths: layout.ThrowawayPaths) -> Path:
        return paths.mysql_socket

    def server(self, paths: layout.ThrowawayPaths) -> Server:
        endpoint = Endpoint(
            family="mysql",
            host="localhost",
            port=3306,
            # Whoever can get to the socket may do everything; nobody else can.
            login=Login("root", ""),
            unix_socket=str(paths.mysql_socket),
            ssl_mode="disable",
            client_path=self.client_path("mariadb", "mysql"),
        )
        return MySQLServer(endpoint)

    def create_accounts(self, server: Server, labels: Iterable[str]) -> None:
        with session(server.endpoint) as connection, connection.cursor() as cursor:
            for label in labels:
                name, mark, host = label.rpartition("@")
                account = AccountName(name=name, host=host) if mark else AccountName(name=label)
                kind, option = ("USER", " ACCOUNT LOCK") if mark else ("ROLE", "")
                cursor.execute(f"CREATE {kind} IF NOT EXISTS {accounts.quoted(account)}{option}")
