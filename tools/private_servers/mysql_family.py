# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What private MariaDB and MySQL servers have in common."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pymysql

from .base import PrivateServer
from .postgresql import write_private

SYSTEM_DATABASES = {"information_schema", "performance_schema", "mysql", "sys"}


class MysqlFamilyServer(PrivateServer):
    """A server of the MySQL family; ``settings`` are those of its ``[mysqld]`` section, a flag has the value ""."""

    family = "mysql"
    account_name = "mysql"
    admin_user = "root"
    client_program: ClassVar[str]
    dump_program: ClassVar[str]
    dump_options: ClassVar[tuple[str, ...]] = ()
    # Used by those dump programs that know them.
    newer_dump_options: ClassVar[tuple[str, ...]] = ()
    dump_loses_quoted_names: ClassVar[bool] = False
    accounts_cleanup: ClassVar[str] = ""

    @property
    def socket(self) -> Path:
        """The socket file."""
        return self.folder / "socket" / "mysqld.sock"

    @property
    def client_file(self) -> Path:
        """The administrator's login as the clients read it through ``--defaults-extra-file``."""
        return self.folder / "private" / "client.cnf"

    @property
    def server_file(self) -> Path:
        """The server's configuration."""
        return self.folder / "private" / "server.cnf"

    @abc.abstractmethod
    def client_settings(self) -> dict[str, str]:
        """Return the client settings that the flavours spell differently."""

    @abc.abstractmethod
    def flavour_settings(self) -> dict[str, str]:
        """Return the server settings that the flavours spell differently, without the caller's."""

    def write_configuration(self) -> None:
        """Write the server's and the clients' option files, and the SQL that makes the administrator's accounts."""
        write_private(self.folder / "private" / "accounts.sql", self._accounts_script())
        settings = {**self._common_settings(), **self.flavour_settings(), **self.settings}
        write_private(self.server_file, "[mysqld]\n" + option_lines(settings))
        login = {
            "host": self.host,
            "port": str(self.port),
            "protocol": "tcp",
            "user": self.admin_user,
            "password": quote_option(self.admin_password),
            "default-character-set": "utf8mb4",
            **self.client_settings(),
        }
        write_private(self.client_file, "[client]\n" + option_lines(login))

    def _common_settings(self) -> dict[str, str]:
        settings = {
            "datadir": self.inside(self.folder / "data"),
            "tmpdir": self.inside(self.folder / "tmp"),
            "socket": self.inside(self.socket),
            "pid_file": self.inside(self.folder / "tmp" / "server.pid"),
            "bind_address": self.host,
            "port": str(self.port),
            "character_set_server": "utf8mb4",
            "innodb_buffer_pool_size": "32M",
            # To the kernel at each commit, which outlives a killed process; to the disk once a second.
            "innodb_flush_log_at_trx_commit": "2",
            "innodb_doublewrite": "0",
            "skip_name_resolve": "ON",
            "skip_log_bin": "",
        }
        if self.tls is not None:
            private = self.folder / "private"
            settings["ssl_ca"] = self.inside(private / self.tls.ca_cert.name)
            settings["ssl_cert"] = self.inside(private / self.tls.server_cert.name)
            settings["ssl_key"] = self.inside(private / self.tls.server_key.name)
        return settings

    def _accounts_script(self) -> str:
        password = "'" + self.admin_password.replace("\\", "\\\\").replace("'", "''") + "'"
        # One statement a line: neither way to read it at bootstrap knows more.
        return (
            "FLUSH PRIVILEGES;\n"
            f"ALTER USER 'root'@'localhost' IDENTIFIED BY {password};\n"
            "CREATE USER IF NOT EXISTS 'root'@'127.0.0.1';\n"
            f"ALTER USER 'root'@'127.0.0.1' IDENTIFIED BY {password};\n"
            "GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;\n"
            f"{self.accounts_cleanup}"
        )

    def connect_as(self, user: str, password: str, database: str | None = None) -> Any:
        """Return a PyMySQL connection in autocommit mode."""
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=user,
            # As bytes: PyMySQL would encode text as Latin-1.
            password=password.encode(),
            database=database,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=10,
            # To read the machine's authorities takes ten times as long as to connect.
            ssl_disabled=self.tls is None,
        )

    def read_version(self) -> tuple[str, str]:
        """Return for example ``10.11.11`` and ``10.11``."""
        whole = str(self.execute("SELECT VERSION()")[0][0]).split("-", maxsplit=1)[0]
        return whole, ".".join(whole.split(".")[:2])

    def quote(self, identifier: str) -> str:
        """Return the identifier in backticks."""
        return "`" + identifier.replace("`", "``") + "`"

    def databases(self) -> list[str]:
        """Return the names of all databases but the four of the system."""
        return sorted({row[0] for row in self.execute("SHOW DATABASES")} - SYSTEM_DATABASES)

    def create_user(self, name: str, password: str) -> None:
        """Create an account for any host."""
        self.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", params=[name, password])

    def run_script(self, script: str, database: str) -> None:
        """Run a script by the interactive client, which knows DELIMITER; comments in routines are kept."""
        self._run_client(self.client_program, "--comments", f"--database={database}", script=script)

    def whole_dump(self, database: str, create: bool = False) -> str:
        """Return the dump tool's text without its comments, which name the host and the database."""
        scope = ["--databases"] if create else []
        apart = self.dump_loses_quoted_names and any(character in database for character in "'\"\\")
        dump = self._run_client(
            self.dump_program,
            "--single-transaction",
            "--routines",
            "--skip-events" if apart else "--events",
            "--triggers",
            "--hex-blob",
            "--skip-dump-date",
            "--skip-comments",
            *self.dump_options,
            *self._known(self.newer_dump_options),
            *scope,
            "--",
            database,
        )
        return dump + self._events(database) if apart else dump

    def _known(self, options: tuple[str, ...]) -> list[str]:
        text = self.help_of(self.dump_program) if options else ""
        return [option for option in options if option in text]

    def _events(self, database: str) -> str:
        names = self.execute(
            "SELECT event_name FROM information_schema.events WHERE event_schema = %s ORDER BY 1", params=[database]
        )
        rows = [self.execute(f"SHOW CREATE EVENT {self.quote(name)}", database)[0] for (name,) in names]
        return "".join(f"-- {row!r}\n" for row in rows)

    def connect_hint(self) -> str:
        """Return a command line of the interactive client."""
        return f"{self.client_path / self.client_program} --defaults-extra-file={self.client_file}"

    def _run_client(self, program: str, *arguments: str, script: str | None = None) -> str:
        return self.run_client(program, f"--defaults-extra-file={self.client_file}", *arguments, script=script)


def option_lines(settings: Mapping[str, str]) -> str:
    """Return the lines of an option file's section; an empty value makes a flag."""
    return "".join(f"{name} = {value}\n" if value else f"{name}\n" for name, value in settings.items())


def quote_option(value: str) -> str:
    """Return a value as an option file quotes it."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
