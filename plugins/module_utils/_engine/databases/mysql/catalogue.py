# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is inside a MySQL or MariaDB database: the queries on information_schema.

Only columns that both products have are asked for, unless said otherwise.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable
from typing import Any

from ...models.metadata import DatabaseProperties, SchemaInfoModel, TableInfo
from .. import objects
from ..base import rows_of
from ..objects import SchemaRow
from ..values import Endpoint, Fingerprinted, Inspection, no_table
from . import fingerprint, needs
from .connection import identifier, translated

TABLE_TYPES = "('BASE TABLE', 'SYSTEM VERSIONED')"
# Engines with a consistent view: only of their tables can the rows be counted as they are dumped.
TRANSACTIONAL_ENGINES = ("InnoDB", "RocksDB", "ROCKSDB", "TokuDB")

DATABASES = """
    SELECT s.SCHEMA_NAME, COALESCE(SUM(t.DATA_LENGTH + t.INDEX_LENGTH), 0)
    FROM information_schema.SCHEMATA s LEFT JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = s.SCHEMA_NAME
    GROUP BY s.SCHEMA_NAME ORDER BY s.SCHEMA_NAME
"""
TABLES = f"""
    SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES
    WHERE TABLE_SCHEMA = %s AND TABLE_TYPE IN {TABLE_TYPES} ORDER BY BINARY TABLE_NAME
"""
SIZES = f"""
    SELECT TABLE_NAME, COALESCE(DATA_LENGTH + INDEX_LENGTH, 0) FROM information_schema.TABLES
    WHERE TABLE_SCHEMA = %s AND TABLE_TYPE IN {TABLE_TYPES}
"""
COUNTS = {
    "views_count": "SELECT COUNT(*) FROM information_schema.VIEWS WHERE TABLE_SCHEMA = %s",
    "procedures_count": "SELECT COUNT(*) FROM information_schema.ROUTINES"
    " WHERE ROUTINE_SCHEMA = %s AND ROUTINE_TYPE = 'PROCEDURE'",
    "functions_count": "SELECT COUNT(*) FROM information_schema.ROUTINES"
    " WHERE ROUTINE_SCHEMA = %s AND ROUTINE_TYPE = 'FUNCTION'",
    "triggers_count": "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = %s",
}
# Each gives rows that, after their first two columns, are the same for the same schema in a database of any name. The
# first two are the kind and name of the object; no kind is that of the table, view or sequence of that name.
SCHEMA_ROWS = (
    (
        "SELECT 'table', TABLE_NAME,"
        " 'table', TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_COLLATION, TABLE_COMMENT"
        f" FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_TYPE IN {TABLE_TYPES}"
    ),
    (
        "SELECT NULL, TABLE_NAME,"
        " 'column', TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA,"
        " COLLATION_NAME, GENERATION_EXPRESSION, COLUMN_COMMENT FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s"
    ),
    (
        "SELECT NULL, TABLE_NAME,"
        " 'index', TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, SUB_PART, NON_UNIQUE, INDEX_TYPE"
        " FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = %s"
    ),
    (
        "SELECT NULL, TABLE_NAME,"
        " 'foreign key', TABLE_NAME, CONSTRAINT_NAME, REFERENCED_TABLE_NAME, UPDATE_RULE, DELETE_RULE"
        " FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = %s"
    ),
    (
        "SELECT 'view', TABLE_NAME,"
        " 'view', TABLE_NAME, VIEW_DEFINITION, CHECK_OPTION, DEFINER, SECURITY_TYPE"
        " FROM information_schema.VIEWS WHERE TABLE_SCHEMA = %s"
    ),
    (
        "SELECT ROUTINE_TYPE, ROUTINE_NAME,"
        " 'routine', ROUTINE_NAME, ROUTINE_TYPE, DTD_IDENTIFIER, ROUTINE_DEFINITION, SQL_DATA_ACCESS,"
        " SECURITY_TYPE, SQL_MODE, DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = %s"
    ),
    (
        "SELECT ROUTINE_TYPE, SPECIFIC_NAME,"
        " 'parameter', SPECIFIC_NAME, ORDINAL_POSITION, PARAMETER_MODE, PARAMETER_NAME, DTD_IDENTIFIER"
        " FROM information_schema.PARAMETERS WHERE SPECIFIC_SCHEMA = %s"
    ),
    (
        "SELECT 'trigger', CONCAT(EVENT_OBJECT_TABLE, '.', TRIGGER_NAME),"
        " 'trigger', TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER,"
        " ACTION_STATEMENT, SQL_MODE, DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = %s"
    ),
    # An event whose time is over when it is restored is dropped or disabled at once.
    (
        "SELECT 'event', EVENT_NAME,"
        " 'event', EVENT_NAME, EVENT_TYPE, INTERVAL_VALUE, INTERVAL_FIELD, EVENT_DEFINITION, DEFINER"
        " FROM information_schema.EVENTS WHERE EVENT_SCHEMA = %s AND EVENT_TYPE = 'RECURRING' AND ENDS IS NULL"
    ),
)
TABLES_WITH_PAST = """
    SELECT TABLE_NAME FROM information_schema.TABLES
    WHERE TABLE_SCHEMA = %s AND TABLE_TYPE = 'SYSTEM VERSIONED' ORDER BY 1
"""
PAST_BY_TRANSACTION = """
    SELECT TABLE_NAME FROM information_schema.COLUMNS
    WHERE TABLE_SCHEMA = %s AND GENERATION_EXPRESSION = 'ROW START' AND DATA_TYPE = 'bigint' ORDER BY 1
"""
SEQUENCE_DEFAULTS = """
    SELECT 1 FROM information_schema.COLUMNS
    WHERE TABLE_SCHEMA = %s AND (COLUMN_DEFAULT LIKE 'nextval(%%' OR COLUMN_DEFAULT LIKE 'lastval(%%') LIMIT 1
"""
PROPERTIES = (
    "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s"
)
# MariaDB alone, since 10.5.
COMMENT = "SELECT SCHEMA_COMMENT FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s"
HAS_COMMENT = (
    "SELECT 1 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'information_schema'"
    " AND TABLE_NAME = 'SCHEMATA' AND COLUMN_NAME = 'SCHEMA_COMMENT'"
)


def tables_with_past(cursor: Any, database: str) -> tuple[list[str], list[str]]:
    """Return the tables that keep their past rows, and those of them that keep them by transaction numbers.

    As soon as there is one of the latter, the dump program refuses to write the past of any. MySQL has neither.
    """
    return (
        [name for (name,) in rows_of(cursor, TABLES_WITH_PAST, [database])],
        [name for (name,) in rows_of(cursor, PAST_BY_TRANSACTION, [database])],
    )


def has_sequence_defaults(cursor: Any, database: str) -> bool:
    """Say whether a column of the database takes its default from a sequence; MySQL has none."""
    return bool(rows_of(cursor, SEQUENCE_DEFAULTS, [database]))


def find_tables(cursor: Any, database: str, patterns: Iterable[str]) -> list[str]:
    """Return the tables that a pattern names: ``table`` or ``database.table``, as fnmatch does."""
    wanted = list(patterns)
    return [
        table
        for table, dummy in (rows_of(cursor, TABLES, [database]) if wanted else [])
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in wanted for name in (table, f"{database}.{table}"))
    ]


def inspect(
    endpoint: Endpoint,
    cursor: Any,
    database: str,
    *,
    source: str | None = None,
    excluded: Iterable[str] = (),
    counts_exact: bool = True,
    fingerprinted: Fingerprinted = no_table,
) -> Inspection:
    """Inspect a database in the cursor's transaction.

    ``source`` is the name that it had where it was dumped: its definitions may still have that in them.
    ``counts_exact`` says whether that transaction sees what the dump sees; without it nothing is fingerprinted.
    """
    left_out = set(excluded)
    tables = [(name, engine) for name, engine in rows_of(cursor, TABLES, [database]) if name not in left_out]
    counts = {name: int(rows_of(cursor, query, [database])[0][0]) for name, query in COUNTS.items()}
    rows = _schema_rows(cursor, database, left_out, source)
    return Inspection(
        schema=SchemaInfoModel(tables_count=len(tables), schema_hash=objects.schema_hash(rows), **counts),
        tables=_read_tables(
            endpoint,
            cursor,
            database,
            {name: counts_exact and engine in TRANSACTIONAL_ENGINES for name, engine in tables},
            fingerprinted,
        ),
        properties=read_properties(cursor, database),
        accounts=needs.definers(cursor, database),
        collations=needs.collations(cursor, database),
        database_size_bytes=_size(cursor, database, left_out),
        objects=objects.describe(rows),
    )


def _size(cursor: Any, database: str, left_out: set[str]) -> int:
    return sum(int(size) for name, size in rows_of(cursor, SIZES, [database]) if name not in left_out)


def _read_tables(
    endpoint: Endpoint, cursor: Any, database: str, exactness: dict[str, bool], fingerprinted: Fingerprinted
) -> list[TableInfo]:
    columns = fingerprint.find_columns(cursor, database)
    tables = []
    for table, exact in exactness.items():
        name = f"{identifier(database)}.{identifier(table)}"
        taken: str | None = None
        with translated(endpoint, f"reading {database}.{table}"):
            # Going back to the savepoint gives up the metadata lock, which would hold up ALTER TABLE and all after it.
            cursor.execute("SAVEPOINT before_table")
            if exact and fingerprinted((None, table)):
                rows, taken = fingerprint.take(cursor, name, columns.get(table, []))
            else:
                rows = int(rows_of(cursor, f"SELECT COUNT(*) FROM {name}")[0][0])
            cursor.execute("ROLLBACK TO SAVEPOINT before_table")
        tables.append(TableInfo(schema_name=None, name=table, rows=rows, exact=exact, fingerprint=taken))
    return tables


def _schema_rows(cursor: Any, database: str, left_out: set[str], source: str | None) -> list[SchemaRow]:
    own_names = [f"{identifier(name)}." for name in dict.fromkeys((database, source or database))]
    rows = [
        (kind, name, [_without(own_names, value) for value in row])
        for query in SCHEMA_ROWS
        for kind, name, *row in rows_of(cursor, query, [database])
        if row[1] not in left_out
    ]
    # These share one space of names, with the sequences, whose columns are listed too.
    relations = {name: kind for kind, name, row in rows if kind in ("table", "view")}
    return [
        SchemaRow((kind or relations.get(name, "sequence")).lower(), None, name, json.dumps(row, default=str))
        for kind, name, row in rows
    ]


def _without(names: Iterable[str], value: Any) -> Any:
    """Take names, each with its dot, out of a value that is text."""
    if isinstance(value, str):
        for name in names:
            value = value.replace(name, "")
    return value


def read_properties(cursor: Any, database: str) -> DatabaseProperties:
    """Return what belongs to the database itself and is in no dump that is made without --databases."""
    encoding, collation = rows_of(cursor, PROPERTIES, [database])[0]
    comment = None
    if rows_of(cursor, HAS_COMMENT):
        comment = rows_of(cursor, COMMENT, [database])[0][0] or None
    return DatabaseProperties(encoding=encoding, locale=collation, comment=comment)
