# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the dump of a PostgreSQL database takes for granted on a server: accounts, collations, tablespaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...models.metadata import DatabaseProperties
from ..base import rows_of

# Owners, grantees, those whom a policy concerns. Of what belongs to an extension the owner is not dumped.
ROLES = """
    SELECT pg_catalog.pg_get_userbyid(s.refobjid), bool_or(s.deptype = 'o') FROM pg_catalog.pg_shdepend s
    WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND s.deptype IN ('o', 'a', 'r')
      AND s.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
      AND s.classid <> 'pg_catalog.pg_extension'::pg_catalog.regclass
      AND NOT (s.deptype = 'o' AND EXISTS (
          SELECT 1 FROM pg_catalog.pg_depend d
          WHERE d.classid = s.classid AND d.objid = s.objid AND d.objsubid = 0 AND d.deptype = 'e'))
      AND NOT EXISTS (
          SELECT 1 FROM pg_catalog.pg_class c
          WHERE s.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = s.objid AND c.relpersistence = 't')
    GROUP BY 1 ORDER BY 1
"""
BOOTSTRAP_OID = 10
FIRST_OWN_OID = 16384
# The server does not record what depends on its bootstrap superuser. By catalogue: the owner, and the privileges.
OWNED = (
    ("pg_class", "relowner", "relacl"),
    ("pg_proc", "proowner", "proacl"),
    ("pg_type", "typowner", "typacl"),
    ("pg_namespace", "nspowner", "nspacl"),
    ("pg_operator", "oprowner", None),
    ("pg_opclass", "opcowner", None),
    ("pg_opfamily", "opfowner", None),
    ("pg_conversion", "conowner", None),
    ("pg_collation", "collowner", None),
    ("pg_language", "lanowner", "lanacl"),
    ("pg_foreign_data_wrapper", "fdwowner", "fdwacl"),
    ("pg_foreign_server", "srvowner", "srvacl"),
    ("pg_largeobject_metadata", "lomowner", "lomacl"),
    ("pg_event_trigger", "evtowner", None),
    ("pg_publication", "pubowner", None),
    ("pg_ts_dict", "dictowner", None),
    ("pg_ts_config", "cfgowner", None),
    ("pg_statistic_ext", "stxowner", None),
    ("pg_default_acl", "defaclrole", "defaclacl"),
)
# What is in a schema of the server, and there are temporary ones, is not dumped.
NAMESPACES = {"pg_class": "relnamespace", "pg_type": "typnamespace", "pg_proc": "pronamespace", "pg_namespace": "oid"}
_OWN_NAMESPACE = "x.{column} NOT IN (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname ~ '^pg_')"
# Those of the server itself: one that the database has of its own is in the dump.
COLLATIONS = """
    SELECT DISTINCT l.collname FROM pg_catalog.pg_collation l
    WHERE l.collnamespace = 'pg_catalog'::pg_catalog.regnamespace AND l.collname <> 'default' AND l.oid IN (
        SELECT a.attcollation FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE NOT a.attisdropped AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        UNION SELECT t.typcollation FROM pg_catalog.pg_type t WHERE t.typtype = 'd' AND t.oid >= 16384)
    ORDER BY 1
"""
TABLESPACES = """
    SELECT DISTINCT s.spcname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_tablespace s ON s.oid = c.reltablespace
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1
"""


@dataclass(frozen=True)
class Needs:
    """See RestoreInfo."""

    accounts: list[str]
    owners: list[str]
    collations: list[str]
    tablespaces: list[str]


def read(cursor: Any, properties: DatabaseProperties) -> Needs:
    """Return what the database of a session, and what belongs to the database itself, need."""
    roles = dict(rows_of(cursor, ROLES))
    bootstrap, owns, named = rows_of(cursor, _bootstrap_query())[0]
    if owns or named:
        roles[bootstrap] = owns
    of_itself = {properties.owner, *(setting.role for setting in properties.settings)}
    of_itself |= {grant.grantee for grant in properties.grants or ()}
    return Needs(
        accounts=sorted({*roles, *(role for role in of_itself if role is not None)}),
        owners=sorted(role for role, is_owner in roles.items() if is_owner),
        collations=[row[0] for row in rows_of(cursor, COLLATIONS)],
        tablespaces=[row[0] for row in rows_of(cursor, TABLESPACES)],
    )


def _bootstrap_query() -> str:
    owners, grantees = [], []
    for catalogue, owner, privileges in OWNED:
        rows = f"SELECT 1 FROM pg_catalog.{catalogue} x WHERE (x.oid >= {FIRST_OWN_OID}"
        # Who makes a large object may choose its number.
        rows += f" OR '{catalogue}' = 'pg_largeobject_metadata')"
        if catalogue in NAMESPACES:
            rows += f" AND {_OWN_NAMESPACE.format(column=NAMESPACES[catalogue])}"
        member = f"d.classid = 'pg_catalog.{catalogue}'::pg_catalog.regclass AND d.objid = x.oid AND d.deptype = 'e'"
        not_member = f"NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE {member})"
        owners.append(f"EXISTS ({rows} AND x.{owner} = {BOOTSTRAP_OID} AND {not_member})")
        if privileges is not None:
            given = f"SELECT 1 FROM pg_catalog.aclexplode(x.{privileges}) a WHERE a.grantee = {BOOTSTRAP_OID}"
            grantees.append(f"EXISTS ({rows} AND x.{owner} <> {BOOTSTRAP_OID} AND EXISTS ({given}))")
    name = f"pg_catalog.pg_get_userbyid({BOOTSTRAP_OID})"
    return f"SELECT {name}, {' OR '.join(owners)}, {' OR '.join(grantees)}"
