# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions on a PostgreSQL server, its client programs' options, and what their errors mean."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from ... import errors, process, signals
from ...redaction import redact
from ..base import quoted
from ..statements import ToldCursor
from ..values import Endpoint
from . import restricted

try:
    import psycopg2
    import psycopg2.errors
    import psycopg2.extensions
except ImportError:
    psycopg2 = None  # type: ignore[assignment]
else:

    class _Cursor(ToldCursor, psycopg2.extensions.cursor):
        pass


# Nothing that the server's configuration says about sessions may end ours half-way.
SESSION_SETTINGS = (
    "SET search_path = ''",
    "SET statement_timeout = 0",
    "SET lock_timeout = 0",
    "SET idle_in_transaction_session_timeout = 0",
    "SET row_security = off",
    "SET client_encoding = 'UTF8'",
    # Nor change how values and definitions are written.
    "SET DateStyle = 'ISO, YMD'",
    "SET IntervalStyle = 'postgres'",
    "SET TimeZone = 'UTC'",
    "SET extra_float_digits = 3",
    "SET bytea_output = 'hex'",
    "SET lc_monetary = 'C'",
    "SET quote_all_identifiers = off",
)
# The kinds of errors whose text names objects, not rows: https://www.postgresql.org/docs/current/errcodes-appendix.html
TELLING_CLASSES = ("08", "0A", "28", "3D", "3F", "42", "53", "55", "57", "58")
UNTELLING_STATES = ("42601",)
DISK_FULL = "53100"
# It has not the means, somebody intervened, or the system below it failed.
UNABLE_CLASSES = ("53", "57", "58")
_PSQL_ERROR = re.compile(
    r"^(?:psql:[^\n]*?:(?P<line>\d+): )?(?P<severity>ERROR|FATAL):  (?P<state>[0-9A-Z]{5}): (?P<text>[^\n]*)", re.M
)


def identifier(name: str) -> str:
    """Return a name as SQL quotes it."""
    return quoted(name, '"')


def conninfo(endpoint: Endpoint, database: str, settings: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return a connection string without the password; any name of a database is safe in it.

    The session begins with the server's parameters set as ``settings`` say.
    """
    parameters = {
        "host": endpoint.unix_socket or endpoint.host,
        "port": str(endpoint.port),
        "user": endpoint.login.username,
        "dbname": database,
        "connect_timeout": str(endpoint.connect_timeout),
        "application_name": "vya-backupdb",
        "sslmode": endpoint.ssl_mode,
    }
    if endpoint.ca_cert:
        parameters["sslrootcert"] = endpoint.ca_cert
    if settings:
        parameters["options"] = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return " ".join(f"{name}='{_escaped(value)}'" for name, value in parameters.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")


def command(
    endpoint: Endpoint, database: str, program: str, *arguments: str, settings: Mapping[str, str] = MappingProxyType({})
) -> process.Command:
    """Return the command of a client program on a database; the password goes by a private PGPASSFILE."""
    password = endpoint.login.password
    if "\n" in password or "\r" in password:
        raise errors.CredentialsError(
            f"the password of {endpoint.login.username} holds a line break, which a password file cannot hold",
            "Give the account another password",
        )
    entry = "*:*:*:*:" + password.replace("\\", "\\\\").replace(":", "\\:") + "\n"
    return process.Command(
        argv=(program, f"--dbname={conninfo(endpoint, database, settings)}", "--no-password", *arguments),
        private_files=(process.PrivateFile(entry.encode("utf-8"), variable="PGPASSFILE"),),
        secrets=(password,),
    )


def require_driver() -> None:
    """Raise ConfigError unless the driver of this family is installed."""
    if psycopg2 is None:
        raise errors.ConfigError("the Python package psycopg2 is missing", "Install psycopg2-binary")


@contextlib.contextmanager
def session(endpoint: Endpoint, database: str) -> Iterator[Any]:
    """Yield a psycopg2 connection in autocommit mode; errors inside the block are translated."""
    connection = _connect(endpoint, database)
    try:
        connection.autocommit = True
        with translated(endpoint), signals.broken_off_by(lambda: cancel(connection)):
            with connection.cursor() as cursor:
                cursor.execute("; ".join(SESSION_SETTINGS))
            yield connection
    finally:
        connection.close()


def hashed_password(connection: Any, name: str, password: str) -> str:
    """Return the password of a role as the server keeps it, so that no log of statements can show it."""
    hashed: str = psycopg2.extensions.encrypt_password(password, name, scope=connection)
    return hashed


def cancel(connection: Any) -> None:
    """Have the server break off the query of a session that another thread waits for, if it has one."""
    with contextlib.suppress(psycopg2.Error):
        connection.cancel()


@contextlib.contextmanager
def maintenance_session(endpoint: Endpoint) -> Iterator[Any]:
    """Yield a session on a database that every server has."""
    with contextlib.ExitStack() as stack:
        try:
            connection = stack.enter_context(session(endpoint, "postgres"))
        except errors.NotFoundError:
            connection = stack.enter_context(session(endpoint, "template1"))
        yield connection


def _connect(endpoint: Endpoint, database: str) -> Any:
    try:
        return psycopg2.connect(conninfo(endpoint, database), password=endpoint.login.password, cursor_factory=_Cursor)
    except psycopg2.Error as error:
        raise connection_error(endpoint, str(error)) from None


def connection_error(endpoint: Endpoint, said: str) -> errors.BackupDBError:
    """Given what libpq said when it could not connect, return the error it means."""
    text = one_line(redact(said, (endpoint.login.password,)))
    user = endpoint.login.username
    if "password authentication failed" in text or "no password supplied" in text or "authentication failed" in text:
        return errors.CredentialsError(
            f"{endpoint} refuses the login of {user}: {text}", "Check the user name and the password"
        )
    if re.search(r'database ".*" does not exist', text):
        return errors.NotFoundError(f"{endpoint} says: {text}")
    if "permission denied" in text:
        return errors.PermissionDeniedError(f"{endpoint} says: {text}")
    return errors.ServerConnectionError(f"{endpoint} cannot be reached: {text}")


@contextlib.contextmanager
def translated(endpoint: Endpoint, what: str = "") -> Iterator[None]:
    """Turn what psycopg2 raises inside the block into an error of ours; ``what`` it was to do."""
    try:
        yield
    except psycopg2.Error as error:
        raise server_error(endpoint, error, what) from None


def server_error(endpoint: Endpoint, error: Any, what: str = "") -> errors.BackupDBError:
    """Given a psycopg2 error of a session, return the error it means, without rows of data."""
    prefix = f"{what} failed: " if what else ""
    if error.pgcode is None:
        return errors.ServerConnectionError(f"{prefix}{endpoint} ended the session: {one_line(str(error))}")
    text = telling(error.pgcode, error.diag.message_primary or "")
    message = f"{prefix}{endpoint} says: {redact(text, (endpoint.login.password,))}"
    if error.pgcode == "42501":
        return errors.PermissionDeniedError(message, f"Give {endpoint.login.username} that privilege")
    return _refusal(error.pgcode, message)


def _refusal(state: str, message: str) -> errors.BackupDBError:
    """Return the error that a server's refusal of what it was asked to do means."""
    if state.startswith("57P"):
        return errors.ServerConnectionError(message)
    if state == DISK_FULL:
        return errors.StorageError(message, "Make room on the disk of the server")
    kind = errors.BrokenOffError if state[:2] in UNABLE_CLASSES else errors.ValidationError
    return kind(message)


def program_error(endpoint: Endpoint, program: str, error: process.ProgramError, what: str) -> errors.BackupDBError:
    """Given a failed client program and what it was to do, return the error it means, without rows of data."""
    found = _PSQL_ERROR.search(error.stderr)
    if found:
        line = f" at line {found['line']}" if found["line"] else ""
        said = f"{program} stopped{line}: {telling(found['state'], found['text'])}"
        if found["state"] in ("28P01", "28000"):
            return errors.CredentialsError(f"{what} failed: {said}")
        return _refusal(found["state"], f"{what} failed: {said}")
    first = next((line for line in error.stderr.splitlines() if "error:" in line or "ERROR:" in line), "")
    if "connection to server" in first or "could not translate host name" in first:
        return connection_error(endpoint, first)
    if "permission denied" in first:
        return errors.PermissionDeniedError(f"{what} failed: {one_line(first)}")
    if restricted.REFUSAL in first:
        return errors.ValidationError(
            f"{what} failed: the dump holds a command of psql, which was not run: {one_line(first)}", restricted.HINT
        )
    return error.meaning(what, one_line(first))


def telling(state: str, text: str) -> str:
    """Return the text of a server's error where its kind never quotes a row of data, else the kind's name alone."""
    if state[:2] in TELLING_CLASSES and state not in UNTELLING_STATES:
        return one_line(text)
    try:
        name = psycopg2.errors.lookup(state).__name__
    except KeyError:
        name = "an error"
    return f"{name} (SQLSTATE {state})"


def one_line(text: str) -> str:
    """Return a message on one line, without a full stop."""
    return " ".join(text.split()).rstrip(".")
