# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account that backs up a MySQL or MariaDB server."""

from __future__ import annotations

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
        steps = []
        password = literal(account.password)
        if not rows_of(cursor, EXISTS, [account.name, account.host]):
            steps.append(Step(f"create {label}", f"CREATE USER {named} IDENTIFIED BY {password}"))
        elif not self.has_password(account):
            steps.append(Step(f"change the password of {label}", f"ALTER USER {named} IDENTIFIED BY {password}"))
        held = {row[0] for row in rows_of(cursor, HELD, [f"'{account.name}'@'{account.host}'"])}
        version = str(rows_of(cursor, "SELECT VERSION()")[0][0])
        needed = NEEDED if "mariadb" in version.lower() else NEEDED_ON_MYSQL
        missing = ", ".join(privilege for privilege in needed if privilege not in held)
        if missing:
            steps.append(Step(f"grant {missing} to {label}", f"GRANT {missing} ON *.* TO {named}"))
        return steps

    def steps_to_drop(self, cursor: Any, account: BackupAccount) -> list[Step]:
        named, label = _named(account)
        if not rows_of(cursor, EXISTS, [account.name, account.host]):
            return []
        return [Step(f"drop {label}", f"DROP USER {named}")]


def _named(account: BackupAccount) -> tuple[str, str]:
    """Return the account's name as statements have it, and as a person writes it."""
    name = AccountName(name=account.name, host=account.host)
    return quoted(name), name.label
