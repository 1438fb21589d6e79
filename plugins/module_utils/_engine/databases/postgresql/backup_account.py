# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account that backs up a PostgreSQL server."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from ... import errors
from ..backup_account import AccountKeeper, BackupAccount, Step
from ..base import rows_of
from ..values import Endpoint
from .connection import hashed_password, identifier, maintenance_session, require_driver

#: There is a role that may read everything since this major version.
FIRST_MAJOR = 14
READER = "pg_read_all_data"
ROLE = """
    SELECT rolcanlogin, rolbypassrls, rolsuper, 'lo_compat_privileges=on' = ANY (coalesce(rolconfig, '{}'))
    FROM pg_catalog.pg_roles WHERE rolname = %s
"""
IS_READER = """
    SELECT 1 FROM pg_catalog.pg_auth_members m
    WHERE m.roleid = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = 'pg_read_all_data')
      AND m.member = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = %s)
"""
# The name of a role, or public.
CLOSED = """
    SELECT datname FROM pg_catalog.pg_database
    WHERE datallowconn AND NOT pg_catalog.has_database_privilege(%s, oid, 'CONNECT') ORDER BY 1
"""
GRANTED = """
    SELECT DISTINCT datname FROM pg_catalog.pg_database d CROSS JOIN LATERAL pg_catalog.aclexplode(d.datacl) a
    WHERE a.grantee = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = %s) ORDER BY 1
"""


class PostgreSQLAccountKeeper(AccountKeeper):
    """See AccountKeeper."""

    def session(self) -> AbstractContextManager[Any]:
        require_driver()
        return maintenance_session(self.endpoint)

    def can_log_in(self, endpoint: Endpoint) -> None:
        with maintenance_session(endpoint):
            pass

    def steps_to_have(self, cursor: Any, account: BackupAccount) -> list[Step]:
        if cursor.connection.server_version < FIRST_MAJOR * 10000:
            raise errors.ConfigError(
                f"{self.endpoint} is older than PostgreSQL {FIRST_MAJOR} and has no role that may read everything",
                "Create the account yourself, with SELECT on all tables and sequences and on pg_authid",
            )
        found = rows_of(cursor, ROLE, [account.name])
        can_log_in, bypasses, is_superuser, compatible = found[0] if found else (False, False, False, False)
        steps = self._steps_to_log_in(cursor, account, bool(found), can_log_in)
        if is_superuser:
            return steps
        name = identifier(account.name)
        if not rows_of(cursor, IS_READER, [account.name]):
            steps.append(Step(f"grant {READER} to {account.name}", f"GRANT {READER} TO {name}"))
        if not bypasses:
            steps.append(Step(f"give {account.name} BYPASSRLS", f"ALTER ROLE {name} BYPASSRLS"))
        if not compatible:
            what = f"set lo_compat_privileges of {account.name}"
            steps.append(Step(what, f"ALTER ROLE {name} SET lo_compat_privileges = on"))
        closed = rows_of(cursor, CLOSED, [account.name if found else "public"])
        return steps + [
            Step(f"let {account.name} connect to {row[0]}", f"GRANT CONNECT ON DATABASE {identifier(row[0])} TO {name}")
            for row in closed
        ]

    def _steps_to_log_in(self, cursor: Any, account: BackupAccount, exists: bool, can_log_in: bool) -> list[Step]:
        name = identifier(account.name)
        password = f"PASSWORD '{hashed_password(cursor.connection, account.name, account.password)}'"
        if not exists:
            return [Step(f"create {account.name}", f"CREATE ROLE {name} LOGIN {password}")]
        if not can_log_in:
            return [Step(f"let {account.name} log in", f"ALTER ROLE {name} LOGIN {password}")]
        if not self.has_password(account):
            return [Step(f"change the password of {account.name}", f"ALTER ROLE {name} {password}")]
        return []

    def steps_to_drop(self, cursor: Any, account: BackupAccount) -> list[Step]:
        if not rows_of(cursor, ROLE, [account.name]):
            return []
        name = identifier(account.name)
        # What else depends on the account keeps it from being dropped.
        revoked = [
            Step(
                f"let {account.name} connect to {row[0]} no more",
                f"REVOKE ALL ON DATABASE {identifier(row[0])} FROM {name}",
            )
            for row in rows_of(cursor, GRANTED, [account.name])
        ]
        return [*revoked, Step(f"drop {account.name}", f"DROP ROLE {name}")]
