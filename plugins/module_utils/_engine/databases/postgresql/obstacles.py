# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands against a restore to a PostgreSQL server."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ... import errors, layout, storage
from .. import dumptext, obstacles, programs
from ..base import rows_of
from ..obstacles import PlannedRestore
from ..values import Finding
from . import restricted
from .connection import maintenance_session

UNKNOWN_SETTINGS = """
    SELECT name FROM pg_catalog.unnest(%s::text[]) AS name
    WHERE pg_catalog.current_setting(name, true) IS NULL ORDER BY 1
"""
# Checked as the locale of a new database is (check_locale in pg_locale.c), and forgotten with the statement.
TRY_LOCALE = "SELECT pg_catalog.set_config('lc_monetary', %s, true)"
HAS_ICU = "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_collation WHERE collprovider = 'i')"
MISSING_COLLATIONS = """
    SELECT name FROM pg_catalog.unnest(%s::text[]) AS name WHERE NOT EXISTS (
        SELECT 1 FROM pg_catalog.pg_collation WHERE collname = name
        AND collnamespace = 'pg_catalog'::pg_catalog.regnamespace) ORDER BY 1
"""
MISSING_TABLESPACES = """
    SELECT name FROM pg_catalog.unnest(%s::text[]) AS name
    WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_tablespace WHERE spcname = name) ORDER BY 1
"""
# With whether an account that is no superuser may create it; trusted extensions are there since version 13.
EXTENSIONS = """
    SELECT v.name, v.version, NOT v.superuser OR coalesce((pg_catalog.to_jsonb(v) ->> 'trusted')::boolean, false)
    FROM pg_catalog.pg_available_extension_versions v JOIN pg_catalog.pg_available_extensions a
    ON a.name = v.name AND a.default_version = v.version WHERE v.name = ANY (%s::text[])
"""
ROLES = "SELECT rolname FROM pg_catalog.pg_roles"
OWN_RIGHTS = "SELECT rolsuper, rolcreatedb FROM pg_catalog.pg_roles WHERE rolname = current_user"
FOREIGN_OWNERS = """
    SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = ANY (%s::text[])
    AND NOT pg_catalog.pg_has_role(oid, %s) ORDER BY 1
"""
IS_FOREIGN = """
    SELECT pg_catalog.pg_get_userbyid(datdba) FROM pg_catalog.pg_database
    WHERE datname = %s AND NOT pg_catalog.pg_has_role(datdba, 'USAGE')
"""
PREPARED = "SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE database = %s ORDER BY 1"
SUBSCRIPTIONS = """
    SELECT s.subname FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
    WHERE d.datname = %s ORDER BY 1
"""
SLOTS = "SELECT slot_name, active FROM pg_catalog.pg_replication_slots WHERE database = %s ORDER BY 1"
# Nothing for an account that may not see where the data is.
DATA_FOLDER = """
    SELECT s.setting, c.system_identifier FROM pg_catalog.pg_settings s CROSS JOIN pg_catalog.pg_control_system() c
    WHERE s.name = 'data_directory'
"""
TARGET_SIZE = """
    SELECT coalesce(sum(pg_catalog.pg_database_size(oid)), 0) FROM pg_catalog.pg_database
    WHERE datname = %s AND pg_catalog.has_database_privilege(oid, 'CONNECT')
"""
ICU_SINCE_MAJOR = 15
BUILTIN_SINCE_MAJOR = 17
SET_OPTION_SINCE_MAJOR = 16
IDENTIFIER_BYTES = 8


def find(planned: PlannedRestore) -> list[Finding]:
    """Return everything that is found; see Server.restore_findings."""
    findings = [*obstacles.of_target(planned), *_of_programs(planned), *obstacles.of_version(planned)]
    looks = (
        _of_recovery,
        _of_settings,
        _of_locale,
        _of_extensions,
        _of_what_is_taken_for_granted,
        _of_rights,
        _of_replication,
        _of_room,
    )
    with maintenance_session(planned.endpoint) as connection, connection.cursor() as cursor:
        for look in looks:
            findings += look(cursor, planned)
    return findings


def _major(planned: PlannedRestore) -> int:
    return programs.numbers(planned.server.version)[0]


def _of_programs(planned: PlannedRestore) -> Iterator[Finding]:
    missing = list(obstacles.of_load_program(planned))
    yield from missing
    if not missing:
        program = planned.server.load_program()
        yield from restricted.findings(program, planned.text, planned.restore_info is not None)
        if programs.numbers(program.version)[0] < _major(planned):
            newer = f"{planned.endpoint}, which is {planned.server.version}"
            yield Finding(None, f"{program.path} is version {program.version}, older than {newer}")


def _of_recovery(cursor: Any, planned: PlannedRestore) -> Iterator[Finding]:
    if rows_of(cursor, "SELECT pg_catalog.pg_is_in_recovery()")[0][0]:
        yield Finding(
            "validation_error", f"{planned.endpoint} is a standby and takes no changes", "Restore to its primary"
        )


def _of_settings(cursor: Any, planned: PlannedRestore) -> Iterator[Finding]:
    """Look for what a newer pg_dump sets at the beginning, such as transaction_timeout of version 17."""
    names = dumptext.settings(planned.text) if planned.text else []
    unknown = [row[0] for row in rows_of(cursor, UNKNOWN_SETTINGS, [names])]
    if unknown:
        yield Finding(
            "validation_error",
            f"the dump sets {', '.join(unknown)}, which {planned.endpoint}, version {planned.server.version},"
            " does not know",
            "Restore to a newer server, or take a backup with the pg_dump of this one's version",
        )


def _of_locale(cursor: Any, planned: PlannedRestore) -> Iterator[Finding]:
    properties = planned.properties
    if properties is None:
        return
    if rows_of(cursor, "SELECT pg_catalog.pg_char_to_encoding(%s)", [properties.encoding])[0][0] < 0:
        yield Finding("validation_error", f"{planned.endpoint} does not know the encoding {properties.encoding}")
    for locale in dict.fromkeys((properties.locale, properties.character_type or properties.locale)):
        try:
            rows_of(cursor, TRY_LOCALE, [locale])
        except cursor.connection.DataError:
            yield Finding(
                "validation_error",
                f"the operating system of {planned.endpoint} lacks the locale {locale}",
                "Generate the locale there, and start the server anew",
            )
    yield from _of_locale_provider(cursor, planned, properties.locale_provider)


def _of_locale_provider(cursor: Any, planned: PlannedRestore, provider: str | None) -> Iterator[Finding]:
    major = _major(planned)
    if provider == "builtin" and major < BUILTIN_SINCE_MAJOR:
        yield Finding(
            "validation_error",
            f"the database has a locale of PostgreSQL's own, which version {planned.server.version} does not know",
            f"Restore to a server of version {BUILTIN_SINCE_MAJOR} or newer",
        )
    if provider == "icu" and major < ICU_SINCE_MAJOR:
        yield Finding(
            None,
            f"the database has a locale of ICU, but version {planned.server.version} knows these for columns alone:"
            " it will sort by the locale of the operating system",
        )
    elif provider == "icu" and not rows_of(cursor, HAS_ICU)[0][0]:
        yield Finding(
            "validation_error", f"the database has a locale of ICU, but {planned.endpoint} was built without it"
        )


def _of_extensions(cursor: Any, planned: PlannedRestore) -> Iterator[Finding]:
    wanted = {each.name: each.version for each in planned.restore_info.extensions} if planned.restore_info else {}
    available = {name: (version, free) for name, version, free in rows_of(cursor, EXTENSIONS, [list(wanted)])}
    missing = [name for name in wanted if name not in available]
    if missing:
        yield Finding(
            "validation_error",
            f"{planned.endpoint} lacks what the database uses: the extension {', '.join(missing)}",
            "Install its package on the server's host",
        )
    for name, (version, _free) in available.items():
        if version != wanted[name]:
            yield Finding(None, f"the extension {name} will be of version {version}; the database used {wanted[name]}")
    if not _is_superuser(cursor):
        reserved = [name for name, (_version, free) in available.items() if not free]
        if reserved:
            yield Finding(
                "permission_error",
                f"{planned.endpoint.login.username} may not create the extension {', '.join(reserved)}",
                "Restore as a superuser",
            )


def _of_what_is_taken_for_granted(cursor: Any, planned: PlannedRestore) -> Iterator[Finding]:
    info = planned.restore_info
    if info is None:
        return
    roles = [row[0] for row in rows_of(cursor, ROLES)]
    yield from obstacles.of_accounts(planned, roles, "owners or grantees")
    for what, names, query in (
        ("the collation", info.collations, MISSING_COLLATIONS),
        ("the tablespace", info.tablespaces, MISSING_TABLESPACES),
    ):
        missing = [row[0] for row in rows_of(cursor, query, [names])]
        if missing:
            yield Finding(
                "validation_error",
                f"{planned.endpoint} lacks what the database uses: {what} {', '.join(missing)}",
                "Create it on the server",
            )


def _is_superuser(cursor: Any) -> bool:
    return bool(rows_of(cursor, OWN_RIGHTS)[0][0])


def _of_rights(cursor: Any, planned: PlannedRestore) -> Iterator[Finding]:
    user = planned.endpoint.login.username
    is_superuser, creates_databases = rows_of(cursor, OWN_RIGHTS)[0]
    if is_superuser:
        return
    if not creates_databases:
        yield Finding("permission_error", f"{user} may not create databases", f"Give the role {user} CREATEDB")
    kind = "SET" if _major(planned) >= SET_OPTION_SINCE_MAJOR else "MEMBER"
    owners = planned.restore_info.owners if planned.restore_info else []
    foreign = [row[0] for row in rows_of(cursor, FOREIGN_OWNERS, [owners, kind])]
    if foreign:
        yield Finding(
            "permission_error",
            f"{user} may not make {', '.join(foreign)} the owner of anything",
            f"Make {user} a member, or restore as a superuser",
        )
    for (owner,) in rows_of(cursor, IS_FOREIGN, [planned.target]):
        yield Finding(
            "permission_error",
            f"{user} may not replace the database {planned.target}, which belongs to {owner}",
            f"Make {user} a member of {owner}, or restore as a superuser",
        )


def _of_replication(cursor: Any, planned: PlannedRestore) -> Iterator[Finding]:
    """Look for what is bound to the present target and keeps it from being renamed, or dropped afterwards."""
    target = planned.target
    prepared = [row[0] for row in rows_of(cursor, PREPARED, [target])]
    if prepared:
        yield Finding(
            "validation_error",
            f"the database {target} has prepared transactions: {', '.join(prepared)}",
            "End them by COMMIT PREPARED or ROLLBACK PREPARED",
        )
    subscriptions = [row[0] for row in rows_of(cursor, SUBSCRIPTIONS, [target])]
    if subscriptions:
        yield Finding(
            "validation_error",
            f"the database {target} has subscriptions, with which it cannot be replaced: {', '.join(subscriptions)}",
            "Drop them",
        )
    slots = rows_of(cursor, SLOTS, [target])
    active = [name for name, is_active in slots if is_active]
    if active:
        yield Finding(
            "validation_error",
            f"the database {target} is read through the replication slot {', '.join(active)}",
            "Stop what reads it, and drop the slot",
        )
    elif slots:
        yield Finding(
            None,
            f"the replication slot {', '.join(name for name, _active in slots)} stays with the database that is"
            f" replaced, and is dropped with it; {target} will have none",
        )


def _of_room(cursor: Any, planned: PlannedRestore) -> Iterator[Finding]:
    if not obstacles.is_on_this_host(planned.endpoint):
        return
    for folder, identifier in rows_of(cursor, DATA_FOLDER):
        if _system_identifier(Path(folder)) == identifier:
            freed = rows_of(cursor, TARGET_SIZE, [planned.target])[0][0]
            yield from obstacles.of_room(planned, Path(folder), int(freed))


def _system_identifier(folder: Path) -> int | None:
    """Return what tells one data folder from every other, None where it cannot be read (ControlFileData)."""
    with contextlib.suppress(errors.BackupDBError):
        head = storage.read_head(layout.postgresql_control_file(folder), IDENTIFIER_BYTES)
        return int.from_bytes(head, sys.byteorder)
    return None
