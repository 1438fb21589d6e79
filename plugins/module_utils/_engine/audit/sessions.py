# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an audit log is, sessions on it, and what their errors mean: SQLite, PostgreSQL, MySQL and MariaDB."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .. import errors, layout, logbook, ownership, storage
from ..databases.mysql import connection as mysql
from ..databases.postgresql import connection as postgresql
from ..databases.values import Endpoint, Family
from ..models.config import DEFAULT_PORTS, AuditConfig
from ..redaction import redact
from ..secrets import Login
from . import table
from .table import LOCK_SECONDS, sqlalchemy

CONNECT_SECONDS = 5
# For an answer of a server that was reached; more than it may wait for a lock.
ANSWER_SECONDS = 2 * LOCK_SECONDS
POLL_SECONDS = 0.1
#: What MySQL and MariaDB say of a table that another session is changing.
BEING_CHANGED = 1684
POLL_SECONDS = 0.05
FAMILIES: dict[str, Family] = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
DRIVERS = {"postgresql": "postgresql+psycopg2", "mysql": "mysql+pymysql"}
URL_HINT = "Write it as sqlite:////folder/file, postgresql://user:password@host/database or mysql://user:password@host/database"
ESCAPE_HINT = "Write an @ in its user name or password as %40"
# What SQLite says, and what that means.
SQLITE_ERRORS = (
    ("locked", errors.LockedError, "Others keep writing to it, or one of them hangs"),
    ("full", errors.StorageError, "Make room on that disk"),
    # It says so where there is no room for the files beside the log, too.
    ("disk I/O error", errors.StorageError, "See whether that disk has room and is whole"),
    ("not a database", errors.ValidationError, "Move the file away; the next run makes a new one"),
    ("malformed", errors.ValidationError, "Move the file away; the next run makes a new one"),
)


@dataclass(frozen=True)
class Place:
    """Where an audit log is: a file of SQLite, made with the folders below ``base_path``, or a database on a server."""

    url: Any = field(default=None, repr=False)
    file: Path | None = None
    base_path: Path | None = None

    def __str__(self) -> str:
        return str(self.file) if self.file else f"{self.url.database} on {self.endpoint}"

    @property
    def endpoint(self) -> Endpoint:
        """The server, with the login that is in the URL."""
        family = FAMILIES[self.url.get_backend_name()]
        query = self.url.query
        login = Login(self.url.username or query.get("user") or "", self.password or "")
        port = self.url.port or DEFAULT_PORTS[family]
        return Endpoint(
            family, self.url.host or query.get("host") or "localhost", port, login, query.get("unix_socket")
        )

    @property
    def password(self) -> str | None:
        """The password that is in the URL, which no message may show."""
        if self.file:
            return None
        found = self.url.password or self.url.query.get("password") or self.url.query.get("passwd")
        return None if found is None else str(found)


def locate(config: AuditConfig, base_path: Path, hostname: str) -> Place:
    """Return where the log of a host is. Raise ConfigError when SQLAlchemy is missing or the URL cannot be used."""
    if sqlalchemy is None:
        raise errors.ConfigError("the Python package SQLAlchemy is missing, or older than 2", "Install SQLAlchemy >= 2")
    if config.url is None:
        return Place(file=layout.audit_file(base_path, hostname), base_path=base_path)
    try:
        url = sqlalchemy.make_url(config.url)
    except (ValueError, sqlalchemy.exc.ArgumentError):
        # What they say quotes the URL.
        raise errors.ConfigError("the URL of the audit log is not valid", URL_HINT) from None
    backend = url.get_backend_name()
    if backend == "sqlite" and (url.database or "").startswith("/"):
        return Place(file=Path(url.database or ""))
    if backend not in FAMILIES:
        raise errors.ConfigError("the URL of the audit log is of no kind that can be used", URL_HINT)
    if "@" in f"{url.host}{url.database}":
        # The end of a password that was not escaped, which messages would show.
        raise errors.ConfigError("the URL of the audit log is not valid", ESCAPE_HINT)
    if not url.database:
        raise errors.ConfigError("the URL of the audit log names no database", URL_HINT)
    logbook.hide(url.password or "")
    return Place(url=url.set(drivername=DRIVERS[FAMILIES[backend]]))


def append(place: Place, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows, all or none, to a log that is made or brought up to date if need be; moments are ``datetime``.

    Raise StorageError, ValidationError, LockedError, CredentialsError, ServerConnectionError, NotFoundError,
    PermissionDeniedError or ConfigError when that cannot be done.
    """
    with _translated(place), contextlib.closing(_connect(place, writing=True)) as connection:
        found = _settled_version(connection)
        if found != table.VERSION:
            with connection.begin():
                table.upgrade(connection)
        dialect = connection.dialect.name
        with connection.begin():
            connection.execute(
                table.LOG.insert(),
                [{**row, "timestamp": table.stored(row["timestamp"], dialect)} for row in rows],
            )


def _settled_version(connection: sqlalchemy.Connection) -> int:
    """Return the version of the log; MySQL and MariaDB do not tell while another process brings it up to date."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            with connection.begin():
                return table.version_of(connection)
        except sqlalchemy.exc.DBAPIError as error:
            number = error.orig.args[0] if error.orig is not None and error.orig.args else None
            if number != BEING_CHANGED or time.monotonic() >= deadline:
                raise
            time.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class Log:
    """A log that is open to be read: a connection that changes nothing, and the columns that there are."""

    connection: sqlalchemy.Connection
    columns: set[str]


@contextlib.contextmanager
def reading(place: Place) -> Iterator[Log | None]:
    """Yield the log, or None where there is none yet.

    Raise as append does, inside of the block, too.
    """
    if place.file and not place.file.exists():
        yield None
        return
    with _translated(place), contextlib.closing(_connect(place, writing=False)) as connection, connection.begin():
        columns = table.columns_of(connection)
        yield Log(connection, columns) if columns else None


def _connect(place: Place, writing: bool) -> sqlalchemy.Connection:
    if place.file is None:
        return _server_engine(place).connect()
    if writing:
        _make_file(place.file, place.base_path)
    return _sqlite_engine(place.file, writing).connect()


def _make_file(file: Path, base_path: Path | None) -> None:
    """Make an empty file, which SQLite takes for an empty database, before SQLite makes one that others can read."""
    if base_path is not None:
        storage.make_folder(base_path, file.parent)
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, storage.FILE_MODE)
        ownership.give_to_owner(descriptor, file.parent)
        os.close(descriptor)


def _sqlite_engine(file: Path, writing: bool) -> sqlalchemy.Engine:
    url = sqlalchemy.URL.create(
        "sqlite", database=f"file:{quote(os.fsencode(file))}", query={"mode": "rw", "uri": "true"}
    )
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool, connect_args={"timeout": LOCK_SECONDS})

    @sqlalchemy.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # Or the driver would begin transactions by itself, later than is safe.
        connection.isolation_level = None
        if writing:
            _write_ahead(connection)
        else:
            connection.execute("PRAGMA query_only = ON")

    @sqlalchemy.event.listens_for(engine, "begin")
    def begin(connection: sqlalchemy.Connection) -> None:
        # Who begins by reading and then wants to write does not wait for others, but fails.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _write_ahead(connection: Any) -> None:
    """Let readers and a writer work at once; SQLite itself does not wait for another that switches a new file, too."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
        except Exception as error:
            if "locked" not in str(error) or time.monotonic() >= deadline:
                raise
        else:
            return
        time.sleep(POLL_SECONDS)


def _server_engine(place: Place) -> sqlalchemy.Engine:
    if place.endpoint.family == "postgresql":
        postgresql.require_driver()
        settings = [f"SET lock_timeout = '{LOCK_SECONDS}s'"]
        arguments: dict[str, Any] = {
            "connect_timeout": CONNECT_SECONDS,
            "tcp_user_timeout": ANSWER_SECONDS * 1000,
            "application_name": "vya-backupdb",
        }
    else:
        mysql.require_driver()
        settings = [f"SET SESSION innodb_lock_wait_timeout = {LOCK_SECONDS}, lock_wait_timeout = {LOCK_SECONDS}"]
        arguments = {
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": ANSWER_SECONDS,
            "write_timeout": ANSWER_SECONDS,
            "charset": "utf8mb4",
        }
        if place.password is not None:
            # Text it would encode as Latin-1, unlike the server and every other client.
            arguments["password"] = place.password.encode("utf-8")
    # What the URL says of timeouts and the like comes first.
    own = {name: value for name, value in arguments.items() if name not in place.url.query or name == "password"}
    engine = sqlalchemy.create_engine(place.url, poolclass=sqlalchemy.pool.NullPool, connect_args=own)

    @sqlalchemy.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        with contextlib.closing(connection.cursor()) as cursor:
            for setting in settings:
                cursor.execute(setting)
        connection.commit()

    return engine


@contextlib.contextmanager
def _translated(place: Place) -> Iterator[None]:
    """Turn whatever goes wrong inside the block into an error of ours that shows no secret and no row."""
    try:
        yield
    except errors.BackupDBError:
        raise
    except Exception as error:  # noqa: BLE001 - drivers raise what they like
        raise _meant(place, error) from None


def _meant(place: Place, error: Exception) -> errors.BackupDBError:
    if isinstance(error, sqlalchemy.exc.DBAPIError) and error.orig is not None:
        if place.file is not None:
            return _sqlite_error(place.file, str(error.orig))
        told = _postgresql_error if place.endpoint.family == "postgresql" else _mysql_error
        return told(place.endpoint, error.orig)
    if isinstance(error, OSError):
        return errors.StorageError(f"{place} cannot be opened: {error.strerror}")
    said = " ".join(redact(str(error), [place.password or ""]).split())
    kind = errors.ValidationError if isinstance(error, ValueError) else errors.ConfigError
    return kind(f"{place} cannot be used: {said}")


def _sqlite_error(file: Path, said: str) -> errors.BackupDBError:
    message = f"{file} cannot be used: {said}"
    for words, kind, hint in SQLITE_ERRORS:
        if words in said:
            return kind(message, hint)
    return errors.StorageError(message)


def _postgresql_error(endpoint: Endpoint, error: Any) -> errors.BackupDBError:
    if error.pgcode is None:
        if "invalid dsn" in str(error):
            return errors.ConfigError(f"the URL of the audit log has an {str(error).rpartition(': ')[2].strip()}")
        return postgresql.connection_error(endpoint, str(error))
    if error.pgcode == "55P03":
        return table.locked()
    return postgresql.server_error(endpoint, error)


def _mysql_error(endpoint: Endpoint, error: Any) -> errors.BackupDBError:
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    if number == 1205:
        return table.locked()
    return mysql.server_error(endpoint, number, str(error.args[-1]) if error.args else str(error))
