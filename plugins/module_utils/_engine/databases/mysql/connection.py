# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions on a MySQL or MariaDB server, its client programs' options, and what their errors mean."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import re
import ssl
from collections.abc import Iterator, Sequence
from typing import Any

from ... import errors, process
from ...redaction import redact
from ..base import quoted
from ..statements import ToldCursor
from ..values import Endpoint

try:
    import pymysql
    import pymysql.connections
    import pymysql.cursors
except ImportError:
    pymysql = None  # type: ignore[assignment]
else:

    class _Connection(pymysql.connections.Connection):
        """A connection that does not read all CAs of the system, which takes 20 ms, where none is looked at."""

        def _create_ssl_ctx(self, sslp: Any) -> ssl.SSLContext:
            if sslp == {}:
                return _unchecked_context()
            context: ssl.SSLContext = super()._create_ssl_ctx(sslp)  # type: ignore[misc]
            return context

    class _Cursor(ToldCursor, pymysql.cursors.Cursor):
        pass


SESSION_SETTINGS = (
    # A database's own sql_mode and time zone must not change what we read of it. MySQL alone, which otherwise tells
    # sizes that are up to a day old, reads what is in the comment (MariaDB passes over versions from 50700 to 99999).
    "SET SESSION sql_mode = '', time_zone = '+00:00' /*!80000 , information_schema_stats_expiry = 0 */",
    "SET SESSION wait_timeout = 86400, net_read_timeout = 600, net_write_timeout = 600",
)
ACCESS_DENIED = (1045, 1698, 1820, 1862, 3118)
PRIVILEGE_DENIED = (1044, 1142, 1143, 1227, 1370)
UNKNOWN_DATABASE = (1049,)
CA_HINT = "Name the file with the certificate of the server's authority by ca_cert, in config.yaml by ssl_ca_cert"
FULL = (1021, 1114)
# It has not the memory, is going down, or somebody else's lock or command was in the way.
UNABLE = (1037, 1038, 1041, 1053, 1205, 1213, 1317)
# The errors whose text names objects, not rows: https://mariadb.com/kb/en/mariadb-error-code-reference/
TELLING_NUMBERS = frozenset(
    (
        *ACCESS_DENIED,
        *PRIVILEGE_DENIED,
        *UNKNOWN_DATABASE,
        *(1005, 1007, 1008, 1021, 1030, 1040, 1050, 1051, 1071, 1114, 1115, 1146, 1153, 1193, 1205, 1213, 1231, 1273),
        *(1286, 1290, 1305, 1356, 1396, 1410, 1412, 1419, 1449, 1524, 1533, 1819, 1824, 1836, 3140),
    )
)
_PROGRAM_ERROR = re.compile(r"(?:ERROR|error:?)\s*(?P<number>\d{4})\b[^\n:]*:\s*(?P<text>[^\n]*)", re.I)
_DUMP_ERROR = re.compile(r"Got error: (?P<number>\d{4}): (?P<text>[^\n]*)|Couldn't execute [^\n]*\((?P<late>\d{4})\)")
_DUMP_QUERY = re.compile(r"Couldn't execute '(?P<query>[^\n]{0,60})[^\n]*': (?P<text>[^\n]*) \((?P<number>\d{4})\)")


def identifier(name: str) -> str:
    """Return a name as SQL quotes it."""
    return quoted(name, "`")


def command(
    endpoint: Endpoint,
    program: str,
    is_mariadb: bool,
    *arguments: str,
    fingerprint: str | None = None,
    left_out: Sequence[str] = (),
) -> process.Command:
    """Return the command of a client program; where the server is and the password go by a private option file.

    ``--defaults-file`` also keeps every other option file of this host from changing what the program does.
    MariaDB's programs need the ``fingerprint`` of the server's certificate where the endpoint demands TLS.
    ``left_out`` are the tables, as ``database.table``, that a dump program leaves out.
    """
    options = option_file(endpoint, is_mariadb, fingerprint)
    # There can be more of them than an argument list takes.
    options += "".join(f"{line}\n" for line in ("[mysqldump]", *(f"ignore-table={_quoted_value(t)}" for t in left_out)))
    return process.Command(
        argv=(program, *arguments),
        # MySQL's programs read ~/.mylogin.cnf whatever --defaults-file says.
        environment={"MYSQL_TEST_LOGIN_FILE": "/dev/null"},
        private_files=(process.PrivateFile(options.encode("utf-8"), option="--defaults-file="),),
        secrets=(endpoint.login.password,),
    )


def option_file(endpoint: Endpoint, is_mariadb: bool, fingerprint: str | None = None) -> str:
    """Return the client option file of an endpoint, for MariaDB's programs or for MySQL's; see command."""
    if is_mariadb and fingerprint is None and demands_tls(endpoint):
        raise AssertionError("contract violation: MariaDB's programs demand TLS only with a fingerprint")
    options: dict[str, str | None] = {
        "user": endpoint.login.username,
        "password": endpoint.login.password,
        **(_tls_options_mariadb(endpoint) if is_mariadb else _tls_options_mysql(endpoint)),
    }
    if endpoint.unix_socket:
        options.update(protocol="socket", socket=endpoint.unix_socket)
    else:
        # Without the protocol, localhost means the default socket.
        options.update(protocol="tcp", host=endpoint.host, port=str(endpoint.port))
    if fingerprint:
        options["host"] = _pinned_host(endpoint, fingerprint)
    lines = [name if value is None else f"{name}={_quoted_value(value)}" for name, value in options.items()]
    # connect-timeout is an option of the loading program alone.
    return "\n".join(["[client]", *lines, "[mysql]", f"connect-timeout={endpoint.connect_timeout}", ""])


def demands_tls(endpoint: Endpoint) -> bool:
    """Say whether a connection that is not encrypted must be refused."""
    return endpoint.ssl_mode not in ("disable", "prefer")


def _pinned_host(endpoint: Endpoint, fingerprint: str) -> str:
    """Return the host as a connection string of MariaDB Connector/C with the certificate's fingerprint.

    Of what its programs know, only this makes them refuse a server without TLS, and one of another certificate,
    without a check of the host's name (seen with 10.11 and 11.8; the option ssl-fp is there since 11.4 alone).
    """
    host = "" if endpoint.unix_socket else f"host={endpoint.host};"
    return f"{host}ssl_fp={fingerprint};"


def _tls_options_mariadb(endpoint: Endpoint) -> dict[str, str | None]:
    if endpoint.ssl_mode == "disable" or (endpoint.ssl_mode == "prefer" and endpoint.unix_socket):
        return {"skip-ssl": None}
    options: dict[str, str | None] = {"ssl": None}
    if endpoint.ca_cert:
        options["ssl-ca"] = endpoint.ca_cert
    options["ssl-verify-server-cert" if endpoint.ssl_mode == "verify-full" else "skip-ssl-verify-server-cert"] = None
    return options


def _tls_options_mysql(endpoint: Endpoint) -> dict[str, str | None]:
    modes = {
        "disable": "DISABLED",
        "prefer": "PREFERRED",
        # As libpq does: where there is a CA, it is looked at.
        "require": "VERIFY_CA" if endpoint.ca_cert else "REQUIRED",
        "verify-ca": "VERIFY_CA",
        "verify-full": "VERIFY_IDENTITY",
    }
    options: dict[str, str | None] = {"ssl-mode": modes[endpoint.ssl_mode]}
    if endpoint.ca_cert:
        options["ssl-ca"] = endpoint.ca_cert
    return options


def _quoted_value(value: str) -> str:
    escaped = (
        value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    )
    return f'"{escaped}"'


def require_driver() -> None:
    """Raise ConfigError unless the driver of this family is installed."""
    if pymysql is None:
        raise errors.ConfigError("the Python package pymysql is missing", "Install PyMySQL")


@contextlib.contextmanager
def session(endpoint: Endpoint, database: str | None = None) -> Iterator[Any]:
    """Yield a PyMySQL connection in autocommit mode; errors inside the block are translated."""
    with translated(endpoint):
        connection = _Connection(
            user=endpoint.login.username,
            # Text it would encode as Latin-1, unlike the server and every other client.
            password=endpoint.login.password.encode("utf-8"),
            database=database,
            charset="utf8mb4",
            cursorclass=_Cursor,
            autocommit=True,
            connect_timeout=endpoint.connect_timeout,
            **_address(endpoint),
            **_tls_arguments(endpoint),
        )
        try:
            with connection.cursor() as cursor:
                for setting in SESSION_SETTINGS:
                    cursor.execute(setting)
            yield connection
        finally:
            with contextlib.suppress(pymysql.Error):
                connection.close()


def end_query(endpoint: Endpoint, session_number: int) -> None:
    """Have the server break off the query of a session that another thread waits for, if it has one."""
    with contextlib.suppress(errors.BackupDBError), session(endpoint) as connection, connection.cursor() as cursor:
        cursor.execute(f"KILL QUERY {int(session_number)}")


@functools.cache
def _unchecked_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _address(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.unix_socket:
        return {"unix_socket": endpoint.unix_socket}
    return {"host": endpoint.host, "port": endpoint.port}


def _tls_arguments(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.ssl_mode == "disable" or (endpoint.ssl_mode == "prefer" and endpoint.unix_socket):
        return {"ssl_disabled": True}
    if endpoint.ssl_mode == "prefer":
        return {}
    # PyMySQL refuses a server without TLS before it sends anything secret, when it is given a context.
    if endpoint.ssl_mode == "require" and not endpoint.ca_cert:
        return {"ssl": _unchecked_context()}
    context = _checking_context(endpoint.ca_cert)
    context.check_hostname = endpoint.ssl_mode == "verify-full"
    return {"ssl": context}


def _checking_context(ca_cert: str | None) -> ssl.SSLContext:
    """Return a context that checks certificates by an authority. Raise as its file cannot be used."""
    try:
        return ssl.create_default_context(cafile=ca_cert)
    # Of its own, Python tells neither the file's name nor, for a file of something else, what is wrong with it.
    except FileNotFoundError:
        raise errors.NotFoundError(f"the CA certificate {ca_cert} does not exist", CA_HINT) from None
    except ssl.SSLError:
        raise errors.ConfigError(f"the CA certificate {ca_cert} is no certificate in PEM format", CA_HINT) from None
    except OSError as error:
        raise errors.ConfigError(f"the CA certificate {ca_cert} cannot be read: {error.strerror}", CA_HINT) from None


def certificate_fingerprint(endpoint: Endpoint) -> str | None:
    """Return the fingerprint of the certificate that the server shows, checked as the endpoint demands.

    None where the endpoint does not demand TLS. SHA-1, for older programs know no other; whoever makes a second
    certificate of the same one has the server's own.
    """
    if not demands_tls(endpoint):
        return None
    with session(endpoint) as connection:
        certificate = connection._sock.getpeercert(binary_form=True)
    return hashlib.sha1(certificate, usedforsecurity=False).hexdigest()


@contextlib.contextmanager
def translated(endpoint: Endpoint, what: str = "") -> Iterator[None]:
    """Turn what PyMySQL raises inside the block into an error of ours; ``what`` it was to do."""
    try:
        yield
    except pymysql.Error as error:
        number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        said = str(error.args[1]) if len(error.args) > 1 else str(error)
        raise server_error(endpoint, number, said, what) from None
    except ssl.SSLError as error:
        raise server_error(endpoint, 2026, str(error)) from None


def server_error(endpoint: Endpoint, number: int, said: str, what: str = "") -> errors.BackupDBError:
    """Given an error's number and text, return the error it means, without secrets and rows of data."""
    text = redact(telling(number, said), (endpoint.login.password,))
    prefix = f"{what} failed: " if what else ""
    user = endpoint.login.username
    if number in ACCESS_DENIED:
        return errors.CredentialsError(
            f"{prefix}{endpoint} refuses the login of {user}: {text}", "Check the user name and the password"
        )
    if number in PRIVILEGE_DENIED:
        return errors.PermissionDeniedError(f"{prefix}{endpoint} says: {text}", f"Give {user} that privilege")
    if number in UNKNOWN_DATABASE:
        return errors.NotFoundError(f"{prefix}{endpoint} says: {text}")
    if number == 0 or 2000 <= number < 3000:
        return errors.ServerConnectionError(f"{prefix}{endpoint} cannot be reached: {text}")
    message = f"{prefix}{endpoint} says: {text}"
    if number in FULL:
        return errors.StorageError(message, "Make room on the disk of the server")
    return errors.BrokenOffError(message) if number in UNABLE else errors.ValidationError(message)


def program_error(endpoint: Endpoint, program: str, error: process.ProgramError, what: str) -> errors.BackupDBError:
    """Given a failed client program and what it was to do, return the error it means, without rows of data."""
    found = _DUMP_QUERY.search(error.stderr) or _DUMP_ERROR.search(error.stderr) or _PROGRAM_ERROR.search(error.stderr)
    if found and found["number"]:
        line = re.search(r"at line (\d+)", error.stderr)
        where = f" (at line {line.group(1)} of the dump)" if line else ""
        return server_error(endpoint, int(found["number"]), found["text"], f"{what} with {program}{where}")
    unknown = re.search(r"unknown (?:option|variable) '([^'\n]*)'", error.stderr)
    if unknown:
        return errors.ConfigError(
            f"{program} does not know the option {unknown.group(1)}", "Install a client of the server's own family"
        )
    return error.meaning(what)


def telling(number: int, said: str) -> str:
    """Return the text of a server's error where its kind never quotes a row of data, else its number alone."""
    if number in TELLING_NUMBERS or number == 0 or 2000 <= number < 3000:
        return " ".join(said.split()).rstrip(".")
    return f"error {number}"
