# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account that backs up a MySQL or MariaDB server."""

from __future__ import annotations

import contextlib
import hashlib
from contextlib import AbstractContextManager
from typing import Any

from ...models.accounts import AccountName
from ..backup_account import AccountKeeper, BackupAccount, Step
from ..base import rows_of
from ..values import Endpoint
from . import connection
from .accounts import literal, quoted

NEEDED = ("SELECT", "SHOW VIEW", "TRIGGER", "EVENT", "EXECUTE", "RELOAD")
#: Shows MySQL's account whether a long query stands in the way of the lock.
NEEDED_ON_MYSQL = (*NEEDED, "PROCESS")
EXISTS = "SELECT 1 FROM mysql.user WHERE User = %s AND Host = %s"
#: MariaDB refuses a hash where a plugin judges passwords and this is strict, as it is by default.
JUDGED = """
    SELECT 1 FROM information_schema.PLUGINS
    WHERE PLUGIN_TYPE = 'PASSWORD VALIDATION' AND PLUGIN_STATUS = 'ACTIVE' AND @@strict_password_validation
"""
HELD = "SELECT PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES WHERE GRANTEE = %s"


class MySQLAccountKeeper(AccountKeeper):
    """See AccountKeeper."""

    def session(self) -> AbstractContextManager[Any]:
        return connection.session(self.endpoint)

    def can_log_in(self, endpoint: Endpoint) -> None:
        with connection.session(endpoint):
            pass

    def steps_to_have(self, cursor: Any, account: BackupAccount) -> list[Step]:
        named, label = _named(account)
        is_mariadb = "mariadb" in str(rows_of(cursor, "SELECT VERSION()")[0][0]).lower()
        steps = []
        if not rows_of(cursor, EXISTS, [account.name, account.host]):
            password = _identification(cursor, account.password, is_mariadb)
            steps.append(Step(f"create {label}", f"CREATE USER {named} {password}"))
        elif not self.has_password(account):
            password = _identification(cursor, account.password, is_mariadb)
            steps.append(Step(f"change the password of {label}", f"ALTER USER {named} {password}"))
        held = {row[0] for row in rows_of(cursor, HELD, [f"'{account.name}'@'{account.host}'"])}
        needed = NEEDED if is_mariadb else NEEDED_ON_MYSQL
        missing = ", ".join(privilege for privilege in needed if privilege not in held)
        if missing:
            steps.append(Step(f"grant {missing} to {label}", f"GRANT {missing} ON *.* TO {named}"))
        return steps

    def steps_to_drop(self, cursor: Any, account: BackupAccount) -> list[Step]:
        named, label = _named(account)
        if not rows_of(cursor, EXISTS, [account.name, account.host]):
            return []
        return [Step(f"drop {label}", f"DROP USER {named}")]


def _identification(cursor: Any, password: str, is_mariadb: bool) -> str:
    """Return the clause that gives an account its password, without it where the server's log would have it in clear.

    MySQL itself keeps it out of its logs, and its hashes depend on which plugin is the default.
    """
    if not is_mariadb:
        return f"IDENTIFIED BY {literal(password)}"
    if rows_of(cursor, JUDGED):
        # Then nothing is logged of this session, if the administrator may have that.
        with contextlib.suppress(cursor.connection.Error):
            cursor.execute("SET SESSION sql_log_off = 1")
        return f"IDENTIFIED BY {literal(password)}"
    return f"IDENTIFIED VIA mysql_native_password USING {literal(hashed(password))}"


def hashed(password: str) -> str:
    """Return what mysql_native_password keeps of a password: https://mariadb.com/kb/en/password/."""
    if not password:
        return ""
    inner = hashlib.sha1(password.encode("utf-8"), usedforsecurity=False).digest()
    return f"*{hashlib.sha1(inner, usedforsecurity=False).hexdigest().upper()}"


def _named(account: BackupAccount) -> tuple[str, str]:
    """Return the account's name as statements have it, and as a person writes it."""
    name = AccountName(name=account.name, host=account.host)
    return quoted(name), name.label
