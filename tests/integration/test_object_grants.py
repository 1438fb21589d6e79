# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Privileges on single objects come with a database that is restored alone, as far as that can be right."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.restores import object_grants, restore

from tests.integration.scenes import Scene, back_up, instance_of, now
from tools.private_servers.base import PrivateServer

WHAT = "privileges on single tables, columns and routines of {}"


@dataclass(frozen=True)
class Shop:
    """A database with an account that has privileges on its objects, and an artifact of both."""

    scene: Scene
    user: str

    @property
    def server(self) -> PrivateServer:
        return self.scene.server

    @property
    def what(self) -> str:
        return WHAT.format(self.scene.database)

    def grants(self) -> list[Any]:
        return sorted(self.server.execute(f"SHOW GRANTS FOR {self.user}@'%%'", params=[]))

    def make_user(self) -> None:
        self.server.create_user(self.user, "secret")

    def drop_user(self) -> None:
        self.server.execute(f"DROP USER IF EXISTS {self.user}@'%%'", params=[])

    def restored(self, target: str | None = None, **options: Any) -> list[str]:
        """Restore the database alone; return what should be known."""
        request = restore.Request(self.scene.artifact, target or self.scene.database, **options)
        companion = object_grants.companion_of(self.scene.store, request.artifact)
        return restore.restore(instance_of(self.server).server(), request, now(), companion=companion).warnings


@pytest.fixture
def shop(mariadb: PrivateServer, new_database: Callable[[], str], store: Path) -> Iterator[Shop]:
    name, user = new_database(), f"user_{os.urandom(3).hex()}"
    made = Shop(Scene(mariadb, name, store, ""), user)
    made.make_user()
    mariadb.create_database(name)
    mariadb.run_script(
        f"""
        CREATE TABLE price (article varchar(50), amount int, cost int);
        CREATE PROCEDURE p() SELECT 1;
        GRANT SELECT, INSERT ON price TO {user}@'%';
        GRANT UPDATE (amount) ON price TO {user}@'%' WITH GRANT OPTION;
        GRANT EXECUTE ON PROCEDURE p TO {user}@'%';
        """,
        name,
    )
    back_up(mariadb, store, [name])
    yield made
    made.drop_user()


@pytest.fixture(scope="session")
def server(mariadb: PrivateServer) -> PrivateServer:
    """A server of this family alone: the dumps of the other bring these privileges."""
    return mariadb


def test_accounts_that_exist_get_them_with_a_database_that_was_not_there(shop: Shop) -> None:
    before = shop.grants()
    shop.server.drop_database(shop.scene.database)
    shop.drop_user()
    shop.make_user()
    assert shop.grants() != before
    assert shop.restored() == []
    assert shop.grants() == before


def test_those_of_accounts_that_do_not_exist_are_counted(shop: Shop) -> None:
    shop.server.drop_database(shop.scene.database)
    shop.drop_user()
    (warning,) = shop.restored()
    assert warning.startswith(f"3 {shop.what} were not brought, for there is no {shop.user}@%")


def test_a_database_that_was_there_keeps_those_that_it_has_now_and_what_is_lacking_is_counted(shop: Shop) -> None:
    assert shop.restored(force=True) == []
    shop.server.execute(f"REVOKE EXECUTE ON PROCEDURE {shop.scene.database}.p FROM {shop.user}@'%%'", params=[])
    before = shop.grants()
    (warning,) = shop.restored(force=True)
    assert warning.startswith(f"1 {shop.what} that were saved are not on the server")
    assert shop.grants() == before


def test_under_another_name_none_are_brought_and_they_are_counted(shop: Shop, new_database: Callable[[], str]) -> None:
    before, target = shop.grants(), new_database()
    assert shop.restored(target) == [f"3 {shop.what} were not brought, for here its name is {target}"]
    assert shop.grants() == before


def test_the_task_brings_them(shop: Shop) -> None:
    before = shop.grants()
    shop.server.drop_database(shop.scene.database)
    shop.drop_user()
    shop.make_user()
    result = shop.scene.put_back(force=False)
    assert result.rc == 0, result.stdout
    assert shop.grants() == before


GRANTS = """
    SELECT coalesce(r.rolname, ''), a.privilege_type, a.is_grantable FROM pg_database d
    CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
    LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE d.datname = current_database() ORDER BY 1, 2
    """
SETTINGS = """
    SELECT r.rolname, s.setconfig FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
    JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = current_database() ORDER BY 1
    """


@pytest.fixture
def roles(postgresql: PrivateServer) -> Iterator[list[str]]:
    """Two roles, which own and get something in new databases alone."""
    made = [f"role_{number}_{os.urandom(3).hex()}" for number in range(2)]
    before = postgresql.databases()
    for name in made:
        postgresql.execute(f"CREATE ROLE {name} LOGIN")
    yield made
    for database in set(postgresql.databases()) - set(before):
        postgresql.drop_database(database)
    for name in made:
        postgresql.execute(f"DROP ROLE {name}")


@pytest.mark.parametrize("is_default", [False, True])
def test_a_role_that_is_restored_has_what_it_had_on_the_database_that_is_replaced(
    postgresql: PrivateServer, roles: list[str], store: Path, *, is_default: bool
) -> None:
    server, name, (lost, other) = postgresql, f"granted_{os.urandom(3).hex()}", roles
    server.create_database(name)
    if not is_default:
        server.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    before = server.execute(GRANTS, name)
    server.execute(f"GRANT CONNECT ON DATABASE {name} TO {lost} WITH GRANT OPTION")
    server.execute(f"GRANT CREATE ON DATABASE {name} TO {lost}, {other}")
    server.execute(f"ALTER ROLE {lost} IN DATABASE {name} SET work_mem = '5MB'")
    granted, settings = server.execute(GRANTS, name), server.execute(SETTINGS, name)
    back_up(server, store, [name])
    # What others have lost since is not the restore's to give back.
    server.execute(f"REVOKE CREATE ON DATABASE {name} FROM {other}")
    server.execute(f"DROP OWNED BY {lost}", name)
    server.execute(f"DROP ROLE {lost}")
    if is_default:
        server.drop_database(name)
        server.create_database(name)
    assert server.execute(GRANTS, name) == before
    result = Scene(server, name, store, "").put_back(scope="all", database=name, latest=True)
    assert result.rc == 0, result.stdout
    assert server.execute(GRANTS, name) == [grant for grant in granted if grant[0] != other]
    assert server.execute(SETTINGS, name) == settings
