# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which privileges a dump needs on MySQL and MariaDB, and whether the account has them.

The dump programs fail loudly only for some: without TRIGGER they leave the triggers out and exit 0,
and routines that the account may not see are not there for them.
"""

from __future__ import annotations

import re
from typing import Any

from ..base import rows_of

NEEDED = ("SELECT", "SHOW VIEW", "TRIGGER", "EVENT")
# With any of these the routines of others are at least listed; whether their text is, is looked at.
LISTING_ROUTINES = {"SHOW_ROUTINE", "SHOW CREATE ROUTINE", "EXECUTE", "CREATE ROUTINE", "ALTER ROUTINE"}
GLOBAL = "SELECT PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES WHERE GRANTEE IN ({grantees})"
ON_DATABASES = (
    "SELECT TABLE_SCHEMA, PRIVILEGE_TYPE FROM information_schema.SCHEMA_PRIVILEGES WHERE GRANTEE IN ({grantees})"
)
HIDDEN_ROUTINES = """
    SELECT ROUTINE_NAME FROM information_schema.ROUTINES
    WHERE ROUTINE_SCHEMA = %s AND ROUTINE_DEFINITION IS NULL AND ROUTINE_BODY = 'SQL' ORDER BY 1
"""


def missing(cursor: Any, database: str) -> list[str]:
    """Return a sentence for each privilege on the database that the cursor's account lacks for a whole dump."""
    user = account(cursor)
    held = on_database(cursor, database)
    lacking = [f"{user} has no {privilege} privilege on {database}" for privilege in NEEDED if privilege not in held]
    if "SELECT" not in everywhere(cursor) and not LISTING_ROUTINES & held and not _reads_routines(cursor):
        lacking.append(f"{user} cannot see the routines of {database} (SELECT ON mysql.proc, in MySQL SHOW_ROUTINE)")
    hidden = [row[0] for row in rows_of(cursor, HIDDEN_ROUTINES, [database])]
    return lacking + [f"{user} may not see the text of the routine {database}.{name}" for name in hidden]


def everywhere(cursor: Any) -> set[str]:
    """Return the privileges that the cursor's account has on the whole server, by itself or by its active roles."""
    return {row[0] for row in _granted(cursor, GLOBAL)}


def on_database(cursor: Any, database: str) -> set[str]:
    """Return the privileges that the cursor's account has on a database, which need not exist."""
    here = {privilege for pattern, privilege in _granted(cursor, ON_DATABASES) if _like(pattern, database)}
    return here | everywhere(cursor)


def _granted(cursor: Any, query: str) -> list[tuple[Any, ...]]:
    grantees = [_as_grantee(account(cursor)), *_active_roles(cursor)]
    return rows_of(cursor, query.format(grantees=", ".join(["%s"] * len(grantees))), grantees)


def account(cursor: Any) -> str:
    """Return the account of the cursor's session, as ``app@%``."""
    return str(rows_of(cursor, "SELECT CURRENT_USER()")[0][0])


def _reads_routines(cursor: Any) -> bool:
    """Say whether the account may read the table that MariaDB keeps routines in; MySQL has none."""
    try:
        cursor.execute("SELECT 1 FROM mysql.proc LIMIT 1")
    except cursor.connection.Error:
        return False
    cursor.fetchall()
    return True


def _active_roles(cursor: Any) -> list[str]:
    roles = rows_of(cursor, "SELECT CURRENT_ROLE()")[0][0]
    if not roles or roles == "NONE":
        return []
    # MySQL gives a list of quoted accounts, MariaDB one bare name, which its grantee columns hold quoted.
    listed = re.findall(r"`([^`]*)`@`([^`]*)`", roles)
    return [f"'{name}'@'{host}'" for name, host in listed] or [f"'{roles}'@''", f"'{roles}'", roles]


def _as_grantee(user: str) -> str:
    name, host = user.rsplit("@", 1)
    return f"'{name}'@'{host}'"


def _like(pattern: str, database: str) -> bool:
    """Say whether a database grant, whose name is a pattern of LIKE, covers a database."""
    parts = re.findall(r"\\.|[^\\]", pattern, re.S)
    wild = {"%": ".*", "_": "."}
    expression = "".join(wild.get(part) or re.escape(part[-1]) for part in parts)
    return re.fullmatch(expression, database, re.S) is not None
