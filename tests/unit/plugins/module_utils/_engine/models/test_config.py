# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every field, default and rule of the configuration."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models._pydantic import PydanticError, problems_of
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import (
    DEFAULT_PORTS,
    SYSTEM_DATABASES,
    AuditConfig,
    DatabaseConfig,
    FileConfig,
    StorageConfig,
)
from hypothesis import given
from hypothesis import strategies as st

DATABASE: dict[str, Any] = {"id": "prod-mysql-01", "type": "mysql", "host": "db_1.example.com", "port": 3306}
WHOLE: dict[str, Any] = {
    "application_name": "vya-backupdb",
    "version": "2.0.0",
    "environment": "staging",
    "databases": [
        {
            **DATABASE,
            "enabled": False,
            "include_databases": ["shop_*"],
            "exclude_databases": ["scratch", "test_*"],
            "exclude_tables": ["log_*"],
            "ssl_enabled": True,
            "ssl_ca_cert": "/etc/ssl/ca.pem",
            "unix_socket": "/run/mysqld/mysqld.sock",
            "client_path": "/opt/mariadb/bin",
            "connect_timeout": 3,
            "dump_timeout": 3600,
            "jobs": 2,
            "fingerprint": "content",
            "accounts": False,
        },
        {"id": "prod-postgres-01", "type": "postgresql", "host": "2001:db8::1", "port": 5432},
    ],
    "storage": {
        "base_path": "/srv/backups",
        "structure": "all/{db_id}/{db_name}",
        "compression_level": 1,
        "checksum_algorithm": "md5",
    },
    "retention": {
        "strategy": "simple",
        "daily_keep": 1,
        "weekly_keep": 2,
        "monthly_keep": 3,
        "min_keep": 2,
        "min_verified": 0,
        "cleanup_enabled": False,
    },
    "logging": {"level": "DEBUG", "format": "text", "output": "both", "file_path": "/var/log/backup.log"},
    "credentials": {"path": "/etc/backup/store.json", "key_file": "/etc/backup/key"},
    "audit": {"enabled": False, "url": "sqlite:////var/lib/backup/audit.db"},
    "metrics": {"textfile_path": "/var/lib/node_exporter/backup.prom"},
    "notifications": {
        "success": [],
        "failure": ["mailto://example.com"],
        "ping_url": "https://example.com/ping",
        "ping_failure_url": "https://example.com/ping/fail",
        "timeout": 5,
        **{
            f"{outcome}_{part}": f"{part}: $summary"
            for outcome in ("success", "failure")
            for part in ("subject", "body")
        },
    },
}


def problems(settings: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(PydanticError) as caught:
        FileConfig(**settings)
    return {problem["path"]: problem["message"] for problem in problems_of(caught.value)}


def changed(path: str, value: Any) -> dict[str, Any]:
    settings: Any = copy.deepcopy(WHOLE)
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    target = settings
    for step in steps:
        target = target[step]
    target[last] = value
    return dict(settings)


def storage(**options: Any) -> dict[str, Any]:
    return {"databases": [], "storage": options}


def database(**options: Any) -> dict[str, Any]:
    return {"databases": [{**DATABASE, **options}]}


def test_a_whole_configuration_is_loaded_as_it_is_written() -> None:
    loaded = FileConfig(**copy.deepcopy(WHOLE)).model_dump(mode="json")
    for entry in loaded["databases"]:
        entry["exclude_databases"] = entry["exclude_databases"][: -len(SYSTEM_DATABASES[entry["type"]])]
    first, second = loaded["databases"]
    assert first == WHOLE["databases"][0]
    assert {name: second[name] for name in ("id", "type", "host", "port")} == WHOLE["databases"][1]
    assert {**loaded, "databases": []} == {**WHOLE, "databases": []}


def test_everything_but_the_databases_has_its_documented_default() -> None:
    config = FileConfig(databases=[DatabaseConfig(**DATABASE)])
    assert (config.application_name, config.version, config.environment) == ("vya-backupdb", "2.0.0", "production")
    assert config.storage.model_dump(mode="json") == {
        "base_path": "/var/backups/vya_backupdb",
        "structure": "{hostname}/{db_id}/{db_name}/{date}",
        "compression_level": 6,
        "checksum_algorithm": "sha256",
    }
    assert config.retention.model_dump() == {
        "strategy": "gfs",
        "daily_keep": 7,
        "weekly_keep": 4,
        "monthly_keep": 12,
        "min_keep": 1,
        "min_verified": 1,
        "cleanup_enabled": True,
    }
    assert config.logging.model_dump(mode="json") == {
        "level": "INFO",
        "format": "json",
        "output": "file",
        "file_path": "/var/log/vya_backupdb/app.log",
    }
    assert config.credentials.model_dump(mode="json") == {
        "path": "/etc/vya_backupdb/.secrets/credentials.json",
        "key_file": "/etc/vya_backupdb/.secrets/key",
    }
    assert config.audit.url is None
    assert config.metrics.textfile_path is None
    assert (config.notifications.success, config.notifications.failure, config.notifications.timeout) == ([], [], 30)
    assert (config.notifications.ping_url, config.notifications.ping_failure_url) == (None, None)


def test_a_database_has_its_documented_defaults() -> None:
    loaded = DatabaseConfig(**DATABASE)
    assert loaded.model_dump() == {
        **DATABASE,
        "enabled": True,
        "include_databases": [],
        "exclude_databases": ["information_schema", "performance_schema", "mysql", "sys"],
        "exclude_tables": [],
        "ssl_enabled": False,
        "ssl_ca_cert": None,
        "unix_socket": None,
        "client_path": None,
        "connect_timeout": 10,
        "dump_timeout": None,
        "jobs": None,
        "fingerprint": "rows",
        "accounts": True,
    }


def test_the_system_databases_are_appended_once_and_in_their_order() -> None:
    entry = {**DATABASE, "type": "postgresql", "exclude_databases": ["template1", "scratch", "scratch"]}
    loaded = DatabaseConfig.model_validate(entry)
    assert loaded.exclude_databases == ["template1", "scratch", "postgres", "template0"]
    again = DatabaseConfig.model_validate(loaded.model_dump())
    assert again.exclude_databases == loaded.exclude_databases


def test_the_default_ports_are_those_of_the_servers() -> None:
    assert DEFAULT_PORTS == {"mysql": 3306, "postgresql": 5432}


@pytest.mark.parametrize(
    ("include", "exclude", "name", "selected"),
    [
        ([], [], "shop", True),
        ([], [], "mysql", False),
        ([], ["shop"], "shop", False),
        ([], ["shop_*"], "shop_1", False),
        ([], ["shop_*"], "Shop_1", True),
        (["shop"], [], "crm", False),
        (["shop*"], ["shop_old"], "shop_old", False),
        (["a[1]"], [], "a[1]", True),
        (["a[1]"], [], "a1", True),
        (["*"], [], "sys", False),
    ],
)
def test_databases_are_selected_by_exact_name_or_pattern(
    include: list[str], exclude: list[str], name: str, selected: bool
) -> None:
    entry = {**DATABASE, "include_databases": include, "exclude_databases": exclude}
    assert DatabaseConfig.model_validate(entry).selects(name) is selected


@pytest.mark.parametrize("database_id", ["../x", "a/b", "a_b", "a b", "", "ü", "a\n", "a.b"])
def test_an_id_of_other_than_letters_digits_and_hyphens_is_refused(database_id: str) -> None:
    assert list(problems(database(id=database_id))) == ["databases.0.id"]


def test_a_repeated_id_is_refused_where_it_is_repeated() -> None:
    entries = [DATABASE, {**DATABASE, "id": "other"}, DATABASE]
    assert problems({"databases": entries}) == {"databases.2.id": "another entry has this id already"}


@pytest.mark.parametrize(
    "host", ["localhost", "db_1", "a.b-c.example.com", "db.example.com.", "10.0.0.1", "::1", "fe80::1%eth0", "x" * 63]
)
def test_hostnames_and_addresses_are_accepted(host: str) -> None:
    assert FileConfig(**database(host=host)).databases[0].host == host


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "a b",
        "-oProxyCommand",
        "a..b",
        "a/b",
        "999.1.1.1",
        "1.2.3",
        "[::1]",
        "a\n",
        "::1%a b",
        "10.0.0.1%eth0",
        "h;id",
        "x" * 64,
        ".".join(["x" * 60] * 5),
    ],
)
def test_anything_else_is_refused_as_a_host(host: str) -> None:
    assert problems(database(host=host)) == {"databases.0.host": "must be a hostname or an IP address"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("databases.0.type", "mariadb"),
        ("databases.0.port", 0),
        ("databases.0.port", 65536),
        ("databases.0.port", "5432"),
        ("databases.0.port", True),
        ("databases.0.port", 3306.0),
        ("databases.0.enabled", "yes"),
        ("databases.0.enabled", 1),
        ("databases.0.exclude_databases", "scratch"),
        ("databases.0.exclude_databases.0", True),
        ("databases.0.include_databases.0", ""),
        ("databases.0.unix_socket", "mysqld.sock"),
        ("databases.0.client_path", "bin"),
        ("databases.0.ssl_ca_cert", "ca.pem"),
        ("databases.0.connect_timeout", 0),
        ("databases.0.dump_timeout", 0),
        ("databases.0.jobs", 0),
        ("databases.0.fingerprint", "checksum"),
        ("databases.0.id", 1),
        ("storage.base_path", "backups"),
        ("storage.base_path", "/srv/../etc"),
        ("storage.base_path", 1),
        ("storage.compression_level", 0),
        ("storage.compression_level", 10),
        ("storage.compression_level", "6"),
        ("storage.checksum_algorithm", "sha1"),
        ("retention.strategy", "age"),
        ("retention.daily_keep", 0),
        ("retention.weekly_keep", 0),
        ("retention.monthly_keep", 0),
        ("retention.cleanup_enabled", "no"),
        ("logging.level", "TRACE"),
        ("logging.format", "xml"),
        ("logging.output", "syslog"),
        ("logging.file_path", "app.log"),
        ("credentials.path", "store.json"),
        ("credentials.key_file", "key"),
        ("metrics.textfile_path", "backup.prom"),
        ("notifications.failure", "dba@example.com"),
        ("notifications.ping_url", ""),
        ("audit.url", ""),
        ("environment", "prod"),
        ("application_name", ""),
        ("version", 2.0),
        ("databases", {}),
        ("storage", []),
    ],
)
def test_a_value_against_a_rule_is_refused_by_its_path(path: str, value: Any) -> None:
    assert list(problems(changed(path, value))) == [path]


@pytest.mark.parametrize(
    "path",
    [
        "nonsense",
        "databases.0.exclude_database",
        "storage.base",
        "retention.daily",
        "logging.file",
        "credentials.key",
        "audit.path",
        "metrics.path",
        "notifications.error",
    ],
)
def test_a_typo_in_a_key_is_refused(path: str) -> None:
    assert problems(changed(path, "x")) == {path: "Extra inputs are not permitted"}


@pytest.mark.parametrize("key", ["id", "type", "host", "port"])
def test_a_database_without_one_of_its_four_keys_is_refused(key: str) -> None:
    entry = {name: value for name, value in DATABASE.items() if name != key}
    assert list(problems({"databases": [entry]})) == [f"databases.0.{key}"]


def test_a_configuration_without_databases_is_refused() -> None:
    assert list(problems({})) == ["databases"]


def test_a_certificate_authority_needs_tls() -> None:
    assert problems(database(ssl_ca_cert="/etc/ca.pem")) == {"databases.0.ssl_ca_cert": "needs ssl_enabled: true"}


@pytest.mark.parametrize(
    "structure",
    [
        "{hostname}/{db_id}/{db_name}/{user}",
        "{db_id}/{db_name}/{}",
        "{db_id}/{db_name}/{date!r}",
        "{db_id}/{db_name}/{date:%Y}",
        "{db_id}/{db_name.__class__}",
        "{db_id}/{db_name}/{date",
        "{db_id}/{date}",
        "{db_name}/{date}",
        "/{db_id}/{db_name}",
        "{db_id}/{db_name}/",
        "{db_id}//{db_name}",
        "../{db_id}/{db_name}",
        "{db_id}/../{db_name}",
        "{db_id}/./{db_name}",
        ".hidden/{db_id}/{db_name}",
        "{db_id}/{db_name}/\0",
        "",
    ],
)
def test_a_structure_with_other_placeholders_or_a_way_out_is_refused(structure: str) -> None:
    assert list(problems(storage(structure=structure))) == ["storage.structure"]


@given(st.text())
def test_no_accepted_structure_leads_out_of_the_base_path(structure: str) -> None:
    try:
        accepted = StorageConfig(structure=structure + "{db_id}{db_name}").structure
    except PydanticError:
        return
    folder = Path("/base", accepted.format(hostname="h", db_id="i", db_name="n", date="d"))
    assert Path("/base") in folder.parents
    assert ".." not in folder.parts


def test_all_problems_are_named_at_once() -> None:
    broken = {
        "databases": [{**DATABASE, "port": "x", "typo": 1}, {**DATABASE, "host": "a b", "ssl_ca_cert": "/ca.pem"}],
        "storage": {"structure": "{x}", "base_path": "b"},
        "retention": {"daily_keep": 0},
        "typo": 1,
    }
    assert set(problems(broken)) == {
        "databases.0.port",
        "databases.0.typo",
        "databases.1.host",
        "databases.1.ssl_ca_cert",
        "databases.1.id",
        "storage.structure",
        "storage.base_path",
        "retention.daily_keep",
        "typo",
    }


def test_no_error_shows_a_value() -> None:
    with pytest.raises(PydanticError) as caught:
        FileConfig(**database(port="canary", password="canary"))
    assert "canary" not in str(caught.value)
    assert "canary" not in str(problems_of(caught.value))


def test_addresses_that_may_hold_secrets_are_not_in_the_text_of_a_configuration() -> None:
    assert "canary" not in repr(AuditConfig(url="canary"))
