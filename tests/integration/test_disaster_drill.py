# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server is lost: an empty second one gets all back from the artifacts alone, and the application goes on working."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.accounts import described, hashes
from tests.integration.ansible import run_module
from tests.integration.facts import facts_of
from tests.integration.scenes import DATABASE_ID
from tools.private_servers.base import PrivateServer
from tools.private_servers.mariadb import MariadbServer
from tools.private_servers.postgresql import PostgresqlServer
from tools.private_servers.zoo.loader import load_zoo

SHOP = "web shop"
ZOO = "zoo"
APP = "shop_app"
PASSWORD = "Old-Password 'of' \"shop\" \\ $7"
SECRET_PRICE = "4711.25"
KINDS = {"postgresql": PostgresqlServer, "mysql": MariadbServer}

# The application may touch some tables, and sees prices through a view of shop_definer alone.
POSTGRESQL = f"""
    CREATE TABLE customer (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
    CREATE TABLE price (article text PRIMARY KEY, amount numeric(10, 2) NOT NULL, cost numeric(10, 2) NOT NULL);
    CREATE SEQUENCE order_number START 1000 INCREMENT 10;
    CREATE TABLE purchase (number integer PRIMARY KEY DEFAULT nextval('order_number'),
        customer integer NOT NULL REFERENCES customer (id), article text NOT NULL REFERENCES price (article));
    CREATE TABLE audit (id serial PRIMARY KEY, what text NOT NULL, who text NOT NULL);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS
        $$ BEGIN INSERT INTO audit (what, who) VALUES (TG_TABLE_NAME, session_user); RETURN NEW; END $$;
    CREATE TRIGGER noted AFTER INSERT ON purchase FOR EACH ROW EXECUTE FUNCTION note();
    CREATE VIEW price_list AS SELECT article, amount FROM price;
    CREATE PROCEDURE buy(buyer text, what text) LANGUAGE sql AS
        $$ INSERT INTO purchase (customer, article) SELECT id, what FROM customer WHERE name = buyer $$;
    INSERT INTO customer (name) VALUES ('Ada'), ('Zoë');
    INSERT INTO price VALUES ('lamp', 20, {SECRET_PRICE}), ('chair', 50.5, 12);
    CALL buy('Ada', 'lamp');
    ALTER TABLE price OWNER TO shop_definer;
    ALTER TABLE audit OWNER TO shop_definer;
    ALTER VIEW price_list OWNER TO shop_definer;
    ALTER FUNCTION note() OWNER TO shop_definer;
    REVOKE EXECUTE ON PROCEDURE buy(text, text) FROM PUBLIC;
    GRANT EXECUTE ON PROCEDURE buy(text, text) TO {APP};
    GRANT SELECT, INSERT ON customer, purchase TO {APP};
    GRANT USAGE ON SEQUENCE order_number TO {APP};
    GRANT SELECT ON price_list TO {APP};
    """
MYSQL = f"""
    CREATE TABLE customer (id int PRIMARY KEY AUTO_INCREMENT, name varchar(100) NOT NULL UNIQUE);
    CREATE TABLE price (article varchar(50) PRIMARY KEY, amount decimal(10, 2) NOT NULL, cost decimal(10, 2) NOT NULL);
    CREATE SEQUENCE order_number START WITH 1000 INCREMENT BY 10;
    CREATE TABLE purchase (number int PRIMARY KEY DEFAULT nextval(order_number),
        customer int NOT NULL, article varchar(50) NOT NULL,
        FOREIGN KEY (customer) REFERENCES customer (id), FOREIGN KEY (article) REFERENCES price (article));
    CREATE TABLE audit (id int PRIMARY KEY AUTO_INCREMENT, what text NOT NULL, who text NOT NULL);
    CREATE DEFINER = shop_definer@localhost TRIGGER noted AFTER INSERT ON purchase FOR EACH ROW
        INSERT INTO audit (what, who) VALUES ('purchase', substring_index(session_user(), '@', 1));
    CREATE DEFINER = shop_definer@localhost SQL SECURITY DEFINER VIEW price_list AS SELECT article, amount FROM price;
    CREATE PROCEDURE buy(buyer text, what text) SQL SECURITY INVOKER
        INSERT INTO purchase (customer, article) SELECT id, what FROM customer WHERE name = buyer;
    INSERT INTO customer (name) VALUES ('Ada'), ('Zoë');
    INSERT INTO price VALUES ('lamp', 20, {SECRET_PRICE}), ('chair', 50.5, 12);
    GRANT SELECT ON price TO shop_definer@localhost;
    GRANT SELECT, INSERT, TRIGGER ON `{SHOP}`.* TO shop_definer@localhost;
    CALL buy('Ada', 'lamp');
    GRANT SELECT, INSERT ON customer TO {APP}@'%';
    GRANT SELECT (number, customer, article), INSERT ON purchase TO {APP}@'%';
    GRANT SELECT, INSERT ON order_number TO {APP}@'%';
    GRANT SELECT ON price_list TO {APP}@'%';
    GRANT EXECUTE ON PROCEDURE buy TO {APP}@'%';
    """


@dataclasses.dataclass(frozen=True)
class Lost:
    """What was there before the server was lost: whole dumps, facts and accounts, and the store."""

    family: str
    store: Path
    dumps: dict[str, str]
    facts: dict[str, Any]
    accounts: str
    hashes: list[str]


@pytest.fixture(scope="module", params=list(KINDS))
def lost(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Lost:
    """A server with two databases and their accounts that was backed up and is no more."""
    store = tmp_path_factory.mktemp("drill").joinpath("store")
    with KINDS[request.param]() as server:
        load_zoo(server, ZOO)
        create_shop(server)
        result = run_module("db_backup", {**options(server, store), "accounts": True}, verbosity=3)
        assert result.rc == 0, result.stdout
        found = Lost(
            family=request.param,
            store=store,
            dumps={name: server.whole_dump(name, create=True) for name in (SHOP, ZOO)},
            facts={name: facts_of(server, name) for name in (SHOP, ZOO)},
            accounts=described(server),
            hashes=hashes(server),
        )
        assert_nothing_is_shown(result.stdout, found)
    return found


@pytest.fixture(params=["the accounts come with each database", "the accounts come first"])
def second(lost: Lost, request: pytest.FixtureRequest) -> Iterator[PrivateServer]:
    """A second server that was empty, to which the accounts and all databases were restored."""
    with KINDS[lost.family]() as server:
        assert server.databases() == []
        if request.param == "the accounts come first":
            put_back(lost, server, scope="accounts")
        for name in (ZOO, SHOP):
            put_back(lost, server, scope="all", database=name, latest=True)
        yield server


def create_shop(server: PrivateServer) -> None:
    """Make the application's database and accounts."""
    server.create_user(APP, PASSWORD)
    if server.family == "postgresql":
        server.execute("CREATE ROLE shop_definer NOLOGIN")
        server.create_database(SHOP)
        server.execute(f'REVOKE CONNECT ON DATABASE "{SHOP}" FROM PUBLIC')
        server.execute(f'GRANT CONNECT ON DATABASE "{SHOP}" TO {APP}')
        server.execute(f"ALTER ROLE {APP} IN DATABASE \"{SHOP}\" SET application_name TO 'the shop'")
        server.run_script(POSTGRESQL, SHOP)
    else:
        server.execute("CREATE USER shop_definer@localhost")
        server.create_database(SHOP)
        server.run_script(MYSQL, SHOP)


def options(server: PrivateServer, store: Path, **more: Any) -> dict[str, Any]:
    return {**server.login_options(), "database_id": DATABASE_ID, "base_path": str(store), **more}


def put_back(lost: Lost, server: PrivateServer, **wanted: Any) -> None:
    result = run_module("db_restore", options(server, lost.store, **wanted), verbosity=3)
    assert result.rc == 0, result.stdout
    assert_nothing_is_shown(result.stdout, lost)


def assert_nothing_is_shown(text: str, lost: Lost) -> None:
    """See that a text has no password, no hash of one and no row."""
    for secret in (PASSWORD, "Old-Password", SECRET_PRICE, *lost.hashes):
        assert secret not in text


@contextlib.contextmanager
def application(server: PrivateServer) -> Iterator[Any]:
    """Log in as the application does, and yield a cursor."""
    with contextlib.closing(server.connect_as(APP, PASSWORD, SHOP)) as connection, connection.cursor() as cursor:
        yield cursor


def with_ordered_roles(dump: str) -> str:
    """Return a dump in which the roles of each policy are in order; pg_dump has them as they were created."""
    return re.sub(
        r"^(CREATE POLICY .* TO )([\w, ]+)( USING| WITH CHECK)",
        lambda found: found[1] + ", ".join(sorted(found[2].split(", "))) + found[3],
        dump,
        flags=re.M,
    )


def rows(cursor: Any, query: str) -> list[tuple[Any, ...]]:
    cursor.execute(query)
    return list(cursor.fetchall())


@pytest.mark.slow
def test_the_second_server_has_all_that_the_lost_one_had_and_the_application_works(
    lost: Lost, second: PrivateServer
) -> None:
    assert second.databases() == sorted(lost.dumps)
    for name, dump in lost.dumps.items():
        assert with_ordered_roles(second.whole_dump(name, create=True)) == with_ordered_roles(dump)
        assert facts_of(second, name) == lost.facts[name]
    assert described(second) == lost.accounts

    with application(second) as cursor:
        assert rows(cursor, "SELECT name FROM customer ORDER BY name") == [("Ada",), ("Zoë",)]
        cursor.execute("INSERT INTO customer (name) VALUES ('Grace')")
        cursor.execute("CALL buy('Grace', 'chair')")
        assert [(article, f"{amount}") for article, amount in rows(cursor, "SELECT * FROM price_list ORDER BY 1")] == [
            ("chair", "50.50"),
            ("lamp", "20.00"),
        ]
        with pytest.raises(Exception, match=r"(?i)denied"):
            cursor.execute("SELECT cost FROM price")
    numbers = [number for (number,) in second.execute("SELECT number FROM purchase ORDER BY 1", SHOP)]
    assert len(numbers) == 2
    assert numbers[0] == 1000 < numbers[1]
    assert second.execute("SELECT what, who FROM audit ORDER BY id", SHOP)[1] == ("purchase", APP)
