# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS with a private authority: it is used, it is checked, and without it nothing is dumped or loaded."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, process
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases import registry
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.base import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql import connection as mysql
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.postgresql import (
    connection as postgresql_connection,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.values import Endpoint
from ansible_collections.vya.backupdb.plugins.module_utils._engine.secrets import Login

from tests.integration.ansible import Result, run_module
from tools.private_servers.base import PrivateServer
from tools.private_servers.mariadb import MariadbServer
from tools.private_servers.postgresql import PostgresqlServer
from tools.private_servers.tls import Tls, create_tls

KINDS: dict[str, type[PrivateServer]] = {"postgresql": PostgresqlServer, "mariadb": MariadbServer}
DATABASE = "ledger"
ID = "encrypted-server"
PROGRAM_WORDS = {
    "pg_dump": ["--schema-only"],
    "psql": ["--no-psqlrc", "--command=SELECT 1"],
    "mariadb-dump": [DATABASE],
    "mariadb": ["--execute=SELECT 1", DATABASE],
}
PROGRAMS = {"postgresql": ("pg_dump", "psql"), "mariadb": ("mariadb-dump", "mariadb")}
# What a private server shows: a certificate for its address, one for another name, or none.
RIGHT, MISNAMED, PLAIN = "right", "misnamed", "plain"
OWN, OTHER = "own", "other"
# A mode, a server, and the authority that is known. As libpq does, require looks at one where it is known.
UNVERIFIABLE = [
    ("require", PLAIN, None),
    ("require", PLAIN, OWN),
    ("require", RIGHT, OTHER),
    ("verify-ca", PLAIN, OWN),
    ("verify-ca", RIGHT, OTHER),
    ("verify-full", PLAIN, OWN),
    ("verify-full", MISNAMED, OWN),
    ("verify-full", RIGHT, OTHER),
]


@dataclass(frozen=True)
class Family:
    """One server of each kind; the right one refuses whoever comes without TLS."""

    flavour: str
    servers: dict[str, PrivateServer]
    tls: Tls
    misnamed_tls: Tls

    def ca_of(self, kind: str) -> Path:
        """Return the authority that signed the certificate of a server; of a plain one, any."""
        return self.misnamed_tls.ca_cert if kind == MISNAMED else self.tls.ca_cert

    def authority(self, which: str | None, kind: str) -> Path | None:
        """Return the server's own authority, another one, or None."""
        return {OWN: self.ca_of(kind), OTHER: self.tls.other_ca_cert, None: None}[which]

    def endpoint(self, kind: str, ssl_mode: str, ca_cert: Path | None = None) -> Endpoint:
        server = self.servers[kind]
        return Endpoint(
            family="postgresql" if server.family == "postgresql" else "mysql",
            host=server.host,
            port=server.port,
            login=Login(server.admin_user, server.admin_password),
            ssl_mode=ssl_mode,
            ca_cert=str(ca_cert) if ca_cert else None,
        )


@pytest.fixture(scope="module", params=KINDS)
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Family]:
    right = create_tls(tmp_path_factory.mktemp("right"))
    misnamed = create_tls(tmp_path_factory.mktemp("misnamed"), ["db.example.org"])
    kind = KINDS[request.param]
    demand = {"require_secure_transport": "ON"} if request.param == "mariadb" else {}
    plain: PrivateServer = request.getfixturevalue(request.param)
    with kind(tls=right, settings=demand) as server, kind(tls=misnamed) as misnamed_server:
        if server.family == "postgresql":
            refuse_plain_text(server)
        servers = {RIGHT: server, MISNAMED: misnamed_server, PLAIN: plain}
        for each in servers.values():
            each.create_database(DATABASE)
            each.execute("CREATE TABLE entry (id int PRIMARY KEY, amount int)", DATABASE)
            each.execute("INSERT INTO entry VALUES (1, 100), (2, 250)", DATABASE)
        yield Family(request.param, servers, right, misnamed)
        plain.drop_database(DATABASE)


def refuse_plain_text(server: PrivateServer) -> None:
    rules = server.folder.joinpath("data", "pg_hba.conf")
    rules.write_text("hostssl all all all scram-sha-256\n", encoding="ascii")
    server.execute("SELECT pg_reload_conf()")


def back_up(server: PrivateServer, store: Path, **options: Any) -> Result:
    return run_module("db_backup", inline(server, store, **options))


def inline(server: PrivateServer, store: Path, **options: Any) -> dict[str, Any]:
    return {**server.login_options(), "database_id": ID, "base_path": str(store), **options}


def configure(server: PrivateServer, folder: Path, ca_cert: Path) -> Path:
    """Store the login and write a configuration that asks for TLS and names the authority; return its path."""
    credentials = {"path": str(folder.joinpath("credentials.json")), "key_file": str(folder.joinpath("key"))}
    login = {"id": ID, "username": server.admin_user, "password": server.admin_password}
    stored = run_module("credential_store", {**credentials, **login, "key_derivation": "key-file"})
    assert stored.rc == 0, stored.stdout
    instance = {
        "id": ID,
        "type": server.family,
        "host": server.host,
        "port": server.port,
        "ssl_enabled": True,
        "ssl_ca_cert": str(ca_cert),
    }
    config = folder.joinpath("config.yaml")
    storage = {"base_path": str(folder.joinpath("store"))}
    # JSON is YAML.
    config.write_text(
        json.dumps({"databases": [instance], "storage": storage, "credentials": credentials}), encoding="utf-8"
    )
    return config


def assert_refused(result: Result, store: Path) -> None:
    assert result.rc != 0
    assert result.result["error_code"] == "connection_error"
    assert not list(store.rglob("*.gz"))


def test_the_server_refuses_a_connection_in_plain_text(family: Family, store: Path) -> None:
    """By this server the others prove that they use TLS: without, none of them would pass."""
    result = back_up(family.servers[RIGHT], store, ssl_mode="disable")
    assert result.rc != 0
    assert result.result["failed"]
    assert not list(store.rglob("*.gz"))


def test_a_verified_connection_serves_listing_dump_and_restore(family: Family, store: Path) -> None:
    server = family.servers[RIGHT]
    verified = {"ssl_mode": "verify-full", "ca_cert": str(family.tls.ca_cert)}
    taken = back_up(server, store, **verified)
    assert taken.rc == 0, taken.stdout
    assert [result["database_name"] for result in taken.result["results"]] == [DATABASE]
    options = inline(server, store, database=DATABASE, latest=True, target_database="copy", **verified)
    restored = run_module("db_restore", options)
    assert restored.rc == 0, restored.stdout
    assert server.whole_dump("copy") == server.whole_dump(DATABASE)
    server.drop_database("copy")


def test_a_configuration_with_ssl_enabled_serves_listing_dump_and_restore(family: Family, tmp_path: Path) -> None:
    server = family.servers[RIGHT]
    config = configure(server, tmp_path, family.tls.ca_cert)
    taken = run_module("db_backup", {"config": str(config)})
    assert taken.rc == 0, taken.stdout
    assert [result["database_name"] for result in taken.result["results"]] == [DATABASE]
    listed = run_module("backup_info", {"config": str(config), "gather_databases": True})
    assert [database["backup_status"] for database in listed.result["databases"]] == ["success"]
    options = {"config": str(config), "database_id": ID, "database": DATABASE, "latest": True}
    restored = run_module("db_restore", {**options, "target_database": "copy"})
    assert restored.rc == 0, restored.stdout
    assert server.whole_dump("copy") == server.whole_dump(DATABASE)
    server.drop_database("copy")


@pytest.mark.parametrize("kind", [RIGHT, MISNAMED, PLAIN])
def test_a_configuration_with_ssl_enabled_refuses_whom_it_cannot_verify(
    family: Family, tmp_path: Path, kind: str
) -> None:
    ca_cert = family.tls.other_ca_cert if kind == RIGHT else family.ca_of(kind)
    config = configure(family.servers[kind], tmp_path, ca_cert)
    assert_refused(run_module("db_backup", {"config": str(config)}), tmp_path)


@pytest.mark.parametrize("kind", [RIGHT, MISNAMED, PLAIN])
def test_verify_full_refuses_whom_it_cannot_verify(family: Family, store: Path, kind: str) -> None:
    ca_cert = family.tls.other_ca_cert if kind == RIGHT else family.ca_of(kind)
    assert_refused(back_up(family.servers[kind], store, ssl_mode="verify-full", ca_cert=str(ca_cert)), store)


def test_a_restore_refuses_a_server_that_it_cannot_verify(family: Family, store: Path) -> None:
    server = family.servers[RIGHT]
    assert back_up(server, store).rc == 0
    wrong = {"ssl_mode": "verify-full", "ca_cert": str(family.tls.other_ca_cert)}
    options = inline(server, store, database=DATABASE, latest=True, target_database="copy", **wrong)
    refused = run_module("db_restore", options)
    assert refused.rc != 0
    assert refused.result["error_code"] == "connection_error"
    assert server.databases() == [DATABASE]


def test_require_encrypts_without_knowing_the_authority(family: Family, store: Path) -> None:
    taken = back_up(family.servers[RIGHT], store, ssl_mode="require")
    assert taken.rc == 0, taken.stdout


def test_verify_ca_takes_a_certificate_for_another_name(family: Family, store: Path) -> None:
    verified = {"ssl_mode": "verify-ca", "ca_cert": str(family.misnamed_tls.ca_cert)}
    taken = back_up(family.servers[MISNAMED], store, **verified)
    assert taken.rc == 0, taken.stdout


@pytest.mark.parametrize(
    ("ssl_mode", "kind", "authority"),
    UNVERIFIABLE,
)
def test_the_driver_refuses_whom_it_cannot_verify(
    family: Family, ssl_mode: str, kind: str, authority: str | None
) -> None:
    with pytest.raises(errors.ServerConnectionError):
        registry.server_at(family.endpoint(kind, ssl_mode, family.authority(authority, kind))).list_databases()


@pytest.mark.parametrize("which", [0, 1], ids=["dump", "load"])
@pytest.mark.parametrize(
    ("ssl_mode", "kind", "authority"),
    UNVERIFIABLE,
)
def test_the_client_programs_refuse_whom_they_cannot_verify(
    family: Family, ssl_mode: str, kind: str, authority: str | None, which: int
) -> None:
    """By themselves: the driver has met the right server, and then another one answers the program."""
    endpoint = family.endpoint(kind, ssl_mode, family.authority(authority, kind))
    refused = refusal_of(family, endpoint, PROGRAMS[family.flavour][which], met=RIGHT)
    assert isinstance(refused, errors.ServerConnectionError)


@pytest.mark.parametrize("program", PROGRAMS["mariadb"])
@pytest.mark.parametrize("ssl_mode", ["require", "verify-ca"])
@pytest.mark.parametrize("family", ["mariadb"], indirect=True)
def test_mariadb_programs_refuse_a_certificate_that_the_driver_has_not_met(
    family: Family, ssl_mode: str, program: str
) -> None:
    endpoint = family.endpoint(MISNAMED, ssl_mode, family.misnamed_tls.ca_cert)
    assert isinstance(refusal_of(family, endpoint, program, met=RIGHT), errors.ServerConnectionError)


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("missing.pem", ("file_not_found", "does not exist")),
        ("empty.pem", ("config_error", "is no certificate in PEM format")),
        (".", ("config_error", "cannot be read: Is a directory")),
    ],
)
@pytest.mark.parametrize("family", ["mariadb"], indirect=True)
def test_an_authority_that_cannot_be_used_is_named_with_the_remedy(
    family: Family, store: Path, tmp_path: Path, name: str, refusal: tuple[str, str]
) -> None:
    tmp_path.joinpath("empty.pem").touch()
    path = tmp_path.joinpath(name)
    error_code, why = refusal
    refused = back_up(family.servers[RIGHT], store, ssl_mode="verify-full", ca_cert=str(path))
    assert refused.result["error_code"] == error_code
    assert f"the CA certificate {path} {why}" in refused.result["msg"]
    assert "by ca_cert" in refused.result["msg"]


def refusal_of(family: Family, endpoint: Endpoint, program: str, met: str) -> errors.BackupDBError:
    """Run a client program that must fail; return what the engine makes of that.

    ``met`` is the server that the driver has connected to before.
    """
    words = PROGRAM_WORDS[program]
    path = found_program(endpoint, program)
    if endpoint.family == "mysql":
        before = family.endpoint(met, endpoint.ssl_mode, family.ca_of(met))
        fingerprint = mysql.certificate_fingerprint(before)
        command = mysql.command(endpoint, path, True, *words, fingerprint=fingerprint)
        explain = mysql.program_error
    else:
        command = postgresql_connection.command(endpoint, DATABASE, path, *words)
        explain = postgresql_connection.program_error
    with pytest.raises(process.ProgramError) as caught:
        process.output(command)
    return explain(endpoint, program, caught.value, "working")


def found_program(endpoint: Endpoint, program: str) -> str:
    reachable: Server = registry.server_at(dataclasses.replace(endpoint, ssl_mode="prefer", ca_cert=None))
    path = reachable.dump_program().path if program in ("pg_dump", "mariadb-dump") else reachable.load_program().path
    assert Path(path).name == program
    return path
