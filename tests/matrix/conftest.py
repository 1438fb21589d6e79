# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers of other products and versions than this machine's, and the tables of what was run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.matrix.products import PRODUCTS, Product
from tests.matrix.results import DETAIL, Results
from tools.private_servers.base import PrivateServer
from tools.private_servers.tls import Tls, create_tls


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-docs", action="store_true", help="write the tables into docs/compatibility.md")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "cell(column): the column of the compatibility tables that a test belongs to")
    config.pluginmanager.register(Results(), "matrix_results")


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return create_tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session", params=PRODUCTS)
def product(request: pytest.FixtureRequest) -> Product:
    return PRODUCTS[request.param]


@pytest.fixture(scope="session")
def server(product: Product) -> Iterator[PrivateServer]:
    """A server without TLS."""
    with product.run() as running:
        yield running


@pytest.fixture(scope="session")
def encrypted(product: Product, tls: Tls) -> Iterator[PrivateServer]:
    """A server with a certificate of a private authority."""
    with product.run(tls=tls) as running:
        yield running


@pytest.fixture(autouse=True)
def version_is_told(request: pytest.FixtureRequest) -> None:
    """Tell the tables what the server of a test is."""
    if "server" in request.fixturenames:
        running, product = request.getfixturevalue("server"), request.getfixturevalue("product")
        request.node.user_properties.append((DETAIL, f"{running.version}, {product.origin}"))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path.joinpath("store")
