# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to a PostgreSQL database itself: how it is created, its owner, settings, grants and comment.

A dump made without --create holds none of it. The counterpart is ``dumpDatabase`` in PostgreSQL's pg_dump.c.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Optional

from ...models.metadata import DatabaseGrant, DatabaseProperties, DatabaseSetting
from .connection import identifier, telling

# Settings whose value is a list of names: each is quoted on its own (GUC_LIST_QUOTE in guc_tables.c).
LIST_SETTINGS = (
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
)
PRIVILEGES = ("CONNECT", "CREATE", "TEMPORARY")
DEFAULT_OF_PUBLIC = ("CONNECT", "TEMPORARY")
_LIST_ITEM = re.compile(r'\s*("(?:[^"]|"")*"|[^,\s][^,]*)')
OPTION_SINCE_MAJOR = {"LOCALE_PROVIDER": 15, "ICU_RULES": 16}


def create_statement(database: str, properties: DatabaseProperties, major: int) -> str:
    """Return the statement that creates an empty database of an encoding and locale on a server of ``major``."""
    options = {
        "ENCODING": properties.encoding,
        "LC_COLLATE": properties.locale,
        "LC_CTYPE": properties.character_type or properties.locale,
    }
    if properties.locale_provider not in (None, "libc"):
        options["LOCALE_PROVIDER"] = str(properties.locale_provider)
        options["BUILTIN_LOCALE" if properties.locale_provider == "builtin" else "ICU_LOCALE"] = str(
            properties.icu_locale
        )
        if properties.icu_rules:
            options["ICU_RULES"] = properties.icu_rules
    words = [
        f"{name} = {literal(value)}" for name, value in options.items() if major >= OPTION_SINCE_MAJOR.get(name, 0)
    ]
    return f"CREATE DATABASE {identifier(database)} TEMPLATE = template0 {' '.join(words)}"


def with_accounts(
    present: DatabaseProperties, dumped: DatabaseProperties, accounts: Collection[str]
) -> DatabaseProperties:
    """Return the properties that a database has, and what it had for accounts that it may have lost since."""
    held = _default_grants(present) if present.grants is None else present.grants
    grants = [grant for grant in dumped.grants or [] if grant.grantee in accounts and grant not in held]
    known = {(setting.role, setting.name) for setting in present.settings}
    settings = [
        setting for setting in dumped.settings if setting.role in accounts and (setting.role, setting.name) not in known
    ]
    return present.model_copy(
        update={
            "grants": [*held, *grants] if grants else present.grants,
            "settings": [*present.settings, *settings],
        }
    )


def _default_grants(properties: DatabaseProperties) -> list[DatabaseGrant]:
    """Return what the server's default means (acldefault in PostgreSQL's sources)."""
    owner = properties.owner
    held: list[tuple[Optional[str], str]] = [(None, privilege) for privilege in DEFAULT_OF_PUBLIC]
    if owner is not None:
        held += [(owner, privilege) for privilege in PRIVILEGES]
    return [
        DatabaseGrant(grantor=owner or "", grantee=grantee, privilege=privilege, grantable=False)
        for grantee, privilege in held
    ]


def apply(connection: Any, database: str, properties: DatabaseProperties) -> list[str]:
    """Give a database its properties, each by itself; return a sentence for each that the server refuses."""
    refused = []
    for what, statement in _statements(database, properties):
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
        except connection.Error as error:
            text = telling(error.pgcode or "", error.diag.message_primary or "")
            refused.append(f"{what} of the database {database} could not be restored: {text}")
    return refused


def _statements(database: str, properties: DatabaseProperties) -> list[tuple[str, str]]:
    name = identifier(database)
    statements = []
    if properties.comment is not None:
        statements.append(("the comment", f"COMMENT ON DATABASE {name} IS {literal(properties.comment)}"))
    if properties.connection_limit != -1:
        statements.append(
            ("the connection limit", f"ALTER DATABASE {name} CONNECTION LIMIT {int(properties.connection_limit)}")
        )
    for setting in properties.settings:
        statements.append((f"the setting {setting.name}", _setting_statement(name, setting)))
    # The owner before the grants: they are given in its name.
    if properties.owner is not None:
        statements.append(
            (f"the owner {properties.owner}", f"ALTER DATABASE {name} OWNER TO {identifier(properties.owner)}")
        )
    if properties.grants is not None:
        statements += _grant_statements(name, properties)
    return statements


def _setting_statement(name: str, setting: DatabaseSetting) -> str:
    change = assignment(setting.name, setting.value)
    if setting.role is None:
        return f"ALTER DATABASE {name} {change}"
    return f"ALTER ROLE {identifier(setting.role)} IN DATABASE {name} {change}"


def assignment(parameter: str, value: str) -> str:
    """Given a parameter and its value as the catalogue holds them, return the SET of an ALTER statement."""
    is_list = parameter.lower() in LIST_SETTINGS and value
    words = ", ".join(map(literal, _list_items(value))) if is_list else literal(value)
    return f"SET {'.'.join(identifier(part) for part in parameter.split('.'))} TO {words}"


def _list_items(value: str) -> list[str]:
    """Given a list as the catalogue holds it (``"$user", public``), return its items without quotes."""
    items = []
    for item in _LIST_ITEM.findall(value):
        bare = item.strip()
        items.append(bare[1:-1].replace('""', '"') if bare.startswith('"') else bare)
    return items


def _grant_statements(name: str, properties: DatabaseProperties) -> list[tuple[str, str]]:
    owner = "CURRENT_USER" if properties.owner is None else identifier(properties.owner)
    statements = [
        ("the grants", f"REVOKE ALL ON DATABASE {name} FROM PUBLIC"),
        ("the grants", f"REVOKE ALL ON DATABASE {name} FROM {owner}"),
    ]
    for grant in properties.grants or []:
        if grant.privilege not in PRIVILEGES:
            continue
        grantee = "PUBLIC" if grant.grantee is None else identifier(grant.grantee)
        option = " WITH GRANT OPTION" if grant.grantable and grant.grantee != properties.owner else ""
        statements.append(
            (f"the grant to {grantee}", f"GRANT {grant.privilege} ON DATABASE {name} TO {grantee}{option}")
        )
    return statements


def literal(value: str) -> str:
    """Return text as an SQL string that reads the same whatever standard_conforming_strings says."""
    doubled = value.replace("'", "''")
    return "E'" + doubled.replace("\\", "\\\\") + "'" if "\\" in value else f"'{doubled}'"
