# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server's catalogue says of a database, to be compared beside its dump: every row, owner, grant and state."""

from __future__ import annotations

import contextlib
from typing import Any

from tools.private_servers.base import PrivateServer

Facts = dict[str, Any]

_OWN = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"


def _grants(column: str, owner: str, letter: str) -> str:
    """Return an expression for the grants on something; where none was ever given, for those that go without saying."""
    return f"ARRAY(SELECT unnest(coalesce({column}, acldefault({letter}, {owner})))::text ORDER BY 1)::text"


_RELATION_GRANTS = _grants("c.relacl", "c.relowner", "CASE c.relkind WHEN 'S' THEN 's'::\"char\" ELSE 'r' END")
_COLUMN_GRANTS = _grants("a.attacl", "c.relowner", "'c'")
_ROUTINE_GRANTS = _grants("p.proacl", "p.proowner", "'f'")
_TYPE_GRANTS = _grants("t.typacl", "t.typowner", "'T'")
_SCHEMA_GRANTS = _grants("n.nspacl", "n.nspowner", "'n'")
_DEFAULT_GRANTS = _grants("defaclacl", "defaclrole", "'c'")
_LARGE_OBJECT_GRANTS = _grants("lomacl", "lomowner", "'L'")
_DATABASE_GRANTS = _grants("datacl", "datdba", "'d'")
_POSTGRESQL = {
    "relations": f"""
        SELECT n.nspname, c.relname, c.relkind, pg_get_userbyid(c.relowner), c.relpersistence, c.relispopulated,
            c.relreplident, c.relrowsecurity, c.relforcerowsecurity, c.reloptions::text, {_RELATION_GRANTS}
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_OWN} ORDER BY 1, 2, 3""",
    "columns": f"""
        SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
            a.attgenerated, a.attstorage, a.attcompression, a.attislocal, a.attinhcount, {_COLUMN_GRANTS}
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE {_OWN} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, 2, 3""",
    "routines": f"""
        SELECT p.oid::regprocedure::text, pg_get_userbyid(p.proowner), p.prosecdef, p.proconfig::text, md5(p.prosrc),
            {_ROUTINE_GRANTS}
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {_OWN} ORDER BY 1""",
    "types": f"""
        SELECT n.nspname, t.typname, t.typtype, pg_get_userbyid(t.typowner), {_TYPE_GRANTS}
        FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
        -- A multirange, and arrays, do not follow when pg_dump gives the range to its owner.
        WHERE {_OWN} AND t.typtype <> 'm' AND t.typcategory <> 'A' ORDER BY 1, 2""",
    "schemas": f"""
        SELECT n.nspname, pg_get_userbyid(n.nspowner), {_SCHEMA_GRANTS} FROM pg_namespace n
        WHERE {_OWN} ORDER BY 1""",
    "default privileges": f"""
        SELECT pg_get_userbyid(defaclrole), defaclnamespace::regnamespace::text, defaclobjtype,
            {_DEFAULT_GRANTS} FROM pg_default_acl ORDER BY 1, 2, 3""",
    "triggers": """
        SELECT tgrelid::regclass::text, CASE WHEN tgisinternal THEN '' ELSE tgname END, tgenabled, tgtype, tgdeferrable,
            tginitdeferred FROM pg_trigger ORDER BY 1, 2, 3, 4, 5, 6""",
    "event triggers": """
        SELECT evtname, evtevent, pg_get_userbyid(evtowner), evtfoid::regprocedure::text, evtenabled, evttags::text
        FROM pg_event_trigger ORDER BY 1""",
    "large objects": f"""
        SELECT oid, md5(lo_get(oid)), pg_get_userbyid(lomowner), {_LARGE_OBJECT_GRANTS},
            obj_description(oid, 'pg_largeobject') FROM pg_largeobject_metadata ORDER BY 1""",
    "comments": """
        SELECT a.type, a.identity, d.description FROM pg_description d
        CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) AS a
        WHERE d.objoid >= 16384 ORDER BY 1, 2""",
    "database": f"""
        SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype, datconnlimit,
            shobj_description(oid, 'pg_database'), {_DATABASE_GRANTS},
            (SELECT array_agg(setrole::regrole::text || setconfig::text ORDER BY setrole) FROM pg_db_role_setting
             WHERE setdatabase = d.oid)::text
        FROM pg_database d WHERE datname = current_database()""",
}
_ROWS_OF = f"""
    SELECT c.oid::regclass::text, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {_OWN} AND c.relkind IN ('r', 'm', 'S') AND c.relispopulated ORDER BY 1"""

_INFORMATION = {
    "tables": ("tables", "table_schema", "table_name, table_type, engine, table_collation, table_comment"),
    "columns": (
        "columns",
        "table_schema",
        (
            "table_name, column_name, ordinal_position, column_type, column_default, is_nullable, collation_name,"
            " extra, column_comment, generation_expression"
        ),
    ),
    "indexes": (
        "statistics",
        "table_schema",
        "table_name, index_name, seq_in_index, column_name, sub_part, non_unique, index_type",
    ),
    "partitions": (
        "partitions",
        "table_schema",
        (
            "table_name, partition_name, subpartition_name, partition_method, partition_expression,"
            " partition_description, partition_comment"
        ),
    ),
    "views": (
        "views",
        "table_schema",
        (
            "table_name, view_definition, check_option, is_updatable, definer, security_type, character_set_client,"
            " collation_connection"
        ),
    ),
    "routines": (
        "routines",
        "routine_schema",
        (
            "routine_name, routine_type, dtd_identifier, routine_definition, is_deterministic, sql_data_access,"
            " security_type, sql_mode, routine_comment, definer, character_set_client, collation_connection,"
            " database_collation"
        ),
    ),
    "triggers": (
        "triggers",
        "trigger_schema",
        (
            "trigger_name, event_manipulation, event_object_table, action_order, action_statement, action_timing,"
            " sql_mode, definer, character_set_client, collation_connection, database_collation"
        ),
    ),
    "events": (
        "events",
        "event_schema",
        (
            "event_name, definer, time_zone, event_definition, event_type, execute_at, interval_value, interval_field,"
            " sql_mode, starts, ends, status, on_completion, event_comment, character_set_client, collation_connection,"
            " database_collation"
        ),
    ),
    "checks": ("check_constraints", "constraint_schema", "constraint_name, check_clause"),
    "foreign keys": (
        "referential_constraints",
        "constraint_schema",
        "constraint_name, table_name, referenced_table_name, update_rule, delete_rule, match_option",
    ),
    "database": ("schemata", "schema_name", "default_character_set_name, default_collation_name"),
}
_MYSQL = {
    name: f"SELECT {columns} FROM information_schema.{table} WHERE {schema} = %s ORDER BY 1, 2"
    for name, (table, schema, columns) in _INFORMATION.items()
}


def facts_of(server: PrivateServer, database: str) -> Facts:
    """Return what the catalogue says of a database, the same for two that differ in their names alone."""
    with contextlib.closing(server.connect(database)) as connection, connection.cursor() as cursor:
        return _postgresql_facts(cursor) if server.family == "postgresql" else _mysql_facts(cursor, server, database)


def _postgresql_facts(cursor: Any) -> Facts:
    # With it every name comes with its schema, whatever the database itself sets.
    cursor.execute("SET search_path = ''")
    facts = {name: _rows(cursor, query) for name, query in _POSTGRESQL.items()}
    for relation, kind in _rows(cursor, _ROWS_OF):
        columns = "last_value, is_called" if kind == "S" else "t::text"
        facts[f"rows of {relation}"] = _rows(cursor, f"SELECT {columns} FROM ONLY {relation} AS t ORDER BY 1")
    return facts


def _mysql_facts(cursor: Any, server: PrivateServer, database: str) -> Facts:
    facts: Facts = {}
    for name, query in _MYSQL.items():
        found = _rows(cursor, query, [database])
        facts[name] = sorted((_without_name(row, server.quote(database)) for row in found), key=repr)
    for table, kind, *_rest in facts["tables"]:
        if kind != "VIEW":
            name = server.quote(table)
            columns = ", ".join(server.quote(row[1]) for row in facts["columns"] if row[0] == table)
            facts[f"rows of {name}"] = sorted(_rows(cursor, f"SELECT {columns or '*'} FROM {name}"), key=repr)
    return facts


def _rows(cursor: Any, query: str, params: list[Any] | None = None) -> list[Any]:
    cursor.execute(query, params)
    return list(cursor.fetchall())


def _without_name(row: tuple[Any, ...], quoted: str) -> tuple[Any, ...]:
    return tuple(value.replace(f"{quoted}.", "") if isinstance(value, str) else value for value in row)
