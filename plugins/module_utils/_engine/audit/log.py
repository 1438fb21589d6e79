# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit log: what was done to which database, when, how long it took and how it went; see docs/audit.md.

Writing never fails what it tells of: whatever is in the way becomes a warning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from .. import errors
from ..models.config import AuditConfig
from ..records import Entry
from . import sessions, summaries, table

#: In characters; what is longer is cut.
LONGEST_NAME = 255
LONGEST_ERROR = 4000
#: In bytes of JSON, which a column of MySQL has room for; what is longer is left out.
LONGEST_DETAILS = 60_000
CUT_MARK = "…"
# In the order in which they are told; an older table may lack the last three.
COLUMNS = (
    *("id", "timestamp", "operation", "status", "database_id", "database_name", "duration_seconds", "size_bytes"),
    *("error_message", "hostname", "database_type", "error_code", "details"),
)


@dataclass(frozen=True)
class Filters:
    """Which entries are wanted; None admits all. ``since`` and ``until`` are inclusive and have their offset.

    ``limit`` is how many are wanted at the most, the newest ones.
    """

    operation: str | None = None
    status: str | None = None
    database_id: str | None = None
    database: str | None = None
    hostname: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise errors.ConfigError(f"limit is {self.limit}, but at least one entry has to be wanted")


def record(config: AuditConfig, entries: Sequence[Entry], *, base_path: Path, hostname: str) -> list[str]:
    """Write one row for each entry; return a sentence without secrets if that could not be done, else nothing.

    ``hostname`` is whose log it is, unless the configuration has a URL. Waits seconds for others, not minutes.
    """
    if not config.enabled or not entries:
        return []
    try:
        sessions.append(sessions.locate(config, base_path, hostname), [_row(entry) for entry in entries])
    except errors.BackupDBError as error:
        what = "one operation" if len(entries) == 1 else f"{len(entries)} operations"
        return [f"{what} could not be recorded in the audit log: {error}"]
    return []


def find(config: AuditConfig, filters: Filters, *, base_path: Path, hostname: str) -> list[dict[str, Any]]:
    """Return the entries that the filters admit, the newest first, as plain data for JSON; none where there is no log.

    Moments are in the local time of this host, with its offset. Nothing is changed. Raise as audit_store.append does.
    """
    return [
        {**row, "timestamp": row["timestamp"].isoformat(), "details": _parsed(row["details"])}
        for row in _read(config, filters, COLUMNS, base_path, hostname)
    ]


def count(config: AuditConfig, filters: Filters, *, base_path: Path, hostname: str) -> int:
    """Return how many entries the filters admit, whatever their ``limit``. Raise as find does."""
    place = sessions.locate(config, base_path, hostname)
    with sessions.reading(place) as log:
        if log is None:
            return 0
        number = table.sqlalchemy.func.count()
        query = table.sqlalchemy.select(number).select_from(table.LOG)
        return int(log.connection.execute(_narrowed(query, filters, log.connection.dialect.name)).scalar_one())


def summarize(
    config: AuditConfig, filters: Filters, period: summaries.Period, *, base_path: Path, hostname: str
) -> list[dict[str, Any]]:
    """Return what the entries that the filters admit come to, whatever their ``limit``; see audit_summary.summarize."""
    everything = Filters(**{**vars(filters), "limit": None})
    return summaries.summarize(_read(config, everything, summaries.COLUMNS, base_path, hostname), period)


def _read(
    config: AuditConfig, filters: Filters, columns: Sequence[str], base_path: Path, hostname: str
) -> list[dict[str, Any]]:
    place = sessions.locate(config, base_path, hostname)
    with sessions.reading(place) as log:
        if log is None:
            return []
        connection = log.connection
        entries = table.LOG.c
        query = table.sqlalchemy.select(*(entries[name] for name in columns if name in log.columns))
        query = _narrowed(query, filters, connection.dialect.name)
        query = query.order_by(entries.timestamp.desc(), entries.id.desc()).limit(filters.limit)
        unknown = dict.fromkeys(columns)
        return [
            {**unknown, **row, "timestamp": table.loaded(row["timestamp"])}
            for row in connection.execute(query).mappings()
        ]


def _narrowed(query: Any, filters: Filters, dialect: str) -> Any:
    columns = table.LOG.c
    wanted = (
        (columns.operation, filters.operation),
        (columns.status, filters.status),
        (columns.database_id, filters.database_id),
        (columns.database_name, filters.database),
        (columns.hostname, filters.hostname),
    )
    query = query.where(*(column == _text(value) for column, value in wanted if value is not None))
    if filters.since is not None:
        query = query.where(columns.timestamp >= table.stored(filters.since, dialect))
    if filters.until is not None:
        query = query.where(columns.timestamp <= table.stored(filters.until, dialect))
    return query


def _row(entry: Entry) -> Mapping[str, Any]:
    return {
        "timestamp": entry.timestamp,
        "operation": entry.operation,
        "status": entry.status,
        "database_id": _text(entry.database_id),
        "database_name": _text(entry.database_name),
        "duration_seconds": entry.duration_seconds,
        "size_bytes": entry.size_bytes,
        "error_message": _text(entry.error_message, LONGEST_ERROR),
        "hostname": _text(entry.hostname),
        "database_type": entry.database_type,
        "error_code": entry.error_code,
        "details": _json(entry.details),
    }


def _text(value: str | None, longest: int = LONGEST_NAME) -> str | None:
    """Return a text as every database takes it: not too long, without NUL, and with nothing that is no character."""
    if value is None:
        return None
    clean = value.encode("utf-8", "replace").decode("utf-8").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return clean if len(clean) <= longest else clean[: longest - len(CUT_MARK)] + CUT_MARK


def _json(details: Mapping[str, Any]) -> str | None:
    if not details:
        return None
    # Only ASCII: what is no character stays readable, and a NUL is escaped.
    text = json.dumps(details, default=str)
    return text if len(text) <= LONGEST_DETAILS else json.dumps({"left_out_bytes": len(text)})


def _parsed(details: str | None) -> Any:
    try:
        return json.loads(details or "{}")
    except ValueError:
        return {"text": details}
