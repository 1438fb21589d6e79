# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of the audit log, and how it is made and brought up to date; the one import of SQLAlchemy.

Version 1 of the table had neither ``error_code`` nor ``database_type`` nor ``details``. A table without a version is
one of version 1. Whatever a table lacks is added to it, so that a new table and an old one come out the same.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from .. import errors

try:
    import sqlalchemy

    # Releases before 2 have no Double.
    from sqlalchemy import BigInteger, Column, DateTime, Double, Index, Integer, MetaData, String, Table, Text
    from sqlalchemy.dialects.mysql import DATETIME
    from sqlalchemy.schema import CreateColumn
except ImportError:
    sqlalchemy = None  # type: ignore[assignment]
else:
    _OPTIONS: dict[str, Any] = {
        "mysql_engine": "InnoDB",
        "mysql_charset": "utf8mb4",
        # Others take names that differ in their case alone, or in an emoji, for the same.
        "mysql_collate": "utf8mb4_bin",
    }
    _METADATA = MetaData()
    LOG = Table(
        "audit_logs",
        _METADATA,
        # SQLite counts by itself in an INTEGER alone.
        Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
        Column(
            "timestamp",
            DateTime(timezone=True).with_variant(DATETIME(fsp=6), "mysql").with_variant(String(32), "sqlite"),
            nullable=False,
        ),
        Column("operation", String(20), nullable=False),
        Column("database_id", String(255), nullable=False),
        Column("database_name", String(255)),
        Column("status", String(20), nullable=False),
        Column("duration_seconds", Double(), nullable=False),
        Column("size_bytes", BigInteger()),
        Column("error_message", Text()),
        Column("hostname", String(255), nullable=False),
        Column("error_code", String(50)),
        Column("database_type", String(20)),
        Column("details", Text()),
        **_OPTIONS,
    )
    # The keys of an index may be short: 767 bytes in old tables of InnoDB, 4 of them for a character.
    Index("ix_audit_logs_timestamp", LOG.c.timestamp)
    Index("ix_audit_logs_status", LOG.c.status, LOG.c.timestamp)
    Index("ix_audit_logs_hostname", LOG.c.hostname, LOG.c.timestamp, mysql_length={"hostname": 64})
    Index(
        "ix_audit_logs_database",
        LOG.c.database_id,
        LOG.c.database_name,
        LOG.c.timestamp,
        mysql_length={"database_id": 64, "database_name": 64},
    )
    _VERSIONS = Table(
        "audit_logs_version", _METADATA, Column("version", Integer(), primary_key=True, autoincrement=False), **_OPTIONS
    )

__all__ = [
    "LOCK_SECONDS",
    "LOG",
    "VERSION",
    "columns_of",
    "loaded",
    "locked",
    "sqlalchemy",
    "stored",
    "upgrade",
    "version_of",
]

VERSION = 2
LOCK_SECONDS = 10
# Any number and name that others do not use.
_LOCK_NUMBER = 7_262_518_140_253_811
_LOCK_NAME = "vya-backupdb audit_logs"


def stored(moment: datetime, dialect: str) -> Any:
    """Given a moment with its offset, return it as a database of the dialect keeps it: in UTC.

    SQLite has no type for it; the text is as long for every moment, so that it sorts as the moments do.
    """
    in_utc = moment.astimezone(timezone.utc)
    if dialect == "sqlite":
        return in_utc.isoformat(timespec="microseconds")
    return in_utc.replace(tzinfo=None) if dialect == "mysql" else in_utc


def loaded(value: Any) -> datetime:
    """Given what a database kept of a moment, return it, in the local time of this host with its offset."""
    moment: datetime = datetime.fromisoformat(value) if isinstance(value, str) else value
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).astimezone()


def columns_of(connection: sqlalchemy.Connection) -> set[str]:
    """Return the columns that the table has now; none where there is no table."""
    return (
        {column["name"] for column in _described(connection).get_columns(LOG.name)} if _has(connection, LOG) else set()
    )


def version_of(connection: sqlalchemy.Connection) -> int:
    """Return the version of the table that is there; 0 where there is none."""
    if _has(connection, _VERSIONS):
        noted = connection.execute(sqlalchemy.select(sqlalchemy.func.max(_VERSIONS.c.version))).scalar()
        if noted is not None:
            return int(noted)
    return 1 if _has(connection, LOG) else 0


def upgrade(connection: sqlalchemy.Connection) -> None:
    """Make the table, or bring it up to date, in the transaction of the connection; whoever comes second waits.

    Raise ValidationError when it is of a newer version or not ours, LockedError when somebody else takes too long.
    """
    _wait_for_others(connection)
    found = version_of(connection)
    if found > VERSION:
        raise errors.ValidationError(
            f"the table {LOG.name} has version {found}, and this release knows {VERSION}", "Update the collection here"
        )
    if found == VERSION:
        return
    _METADATA.create_all(connection)
    _add_what_is_missing(connection)
    connection.execute(_VERSIONS.delete())
    connection.execute(_VERSIONS.insert().values(version=VERSION))


def _add_what_is_missing(connection: sqlalchemy.Connection) -> None:
    present = columns_of(connection)
    for column in LOG.columns:
        if column.name in present:
            continue
        if not column.nullable:
            raise errors.ValidationError(
                f"the table {LOG.name} has no column {column.name}, so it is somebody else's",
                "Give the audit log a database of its own",
            )
        definition = CreateColumn(column).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {LOG.name} ADD COLUMN {definition}")
    indexed = {index["name"] for index in _described(connection).get_indexes(LOG.name)}
    for index in sorted(LOG.indexes, key=lambda index: str(index.name)):
        if index.name not in indexed:
            index.create(connection)


def _wait_for_others(connection: sqlalchemy.Connection) -> None:
    """Keep others from changing the table until the transaction ends; on MySQL, until the session does.

    On SQLite the transaction has locked the file already.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_xact_lock(_LOCK_NUMBER)))
    elif connection.dialect.name == "mysql":
        got = connection.execute(sqlalchemy.select(sqlalchemy.func.get_lock(_LOCK_NAME, LOCK_SECONDS))).scalar()
        if got != 1:
            raise locked()


def locked() -> errors.LockedError:
    """Return the error that others have not let us at the table."""
    return errors.LockedError(
        f"others have had the table {LOG.name} of the audit log locked for {LOCK_SECONDS} seconds"
    )


def _has(connection: sqlalchemy.Connection, table: Table) -> bool:
    return bool(_described(connection).has_table(table.name))


def _described(connection: sqlalchemy.Connection) -> Any:
    # One of its own for each question: it remembers what it was told.
    return sqlalchemy.inspect(connection)
