# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metadata of an accounts artifact: whose accounts it holds, and where each of them is in the data file.

Password hashes are in the data file alone. What holds no secret, and depends on what else a server has when it is
restored, is here as data and not only there as text.
"""

from __future__ import annotations

from typing import Literal, Optional

from ._pydantic import Field, PydanticError, field_validator, model_validator
from .metadata import Count, FileInfoModel, Moment, Part, Seconds, explained, invalid

Key = tuple[str, Optional[str]]
Kind = Literal["login", "role", "superuser"]


class AccountName(Part):
    """The name of an account; ``host`` is None where it has none: roles of PostgreSQL and MariaDB."""

    name: str
    host: Optional[str] = None

    @property
    def key(self) -> Key:
        """What tells one account of a server from every other."""
        return self.name, self.host

    @property
    def label(self) -> str:
        """The name as a person, and the server where it names owners and definers, writes it: ``app@%``."""
        return self.name if self.host is None else f"{self.name}@{self.host}"


class AccountInfo(AccountName):
    """An account and what it is: one that may log in, a role, or a superuser."""

    kind: Kind


class MembershipInfo(Part):
    """That ``member`` has been granted ``role``, which need not be one of the artifact's accounts.

    ``inherit``, ``set_role`` and ``grantor`` are PostgreSQL's; a grantor of None is its bootstrap superuser.
    """

    role: AccountName
    member: AccountName
    admin: bool = False
    inherit: Optional[bool] = None
    set_role: Optional[bool] = None
    grantor: Optional[str] = None
    is_default: bool = False


class ObjectGrantInfo(Part):
    """Privileges of an account on an object inside of a database; ``account`` is its position among the accounts.

    ``kind`` is TABLE, or what the server calls a routine; ``column`` narrows the grant to a column.
    """

    account: Count
    database: str
    kind: str
    name: str
    column: Optional[str] = None
    privileges: list[str]
    grantable: bool = False


class AccountSection(Part):
    """A part of the data file that is a gzip file of its own: statements that make, or complete, one account."""

    kind: Literal["create", "details"]
    account: Count
    offset_bytes: Count
    length_bytes: Count
    raw_length_bytes: Count


class AccountsInfoModel(Part):
    """Whose accounts were saved, when, and how that went; see BackupInfoModel."""

    database_id: str = Field(min_length=1)
    database_type: Literal["mysql", "postgresql"]
    hostname: str = Field(min_length=1)
    timestamp: Moment
    duration_seconds: Seconds
    status: Literal["success", "partial"]
    error_message: Optional[str] = Field(default=None, validate_default=True)

    @field_validator("error_message")
    @classmethod
    def _explain_failure(cls, message: Optional[str], info: object) -> Optional[str]:
        return explained(message, info)


class AccountsMetadata(Part):
    """The metadata file of an accounts artifact."""

    backup_info: AccountsInfoModel
    file_info: FileInfoModel
    server_flavour: Literal["postgresql", "mariadb", "mysql"]
    server_version: str
    raw_size_bytes: Count
    accounts: list[AccountInfo]
    memberships: list[MembershipInfo] = Field(default_factory=list)
    object_grants: list[ObjectGrantInfo] = Field(default_factory=list)
    sections: list[AccountSection]
    warnings: list[str] = Field(default_factory=list)
    version: str = "2.0.0"

    @model_validator(mode="after")
    def _name_what_is_there(self) -> AccountsMetadata:
        positions = [grant.account for grant in self.object_grants] + [section.account for section in self.sections]
        if any(position >= len(self.accounts) for position in positions):
            raise ValueError("names an account by a position that is not among its accounts")
        return self

    def labels(self) -> set[str]:
        """Return the name of every account, as owners and definers are named."""
        return {account.label for account in self.accounts}

    def to_json(self) -> str:
        """Return the content of the metadata file; what is not known is left out."""
        return self.model_dump_json(indent=2, exclude_none=True) + "\n"

    @classmethod
    def from_json(cls, content: bytes, where: str) -> AccountsMetadata:
        """Given the content of the metadata file ``where``, return it. Raise ValidationError with every problem."""
        try:
            return cls.model_validate_json(content)
        except PydanticError as error:
            raise invalid(where, error) from None
