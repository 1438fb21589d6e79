# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database and its accounts move from an older server to the newest one of the matrix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.accounts import logs_in
from tests.matrix.engine import back_up, put_back
from tests.matrix.products import PRODUCTS, Product
from tools.private_servers.base import PrivateServer
from tools.private_servers.mysql_family import MysqlFamilyServer
from tools.private_servers.postgresql import PostgresqlServer
from tools.private_servers.zoo.loader import APP_PASSWORD, APP_USER, load_zoo

NEWEST = {"postgresql": "PostgreSQL 18", "mariadb": "MariaDB 11.8"}
# What the newest version refuses, or takes for something else: docs/compatibility.md.
NOT_MOVED = {
    "postgresql": ["DROP TABLE shop.unlogged_parts"],
    "mariadb": ["DROP VIEW of_the_past", "DROP TABLE versioned, with_past, with_own_period, of_two_times"],
}
# Where the rows of a table, or the value of a sequence, begin; tables that refer to each other have no order.
PARTS = r"\n(?=--\n-- (?:Data for )?Name: |LOCK TABLES )"
OLDER = [name for name, product in PRODUCTS.items() if name != NEWEST.get(product.kind.flavour, name)]
pytestmark = [
    pytest.mark.matrix,
    pytest.mark.cell("into a newer one"),
    pytest.mark.parametrize("product", OLDER, indirect=True),
]


@pytest.fixture
def newest(product: Product) -> Iterator[PrivateServer]:
    with PRODUCTS[NEWEST[product.kind.flavour]].run() as running:
        yield running


def rows_of(server: PrivateServer, database: str, clients: Path) -> list[str]:
    """Return all rows of a database, as one dump program tells them of any server: a text for each table, sorted."""
    own, server.client_path = server.client_path, clients
    try:
        if isinstance(server, PostgresqlServer):
            target = f"host={server.host} port={server.port} user={server.admin_user} dbname={database}"
            arguments = ["--data-only", "--restrict-key=matrix", f"--dbname={target}"]
            text = server.run_client("pg_dump", *arguments, environment={"PGPASSFILE": str(server.password_file)})
        else:
            assert isinstance(server, MysqlFamilyServer)
            login = f"--defaults-extra-file={server.client_file}"
            arguments = ["--no-create-info", "--skip-triggers", "--skip-comments", "--hex-blob", "--", database]
            text = server.run_client(server.dump_program, login, *arguments)
    finally:
        server.client_path = own
    return sorted(part for part in re.split(PARTS, text) if "-- Dumped from" not in part)


def test_a_database_and_its_accounts_are_restored_on_the_newest_server(
    server: PrivateServer, newest: PrivateServer, store: Path
) -> None:
    load_zoo(server, "moved")
    for statement in NOT_MOVED[server.flavour]:
        server.execute(statement, "moved")
    try:
        assert back_up(server, store, databases=["moved"], fingerprint="content").rc == 0
        rows = rows_of(server, "moved", newest.client_path)
    finally:
        server.drop_database("moved")
    restored = put_back(newest, store, "moved", scope="all")
    assert restored.rc == 0, restored.stdout
    comparison = restored.result["restore"]["comparison"]
    assert comparison["differences"] == []
    assert comparison["fingerprints_compared"] > 10
    assert rows_of(newest, "moved", newest.client_path) == rows
    assert logs_in(newest, APP_USER, APP_PASSWORD)
