# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account for backups: it can back up everything, write no row by itself, and do what docs/accounts.md tells."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, instances, secrets
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.store import Store
from ansible_collections.vya.backupdb.plugins.module_utils._engine.backups import run
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.backup_account import BackupAccount
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.registry import account_keeper_at
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import StorageConfig

from tests.integration.ansible import run_module
from tests.integration.scenes import HOSTNAME, instance_of, now
from tools.private_servers.base import PrivateServer

DATABASE = "kept_apart"
ACCOUNT = BackupAccount('back%up "x"', "p'a%s\\w\"ö")
# What an account that may merely log in cannot see or reach.
SCRIPTS = {
    "postgresql": """
        CREATE TABLE secret (id integer PRIMARY KEY);
        INSERT INTO secret VALUES (1), (2);
        ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
        CREATE SCHEMA hidden;
        CREATE TABLE hidden.away (id serial);
        SELECT lo_from_bytea(0, 'large');
        SELECT lo_from_bytea(4242, 'whole');
        CREATE FUNCTION adding() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'INSERT INTO secret VALUES (7)';
        REVOKE CONNECT ON DATABASE kept_apart FROM PUBLIC;
        """,
    "mysql": """
        CREATE TABLE secret (id int PRIMARY KEY);
        INSERT INTO secret VALUES (1), (2);
        CREATE VIEW shown AS SELECT id FROM secret;
        CREATE TRIGGER checked BEFORE INSERT ON secret FOR EACH ROW SET NEW.id = NEW.id + 1;
        CREATE PROCEDURE count_them() SELECT count(*) FROM secret;
        CREATE PROCEDURE adding() INSERT INTO secret VALUES (7);
        CREATE PROCEDURE adding_as_caller() SQL SECURITY INVOKER INSERT INTO secret VALUES (7);
        CREATE EVENT cleaning ON SCHEDULE EVERY 1 YEAR DISABLE DO DELETE FROM secret;
        """,
}
INSERTION = "INSERT INTO secret VALUES (3)"
# By family, what docs/accounts.md says that the account can do, and what it cannot.
POSSIBLE = {
    "postgresql": (
        "SELECT adding()",
        "SELECT lo_put(4242, 0, 'other')",
        "SELECT lo_unlink(4242)",
        "CREATE TEMPORARY TABLE own (id int)",
    ),
    "mysql": (
        "CALL adding()",
        "CREATE EVENT own ON SCHEDULE EVERY 1 YEAR DISABLE DO CALL adding()",
        "ALTER EVENT cleaning ENABLE",
        "DROP EVENT cleaning",
        "DROP TRIGGER checked",
        "CREATE TRIGGER own BEFORE INSERT ON secret FOR EACH ROW SIGNAL SQLSTATE '45000'",
        "FLUSH TABLES WITH READ LOCK",
    ),
}
IMPOSSIBLE = {
    "postgresql": (
        INSERTION,
        "DELETE FROM secret",
        "TRUNCATE secret",
        "DROP TABLE secret",
        "CREATE TABLE own (id int)",
        "SELECT nextval('hidden.away_id_seq')",
        "CREATE ROLE own",
        "COPY secret TO PROGRAM 'true'",
    ),
    "mysql": (
        INSERTION,
        "DELETE FROM secret",
        "TRUNCATE secret",
        "DROP TABLE secret",
        "CREATE TABLE own (id int)",
        "CREATE PROCEDURE own() SELECT 1",
        "CALL adding_as_caller()",
        "CREATE USER own",
        "SELECT 1 INTO OUTFILE '/tmp/own'",
        "SET GLOBAL max_connections = 5",
    ),
}


@pytest.fixture
def database(server: PrivateServer) -> Iterator[str]:
    server.create_database(DATABASE)
    server.run_script(SCRIPTS[server.family], DATABASE)
    yield DATABASE
    with contextlib.suppress(errors.BackupDBError):
        settle(server, ACCOUNT, present=False)
    server.drop_database(DATABASE)


def settle(server: PrivateServer, account: BackupAccount, *, present: bool = True, check: bool = False) -> list[str]:
    return account_keeper_at(instance_of(server).endpoint).settle(account, present=present, check=check)


def as_account(server: PrivateServer, account: BackupAccount = ACCOUNT) -> instances.Instance:
    instance = instance_of(server)
    login = secrets.Login(account.name, account.password)
    return dataclasses.replace(instance, endpoint=dataclasses.replace(instance.endpoint, login=login))


def back_up(server: PrivateServer, store: Path) -> run.Report:
    instance = as_account(server)
    wanted = run.Wanted(instance.id, lambda: instance)
    return run.back_up([wanted], Store(StorageConfig(base_path=store), HOSTNAME, now), run.Request([DATABASE]))


def test_the_account_backs_up_all_that_is_kept_from_others_and_changes_nothing(
    server: PrivateServer, database: str, store: Path
) -> None:
    settle(server, ACCOUNT)
    report = back_up(server, store)
    assert (report.message(), report.warnings()) == (None, [])
    assert [(result.success, result.warnings) for result in report.accounts] == [(True, [])]
    with contextlib.closing(server.connect_as(ACCOUNT.name, ACCOUNT.password, database)) as connection:
        cursor = connection.cursor()
        with pytest.raises(connection.Error, match="denied"):
            cursor.execute(INSERTION)


def test_the_account_can_do_what_is_told_and_no_more(server: PrivateServer, database: str) -> None:
    settle(server, ACCOUNT)
    for statement in IMPOSSIBLE[server.family]:
        connection = server.connect_as(ACCOUNT.name, ACCOUNT.password, database)
        with contextlib.closing(connection), pytest.raises(connection.Error, match=r"denied|must be "):
            connection.cursor().execute(statement)
    rows = server.execute("SELECT count(*) FROM secret", database)
    for statement in POSSIBLE[server.family]:
        with contextlib.closing(server.connect_as(ACCOUNT.name, ACCOUNT.password, database)) as connection:
            connection.cursor().execute(statement)
    assert server.execute("SELECT count(*) FROM secret", database) == [(rows[0][0] + 1,)]


def test_a_second_time_nothing_is_left_to_do_and_what_was_taken_is_given_again(
    server: PrivateServer, database: str
) -> None:
    planned = settle(server, ACCOUNT, check=True)
    assert planned == settle(server, ACCOUNT)
    assert settle(server, ACCOUNT) == []
    if server.family == "postgresql":
        server.execute(f"REVOKE CONNECT ON DATABASE {database} FROM {server.quote(ACCOUNT.name)}")
        assert settle(server, ACCOUNT) == [f"let {ACCOUNT.name} connect to {database}"]
    else:
        server.execute("REVOKE EVENT ON *.* FROM 'back%up \"x\"'@'%'")
        assert settle(server, ACCOUNT) == [f"grant EVENT to {ACCOUNT.name}@%"]


def test_check_mode_creates_nothing(server: PrivateServer, database: str) -> None:
    assert settle(server, ACCOUNT, check=True) != []
    assert settle(server, ACCOUNT, present=False) == []


def test_another_password_is_set(server: PrivateServer, database: str) -> None:
    settle(server, ACCOUNT)
    other = dataclasses.replace(ACCOUNT, password="another one")
    (change,) = settle(server, other)
    assert change.startswith("change the password of ")
    assert as_account(server, other).server().has_database(database)
    with pytest.raises(errors.CredentialsError):
        as_account(server).server().has_database(database)


def test_it_is_gone_when_it_is_to_be(server: PrivateServer, database: str) -> None:
    settle(server, ACCOUNT)
    assert settle(server, ACCOUNT, present=False) != []
    assert settle(server, ACCOUNT, present=False) == []
    with pytest.raises(errors.CredentialsError):
        as_account(server).server().has_database(database)


def test_the_administrators_own_account_is_left_alone(server: PrivateServer) -> None:
    with pytest.raises(errors.ConfigError, match="logs in to manage accounts"):
        settle(server, BackupAccount(server.admin_user, "other"))


@pytest.fixture
def statements(mariadb: PrivateServer) -> Iterator[Callable[[], str]]:
    """Have MariaDB log all statements; give what the log has."""
    mariadb.execute("SET GLOBAL log_output = 'TABLE'")
    mariadb.execute("SET GLOBAL general_log = ON")
    yield lambda: "\n".join(text for (text,) in mariadb.execute("SELECT argument FROM mysql.general_log"))
    mariadb.execute("SET GLOBAL general_log = OFF")
    mariadb.execute("SET GLOBAL log_output = DEFAULT")
    mariadb.execute("TRUNCATE mysql.general_log")


@pytest.fixture(params=["hashed", "judged"])
def judging(mariadb: PrivateServer, request: pytest.FixtureRequest) -> Iterator[bool]:
    """MariaDB without, and then with, a plugin that judges passwords and wants to see them."""
    if request.param == "judged":
        mariadb.execute("INSTALL SONAME 'simple_password_check'")
    yield request.param == "judged"
    if request.param == "judged":
        mariadb.execute("UNINSTALL SONAME 'simple_password_check'")


def test_the_log_of_mariadb_has_no_password(
    mariadb: PrivateServer, statements: Callable[[], str], judging: bool
) -> None:
    first, second = (dataclasses.replace(ACCOUNT, password=f"Canary-{number}-päss") for number in (1, 2))
    try:
        for account in (first, second):
            assert settle(mariadb, account) != []
            assert settle(mariadb, account) == []
            assert as_account(mariadb, account).server().list_databases()
        logged = statements()
    finally:
        settle(mariadb, ACCOUNT, present=False)
    assert "Canary" not in logged
    assert ("ALTER USER" in logged) is not judging


def test_the_module_tells_what_it_did_and_no_password(postgresql: PrivateServer) -> None:
    options = {**postgresql.login_options(), "name": "module_account", "password": "canary-password"}
    try:
        done = run_module("backup_account", options, verbosity=3)
        assert done.rc == 0, done.stdout
        assert (done.result["changed"], done.result["changes"][0]) == (True, "create module_account")
        assert "canary-password" not in done.stdout
        assert postgresql.admin_password not in done.stdout
    finally:
        settle(postgresql, BackupAccount("module_account", ""), present=False)
