# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of a MySQL or MariaDB server, created and changed.

These servers have no transaction around such statements. So each account is made whole before the next, and what a
call has created is dropped again when anything of it fails.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ... import errors
from ...models.accounts import AccountInfo, AccountName
from ..accounts import AccountsWork, AccountWork, ObjectGrants
from ..base import rows_of
from ..values import Endpoint, Flavour
from . import accounts
from .connection import session, translated


def apply(endpoint: Endpoint, flavour: Flavour, work: AccountsWork) -> list[str]:
    """Create and change accounts; see Server.apply_accounts."""
    changes = _Changes(endpoint, flavour)
    try:
        changes.make(work)
    except errors.BackupDBError as error:
        undone = changes.undo()
        raise error.__class__(f"{error.message}; {undone}", error.hint, **error.context) from None
    except BaseException:
        changes.undo()
        raise
    return []


def grant_on_objects(endpoint: Endpoint, flavour: Flavour, grants: ObjectGrants) -> list[str]:
    """Grant privileges on objects; see Server.apply_object_grants."""
    refused = []
    with session(endpoint) as connection, connection.cursor() as cursor:
        for setting in accounts.PREAMBLE[flavour]:
            cursor.execute(setting)
        for account, grant in grants:
            what = f"{', '.join(grant.privileges)} on {grant.database}.{grant.name} for {account.label}"
            if not rows_of(cursor, *accounts.existence_query(grant)):
                refused.append(f"{what} is not granted: there is no such {grant.kind.lower()} or column")
                continue
            try:
                with translated(endpoint):
                    cursor.execute(accounts.object_statement(account, grant))
            except errors.ServerConnectionError:
                raise
            except errors.BackupDBError as error:
                refused.append(f"{what} is not granted: {error.message}")
    return refused


class _Changes:
    """What one call does to the accounts of a server, and how it is undone."""

    def __init__(self, endpoint: Endpoint, flavour: Flavour) -> None:
        self._endpoint = endpoint
        self._flavour = flavour
        self._created: list[AccountInfo] = []
        self._changed: list[AccountInfo] = []
        self._held: frozenset[str] = frozenset()

    def make(self, work: AccountsWork) -> None:
        """Make all changes: what is new first, since that alone can be undone."""
        with session(self._endpoint) as connection, connection.cursor() as cursor:
            for setting in accounts.PREAMBLE[self._flavour]:
                cursor.execute(setting)
            # Who may not read them has them granted once more.
            with contextlib.suppress(connection.Error):
                self._held = accounts.held_proxies(cursor, self._flavour)
            for one in work.accounts:
                if not one.exists:
                    self._create(cursor, one)
            for one in work.accounts:
                if one.exists:
                    self._change(cursor, one)
            for membership in work.memberships:
                what = f"granting {membership.role.label} to {membership.member.label}"
                self._run(cursor, accounts.membership_statement(membership), what)
            for member, statement in accounts.default_roles_statements(list(work.memberships), self._flavour):
                self._run(cursor, statement, f"setting the default role of {member.label}")

    def _create(self, cursor: Any, one: AccountWork) -> None:
        # Before the statement: it may have been done when its answer is lost.
        self._created.append(one.account)
        if one.create is not None:
            self._run(cursor, one.create, f"creating {one.account.label}")
        self._give(cursor, one)

    def _change(self, cursor: Any, one: AccountWork) -> None:
        self._changed.append(one.account)
        if one.create is not None and one.create.startswith(accounts.CREATE):
            changing = accounts.ALTER + one.create[len(accounts.CREATE) :]
            self._run(cursor, changing, f"changing {one.account.label}")
        self._give(cursor, one)

    def _give(self, cursor: Any, one: AccountWork) -> None:
        for text in one.details:
            if text.rstrip(";\n") in self._held:
                continue
            self._run(cursor, text, f"giving {one.account.label} its privileges")

    def _run(self, cursor: Any, statement: str, what: str) -> None:
        try:
            with translated(self._endpoint, what):
                cursor.execute(statement)
        except errors.CredentialsError:
            # To a session that is open it means that a role or a proxied account is not its to grant.
            user = self._endpoint.login.username
            raise errors.PermissionDeniedError(
                f"{what} failed: {self._endpoint} denies it to {user}",
                f"Give {user} that privilege or role with the option to grant it",
            ) from None

    def undo(self) -> str:
        """Drop what was created; return what became of the accounts, as the end of a sentence."""
        kept: list[str] = []
        try:
            with session(self._endpoint) as connection, connection.cursor() as cursor:
                for account in reversed(self._created):
                    with _noted(account, kept), translated(self._endpoint):
                        cursor.execute(_drop_statement(account))
        except errors.BackupDBError:
            kept = [account.label for account in self._created]
        told = [f"these accounts could not be dropped again: {', '.join(kept)}"] if kept else ["no account is new"]
        if self._changed:
            told.append(f"these were changed: {', '.join(account.label for account in self._changed)}")
        return ", but ".join(told)


@contextlib.contextmanager
def _noted(account: AccountName, kept: list[str]) -> Iterator[None]:
    try:
        yield
    except errors.BackupDBError:
        kept.append(account.label)


def _drop_statement(account: AccountInfo) -> str:
    name = accounts.quoted(account)
    if account.host is not None:
        return f"DROP USER IF EXISTS {name}"
    # PUBLIC cannot be dropped, and has no privilege but those that were just given.
    return (
        f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {name}" if name == accounts.PUBLIC else f"DROP ROLE IF EXISTS {name}"
    )
