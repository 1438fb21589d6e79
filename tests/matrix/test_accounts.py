# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of other products and versions, saved on one server and restored on another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import accounts

from tests.integration.accounts import (
    APP,
    ED25519,
    MYSQL,
    ORACLE_SETTINGS,
    PASSWORD,
    Engine,
    create_accounts,
    described,
    load_by_hand,
    logs_in,
    rows,
    run_all,
)
from tests.matrix.products import MYSQL_FAMILY_NAMES, MYSQL_NAMES, POSTGRESQL_NAMES, PRODUCTS, Product
from tools.private_servers.base import PrivateServer

pytestmark = [pytest.mark.matrix, pytest.mark.cell("accounts")]
SETTINGS = {"mysql": ORACLE_SETTINGS, "mariadb": ED25519, "postgresql": {}}
# The memberships of roles have options of their own since PostgreSQL 16.
BEFORE_MEMBERSHIPS = POSTGRESQL_NAMES[:3]
OPTIONS = [
    "GRANT writer TO legacy WITH ADMIN OPTION, INHERIT FALSE, SET FALSE",
    "GRANT writer TO dba WITH INHERIT TRUE GRANTED BY legacy",
]


@pytest.fixture
def source(product: Product) -> Iterator[PrivateServer]:
    with product.run(settings=SETTINGS[product.kind.flavour]) as running:
        yield running


@pytest.fixture
def target(product: Product) -> Iterator[PrivateServer]:
    with product.run(settings=SETTINGS[product.kind.flavour]) as running:
        yield running


def shows_right(server: PrivateServer, account: str) -> bool:
    """Say whether the server escapes the quote in what a certificate must hold: MySQL and some MariaDBs do not."""
    return "it's" not in str(rows(server, f"SHOW CREATE USER {account}"))


def create_all(server: PrivateServer) -> None:
    """Make accounts of every kind that the server knows."""
    create_accounts(server)
    if server.flavour == "mariadb" and not shows_right(server, "quoting@localhost"):
        run_all(server, ["DROP USER quoting@localhost"])
    if server.family == "postgresql" and int(server.major) >= 16:
        run_all(server, OPTIONS)


def test_accounts_are_restored_as_they_were(source: PrivateServer, target: PrivateServer, store: Path) -> None:
    create_all(source)
    saved = Engine(source).save(store)
    applied = Engine(target).restore(saved)
    assert logs_in(target, "app", PASSWORD)
    if source.family == "mysql":
        run_all(target, MYSQL[:4])
        assert accounts.apply_object_grants(Engine(target).target, saved.artifact, "shop", applied.restored) == []
    assert described(target) == described(source)
    assert applied.warnings == []


def test_the_plain_client_makes_the_same_accounts_of_the_file(
    source: PrivateServer, target: PrivateServer, store: Path
) -> None:
    create_all(source)
    if source.family == "mysql":
        run_all(target, MYSQL[:4])
    load_by_hand(target, Engine(source).save(store).artifact.paths.data)
    assert described(target) == described(source)


def test_updating_changes_an_account_back(source: PrivateServer, target: PrivateServer, store: Path) -> None:
    create_accounts(source)
    target.create_user("app", "another")
    applied = Engine(target).restore(Engine(source).save(store), update=True)
    assert APP[source.family] in applied.updated
    assert logs_in(target, "app", PASSWORD)


@pytest.mark.parametrize("product", MYSQL_NAMES, indirect=True)
def test_what_the_server_does_not_show_of_an_account_is_told(source: PrivateServer, store: Path) -> None:
    create_accounts(source)
    warnings = Engine(source).save(store).warnings
    assert warnings == ["the secondary password of locked@localhost is not saved: the server does not show it"]


@pytest.mark.parametrize("product", MYSQL_FAMILY_NAMES, indirect=True)
def test_an_account_that_the_server_does_not_show_right_is_left_out_and_told(
    source: PrivateServer, store: Path
) -> None:
    run_all(source, ["CREATE USER fine@localhost", "CREATE USER unfit@localhost REQUIRE SUBJECT '/CN=it''s'"])
    saved = Engine(source).save(store)
    if shows_right(source, "unfit@localhost"):
        assert saved.partial_reason is None
        assert saved.artifact.metadata.labels() >= {"fine@localhost", "unfit@localhost"}
        return
    assert saved.partial_reason is not None
    assert saved.partial_reason.endswith("are not saved: unfit@localhost")
    assert saved.artifact.metadata.labels() - {"PUBLIC"} == {"fine@localhost", "root@127.0.0.1"}


@pytest.mark.parametrize("product", BEFORE_MEMBERSHIPS, indirect=True)
def test_roles_of_an_older_server_are_restored_on_a_newer_one(source: PrivateServer, store: Path) -> None:
    create_accounts(source)
    # A superuser, who may grant without having been granted the role: not in the name of that grant since 16.
    run_all(source, ["SET ROLE dba; GRANT writer TO legacy GRANTED BY dba"])
    with PRODUCTS[POSTGRESQL_NAMES[-1]].run() as target:
        applied = Engine(target).restore(Engine(source).save(store))
        assert logs_in(target, "app", PASSWORD)
        assert applied.warnings == ["writer is granted to legacy by the account in use, for dba may not grant it here"]
