# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers of the matrix, each in a file system of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tools.private_servers.base import PrivateServer
from tools.private_servers.mariadb import MariadbServer
from tools.private_servers.mysql import MysqlServer
from tools.private_servers.postgresql import PostgresqlServer
from tools.private_servers.tls import Tls
from tools.server_roots import wheels
from tools.server_roots.roots import ensure_root

RELEASES = {"bullseye": "Debian 11", "bookworm": "Debian 12", "trixie": "Debian 13", "sid": "Debian sid"}


@dataclass(frozen=True)
class Product:
    """A server of the matrix: what runs it, the Debian release whose root has it, and the version that this must be.

    ``is_unpacked`` says that it is there beside Debian's own, from a package of PyPI.
    """

    kind: type[PrivateServer]
    suite: str
    major: str
    is_unpacked: bool = False

    @property
    def family(self) -> str:
        """The family of the server."""
        return self.kind.family

    @property
    def origin(self) -> str:
        """Who made its packages."""
        return "a package of PyPI" if self.is_unpacked else RELEASES[self.suite]

    @contextlib.contextmanager
    def run(self, *, tls: Tls | None = None, settings: Mapping[str, str] | None = None) -> Iterator[PrivateServer]:
        """Run the server for the length of the block, its clients being of its own version."""
        root = ensure_root(self.suite)
        programs = wheels.folder(self.major, root.path) / "bin" if self.is_unpacked else None
        clients = root.clients_of(self.major) if self.is_unpacked else root.client_path
        with self.kind(
            server_root=root.path, programs=programs, client_path=clients, tls=tls, settings=settings
        ) as server:
            assert f"{server.version}.".startswith(f"{self.major}.")
            yield server


PRODUCTS = {
    "PostgreSQL 13": Product(PostgresqlServer, "bullseye", "13"),
    "PostgreSQL 14": Product(PostgresqlServer, "bookworm", "14", is_unpacked=True),
    "PostgreSQL 15": Product(PostgresqlServer, "bookworm", "15"),
    "PostgreSQL 16": Product(PostgresqlServer, "bookworm", "16", is_unpacked=True),
    "PostgreSQL 17": Product(PostgresqlServer, "trixie", "17"),
    "PostgreSQL 18": Product(PostgresqlServer, "sid", "18"),
    "MariaDB 10.11": Product(MariadbServer, "bookworm", "10.11"),
    "MariaDB 11.8": Product(MariadbServer, "trixie", "11.8"),
    "MySQL 9": Product(MysqlServer, "sid", "9"),
}
# Too old for what restores do; it is no row of the tables.
MARIADB_10_5 = Product(MariadbServer, "bullseye", "10.5")
POSTGRESQL_NAMES = [name for name, product in PRODUCTS.items() if product.family == "postgresql"]
MYSQL_FAMILY_NAMES = [name for name, product in PRODUCTS.items() if product.family == "mysql"]
MYSQL_NAMES = [name for name, product in PRODUCTS.items() if product.kind is MysqlServer]
