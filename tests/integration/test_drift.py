# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schema drift on real servers: a backup names exactly the objects that came, went or changed since the last one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.backups import drift, run
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import ObjectInfo
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.results import DriftResult

from tests.integration.ansible import run_module
from tests.integration.scenes import DATABASE_ID, back_up, instance_of, now, put_back
from tools.private_servers.base import PrivateServer

EARLIER = timedelta(hours=1)
FILLED = {
    "postgresql": """
        CREATE SCHEMA other;
        CREATE SCHEMA empty;
        CREATE TABLE orders (id integer PRIMARY KEY, what text);
        CREATE TABLE item (id integer, amount integer);
        CREATE TABLE other.item (id integer);
        CREATE FUNCTION price(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1';
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER noted AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION note();
        CREATE VIEW names AS SELECT what FROM orders;
        CREATE TYPE mood AS ENUM ('good', 'bad');
        CREATE SEQUENCE numbers;
        """,
    "mysql": """
        CREATE TABLE orders (id integer PRIMARY KEY, what varchar(20));
        CREATE TABLE item (id integer, amount integer);
        CREATE FUNCTION price(of_it integer) RETURNS integer DETERMINISTIC RETURN of_it;
        CREATE PROCEDURE price(of_it integer) SELECT of_it;
        CREATE TRIGGER noted BEFORE INSERT ON orders FOR EACH ROW SET NEW.what = 'new';
        CREATE VIEW names AS SELECT what FROM orders;
        CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM item;
        """,
}
NO_CHANGE: tuple[list[str], list[str], list[str]] = ([], [], [])


def came(*names: str) -> tuple[list[str], list[str], list[str]]:
    return sorted(names), [], []


def went(*names: str) -> tuple[list[str], list[str], list[str]]:
    return [], sorted(names), []


def changed(*names: str) -> tuple[list[str], list[str], list[str]]:
    return [], [], sorted(names)


ON_POSTGRESQL = [
    ("CREATE TABLE invoice (id integer)", came("table public.invoice")),
    ("DROP TABLE other.item", went("table other.item")),
    ("ALTER TABLE orders ADD COLUMN note text", changed("table public.orders")),
    ("ALTER TABLE item ALTER COLUMN amount TYPE bigint", changed("table public.item")),
    ("ALTER TABLE item DROP COLUMN amount", changed("table public.item")),
    ("ALTER TABLE item RENAME COLUMN amount TO quantity", changed("table public.item")),
    ("ALTER TABLE item ADD CONSTRAINT positive CHECK (amount > 0)", changed("table public.item")),
    ("CREATE INDEX by_what ON orders (what)", changed("table public.orders")),
    ("CREATE POLICY own ON item USING (id = 1)", changed("table public.item")),
    ("ALTER TABLE item RENAME TO line", (["table public.line"], ["table public.item"], [])),
    ("ALTER TABLE item SET SCHEMA empty", (["table empty.item"], ["table public.item"], [])),
    (
        "CREATE FUNCTION price(integer, text) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        came("function public.price(integer, text)"),
    ),
    (
        "CREATE OR REPLACE FUNCTION price(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1 + 1'",
        changed("function public.price(integer)"),
    ),
    ("DROP FUNCTION price(integer)", went("function public.price(integer)")),
    ("CREATE PROCEDURE settle(n integer) LANGUAGE sql AS 'SELECT 1'", came("procedure public.settle(integer)")),
    ("CREATE OR REPLACE VIEW names AS SELECT what FROM orders WHERE id > 1", changed("view public.names")),
    ("DROP VIEW names", went("view public.names")),
    ("CREATE MATERIALIZED VIEW kept AS SELECT * FROM names", came("materialized view public.kept")),
    (
        "CREATE TRIGGER second AFTER DELETE ON orders FOR EACH ROW EXECUTE FUNCTION note()",
        came("trigger public.orders.second"),
    ),
    ("DROP TRIGGER noted ON orders", went("trigger public.orders.noted")),
    (
        "ALTER TRIGGER noted ON orders RENAME TO kept",
        (["trigger public.orders.kept"], ["trigger public.orders.noted"], []),
    ),
    ("ALTER TYPE mood ADD VALUE 'fair'", changed("type public.mood")),
    ("CREATE DOMAIN positive AS integer CHECK (VALUE > 0)", came("domain public.positive")),
    ("DROP SEQUENCE numbers", went("sequence public.numbers")),
    (
        "ALTER TABLE item ADD COLUMN n integer GENERATED ALWAYS AS IDENTITY",
        (["sequence public.item_n_seq"], [], ["table public.item"]),
    ),
    ("INSERT INTO orders VALUES (1, 'a')", NO_CHANGE),
]
ON_MARIADB = [
    ("CREATE TABLE invoice (id integer)", came("table invoice")),
    ("DROP TABLE item", went("table item")),
    ("ALTER TABLE orders ADD COLUMN note text", changed("table orders")),
    ("ALTER TABLE item MODIFY amount bigint", changed("table item")),
    ("ALTER TABLE item DROP COLUMN amount", changed("table item")),
    ("ALTER TABLE item COMMENT 'of an order'", changed("table item")),
    ("CREATE INDEX by_what ON orders (what)", changed("table orders")),
    (
        "ALTER TABLE item ADD CONSTRAINT of_order FOREIGN KEY (id) REFERENCES orders (id)",
        changed("table item"),
    ),
    ("RENAME TABLE item TO line", (["table line"], ["table item"], [])),
    ("CREATE FUNCTION tax(n integer) RETURNS integer DETERMINISTIC RETURN n", came("function tax")),
    (
        "CREATE OR REPLACE FUNCTION price(of_it bigint) RETURNS integer DETERMINISTIC RETURN of_it",
        changed("function price"),
    ),
    ("CREATE OR REPLACE PROCEDURE price(of_it integer) SELECT of_it + 1", changed("procedure price")),
    ("DROP FUNCTION price", went("function price")),
    ("CREATE OR REPLACE VIEW names AS SELECT what FROM orders WHERE id > 1", changed("view names")),
    ("DROP VIEW names", went("view names")),
    (
        "CREATE TRIGGER second AFTER DELETE ON orders FOR EACH ROW DELETE FROM item",
        came("trigger orders.second"),
    ),
    ("DROP TRIGGER noted", went("trigger orders.noted")),
    ("ALTER EVENT nightly ON SCHEDULE EVERY 2 DAY", changed("event nightly")),
    ("DROP EVENT nightly", went("event nightly")),
    ("CREATE SEQUENCE numbers", came("sequence numbers")),
    ("INSERT INTO orders VALUES (1, 'a')", NO_CHANGE),
]


@pytest.fixture
def filled(server: PrivateServer, new_database: Callable[[], str]) -> str:
    """The name of a database with one of each object that a change can be made of."""
    name = new_database()
    server.create_database(name)
    server.run_script(FILLED[server.family], name)
    return name


def drift_of(report: run.Report) -> DriftResult | None:
    (result,) = report.results
    return result.drift


def objects_of(server: PrivateServer, database: str) -> list[ObjectInfo]:
    return instance_of(server).server().inspect(database).objects


def newest(store: Path, database: str) -> catalog.Artifact:
    return catalog.find_latest(store, database_id=DATABASE_ID, database=database)


@pytest.mark.parametrize(
    ("server", "statement", "expected"),
    [
        *(("postgresql", statement, expected) for statement, expected in ON_POSTGRESQL),
        *(("mariadb", statement, expected) for statement, expected in ON_MARIADB),
    ],
    indirect=["server"],
)
def test_what_a_statement_does_to_the_schema_is_named_and_nothing_else(
    server: PrivateServer, filled: str, statement: str, expected: tuple[list[str], list[str], list[str]]
) -> None:
    before = objects_of(server, filled)
    server.execute(statement, filled)
    found = drift.compare(before, objects_of(server, filled), Path("/a.sql.gz"))
    assert ((found.came, found.went, found.changed) if found else NO_CHANGE) == expected


def test_the_task_tells_the_drift_once(server: PrivateServer, store: Path, filled: str) -> None:
    back_up(server, store, [filled], now() - EARLIER)
    previous = newest(store, filled)
    server.execute("CREATE TABLE invoice (id integer)", filled)
    server.execute("DROP VIEW names", filled)
    server.execute("CREATE INDEX by_what ON orders (what)", filled)
    options = {**server.login_options(), "database_id": DATABASE_ID, "base_path": str(store), "databases": [filled]}
    told = run_module("db_backup", options)
    assert told.rc == 0, told.stdout
    (result,) = told.result["results"]
    schema = "public." if server.family == "postgresql" else ""
    assert result["drift"] == {
        "previous_backup": str(previous.data),
        "came": [f"table {schema}invoice"],
        "went": [f"view {schema}names"],
        "changed": [f"table {schema}orders"],
    }
    assert result["warnings"] == []
    assert drift_of(back_up(server, store, [filled])) is None


def test_a_restored_database_has_the_very_same_objects(
    server: PrivateServer, store: Path, filled: str, new_database: Callable[[], str]
) -> None:
    back_up(server, store, [filled])
    artifact = newest(store, filled)
    assert artifact.metadata.restore_info is not None
    objects = artifact.metadata.restore_info.objects
    assert len(objects) >= 7
    target = new_database()
    put_back(server, artifact, target)
    assert objects_of(server, target) == objects


def test_all_objects_of_a_database_that_was_empty_came(
    server: PrivateServer, store: Path, new_database: Callable[[], str]
) -> None:
    name = new_database()
    server.create_database(name)
    back_up(server, store, [name], now() - EARLIER)
    server.execute("CREATE TABLE first (id integer)", name)
    found = drift_of(back_up(server, store, [name]))
    assert found is not None
    assert [one.rpartition(".")[2].split()[-1] for one in found.came] == ["first"]
    assert (found.went, found.changed) == ([], [])
