# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account that backs up, and what a family has to do for a server to have it, with what it needs and no more."""

from __future__ import annotations

import abc
import dataclasses
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from .. import errors
from ..secrets import Login
from .values import Endpoint


@dataclass(frozen=True)
class BackupAccount:
    """An account; ``host`` is from where it may log in, where the family has that."""

    name: str
    password: str = field(repr=False)
    host: str = "%"


@dataclass(frozen=True)
class Step:
    """One change: what it is for a person, and the statement, which may hold a password."""

    what: str
    statement: str = field(repr=False)


class AccountKeeper(abc.ABC):
    """Sees to it that a server has an account for backups, or has not. What the account has besides is left alone."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    @abc.abstractmethod
    def session(self) -> AbstractContextManager[Any]:
        """Give a DB-API connection of the administrator, in which errors are translated."""

    @abc.abstractmethod
    def can_log_in(self, endpoint: Endpoint) -> None:
        """Log in there; raise as the server refuses it."""

    @abc.abstractmethod
    def steps_to_have(self, cursor: Any, account: BackupAccount) -> list[Step]:
        """Return what is to be done until the account is there with what it needs; nothing where it is so already.

        Raise ConfigError where this server cannot have one.
        """

    @abc.abstractmethod
    def steps_to_drop(self, cursor: Any, account: BackupAccount) -> list[Step]:
        """Return what is to be done until the account is gone."""

    def has_password(self, account: BackupAccount) -> bool:
        """Say whether the account has this password, or the server does not refuse it for that reason."""
        login = Login(account.name, account.password)
        try:
            self.can_log_in(dataclasses.replace(self.endpoint, login=login))
        except errors.CredentialsError:
            return False
        except errors.BackupDBError:
            return True
        return True

    def settle(self, account: BackupAccount, *, present: bool, check: bool = False) -> list[str]:
        """Have the account be there, or not be there; return what was done, or with ``check`` would be.

        Raise ConfigError when it is the administrator's own.
        """
        if account.name == self.endpoint.login.username:
            raise errors.ConfigError(
                f"{account.name} is the account that logs in to manage accounts on {self.endpoint}",
                "Log in as an administrator, and give the backups an account of their own",
            )
        with self.session() as connection, connection.cursor() as cursor:
            steps = (self.steps_to_have if present else self.steps_to_drop)(cursor, account)
            for step in () if check else steps:
                cursor.execute(step.statement)
        return [step.what for step in steps]
