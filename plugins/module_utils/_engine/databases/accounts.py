# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine and a family of servers tell each other about accounts.

The text of an accounts artifact is made by the families from what their servers say of each account, statement by
statement, and each account's statements are a gzip member of their own. So a restore runs those of one account as
they were saved and never has to tell statements apart in a text; the whole is an ordinary file for the plain client.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from .. import errors, stream
from ..models.accounts import AccountInfo, Key, MembershipInfo, ObjectGrantInfo

FIRST_LINE = "-- Accounts of a {flavour} server"
TRAILER = "-- Accounts complete"


@dataclass(frozen=True)
class AccountText:
    """Statements of an accounts artifact. ``account`` is the position of the account that they make or complete.

    ``create`` makes an account with its password; ``details`` is what it has without others: settings, privileges.
    Without an account, it is text that a restore does not need: from the metadata it makes the same again.
    """

    text: str = field(repr=False)
    kind: Literal["create", "details"] | None = None
    account: int | None = None


@dataclass(frozen=True)
class SavedAccounts:
    """The accounts of a server but its own; ``lacking`` says what could not be read of them, if anything."""

    accounts: list[AccountInfo]
    texts: list[AccountText]
    memberships: list[MembershipInfo] = field(default_factory=list)
    object_grants: list[ObjectGrantInfo] = field(default_factory=list)
    lacking: str | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class AccountState:
    """Which accounts a server has, and why some must never be touched."""

    existing: frozenset[Key]
    protected: dict[Key, str]


@dataclass(frozen=True)
class AccountWork:
    """What is to be done to one account; the texts are those of its ``create`` and ``details``."""

    account: AccountInfo
    exists: bool
    create: str | None = field(repr=False)
    details: Sequence[str] = field(repr=False)


@dataclass(frozen=True)
class AccountsWork:
    """What is to be done to the accounts of a server, and the memberships among them that come last."""

    accounts: Sequence[AccountWork]
    memberships: Sequence[MembershipInfo]


#: Privileges on objects, each with the account that is to have it.
ObjectGrants = Sequence[tuple[AccountInfo, ObjectGrantInfo]]


def frame(flavour: str, preamble: Sequence[str], texts: Sequence[AccountText]) -> list[AccountText]:
    """Return the texts between the first line, the settings of the session, and the trailer."""
    first = "\n".join([FIRST_LINE.format(flavour=flavour), *(f"{setting};" for setting in preamble), ""])
    return [AccountText(first), *texts, AccountText(f"{TRAILER}\n")]


def check_text(text: stream.Text, flavour: str) -> None:
    """Raise ValidationError unless a text begins and ends as the whole accounts of a server of that product do."""
    if not text.head.startswith(f"{FIRST_LINE.format(flavour=flavour)}\n".encode("ascii")):
        raise errors.ValidationError(f"these are no accounts of a {flavour} server: the first line is another")
    if not text.tail.endswith(f"\n{TRAILER}\n".encode("ascii")):
        raise errors.ValidationError("the accounts are not complete: their last line is missing", stream.DISTRUST)
