# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts of a server, saved on one and restored on another."""

from __future__ import annotations

import contextlib
import random
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import accounts, errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import accounts_catalog, catalog

from tests.integration.accounts import (
    APP,
    ED25519,
    MYSQL,
    ODD_NAMES,
    PASSWORD,
    Engine,
    connect,
    create_accounts,
    described,
    hashes,
    load_by_hand,
    logs_in,
    rows,
    run_all,
)
from tests.integration.scenes import DATABASE_ID, files_of
from tools.private_servers.base import PrivateServer
from tools.private_servers.mariadb import MariadbServer
from tools.private_servers.postgresql import PostgresqlServer

OBJECTS = MYSQL[:4]
# Of the plain load alone: privileges on objects that are not there yet.
ON_OBJECTS = ("ON `shop`.`it``s`", "`shop`.`p``q`", "`shop`.`f`")
ANOTHER = "another password"


@dataclass(frozen=True)
class Source:
    """A server with accounts of every kind, and what was saved of it."""

    server: PrivateServer
    store: Path
    saved: accounts.Saved


def new_server(family: str) -> PrivateServer:
    return PostgresqlServer() if family == "postgresql" else MariadbServer(settings=ED25519)


@pytest.fixture(scope="module")
def postgresql_source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    yield from run_source("postgresql", tmp_path_factory.mktemp("accounts").joinpath("store"))


@pytest.fixture(scope="module")
def mariadb_source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    yield from run_source("mysql", tmp_path_factory.mktemp("accounts").joinpath("store"))


def run_source(family: str, store: Path) -> Iterator[Source]:
    with new_server(family) as server:
        create_accounts(server)
        yield Source(server, store, Engine(server).save(store))


@pytest.fixture(scope="module", params=["postgresql_source", "mariadb_source"])
def source(request: pytest.FixtureRequest) -> Source:
    """A source of each family in turn."""
    found: Source = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def empty(source: Source) -> Iterator[PrivateServer]:
    """A second server of the family, without any account but its own."""
    with new_server(source.server.family) as server:
        yield server


@pytest.fixture
def empty_postgresql() -> Iterator[PrivateServer]:
    with new_server("postgresql") as server:
        yield server


@pytest.fixture
def empty_mariadb() -> Iterator[PrivateServer]:
    with new_server("mysql") as server:
        yield server


def test_what_is_saved_is_an_artifact_of_the_instance_with_private_files(source: Source) -> None:
    paths = source.saved.artifact.paths
    assert paths.data.parent.name == DATABASE_ID
    assert source.saved.partial_reason is None
    assert source.saved.artifact.metadata.backup_info.status == "success"
    for path in (paths.data, paths.checksum, paths.metadata):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert accounts_catalog.find_latest(source.store, database_id=DATABASE_ID) == source.saved.artifact
    assert catalog.list_artifacts(source.store) == catalog.Listing()


def test_metadata_names_each_account_and_what_it_is(source: Source) -> None:
    kinds = {account.label: account.kind for account in source.saved.artifact.metadata.accounts}
    if source.server.family == "postgresql":
        assert kinds.pop(ODD_NAMES["postgresql"]) == "login"
        assert kinds == {
            "app": "login",
            "legacy": "login",
            "dba": "superuser",
            "reader": "role",
            "writer": "role",
        }
    else:
        assert kinds.pop(f"{ODD_NAMES['mysql']}@%") == "login"
        assert {kinds.pop(role) for role in ("reader", "writer", "PUBLIC")} == {"role"}
        assert {kinds.pop(name) for name in ("dba@%", "root@127.0.0.1")} == {"superuser"}
        assert set(kinds.values()) == {"login"}
        logins = {
            "app@%",
            "@10.%",
            "app@10.1.0.0/255.255.0.0",
            "locked@localhost",
            "old@localhost",
            "twofold@localhost",
            "quoting@localhost",
        }
        assert set(kinds) == logins


def test_accounts_are_restored_as_they_were(source: Source, empty: PrivateServer) -> None:
    applied = Engine(empty).restore(source.saved)
    if source.server.family == "mysql":
        run_all(empty, OBJECTS)
        refused = accounts.apply_object_grants(Engine(empty).target, source.saved.artifact, "shop", applied.restored)
        assert refused == []
    assert described(empty) == described(source.server)
    assert APP[source.server.family] in applied.created
    assert applied.updated == []
    assert applied.warnings == []


def test_a_restored_account_logs_in_with_its_old_password(source: Source, empty: PrivateServer) -> None:
    odd = ODD_NAMES[source.server.family]
    assert not logs_in(empty, "app", PASSWORD)
    Engine(empty).restore(source.saved)
    for name in ("app", odd):
        assert logs_in(empty, name, PASSWORD)
        assert not logs_in(empty, name, ANOTHER)


def test_the_plain_client_makes_the_same_accounts_of_the_file(source: Source, empty: PrivateServer) -> None:
    load_by_hand(empty, source.saved.artifact.paths.data)
    if source.server.family == "postgresql":
        assert described(empty) == described(source.server)
        return
    assert described(empty) == described(source.server, left_out=ON_OBJECTS)
    run_all(empty, OBJECTS)
    load_by_hand(empty, source.saved.artifact.paths.data)
    assert described(empty) == described(source.server)


def set_password(server: PrivateServer, name: str, password: str) -> None:
    account = f"ROLE {name}" if server.family == "postgresql" else f"USER {name}@'%%'"
    with connect(server) as connection, connection.cursor() as cursor:
        word = "PASSWORD" if server.family == "postgresql" else "IDENTIFIED BY"
        cursor.execute(f"ALTER {account} {word} %s", [password])


def create_login(server: PrivateServer, name: str, password: str) -> None:
    server.create_user(name, password)


def test_an_account_that_exists_is_left_as_it_was(source: Source, empty: PrivateServer) -> None:
    create_login(empty, "app", ANOTHER)
    before = described_one(empty, "app")
    applied = Engine(empty).restore(source.saved)
    assert described_one(empty, "app") == before
    assert logs_in(empty, "app", ANOTHER)
    label = APP[source.server.family]
    assert label not in applied.created
    assert f"{label}: it exists and is left alone" in applied.left_alone
    assert any(line.startswith(f"writer to {label} is left out") for line in applied.left_alone)


def described_one(server: PrivateServer, name: str) -> list[str]:
    if server.family == "postgresql":
        own = (f"CREATE ROLE {name};", f"ALTER ROLE {name} ")
        return [line for line in described(server).splitlines() if line.startswith(own) or f" TO {name} " in line]
    account = f"`{name}`@`%`"
    return [
        line
        for line in described(server).splitlines()
        if line.startswith(f"CREATE USER {account}") or f" TO {account}" in line
    ]


def test_an_account_that_exists_is_changed_when_it_is_to_be_updated(source: Source, empty: PrivateServer) -> None:
    create_login(empty, "app", ANOTHER)
    applied = Engine(empty).restore(source.saved, update=True)
    assert logs_in(empty, "app", PASSWORD)
    assert not logs_in(empty, "app", ANOTHER)
    assert APP[source.server.family] in applied.updated
    if source.server.family == "postgresql":
        assert described(empty) == described(source.server)


def test_updating_once_more_changes_nothing(source: Source, empty: PrivateServer) -> None:
    Engine(empty).restore(source.saved)
    before = described(empty)
    again = Engine(empty).restore(source.saved, update=True)
    assert again.created == []
    assert described(empty) == before


def test_a_plan_changes_nothing(source: Source, empty: PrivateServer) -> None:
    before = described(empty)
    planned = accounts.plan(Engine(empty).target, source.saved.artifact)
    assert planned.changes
    assert described(empty) == before


def test_the_account_in_use_and_the_bootstrap_superuser_are_never_touched(
    source: Source, empty: PrivateServer, tmp_path: Path
) -> None:
    family = source.server.family
    create_login(source.server, "restorer", PASSWORD)
    try:
        saved = Engine(source.server).save(tmp_path)
    finally:
        run_all(source.server, ["DROP USER restorer"])
    create_login(empty, "restorer", ANOTHER)
    grant = {
        "postgresql": "ALTER ROLE restorer SUPERUSER",
        "mysql": "GRANT ALL PRIVILEGES ON *.* TO restorer@'%%' WITH GRANT OPTION",
    }
    wanted = sorted(saved.artifact.metadata.labels() - {"locked@localhost"})
    run_all(empty, [grant[family]])
    applied = Engine(empty, "restorer", ANOTHER).restore(saved, wanted, update=True)
    label = "restorer" if family == "postgresql" else "restorer@%"
    assert f"{label}: it is the account in use" in applied.left_alone
    assert logs_in(empty, "restorer", ANOTHER)
    assert logs_in(empty, "app", PASSWORD)
    connect(empty).close()


def test_a_role_that_bears_the_name_of_the_bootstrap_superuser_is_passed_over(
    postgresql_source: Source, empty_postgresql: PrivateServer
) -> None:
    run_all(empty_postgresql, ["CREATE ROLE spare SUPERUSER LOGIN PASSWORD %(password)s"])
    with contextlib.closing(connect(empty_postgresql, "spare", PASSWORD)) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER ROLE postgres RENAME TO app")
        cursor.execute("ALTER ROLE app PASSWORD 'bootstrap'")
    applied = Engine(empty_postgresql, "spare", PASSWORD).restore(postgresql_source.saved, update=True)
    assert "app: it is the bootstrap superuser" in applied.left_alone
    assert logs_in(empty_postgresql, "app", "bootstrap")


def test_only_the_wanted_accounts_are_restored(source: Source, empty: PrivateServer) -> None:
    label = APP[source.server.family]
    applied = Engine(empty).restore(source.saved, [label])
    assert applied.created == [label]
    assert f"writer to {label} is left out: there is no writer" in applied.left_alone
    assert logs_in(empty, "app", PASSWORD)
    assert not logs_in(empty, ODD_NAMES[source.server.family], PASSWORD)


def test_a_wanted_account_that_is_not_in_the_artifact_is_an_error(source: Source) -> None:
    with pytest.raises(errors.NotFoundError, match="nobody@nowhere"):
        accounts.plan(Engine(source.server).target, source.saved.artifact, ["nobody@nowhere"])


def test_a_truncated_or_bit_flipped_artifact_is_refused(source: Source, empty: PrivateServer, tmp_path: Path) -> None:
    before = described(empty)
    saved = Engine(source.server).save(tmp_path)
    data = saved.artifact.paths.data
    good = data.read_bytes()
    chance = random.Random(4)
    damaged = [good[: chance.randrange(len(good))] for _time in range(10)]
    for _time in range(20):
        place = chance.randrange(len(good))
        damaged.append(good[:place] + bytes([good[place] ^ (1 << chance.randrange(8))]) + good[place + 1 :])
    for content in damaged:
        data.write_bytes(content)
        with pytest.raises(errors.ValidationError):
            accounts.plan(Engine(empty).target, saved.artifact)
    assert described(empty) == before


def test_no_hash_and_no_password_is_told(source: Source, empty: PrivateServer) -> None:
    planned = accounts.plan(Engine(empty).target, source.saved.artifact)
    applied = accounts.apply(Engine(empty).target, planned)
    told = [
        source.saved.artifact.paths.metadata.read_text(encoding="utf-8"),
        repr(source.saved),
        repr(planned),
        repr(planned.as_dict()),
        repr(applied),
        repr(applied.as_dict()),
        repr(Engine(source.server).target.read_accounts()),
    ]
    secrets = ["kQzcanary7Xw", *hashes(source.server)]
    assert len(secrets) > 3
    assert not [secret for secret in secrets for text in told if secret in text]


def test_of_roles_without_privilege_all_but_the_passwords_is_saved(postgresql_source: Source, tmp_path: Path) -> None:
    server = postgresql_source.server
    run_all(server, ["CREATE ROLE modest LOGIN CREATEROLE PASSWORD %(password)s"])
    try:
        saved = Engine(server, "modest", PASSWORD).save(tmp_path)
    finally:
        run_all(server, ["DROP ROLE modest"])
    assert saved.partial_reason == "modest may not read pg_authid, so the roles are saved without passwords"
    info = saved.artifact.metadata.backup_info
    assert (info.status, info.error_message) == ("partial", saved.partial_reason)
    assert "app" in saved.artifact.metadata.labels()
    with pytest.raises(errors.NotFoundError):
        accounts_catalog.find_latest(tmp_path, database_id=DATABASE_ID)
    with new_server("postgresql") as target:
        Engine(target).restore(saved)
        assert rows(target, "SELECT count(*) FROM pg_authid WHERE rolpassword IS NOT NULL") == [(1,)]


def test_passwords_outlive_an_update_from_an_artifact_without_them(postgresql_source: Source, tmp_path: Path) -> None:
    server = postgresql_source.server
    run_all(server, ["CREATE ROLE modest LOGIN CREATEROLE PASSWORD %(password)s"])
    before = described(server)
    try:
        saved = Engine(server, "modest", PASSWORD).save(tmp_path)
        Engine(server).restore(saved, update=True)
        assert described(server) == before
    finally:
        run_all(server, ["DROP ROLE modest"])


def test_accounts_that_may_not_be_read_are_a_clear_error(mariadb_source: Source, tmp_path: Path) -> None:
    create_login(mariadb_source.server, "modest", PASSWORD)
    try:
        with pytest.raises(errors.PermissionDeniedError, match="SELECT command denied"):
            Engine(mariadb_source.server, "modest", PASSWORD).save(tmp_path)
    finally:
        run_all(mariadb_source.server, ["DROP USER modest"])
    assert files_of(tmp_path) == {}


def test_a_restore_that_the_server_refuses_leaves_no_account_behind(source: Source, empty: PrivateServer) -> None:
    if source.server.family == "postgresql":
        run_all(empty, ["CREATE ROLE restorer LOGIN CREATEROLE PASSWORD %(password)s"])
    else:
        create_login(empty, "restorer", PASSWORD)
        run_all(empty, ["GRANT CREATE USER, SELECT ON *.* TO restorer@'%%' WITH GRANT OPTION"])
    before = described(empty)
    with pytest.raises(errors.PermissionDeniedError) as refused:
        Engine(empty, "restorer", PASSWORD).restore(source.saved)
    assert described(empty) == before
    assert "nothing is changed" in str(refused.value) or "no account is new" in str(refused.value)
    assert not [secret for secret in ["kQzcanary7Xw", *hashes(source.server)] if secret in repr(refused.value)]


def test_an_unknown_plugin_leaves_no_account_behind(mariadb_source: Source) -> None:
    with MariadbServer() as target:
        before = described(target)
        with pytest.raises(errors.ValidationError, match=r"creating twofold@localhost.*; no account is new"):
            Engine(target).restore(mariadb_source.saved)
        assert described(target) == before


def test_a_privilege_on_an_object_that_is_not_there_is_told(
    mariadb_source: Source, empty_mariadb: PrivateServer
) -> None:
    applied = Engine(empty_mariadb).restore(mariadb_source.saved)
    refused = accounts.apply_object_grants(
        Engine(empty_mariadb).target, mariadb_source.saved.artifact, "shop", applied.restored
    )
    assert "EXECUTE on shop.p`q for app@% is not granted: there is no such procedure or column" in refused


def test_accounts_of_another_product_are_refused(
    source: Source, postgresql: PrivateServer, mariadb: PrivateServer
) -> None:
    other = mariadb if source.server.family == "postgresql" else postgresql
    with pytest.raises(errors.ValidationError, match="accounts of a"):
        accounts.plan(Engine(other).target, source.saved.artifact)
