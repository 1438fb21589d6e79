# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's data and its table."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from demo import sample_data
from demo.catalogue import table
from demo.fill import DATABASES, create_application, fill
from tools.private_servers.base import PrivateServer
from tools.private_servers.mariadb import MariadbServer
from tools.private_servers.postgresql import PostgresqlServer


@pytest.fixture(scope="module", params=[PostgresqlServer, MariadbServer], ids=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Iterator[PrivateServer]:
    with request.param() as running:
        yield running


@pytest.mark.parametrize("make", DATABASES.values(), ids=DATABASES)
def test_sample_data_depends_on_the_seed_alone(make: sample_data.Maker) -> None:
    assert make(7) == make(7)
    assert make(7) != make(8)


def test_an_order_costs_what_its_payment_says() -> None:
    tables = {each.name: each.rows for each in sample_data.shop()}
    totals: dict[int, object] = {}
    for order, _product, quantity, unit_price in tables["order_items"]:
        totals[order] = totals.get(order, 0) + quantity * unit_price
    assert tables["payments"]
    assert all(totals[order] == amount for order, _method, amount, _paid_at in tables["payments"])


def test_a_server_is_filled_and_the_application_can_use_it(server: PrivateServer) -> None:
    rows = {database: fill(server, database) for database in DATABASES}
    assert all(count > 1000 for count in rows.values())
    create_application(server, "shop", "app", "secret")
    with contextlib.closing(server.connect_as("app", "secret", "shop")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM price_history")
        assert cursor.fetchone()[0] > 0
        cursor.execute("SELECT picture FROM products WHERE id = 1")
        assert bytes(cursor.fetchone()[0]).startswith(b"\x89PNG")


def test_the_catalogue_shows_the_oldest_artifact_first_with_its_columns_below_each_other() -> None:
    def artifact(database: str, day: int) -> dict[str, dict[str, object]]:
        return {
            "backup_info": {
                "database_id": "demo",
                "database_name": database,
                "timestamp": f"2026-01-{day:02}T02:00:00.5+01:00",
                "status": "success",
            },
            "file_info": {"size_human": "1.5 MB"},
            "schema_info": {
                "tables_count": 8,
                "views_count": 2,
                "procedures_count": 1,
                "functions_count": 2,
                "triggers_count": 4,
            },
        }

    assert table([artifact("shop", 2), artifact("a longer name", 1)]).splitlines() == [
        "instance  database       taken at             size    tables  views  routines  triggers  status",
        "--------  -------------  -------------------  ------  ------  -----  --------  --------  -------",
        "demo      a longer name  2026-01-01 02:00:00  1.5 MB  8       2      3         4         success",
        "demo      shop           2026-01-02 02:00:00  1.5 MB  8       2      3         4         success",
    ]
