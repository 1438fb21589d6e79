# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Option files, TLS options and errors of the MySQL family."""

from __future__ import annotations

import dataclasses
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pymysql
import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, process
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql import connection
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.values import Endpoint
from ansible_collections.vya.backupdb.plugins.module_utils._engine.secrets import Login
from hypothesis import example, given, settings
from hypothesis import strategies as st

ENDPOINT = Endpoint("mysql", "db.example.org", 3307, Login("backup", "s3cret"), connect_timeout=7)
FINGERPRINT = "ab" * 20
PLANTED = "a row of somebody"


def endpoint(**changes: Any) -> Endpoint:
    return dataclasses.replace(ENDPOINT, **changes)


def options_of(text: str, section: str = "client") -> list[str]:
    """Return the options of a section as MariaDB's own parser reads them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "client.cnf"
        path.write_bytes(text.encode())
        command = ["my_print_defaults", f"--defaults-file={path}", section]
        printed = subprocess.run(command, capture_output=True, check=True, env={"PATH": "/usr/bin:/bin"}).stdout
    # Values may hold anything but the byte by which the lines are told apart here.
    return printed.decode("utf-8").removesuffix("\n").split("\n")


def options_for(**changes: Any) -> list[str]:
    fingerprint = changes.pop("fingerprint", None)
    return options_of(connection.option_file(endpoint(**changes), changes.pop("is_mariadb", True), fingerprint))


def test_tables_to_leave_out_go_to_the_dump_program_alone_by_any_name() -> None:
    left_out = ["shop.a \"b' #\\", "shop.\ttab\r ", "shop.`ü`"]
    dumping = connection.command(ENDPOINT, "/usr/bin/mariadb-dump", True, "--", "shop", left_out=left_out)
    assert dumping.argv == ("/usr/bin/mariadb-dump", "--", "shop")
    (file,) = dumping.private_files
    text = file.content.decode()
    assert options_of(text, "mysqldump") == [f"--ignore-table={name}" for name in left_out]
    assert not any("ignore-table" in option for option in options_of(text, "client") + options_of(text, "mysql"))


@settings(max_examples=60, deadline=None)
@given(secret=st.text(st.characters(exclude_characters="\n\0", exclude_categories=["Cs"]), min_size=1))
@example("it's \" $HOME %s a\\n\\s\\#;:ü€ `x` ")
@example(" leading, trailing ")
@example("# no comment")
@example('"')
@example("\\")
@example("a\\")
@example("\r\t\b")
def test_any_password_comes_out_of_the_option_file_as_it_went_in(secret: str) -> None:
    login = Login(secret, secret)
    options = options_of(connection.option_file(endpoint(login=login), True))
    assert options[:2] == [f"--user={secret}", f"--password={secret}"]


def test_a_line_break_in_a_password_stays_in_the_value() -> None:
    text = connection.option_file(endpoint(login=Login("u", "a\n[mysqld]\nplugin-dir=/tmp")), True)
    assert options_of(text, "mysqld") == [""]
    assert "\n".join(options_of(text)).startswith("--user=u\n--password=a\n[mysqld]\nplugin-dir=/tmp\n--")


def test_a_host_is_reached_by_tcp_also_where_it_is_called_localhost() -> None:
    options = options_for(host="localhost")
    assert {"--protocol=tcp", "--host=localhost", "--port=3307"} <= set(options)


def test_a_socket_is_used_instead_of_a_host() -> None:
    options = options_for(unix_socket="/run/db s/x.sock")
    assert {"--protocol=socket", "--socket=/run/db s/x.sock"} <= set(options)
    assert not any(option.startswith(("--host", "--port")) for option in options)


def test_the_timeout_is_for_the_loading_program_alone() -> None:
    text = connection.option_file(ENDPOINT, True)
    assert options_of(text, "mysql") == ["--connect-timeout=7"]
    assert "--connect-timeout=7" not in options_of(text)


@pytest.mark.parametrize(
    ("mode", "socket", "expected"),
    [
        ("disable", None, {"--skip-ssl"}),
        ("prefer", "/run/s", {"--skip-ssl"}),
        ("prefer", None, {"--ssl", "--skip-ssl-verify-server-cert"}),
        ("require", None, {"--ssl", "--skip-ssl-verify-server-cert"}),
        ("verify-ca", None, {"--ssl", "--skip-ssl-verify-server-cert"}),
        ("verify-full", None, {"--ssl", "--ssl-verify-server-cert"}),
    ],
)
def test_mariadb_programs_are_told_what_to_verify(mode: str, socket: str | None, expected: set[str]) -> None:
    fingerprint = FINGERPRINT if connection.demands_tls(endpoint(ssl_mode=mode)) else None
    options = options_for(ssl_mode=mode, unix_socket=socket, fingerprint=fingerprint)
    assert {option for option in options if "ssl" in option and "fp" not in option} == expected


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_mariadb_programs_are_never_started_to_demand_tls_without_a_fingerprint(mode: str) -> None:
    """Without it they go on in plain text where the server has no TLS, whatever the other options say."""
    with pytest.raises(AssertionError, match="fingerprint"):
        connection.option_file(endpoint(ssl_mode=mode), True)


def test_a_fingerprint_goes_by_the_host_or_beside_the_socket() -> None:
    tcp = options_for(ssl_mode="verify-ca", ca_cert="/ca.pem", fingerprint=FINGERPRINT)
    assert {f"--host=host=db.example.org;ssl_fp={FINGERPRINT};", "--ssl-ca=/ca.pem"} <= set(tcp)
    socket = options_for(ssl_mode="require", unix_socket="/run/s", fingerprint=FINGERPRINT)
    assert {f"--host=ssl_fp={FINGERPRINT};", "--socket=/run/s"} <= set(socket)


@pytest.mark.parametrize(
    ("mode", "ca_cert", "expected"),
    [
        ("disable", None, "DISABLED"),
        ("prefer", None, "PREFERRED"),
        ("require", None, "REQUIRED"),
        ("require", "/ca.pem", "VERIFY_CA"),
        ("verify-ca", "/ca.pem", "VERIFY_CA"),
        ("verify-full", "/ca.pem", "VERIFY_IDENTITY"),
    ],
)
def test_mysql_programs_have_a_word_for_each_mode(mode: str, ca_cert: str | None, expected: str) -> None:
    options = options_of(connection.option_file(endpoint(ssl_mode=mode, ca_cert=ca_cert), False))
    assert f"--ssl-mode={expected}" in options
    assert (f"--ssl-ca={ca_cert}" in options) == (ca_cert is not None)
    assert not {"--ssl", "--skip-ssl"} & set(options)


def test_a_command_has_nothing_secret_in_its_words_and_environment() -> None:
    command = connection.command(ENDPOINT, "/usr/bin/mariadb-dump", True, "--quick", "--", "shop")
    assert command.argv == ("/usr/bin/mariadb-dump", "--quick", "--", "shop")
    assert "s3cret" not in str(command.environment)
    assert command.secrets == ("s3cret",)
    (private_file,) = command.private_files
    assert private_file.option == "--defaults-file="


def test_the_real_program_takes_the_option_file() -> None:
    command = connection.command(ENDPOINT, "/usr/bin/mariadb", True, "--print-defaults")
    printed = process.output(command)
    assert "--user=backup" in printed
    assert "--password=s3cret" in printed
    assert "--host=db.example.org" in printed


ERRORS = [
    (1045, "Access denied for user 'backup'@'h' (using password: YES)", errors.CredentialsError),
    (1698, "Access denied for user 'root'@'localhost'", errors.CredentialsError),
    (1044, "Access denied for user 'backup'@'h' to database 'shop'", errors.PermissionDeniedError),
    (1227, "Access denied; you need (at least one of) the SUPER privilege(s)", errors.PermissionDeniedError),
    (1049, "Unknown database 'shop'", errors.NotFoundError),
    (2003, "Can't connect to MySQL server on 'h'", errors.ServerConnectionError),
    (2026, "TLS/SSL error: certificate verify failed", errors.ServerConnectionError),
    (0, "", errors.ServerConnectionError),
    (1114, "The table 'log' is full", errors.StorageError),
    (1053, "Server shutdown in progress", errors.BrokenOffError),
    (1064, "You have an error in your SQL syntax", errors.ValidationError),
    (9999, "anything", errors.ValidationError),
]


@pytest.mark.parametrize(("number", "said", "kind"), ERRORS)
def test_each_number_means_a_kind_of_error(number: int, said: str, kind: type[errors.BackupDBError]) -> None:
    assert connection.server_error(ENDPOINT, number, said).__class__ is kind


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (1062, f"Duplicate entry '{PLANTED}' for key 'name'"),
        (1366, f"Incorrect integer value: '{PLANTED}' for column 'id' at row 3"),
        (1064, f"You have an error in your SQL syntax near '{PLANTED}' at line 1"),
        (1406, f"Data too long, {PLANTED}"),
    ],
)
def test_an_error_that_quotes_a_row_is_told_by_its_number_alone(number: int, said: str) -> None:
    error = connection.server_error(ENDPOINT, number, said, "loading shop")
    assert PLANTED not in str(error)
    assert f"error {number}" in str(error)
    assert str(error).startswith("loading shop failed: ")


def test_an_error_never_shows_the_password() -> None:
    error = connection.server_error(ENDPOINT, 1045, "Access denied with s3cret")
    assert "s3cret" not in str(error)


STDERRS = [
    (
        "mariadb-dump: Got error: 1045: \"Access denied for user 'u'@'h'\" when trying to connect",
        errors.CredentialsError,
    ),
    ("mysqldump: Got error: 1049: Unknown database 'x' when selecting the database", errors.NotFoundError),
    ("ERROR 1045 (28000): Access denied for user 'u'@'h' (using password: YES)", errors.CredentialsError),
    ("ERROR 2002 (HY000): Can't connect to server on 'h' (115)", errors.ServerConnectionError),
    (
        'mariadb-dump: Got error: 2026: "TLS/SSL error: SSL is required, but the server does not support it"',
        errors.ServerConnectionError,
    ),
    (
        "mysqldump: Couldn't execute 'SHOW CREATE TABLE `a`': SHOW command denied to user (1142)",
        errors.PermissionDeniedError,
    ),
    (
        "mariadb-dump: Error 2013: Lost connection to server during query when dumping table `a` at row: 12",
        errors.ServerConnectionError,
    ),
    ("mysqldump: [ERROR] unknown variable 'set-gtid-purged=OFF'.", errors.ConfigError),
    ("mariadb-dump: unknown option '--column-statistics'", errors.ConfigError),
    ("something that nobody knows", errors.ValidationError),
    ("", errors.ValidationError),
]


@pytest.mark.parametrize(("stderr", "kind"), STDERRS)
def test_what_a_program_says_means_a_kind_of_error(stderr: str, kind: type[errors.BackupDBError]) -> None:
    failed = process.ProgramError("mariadb-dump ended with exit status 2", stderr)
    error = connection.program_error(ENDPOINT, "mariadb-dump", failed, "dumping shop")
    assert error.__class__ is kind


def test_a_failed_load_tells_the_line_and_not_the_row() -> None:
    stderr = f"ERROR 1062 (23000) at line 42: Duplicate entry '{PLANTED}' for key 'PRIMARY'"
    failed = process.ProgramError("mariadb ended with exit status 1", stderr)
    message = str(connection.program_error(ENDPOINT, "mariadb", failed, "loading shop"))
    assert "at line 42 of the dump" in message
    assert PLANTED not in message


def test_what_the_driver_raises_is_translated() -> None:
    with pytest.raises(errors.CredentialsError), connection.translated(ENDPOINT):
        raise pymysql.err.OperationalError(1045, "Access denied")
    with pytest.raises(errors.ServerConnectionError), connection.translated(ENDPOINT):
        raise pymysql.err.InterfaceError("closed")


def test_a_ca_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    wrong = endpoint(ssl_mode="verify-full", ca_cert=str(tmp_path / "ca.pem"))
    with pytest.raises(errors.NotFoundError), connection.session(wrong):
        pass
