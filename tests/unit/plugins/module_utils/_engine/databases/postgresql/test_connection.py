# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection strings, password files and errors of PostgreSQL."""

from __future__ import annotations

import dataclasses
from typing import Any

import psycopg2
import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, process
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.postgresql import connection
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.values import Endpoint
from ansible_collections.vya.backupdb.plugins.module_utils._engine.secrets import Login
from hypothesis import example, given
from hypothesis import strategies as st
from psycopg2.extensions import parse_dsn

ENDPOINT = Endpoint("postgresql", "db.example.org", 5433, Login("backup", "s3cret"), connect_timeout=7)
PLANTED = "a row of somebody"
ANY_NAME = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


def endpoint(**changes: Any) -> Endpoint:
    return dataclasses.replace(ENDPOINT, **changes)


@given(name=ANY_NAME)
@example("a=b")
@example("it's 'x'")
@example("back\\slash\\")
@example("postgresql://elsewhere/x")
@example(" ")
def test_libpq_reads_any_name_of_a_database_and_account_as_it_is(name: str) -> None:
    parsed = parse_dsn(connection.conninfo(endpoint(login=Login(name, "x")), name))
    assert (parsed["dbname"], parsed["user"]) == (name, name)


def test_a_connection_string_has_all_but_the_password() -> None:
    text = connection.conninfo(endpoint(ssl_mode="verify-full", ca_cert="/my ca.pem"), "shop")
    assert parse_dsn(text) == {
        "host": "db.example.org",
        "port": "5433",
        "user": "backup",
        "dbname": "shop",
        "connect_timeout": "7",
        "application_name": "vya-backupdb",
        "sslmode": "verify-full",
        "sslrootcert": "/my ca.pem",
    }


def test_a_socket_folder_takes_the_place_of_the_host() -> None:
    assert parse_dsn(connection.conninfo(endpoint(unix_socket="/run/pg"), "shop"))["host"] == "/run/pg"


def read_password_file(text: str) -> list[str]:
    """Return the fields of the only line, by the documented rules: a backslash takes the next character as it is.

    https://www.postgresql.org/docs/current/libpq-pgpass.html
    """
    assert text.endswith("\n")
    fields, rest = [""], iter(text[:-1])
    for character in rest:
        if character == ":":
            fields.append("")
        else:
            fields[-1] += next(rest) if character == "\\" else character
    return fields


@given(password=st.text(st.characters(exclude_characters="\0\n\r", exclude_categories=["Cs"]), min_size=1))
@example(":\\:")
@example("# no comment")
@example(" a ")
def test_any_password_comes_out_of_the_password_file_as_it_went_in(password: str) -> None:
    command = connection.command(endpoint(login=Login("u", password)), "shop", "/usr/bin/psql")
    (private_file,) = command.private_files
    assert private_file.variable == "PGPASSFILE"
    content = private_file.content.decode()
    assert content.count("\n") == 1
    assert read_password_file(content) == ["*", "*", "*", "*", password]


@pytest.mark.parametrize("password", ["a\nb", "a\rb"])
def test_a_password_that_a_password_file_cannot_hold_is_a_credentials_error(password: str) -> None:
    with pytest.raises(errors.CredentialsError, match="line break") as caught:
        connection.command(endpoint(login=Login("u", password)), "shop", "/usr/bin/psql")
    assert password not in str(caught.value)


def test_a_command_has_nothing_secret_in_its_words_and_asks_for_nothing() -> None:
    command = connection.command(ENDPOINT, "shop", "/usr/bin/pg_dump", "--format=plain")
    assert command.argv[0] == "/usr/bin/pg_dump"
    assert command.argv[1].startswith("--dbname=host=")
    assert command.argv[2:] == ("--no-password", "--format=plain")
    assert "s3cret" not in f"{command.argv} {command.environment}"
    assert command.secrets == ("s3cret",)


SAID = [
    ('FATAL:  password authentication failed for user "backup"', errors.CredentialsError),
    ("fe_sendauth: no password supplied", errors.CredentialsError),
    ('FATAL:  Peer authentication failed for user "backup"', errors.CredentialsError),
    ('FATAL:  database "shop" does not exist', errors.NotFoundError),
    ('FATAL:  permission denied for database "shop"', errors.PermissionDeniedError),
    ("Connection refused\n\tIs the server running on that host?", errors.ServerConnectionError),
    ("server does not support SSL, but SSL was required", errors.ServerConnectionError),
    ("SSL error: certificate verify failed", errors.ServerConnectionError),
    ('server certificate for "x" does not match host name "y"', errors.ServerConnectionError),
    ('root certificate file "/ca.pem" does not exist', errors.ServerConnectionError),
    ("timeout expired", errors.ServerConnectionError),
]


@pytest.mark.parametrize(("said", "kind"), SAID)
def test_what_libpq_says_means_a_kind_of_error(said: str, kind: type[errors.BackupDBError]) -> None:
    prefix = 'connection to server at "db.example.org", port 5433 failed: '
    assert connection.connection_error(ENDPOINT, prefix + said).__class__ is kind
    failed = process.ProgramError("pg_dump ended with exit status 1", f"pg_dump: error: {prefix}{said}")
    assert connection.program_error(ENDPOINT, "pg_dump", failed, "dumping shop").__class__ is kind


def test_an_error_never_shows_the_password() -> None:
    assert "s3cret" not in str(connection.connection_error(ENDPOINT, "refused: s3cret"))


STDERRS = [
    ('psql:<stdin>:12: ERROR:  42P07: relation "a" already exists\nLOCATION:  x', errors.ValidationError),
    ("psql:<stdin>:9: ERROR:  53100: could not extend file: No space left on device", errors.StorageError),
    ("psql:<stdin>:9: ERROR:  53200: out of memory", errors.BrokenOffError),
    ("psql:<stdin>:9: ERROR:  57014: canceling statement due to user request", errors.BrokenOffError),
    ("psql:<stdin>:9: FATAL:  57P01: terminating connection", errors.ServerConnectionError),
    ("pg_dump: error: query failed: ERROR:  permission denied for table a", errors.PermissionDeniedError),
    ('pg_dump: error: could not translate host name "nowhere" to address: unknown', errors.ServerConnectionError),
    ("pg_dump: error: server version: 16.1; aborting because of server version mismatch", errors.ValidationError),
    ("", errors.ValidationError),
]


@pytest.mark.parametrize(("stderr", "kind"), STDERRS)
def test_what_a_program_says_means_a_kind_of_error(stderr: str, kind: type[errors.BackupDBError]) -> None:
    failed = process.ProgramError("psql ended with exit status 3", stderr)
    assert connection.program_error(ENDPOINT, "psql", failed, "loading shop").__class__ is kind


@pytest.mark.parametrize(
    ("state", "text", "told"),
    [
        ("23505", f"duplicate key value: {PLANTED}", "UniqueViolation (SQLSTATE 23505)"),
        ("22P02", f'invalid input syntax for type integer: "{PLANTED}"', "InvalidTextRepresentation (SQLSTATE 22P02)"),
        ("42601", f'syntax error at or near "{PLANTED}"', "SyntaxError (SQLSTATE 42601)"),
        ("P0001", PLANTED, "RaiseException (SQLSTATE P0001)"),
        ("ZZ999", PLANTED, "an error (SQLSTATE ZZ999)"),
        ("42P07", 'relation "a" already exists', 'relation "a" already exists'),
        ("3D000", 'database "a" does not exist.', 'database "a" does not exist'),
    ],
)
def test_a_failed_load_tells_the_line_and_what_went_wrong_but_no_row(state: str, text: str, told: str) -> None:
    stderr = (
        f"psql:<stdin>:42: ERROR:  {state}: {text}\nDETAIL:  Key (name)=({PLANTED}) exists.\nCONTEXT:  COPY {PLANTED}"
    )
    failed = process.ProgramError("psql ended with exit status 3", stderr)
    message = str(connection.program_error(ENDPOINT, "psql", failed, "loading shop"))
    assert message == f"loading shop failed: psql stopped at line 42: {told}"


def test_what_the_driver_raises_is_translated() -> None:
    with pytest.raises(errors.ServerConnectionError, match="ended the session"), connection.translated(ENDPOINT):
        raise psycopg2.OperationalError("server closed the connection unexpectedly")
