# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers with accounts of every kind, and ways to look at accounts from outside of the collection."""

from __future__ import annotations

import contextlib
import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pymysql
from ansible_collections.vya.backupdb.plugins.module_utils._engine import accounts, instances, secrets
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.store import Store
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.base import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import DatabaseConfig, StorageConfig

from tests.integration.scenes import DATABASE_ID, HOSTNAME, now
from tools.private_servers.base import PrivateServer
from tools.private_servers.mysql_family import MysqlFamilyServer

# In no quoted or escaped form do the letters in the middle change.
PASSWORD = "it's \" $HOME a\\b#;: kQzcanary7Xw `x` ü€"
ODD_NAMES = {"postgresql": 'it\'s "an" odd\\name `x` ü -- %s', "mysql": 'it\'s "an" odd\\`x` ü%'}
APP = {"postgresql": "app", "mysql": "app@%"}
POSTGRESQL = [
    "CREATE DATABASE shop",
    "CREATE ROLE app LOGIN PASSWORD %(password)s CONNECTION LIMIT 5 VALID UNTIL '2099-01-01 00:00+00'",
    "SET password_encryption = 'md5'; CREATE ROLE legacy LOGIN PASSWORD %(password)s",
    "CREATE ROLE reader NOINHERIT",
    "CREATE ROLE writer BYPASSRLS CREATEDB VALID UNTIL 'infinity'",
    "CREATE ROLE dba SUPERUSER LOGIN CREATEROLE REPLICATION PASSWORD %(password)s",
    'CREATE ROLE "it\'s ""an"" odd\\name `x` ü -- %%s" LOGIN PASSWORD %(password)s',
    "COMMENT ON ROLE app IS E'the shop''s \\\\ own\\n\\\\echo it'",
    'ALTER ROLE app SET search_path TO "$user", public, \'a "b\'',
    "ALTER ROLE app SET work_mem TO '5MB'",
    "ALTER ROLE app SET shop.motto TO 'it''s \\ = \"mine\"'",
    "ALTER ROLE app IN DATABASE shop SET work_mem TO '6MB'",
    "GRANT reader TO dba WITH ADMIN OPTION",
    "SET ROLE dba; GRANT reader TO app GRANTED BY dba",
    "GRANT pg_monitor, writer TO app",
    "GRANT app TO legacy",
    "GRANT postgres TO writer",
]
# Of both products of the family.
MYSQL = [
    "CREATE DATABASE shop",
    "CREATE TABLE shop.`it``s` (id int, `a b` int, plain int)",
    "CREATE PROCEDURE shop.`p``q`() SELECT 1",
    "CREATE FUNCTION shop.f() RETURNS int DETERMINISTIC RETURN 1",
    "CREATE ROLE reader, writer",
    "CREATE USER app@'%%' IDENTIFIED BY %(password)s",
    "CREATE USER `it's \"an\" odd\\``x`` ü%%`@'%%' IDENTIFIED BY %(password)s",
    "CREATE USER ''@'10.%%' IDENTIFIED BY %(password)s",
    "CREATE USER app@'10.1.0.0/255.255.0.0' REQUIRE SUBJECT '/CN=its own' WITH MAX_QUERIES_PER_HOUR 5 PASSWORD EXPIRE",
    "CREATE USER locked@localhost IDENTIFIED BY %(password)s ACCOUNT LOCK",
    "CREATE USER old@localhost IDENTIFIED BY %(password)s PASSWORD EXPIRE INTERVAL 9 DAY",
    "CREATE USER dba@'%%' IDENTIFIED BY %(password)s",
    "GRANT ALL PRIVILEGES ON *.* TO dba@'%%' WITH GRANT OPTION",
    "GRANT RELOAD, PROCESS ON *.* TO app@'10.1.0.0/255.255.0.0' WITH GRANT OPTION",
    "GRANT SELECT ON shop.* TO reader",
    "GRANT reader TO writer",
    "GRANT writer TO app@'%%'",
    "GRANT reader TO dba@'%%' WITH ADMIN OPTION",
    "GRANT SELECT, INSERT ON `sh\\_p%%`.* TO app@'%%' WITH GRANT OPTION",
    "GRANT SELECT ON mysql.user TO app@'%%'",
    "GRANT SELECT (id, `a b`), INSERT (plain), UPDATE ON shop.`it``s` TO app@'%%' WITH GRANT OPTION",
    "GRANT TRIGGER, SHOW VIEW, CREATE VIEW ON shop.`it``s` TO writer",
    "GRANT EXECUTE ON PROCEDURE shop.`p``q` TO app@'%%'",
    "GRANT EXECUTE, ALTER ROUTINE ON FUNCTION shop.f TO reader",
    "GRANT PROXY ON app@'%%' TO locked@localhost WITH GRANT OPTION",
]
MARIADB = [
    "SET DEFAULT ROLE writer FOR app@'%%'",
    "CREATE USER twofold@localhost IDENTIFIED VIA ed25519 USING PASSWORD(%(password)s) OR unix_socket",
    "CREATE USER quoting@localhost REQUIRE SUBJECT '/CN=it''s' AND ISSUER 'a\\\\b'",
    "GRANT DELETE HISTORY ON shop.`it``s` TO writer",
    "GRANT SELECT ON `open`.* TO PUBLIC",
]
ED25519 = {"plugin_load_add": "auth_ed25519"}
# With the setting that lets a privilege on everything be revoked for one database.
ORACLE_SETTINGS = {"partial_revokes": "ON"}
ORACLE = [
    "SET DEFAULT ROLE writer TO app@'%%'",
    "GRANT BACKUP_ADMIN ON *.* TO app@'%%' WITH GRANT OPTION",
    "GRANT SELECT ON *.* TO old@localhost",
    "REVOKE SELECT ON secret.* FROM old@localhost",
    "ALTER USER old@localhost ATTRIBUTE '{\"motto\": \"it''s DEFAULT ROLE `mine`\"}'",
    "ALTER USER locked@localhost IDENTIFIED BY 'new' RETAIN CURRENT PASSWORD",
]


def create_accounts(server: PrivateServer) -> None:
    """Make accounts of every kind."""
    scripts = {"postgresql": POSTGRESQL, "mariadb": [*MYSQL, *MARIADB], "mysql": [*MYSQL, *ORACLE]}
    run_all(server, scripts[server.flavour])


def run_all(server: PrivateServer, statements: Sequence[str]) -> None:
    """Run statements on a session of the superuser that every server has."""
    with contextlib.closing(connect(server)) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, {"password": PASSWORD})
            if server.family == "postgresql":
                cursor.execute("RESET ROLE; RESET password_encryption")


def connect(server: PrivateServer, user: str | None = None, password: str | None = None) -> Any:
    """Return a connection by the Unix socket: the administrator's, unless an account is given."""
    name, secret = user or server.admin_user, password or server.admin_password
    if server.family == "postgresql":
        connection = psycopg2.connect(
            host=str(server.socket), port=server.port, user=name, password=secret, dbname="postgres"
        )
        connection.autocommit = True
        return connection
    # Hashes of MySQL hold bytes that are no text.
    setting = "SET SESSION print_identified_with_as_hex = 1" if server.flavour == "mysql" else None
    return pymysql.connect(
        unix_socket=str(server.socket), user=name, password=secret.encode(), autocommit=True, init_command=setting
    )


def rows(server: PrivateServer, query: str) -> list[Any]:
    """Return what a query on the superuser's session gives."""
    with contextlib.closing(connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def logs_in(server: PrivateServer, user: str, password: str) -> bool:
    """Say whether an account logs in, by the socket and by TCP alike."""
    outcomes = set()
    for way in (connect, type(server).connect_as):
        try:
            way(server, user, password).close()
            outcomes.add(True)
        except (psycopg2.OperationalError, pymysql.OperationalError):
            outcomes.add(False)
    assert len(outcomes) == 1
    return outcomes.pop()


def described(server: PrivateServer, left_out: Sequence[str] = ()) -> str:
    """Return all accounts but the bootstrap superuser, as the vendor's own tool or the server itself describes them."""
    if server.family == "postgresql":
        text = run_program(server, "pg_dumpall", "--roles-only")
        own = ("\\restrict", "\\unrestrict", "CREATE ROLE postgres;", "ALTER ROLE postgres ")
        return "\n".join(line for line in text.splitlines() if not line.startswith(own))
    query = "SELECT User, Host FROM mysql.user WHERE NOT (User = 'root' AND Host IN ('localhost', '127.0.0.1'))"
    lines = []
    for user, host in sorted(rows(server, query)):
        name = server.quote(user) + (f"@{server.quote(host)}" if host else "")
        name = "PUBLIC" if name == "`PUBLIC`" else name
        if host:
            lines += [f"{shown}" for (shown,) in rows(server, f"SHOW CREATE USER {name}")]
        lines += sorted(with_ordered_columns(f"{shown}") for (shown,) in rows(server, f"SHOW GRANTS FOR {name}"))
    return "\n".join(line for line in lines if not any(word in line for word in left_out))


def with_ordered_columns(grant: str) -> str:
    """Return what a server shows of a grant with its columns in order: it has them in none."""
    return re.sub(r"\(([^()]*)\)", lambda found: f"({', '.join(sorted(found[1].split(', ')))})", grant)


def hashes(server: PrivateServer) -> list[str]:
    """Return what servers keep of the passwords."""
    if server.family == "postgresql":
        return [row[0] for row in rows(server, "SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL")]
    found = rows(server, "SELECT HEX(authentication_string), authentication_string FROM mysql.user")
    return [f"{text}" for row in found for text in row if len(text) > 30]


def run_program(server: PrivateServer, program: str, *arguments: str, script: str | None = None) -> str:
    """Run a client program as the superuser, by the Unix socket."""
    if server.family == "postgresql":
        target = f"host={server.socket} port={server.port} user={server.admin_user} dbname=postgres"
        password_file = server.folder / "private" / "client.pgpass"
        password_file.chmod(0o600)
        environment = {"PGPASSFILE": str(password_file)}
        return server.run_client(program, f"--dbname={target}", *arguments, script=script, environment=environment)
    assert isinstance(server, MysqlFamilyServer)
    options = [
        f"--defaults-extra-file={server.client_file}",
        "--host=localhost",
        "--protocol=socket",
        f"--socket={server.socket}",
    ]
    return server.run_client(program, *options, *arguments, script=script)


def load_by_hand(server: PrivateServer, data: Path) -> None:
    """Do what ``gunzip | psql`` or ``gunzip | mariadb`` does, stopping at the first error."""
    script = gzip.decompress(data.read_bytes()).decode()
    if server.family == "postgresql":
        run_program(server, "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", script=script)
    else:
        assert isinstance(server, MysqlFamilyServer)
        run_program(server, server.client_program, script=script)


@dataclass(frozen=True)
class Engine:
    """A private server as the engine sees it, by an account: the superuser, unless one is given."""

    server: PrivateServer
    user: str | None = None
    password: str | None = None

    @property
    def instance(self) -> instances.Instance:
        """The server as an instance, reached by its Unix socket."""
        settings = {"id": DATABASE_ID, "type": self.server.family, "host": self.server.host, "port": self.server.port}
        config = DatabaseConfig.model_validate({**settings, "unix_socket": str(self.server.socket)})
        login = secrets.Login(self.user or self.server.admin_user, self.password or self.server.admin_password)
        return instances.Instance(config, instances.endpoint_of(config, login))

    @property
    def target(self) -> Server:
        """The server."""
        return self.instance.server()

    def save(self, store: Path) -> accounts.Saved:
        """Save the accounts."""
        return accounts.save(self.instance, self.target, Store(StorageConfig(base_path=store), HOSTNAME, now))

    def restore(
        self, saved: accounts.Saved, wanted: Sequence[str] | None = None, *, update: bool = False
    ) -> accounts.Applied:
        """Restore accounts."""
        return accounts.apply(self.target, accounts.plan(self.target, saved.artifact, wanted, update=update))
