# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers of other products and versions than this machine's, each in a file system of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.private_servers.base import PrivateServer
from tools.private_servers.mariadb import MariadbServer
from tools.private_servers.mysql import MysqlServer
from tools.private_servers.postgresql import PostgresqlServer
from tools.private_servers.tls import Tls, create_tls
from tools.server_roots.roots import ensure_root


@dataclass(frozen=True)
class Product:
    """A server of the matrix: what runs it, the Debian suite that carries it, and the version that this must be."""

    kind: type[PrivateServer]
    suite: str
    major: str


PRODUCTS = {
    "mysql": Product(MysqlServer, "sid", "9."),
    "postgresql-17": Product(PostgresqlServer, "trixie", "17"),
    "mariadb-11.8": Product(MariadbServer, "trixie", "11.8"),
}


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return create_tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session", params=PRODUCTS)
def product(request: pytest.FixtureRequest) -> Product:
    return PRODUCTS[request.param]


def run(product: Product, tls: Tls | None) -> Iterator[PrivateServer]:
    """Yield a running server of a product."""
    root = ensure_root(product.suite)
    with product.kind(server_root=root.path, client_path=root.client_path, tls=tls) as server:
        assert server.major.startswith(product.major)
        yield server


@pytest.fixture(scope="session")
def server(product: Product) -> Iterator[PrivateServer]:
    """A server without TLS."""
    yield from run(product, None)


@pytest.fixture(scope="session")
def encrypted(product: Product, tls: Tls) -> Iterator[PrivateServer]:
    """A server with a certificate of a private authority."""
    yield from run(product, tls)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path.joinpath("store")
