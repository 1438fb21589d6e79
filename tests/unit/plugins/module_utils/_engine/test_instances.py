# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which servers and databases a run is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, instances, secrets
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.values import Entry
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import (
    AppConfig,
    CredentialsConfig,
    DatabaseConfig,
)

LOGIN = secrets.Login("backup", "secret")


def database(database_id: str = "db-1", **fields: Any) -> DatabaseConfig:
    return DatabaseConfig(**{"id": database_id, "type": "postgresql", "host": "localhost", "port": 5432, **fields})


def config_of(*databases: DatabaseConfig) -> AppConfig:
    return AppConfig(databases=list(databases))


def instance_of(**fields: Any) -> instances.Instance:
    config = database(**fields)
    return instances.Instance(config, instances.endpoint_of(config, LOGIN))


def names(entries: list[Entry]) -> list[str]:
    return [entry.name for entry in entries]


def test_without_ids_the_enabled_instances_are_chosen_in_their_order() -> None:
    config = config_of(database("b"), database("off", enabled=False), database("a"))
    assert [entry.id for entry in instances.select_configs(config, None)] == ["b", "a"]


def test_with_ids_those_are_chosen_once_each_in_the_order_asked_for() -> None:
    config = config_of(database("a"), database("b"), database("c"))
    assert [entry.id for entry in instances.select_configs(config, ["c", "a", "c"])] == ["c", "a"]


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["a", "missing"], "no database instance missing"),
        (["off"], "off is not enabled"),
    ],
)
def test_an_id_that_cannot_be_chosen_is_a_config_error(ids: list[str], message: str) -> None:
    with pytest.raises(errors.ConfigError, match=message):
        instances.select_configs(config_of(database("a"), database("off", enabled=False)), ids)


def test_nothing_enabled_is_a_config_error() -> None:
    with pytest.raises(errors.ConfigError, match="no enabled"):
        instances.select_configs(config_of(database(enabled=False)), None)


@pytest.mark.parametrize(
    ("fields", "ssl_mode", "expected"),
    [
        ({}, None, "prefer"),
        ({"ssl_enabled": True}, None, "require"),
        ({"ssl_enabled": True, "ssl_ca_cert": "/ca.pem"}, None, "verify-full"),
        ({"ssl_enabled": True, "ssl_ca_cert": "/ca.pem"}, "verify-ca", "verify-ca"),
        ({}, "disable", "disable"),
    ],
)
def test_the_configuration_decides_how_far_a_server_is_verified(
    fields: dict[str, Any], ssl_mode: str | None, expected: str
) -> None:
    assert instances.endpoint_of(database(**fields), LOGIN, ssl_mode).ssl_mode == expected


def test_an_endpoint_has_all_that_a_connection_needs() -> None:
    config = database(unix_socket="/run/db", client_path="/opt/bin", connect_timeout=3, port=6000)
    endpoint = instances.endpoint_of(config, LOGIN)
    assert (endpoint.family, endpoint.host, endpoint.port) == ("postgresql", "localhost", 6000)
    assert (endpoint.unix_socket, endpoint.client_path) == ("/run/db", Path("/opt/bin"))
    assert (endpoint.connect_timeout, endpoint.login) == (3, LOGIN)
    assert "secret" not in f"{endpoint} {endpoint!r}"


def test_a_login_that_is_not_stored_is_a_credentials_error(tmp_path: Path) -> None:
    credentials = CredentialsConfig(path=tmp_path / "credentials.json", key_file=tmp_path / "key")
    with pytest.raises(errors.CredentialsError, match="db-1"):
        instances.with_stored_login(database(), credentials)


LISTED = [
    Entry("postgres", 900),
    Entry("shop", 100),
    Entry("shop_test", 300),
    Entry("billing", 100),
    Entry("a[1]", 5),
]


def test_the_biggest_database_comes_first_and_the_systems_never() -> None:
    assert names(instances.select_databases(instance_of(), LISTED, None)) == ["shop_test", "billing", "shop", "a[1]"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"include_databases": ["shop*"]}, ["shop_test", "shop"]),
        ({"include_databases": ["shop*"], "exclude_databases": ["*_test"]}, ["shop"]),
        ({"exclude_databases": ["shop", "a[1]"]}, ["shop_test", "billing"]),
        ({"include_databases": ["a[1]"]}, ["a[1]"]),
    ],
)
def test_the_instance_includes_and_excludes_by_name_and_pattern(fields: dict[str, Any], expected: list[str]) -> None:
    assert names(instances.select_databases(instance_of(**fields), LISTED, None)) == expected


def test_a_database_that_is_asked_for_by_name_is_taken_though_it_is_excluded() -> None:
    chosen = instances.select_databases(instance_of(exclude_databases=["shop"]), LISTED, ["shop", "postgres", "shop"])
    assert names(chosen) == ["postgres", "shop"]


def test_every_name_that_is_asked_for_must_match_something() -> None:
    with pytest.raises(errors.NotFoundError, match="no database nothing"):
        instances.select_databases(instance_of(), LISTED, ["shop", "nothing*"])


def test_nothing_selected_is_an_error() -> None:
    with pytest.raises(errors.NotFoundError, match="no database of"):
        instances.select_databases(instance_of(include_databases=["other"]), LISTED, None)


@pytest.mark.parametrize(
    ("family", "listed"),
    [("postgresql", ["postgres", "template1"]), ("mysql", ["information_schema", "mysql", "sys"])],
)
def test_a_server_that_has_no_database_yet_gives_none_unless_one_is_asked_for(family: str, listed: list[str]) -> None:
    entries = [Entry(name, 5) for name in listed]
    instance = instance_of(type=family, include_databases=["other"])
    assert instances.select_databases(instance, entries, None) == []
    with pytest.raises(errors.NotFoundError, match="no database shop"):
        instances.select_databases(instance, entries, ["shop"])


def test_an_account_of_mysql_that_sees_nothing_is_not_taken_for_a_server_that_has_nothing() -> None:
    with pytest.raises(errors.NotFoundError, match="no database of"):
        instances.select_databases(instance_of(type="mysql"), [Entry("information_schema", 5)], None)
