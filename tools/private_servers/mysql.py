# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private MySQL server, in a file system of its own: Debian 12 carries none."""

from __future__ import annotations

from pathlib import Path

from .base import PrivateServerError
from .mysql_family import MysqlFamilyServer


class MysqlServer(MysqlFamilyServer):
    """MySQL 8.4 or later as Debian packages it."""

    flavour = "mysql"
    client_program = "mysql"
    dump_program = "mysqldump"
    # Without it a server with GTIDs makes the tool warn, and write a value that no second dump repeats.
    dump_options = ("--set-gtid-purged=OFF", "--no-tablespaces")

    def find_programs(self) -> Path:
        """Return the folder of the client programs; the server's is beside it."""
        if not (self.server_root / "usr/sbin/mysqld").exists() or (self.server_root / "usr/sbin/mariadbd").exists():
            raise PrivateServerError(f"no MySQL server is installed in {self.server_root}")
        return self.server_root / "usr/bin"

    def flavour_settings(self) -> dict[str, str]:
        """Return what keeps a small server small, and TLS off unless it was asked for."""
        settings = {
            "innodb_redo_log_capacity": "64M",
            "mysqlx": "OFF",
            "secure_file_priv": "NULL",
            "lc_messages_dir": "/usr/share/mysql",
        }
        return settings if self.tls else {**settings, "tls_version": '""', "auto_generate_certs": "OFF"}

    def client_settings(self) -> dict[str, str]:
        """Return what the default authentication needs over plain TCP: the server's public key."""
        return {"get_server_public_key": ""}

    def prepare_commands(self) -> list[list[str]]:
        """Return the command that makes the system tables and the administrator's accounts."""
        accounts = self.inside(self.folder / "private" / "accounts.sql")
        return [[*self.server_command(), "--initialize-insecure", f"--init-file={accounts}"]]

    def server_command(self) -> list[str]:
        """Return the server's command."""
        return ["/usr/sbin/mysqld", f"--defaults-file={self.inside(self.server_file)}"]
