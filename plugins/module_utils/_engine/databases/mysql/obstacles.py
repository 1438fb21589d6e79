# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands against a restore to a MySQL or MariaDB server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ... import errors
from ...models.accounts import AccountName
from .. import obstacles, programs
from ..base import rows_of
from ..obstacles import PlannedRestore
from ..values import Finding
from . import privileges, swap_plan
from .connection import session

NEEDED = (
    *("SELECT", "INSERT", "CREATE", "DROP", "ALTER", "INDEX", "REFERENCES", "LOCK TABLES", "TRIGGER"),
    *("CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "EVENT"),
)
# The first MariaDB that prepares all statements.
SWAPS_SINCE = (10, 6)
# What takes the place of the time in the name of a scratch database.
SOME_STAMP = "20260109020000"
# Any of them allows definers other than the account itself.
FOREIGN_DEFINERS = {"SUPER", "SET USER", "SET_USER_ID", "SET_ANY_DEFINER"}
WRITING_ANYWAY = {"SUPER", "READ_ONLY ADMIN", "CONNECTION_ADMIN"}
NAME_RULES = "SELECT @@lower_case_table_names"
LOWERED = 1
EXACT = 0
BINARY_LOG = "SELECT @@log_bin AND NOT @@log_bin_trust_function_creators"
DATA_FOLDER = "SELECT @@hostname, @@datadir"
TARGET_SIZE = "SELECT SUM(DATA_LENGTH + INDEX_LENGTH) FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s"


def find(planned: PlannedRestore) -> list[Finding]:
    """Return everything that is found; see Server.restore_findings."""
    findings = [
        *obstacles.of_target(planned),
        *obstacles.of_load_program(planned),
        *obstacles.of_version(planned),
        *_of_age(planned),
        *_of_definers(planned),
    ]
    looks = (_of_read_only, _of_collations, _of_names, _of_privileges, _of_binary_log, _of_foreign_keys, _of_room)
    with session(planned.endpoint) as connection, connection.cursor() as cursor:
        for look in looks:
            findings += look(cursor, planned)
    return findings


def _of_age(planned: PlannedRestore) -> Iterator[Finding]:
    """Look for a MariaDB whose prepared statements do not create triggers and routines, as a swap has to."""
    server = planned.server
    is_old = server.flavour == "mariadb" and programs.numbers(server.version)[:2] < SWAPS_SINCE
    if is_old and not planned.in_place:
        yield Finding(
            "validation_error",
            f"{planned.endpoint}, version {server.version}, cannot put a loaded database in its place:"
            f" that needs MariaDB {'.'.join(map(str, SWAPS_SINCE))} or newer",
            "Restore with strategy in_place, or to a newer server",
        )


def _of_definers(planned: PlannedRestore) -> Iterator[Finding]:
    """Look for definers that are missing: what they define would restore without an error, and fail when used."""
    if planned.restore_info is None or not planned.restore_info.accounts:
        return
    try:
        existing = planned.server.account_state().existing
    except errors.PermissionDeniedError:
        yield Finding(
            None,
            f"{planned.endpoint.login.username} may not read which accounts there are, so it is not known whether"
            f" the definers are: {', '.join(planned.restore_info.accounts)}",
            "Grant SELECT ON mysql.user",
        )
        return
    labels = [AccountName(name=name, host=host).label for name, host in existing]
    yield from obstacles.of_accounts(planned, labels, "definers")


def _of_read_only(cursor: Any, planned: PlannedRestore) -> Iterator[Finding]:
    if rows_of(cursor, "SELECT @@read_only")[0][0] and not WRITING_ANYWAY & privileges.everywhere(cursor):
        yield Finding(
            "validation_error", f"{planned.endpoint} is read-only", "Restore to the server that it replicates"
        )


def _of_collations(cursor: Any, planned: PlannedRestore) -> Iterator[Finding]:
    """Look for what only the other product, or another version, has, such as utf8mb4_0900_ai_ci of MySQL."""
    properties, info = planned.properties, planned.restore_info
    if properties is None or info is None:
        return
    wanted = {"the character set": [properties.encoding], "the collation": [properties.locale, *info.collations]}
    for what, names in wanted.items():
        variable = "character_set_connection" if what == "the character set" else "collation_connection"
        unknown = [name for name in dict.fromkeys(names) if not _can_set(cursor, variable, name)]
        if unknown:
            yield Finding(
                "validation_error",
                f"{planned.endpoint}, {planned.server.flavour} {planned.server.version}, does not know {what}"
                f" {', '.join(unknown)} of the database",
                "Restore to a server of the product and version that it was dumped from",
            )
    cursor.execute("SET NAMES utf8mb4")


def _can_set(cursor: Any, variable: str, value: str) -> bool:
    try:
        cursor.execute(f"SET SESSION {variable} = %s", [value])
    except cursor.connection.Error:
        return False
    return True


def _of_names(cursor: Any, planned: PlannedRestore) -> Iterator[Finding]:
    rule = rows_of(cursor, NAME_RULES)[0][0]
    names = [table.name for table in planned.restore_info.tables] if planned.restore_info else []
    if rule == EXACT:
        return
    lowered = [name.lower() for name in names]
    changed = [
        name for name, lower in zip(names, lowered) if (rule == LOWERED and name != lower) or lowered.count(lower) > 1
    ]
    if changed:
        yield Finding(
            "validation_error",
            f"{planned.endpoint} does not keep the names of tables as they are (lower_case_table_names = {rule}):"
            f" {', '.join(changed)}",
            "Restore to a server with lower_case_table_names = 0",
        )


def _of_privileges(cursor: Any, planned: PlannedRestore) -> Iterator[Finding]:
    user, target = privileges.account(cursor), planned.target
    beside = () if planned.in_place else ("restore", "before")
    databases = [target, *(planned.server.scratch_name(target, purpose, SOME_STAMP) for purpose in beside)]
    held = [privileges.on_database(cursor, database) for database in databases]
    lacking = [privilege for privilege in NEEDED if not all(privilege in here for here in held)]
    if lacking:
        scratch = "".join(f" or on {target}__{purpose}_*, which a restore makes" for purpose in beside[:1])
        yield Finding(
            "permission_error",
            f"{user} lacks privileges on {target}{scratch}: {', '.join(lacking)}",
            "Grant them on " + ", ".join([target, *(f"{target}__{purpose}_*" for purpose in beside)]),
        )
    definers = set(planned.restore_info.accounts) if planned.restore_info else set()
    foreign = sorted(definers - {user})
    if foreign and not FOREIGN_DEFINERS & privileges.everywhere(cursor):
        yield Finding(
            "permission_error",
            f"{user} may not create what others define: {', '.join(foreign)}",
            "Grant SET_ANY_DEFINER" if planned.server.flavour == "mysql" else "Grant SET USER",
        )


def _of_binary_log(cursor: Any, planned: PlannedRestore) -> Iterator[Finding]:
    has_code = bool(planned.restore_info and planned.restore_info.accounts)
    if has_code and rows_of(cursor, BINARY_LOG)[0][0] and "SUPER" not in privileges.everywhere(cursor):
        yield Finding(
            None,
            f"{planned.endpoint} writes a binary log, so {privileges.account(cursor)} may not create triggers and"
            " functions without SUPER",
            "Set log_bin_trust_function_creators on the server while the restore runs",
        )


def _of_foreign_keys(cursor: Any, planned: PlannedRestore) -> Iterator[Finding]:
    keys = swap_plan.keys_of_others(cursor, planned.target)
    if keys:
        yield Finding(
            "validation_error", swap_plan.of_keys(planned.endpoint, planned.target, keys), swap_plan.KEYS_REMEDY
        )


def _of_room(cursor: Any, planned: PlannedRestore) -> Iterator[Finding]:
    host, folder = rows_of(cursor, DATA_FOLDER)[0]
    if obstacles.is_on_this_host(planned.endpoint) and host == socket.gethostname() and Path(folder).is_dir():
        freed = rows_of(cursor, TARGET_SIZE, [planned.target])[0][0]
        yield from obstacles.of_room(planned, Path(folder), int(freed or 0))
