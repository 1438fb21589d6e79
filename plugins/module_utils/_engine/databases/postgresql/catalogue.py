# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is inside a PostgreSQL database: the queries on its catalogue.

Objects that belong to an extension are left out throughout: a dump holds ``CREATE EXTENSION`` instead.
The session's search_path must be empty, so that every definition comes with its schema.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Sequence
from typing import Any

from ...models.metadata import (
    DatabaseGrant,
    DatabaseProperties,
    DatabaseSetting,
    ExtensionInfo,
    SchemaInfoModel,
    TableInfo,
)
from .. import objects
from ..base import rows_of
from ..objects import SchemaRow
from ..values import Endpoint, Fingerprinted, Inspection, no_table
from . import fingerprint, large_objects, marks, needs
from .connection import identifier, translated
from .settled import settled

_OWN_SCHEMAS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_NOT_OF_EXTENSION = (
    "NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d"
    " WHERE d.classid = '{catalog}'::pg_catalog.regclass AND d.objid = {object}.oid AND d.deptype = 'e')"
)
_OWN_RELATION = f"{_OWN_SCHEMAS} AND {_NOT_OF_EXTENSION.format(catalog='pg_catalog.pg_class', object='c')}"
_OWN_ROUTINE = f"{_OWN_SCHEMAS} AND {_NOT_OF_EXTENSION.format(catalog='pg_catalog.pg_proc', object='p')}"
_OWN_TYPE = f"{_OWN_SCHEMAS} AND {_NOT_OF_EXTENSION.format(catalog='pg_catalog.pg_type', object='t')}"
_FROM_RELATIONS = "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
_FROM_ROUTINES = "FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"

DATABASES = """
    SELECT datname, CASE WHEN pg_catalog.has_database_privilege(oid, 'CONNECT')
        THEN pg_catalog.pg_database_size(oid) ELSE 0 END
    FROM pg_catalog.pg_database WHERE datallowconn ORDER BY datname
"""
SESSIONS = """
    SELECT usename, coalesce(nullif(application_name, ''), 'no application name') FROM pg_catalog.pg_stat_activity
    WHERE datname = %s AND pid <> pg_catalog.pg_backend_pid() ORDER BY 1, 2
"""
TABLES_COUNT = f"SELECT count(*) {_FROM_RELATIONS} WHERE c.relkind IN ('r', 'p') AND {_OWN_RELATION}"
STORED_TABLES = f"SELECT n.nspname, c.relname {_FROM_RELATIONS} WHERE c.relkind = 'r' AND {_OWN_RELATION} ORDER BY 1, 2"
DUMPED_COLUMNS = f"""
    SELECT n.nspname, c.relname, a.attname {_FROM_RELATIONS} JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND {_OWN_RELATION}
"""
# What is read of a table to dump it: its rows and what of them is stored apart, no indexes.
TABLE_SIZES = f"""
    SELECT n.nspname, c.relname, pg_catalog.pg_table_size(c.oid) {_FROM_RELATIONS}
    WHERE c.relkind = 'r' AND {_OWN_RELATION} ORDER BY 1, 2
"""
LARGE_OBJECTS_SIZE = "SELECT pg_catalog.pg_table_size('pg_catalog.pg_largeobject'::pg_catalog.regclass)"
ALL_TABLES = (
    f"SELECT n.nspname, c.relname {_FROM_RELATIONS} WHERE c.relkind IN ('r', 'p') AND {_OWN_RELATION} ORDER BY 1, 2"
)
UNREADABLE_TABLES = f"""
    SELECT n.nspname, c.relname {_FROM_RELATIONS}
    WHERE c.relkind IN ('r', 'p', 'S') AND {_OWN_RELATION}
      AND NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT'))
    ORDER BY 1, 2
"""
# Those that come with a type: a range has three more of them since PostgreSQL 14.
_NOT_OF_TYPE = (
    "NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d"
    " WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'i')"
)
# A trigger of a partitioned table is cloned to each partition: only the original is the user's (PostgreSQL 13 on).
COUNTS = {
    "tables_count": TABLES_COUNT,
    "views_count": f"SELECT count(*) {_FROM_RELATIONS} WHERE c.relkind IN ('v', 'm') AND {_OWN_RELATION}",
    "procedures_count": f"SELECT count(*) {_FROM_ROUTINES} WHERE p.prokind = 'p' AND {_OWN_ROUTINE}",
    "functions_count": f"SELECT count(*) {_FROM_ROUTINES} WHERE p.prokind <> 'p' AND {_NOT_OF_TYPE} AND {_OWN_ROUTINE}",
    "triggers_count": f"""
        SELECT count(*) {_FROM_RELATIONS} JOIN pg_catalog.pg_trigger g ON g.tgrelid = c.oid
        WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND {_OWN_RELATION}""",
}
_RELATION = """CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
            WHEN 'f' THEN 'foreign table' ELSE 'table' END, c.relname"""
_ROUTINE = """CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
            pg_catalog.concat(p.proname, '(', pg_catalog.oidvectortypes(p.proargtypes), ')')"""
# Each gives rows of text that, after their first two columns, are once settled the same for the same schema on any
# server of a major version. Left out is what a dump does not bring back: the order of inherited columns among others,
# and indexes that are not valid. The first two are the kind and name of the object, whose schema is the fourth.
SCHEMA_ROWS = (
    f"""SELECT {_RELATION},
            'relation', n.nspname, c.relname, c.relkind::text, pg_catalog.pg_get_userbyid(c.relowner)
        {_FROM_RELATIONS} WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND {_OWN_RELATION}""",
    f"""SELECT {_RELATION},
            'column', n.nspname, c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
            a.attnotnull::text, a.attidentity::text, a.attgenerated::text,
            pg_catalog.pg_get_expr(x.adbin, x.adrelid),
            CASE WHEN c.relispartition OR NOT EXISTS (SELECT 1 FROM pg_catalog.pg_inherits h WHERE h.inhrelid = c.oid)
                THEN (row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum))::text END
        {_FROM_RELATIONS} JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
        LEFT JOIN pg_catalog.pg_attrdef x ON x.adrelid = c.oid AND x.adnum = a.attnum
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped AND {_OWN_RELATION}""",
    f"""SELECT {_RELATION},
            'constraint', n.nspname, c.relname, k.conname, pg_catalog.pg_get_constraintdef(k.oid)
        {_FROM_RELATIONS} JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid WHERE {_OWN_RELATION}""",
    f"""SELECT {_RELATION},
            'index', n.nspname, c.relname, pg_catalog.pg_get_indexdef(i.indexrelid)
        {_FROM_RELATIONS} JOIN pg_catalog.pg_index i ON i.indrelid = c.oid
        WHERE (c.relkind = 'p' OR c.relkind IN ('r', 'm') AND i.indisvalid) AND {_OWN_RELATION}""",
    f"""SELECT {_RELATION},
            'view', n.nspname, c.relname, pg_catalog.pg_get_viewdef(c.oid)
        {_FROM_RELATIONS} WHERE c.relkind IN ('v', 'm') AND {_OWN_RELATION}""",
    f"""SELECT 'trigger', pg_catalog.concat(c.relname, '.', g.tgname),
            'trigger', n.nspname, c.relname, pg_catalog.pg_get_triggerdef(g.oid)
        {_FROM_RELATIONS} JOIN pg_catalog.pg_trigger g ON g.tgrelid = c.oid
        WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND {_OWN_RELATION}""",
    f"""SELECT {_ROUTINE},
            'routine', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid),
            p.prokind::text, pg_catalog.md5(coalesce(p.prosrc, '')), pg_catalog.pg_get_userbyid(p.proowner)
        {_FROM_ROUTINES} WHERE {_OWN_ROUTINE}""",
    f"""SELECT CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END, t.typname,
            'type', n.nspname, t.typname, t.typtype::text, pg_catalog.format_type(t.typbasetype, t.typtypmod),
            (SELECT pg_catalog.string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)
             FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid)
        FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
        WHERE t.typtype IN ('e', 'd', 'r') AND {_OWN_TYPE}""",
    f"""SELECT {_RELATION},
            'policy', n.nspname, c.relname, y.polname, y.polcmd::text,
            pg_catalog.pg_get_expr(y.polqual, y.polrelid), pg_catalog.pg_get_expr(y.polwithcheck, y.polrelid)
        {_FROM_RELATIONS} JOIN pg_catalog.pg_policy y ON y.polrelid = c.oid WHERE {_OWN_RELATION}""",
)
# A sequence that begins anew has no bound. The table that it belongs to comes last.
SEQUENCES = f"""
    SELECT n.nspname, c.relname, s.seqincrement, own.nspname, t.relname {_FROM_RELATIONS}
    JOIN pg_catalog.pg_sequence s ON s.seqrelid = c.oid
    LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i')
    LEFT JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
    LEFT JOIN pg_catalog.pg_namespace own ON own.oid = t.relnamespace
    WHERE NOT s.seqcycle AND {_OWN_RELATION} ORDER BY 1, 2
"""
INVALID = f"""
    SELECT pg_catalog.format('index %I.%I', n.nspname, c.relname) {_FROM_RELATIONS}
    JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid WHERE NOT i.indisvalid AND {_OWN_RELATION}
    UNION ALL SELECT pg_catalog.format('constraint %I of %I.%I', k.conname, n.nspname, c.relname) {_FROM_RELATIONS}
    JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid WHERE NOT k.convalidated AND {_OWN_RELATION}
    UNION ALL SELECT pg_catalog.format('constraint %I of %I.%I', k.conname, n.nspname, t.typname)
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    JOIN pg_catalog.pg_constraint k ON k.contypid = t.oid WHERE NOT k.convalidated AND {_OWN_TYPE} ORDER BY 1
"""
SIZE = "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())"
TABLE_SIZE = "SELECT pg_catalog.pg_total_relation_size(%s::pg_catalog.regclass)"
EXTENSIONS = """
    SELECT e.extname, e.extversion, n.nspname FROM pg_catalog.pg_extension e
    JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname <> 'plpgsql' ORDER BY 1
"""
# As JSON, since the columns differ between versions: daticulocale was new in 15 and became datlocale in 17.
DATABASE_ROW = """
    SELECT pg_catalog.to_jsonb(d), pg_catalog.pg_encoding_to_char(d.encoding), pg_catalog.pg_get_userbyid(d.datdba),
        pg_catalog.shobj_description(d.oid, 'pg_database')
    FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
"""
DATABASE_SETTINGS = """
    SELECT r.rolname, s.setting FROM pg_catalog.pg_db_role_setting c
    CROSS JOIN LATERAL pg_catalog.unnest(c.setconfig) WITH ORDINALITY AS s(setting, place)
    LEFT JOIN pg_catalog.pg_roles r ON r.oid = c.setrole
    WHERE c.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
    ORDER BY r.rolname NULLS FIRST, s.place
"""
DATABASE_GRANTS = """
    SELECT pg_catalog.pg_get_userbyid(a.grantor), CASE WHEN a.grantee = 0 THEN NULL
        ELSE pg_catalog.pg_get_userbyid(a.grantee) END, a.privilege_type, a.is_grantable
    FROM pg_catalog.pg_database d CROSS JOIN LATERAL pg_catalog.aclexplode(d.datacl) a
    WHERE d.datname = pg_catalog.current_database() ORDER BY 2 NULLS FIRST, 3, 1
"""


def inspect(
    endpoint: Endpoint,
    connection: Any,
    *,
    excluded: Sequence[tuple[str, str]] = (),
    fingerprinted: Fingerprinted = no_table,
) -> Inspection:
    """Inspect the database of a session, whose transaction gives the consistent view."""
    with connection.cursor() as cursor:
        counts = {name: int(rows_of(cursor, query)[0][0]) for name, query in COUNTS.items()}
        counts["tables_count"] -= len(excluded)
        rows = _schema_rows(cursor, set(excluded))
        schema = SchemaInfoModel(**counts, schema_hash=objects.schema_hash(rows))
        properties = read_properties(cursor)
        needed = needs.read(cursor, properties)
        return Inspection(
            schema=schema,
            tables=_read_tables(endpoint, cursor, set(excluded), fingerprinted),
            properties=properties,
            extensions=[
                ExtensionInfo(name=name, version=version, schema_name=schema_name)
                for name, version, schema_name in rows_of(cursor, EXTENSIONS)
            ],
            accounts=needed.accounts,
            owners=needed.owners,
            collations=needed.collations,
            tablespaces=needed.tablespaces,
            invalid=[row[0] for row in rows_of(cursor, INVALID)],
            database_size_bytes=_size(cursor, excluded),
            large_objects=large_objects.read(cursor, fingerprinted),
            objects=objects.describe(rows),
        )


def _schema_rows(cursor: Any, excluded: set[tuple[str, str]]) -> list[SchemaRow]:
    return [
        SchemaRow(kind, row[1], name, json.dumps([value and settled(value) for value in row]))
        for query in SCHEMA_ROWS
        for kind, name, *row in rows_of(cursor, query)
        if (row[1], row[2]) not in excluded
    ]


def _size(cursor: Any, excluded: Sequence[tuple[str, str]]) -> int:
    names = [f"{identifier(schema)}.{identifier(table)}" for schema, table in excluded]
    left_out = sum(rows_of(cursor, TABLE_SIZE, [name])[0][0] for name in names)
    return max(int(rows_of(cursor, SIZE)[0][0]) - int(left_out), 0)


def _read_tables(
    endpoint: Endpoint, cursor: Any, excluded: set[tuple[str, str]], fingerprinted: Fingerprinted
) -> list[TableInfo]:
    columns: dict[tuple[str, str], list[str]] = {}
    for schema, table, column in rows_of(cursor, DUMPED_COLUMNS):
        columns.setdefault((schema, table), []).append(column)
    tables = []
    for schema, table in rows_of(cursor, STORED_TABLES):
        if (schema, table) in excluded:
            continue
        name = f"{identifier(schema)}.{identifier(table)}"
        taken: str | None = None
        with translated(endpoint, f"reading {schema}.{table}"):
            if fingerprinted((schema, table)):
                rows, taken = fingerprint.take(cursor, name, columns.get((schema, table), []))
            else:
                rows = rows_of(cursor, f"SELECT pg_catalog.count(*) FROM ONLY {name}")[0][0]
        tables.append(TableInfo(schema_name=schema, name=table, rows=rows, fingerprint=taken))
    return tables


def read_properties(cursor: Any) -> DatabaseProperties:
    """Return what belongs to the database itself and is in no dump that is made without --create."""
    row, encoding, owner, comment = rows_of(cursor, DATABASE_ROW)[0]
    settings = [
        DatabaseSetting(role=role, name=name, value=value)
        for role, setting in rows_of(cursor, DATABASE_SETTINGS)
        for name, value in (setting.split("=", 1),)
    ]
    grants = [
        DatabaseGrant(grantor=grantor, grantee=grantee, privilege=privilege, grantable=grantable)
        for grantor, grantee, privilege, grantable in rows_of(cursor, DATABASE_GRANTS)
    ]
    return DatabaseProperties(
        encoding=encoding,
        locale=row["datcollate"],
        character_type=row["datctype"],
        locale_provider={"c": "libc", "i": "icu", "b": "builtin"}.get(row.get("datlocprovider", "c")),
        icu_locale=row.get("datlocale") or row.get("daticulocale"),
        icu_rules=row.get("daticurules"),
        owner=owner,
        connection_limit=row["datconnlimit"],
        comment=marks.without_mark(comment),
        settings=settings,
        grants=None if row["datacl"] is None else grants,
    )


def find_tables(cursor: Any, patterns: Iterable[str]) -> list[tuple[str, str]]:
    """Return schema and name of the tables that a pattern names: ``table`` or ``schema.table``, as fnmatch does."""
    wanted = list(patterns)
    return [
        (schema, table)
        for schema, table in (rows_of(cursor, ALL_TABLES) if wanted else [])
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in wanted for name in (table, f"{schema}.{table}"))
    ]
