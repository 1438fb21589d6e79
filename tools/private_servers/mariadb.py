# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private MariaDB server."""

from __future__ import annotations

from pathlib import Path

from .base import PrivateServerError
from .mysql_family import MysqlFamilyServer


class MariadbServer(MysqlFamilyServer):
    """MariaDB as the distribution packages it."""

    flavour = "mariadb"
    client_program = "mariadb"
    dump_program = "mariadb-dump"
    newer_dump_options = ("--dump-history",)
    # When it comes to a database's events, it selects the database by its escaped name, and does not find it.
    dump_loses_quoted_names = True
    # Its bootstrap also makes accounts without a password, one for this machine's name.
    accounts_cleanup = (
        "DELETE FROM mysql.global_priv WHERE User = 'root' AND Host NOT IN ('localhost', '127.0.0.1');\n"
        "DELETE FROM mysql.proxies_priv WHERE Host <> 'localhost';\n"
        "FLUSH PRIVILEGES;\n"
    )

    def find_programs(self) -> Path:
        """Return the folder of the client programs; the server's is beside it."""
        if not (self.server_root / "usr/sbin/mariadbd").exists():
            raise PrivateServerError(f"no MariaDB server is installed in {self.server_root}")
        return self.server_root / "usr/bin"

    def flavour_settings(self) -> dict[str, str]:
        """Return what keeps a small server small, and TLS off unless it was asked for."""
        settings = {"innodb_log_file_size": "16M", "aria_pagecache_buffer_size": "8M", "key_buffer_size": "8M"}
        return settings if self.tls else {**settings, "skip_ssl": ""}

    def client_settings(self) -> dict[str, str]:
        """Return whether to use TLS, which newer clients otherwise insist on."""
        return {"ssl_ca": str(self.folder / "private" / self.tls.ca_cert.name)} if self.tls else {"skip_ssl": ""}

    def prepare_commands(self) -> list[list[str]]:
        """Return the command that makes the system tables and, if it can, the administrator's accounts."""
        accounts = [f"--extra-file={self._accounts_file}"] if self._makes_accounts else []
        return [
            [
                "/usr/bin/mariadb-install-db",
                f"--defaults-file={self.inside(self.server_file)}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                *accounts,
            ]
        ]

    def server_command(self) -> list[str]:
        """Return the server's command; one whose bootstrap cannot make accounts does so before it lets anybody in."""
        accounts = [] if self._makes_accounts else [f"--init-file={self._accounts_file}"]
        return ["/usr/sbin/mariadbd", f"--defaults-file={self.inside(self.server_file)}", *accounts]

    @property
    def _accounts_file(self) -> str:
        return self.inside(self.folder / "private" / "accounts.sql")

    @property
    def _makes_accounts(self) -> bool:
        # Since 10.6.
        return b"--extra-file" in (self.bin_dir / "mariadb-install-db").read_bytes()
