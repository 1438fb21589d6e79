# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Privileges on single tables, columns and routines of a restored database, where its dump does not bring them.

Such servers keep them with the accounts, by the names of database and object. So they are given when the database is
there, under the name that it had, and what a database that was there before has is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .. import accounts, errors
from ..artifacts import accounts_catalog, catalog
from ..artifacts.accounts_catalog import AccountsArtifact
from ..databases.accounts import ObjectGrants
from ..databases.base import Server
from ..models.accounts import AccountInfo, AccountsMetadata, Key, ObjectGrantInfo
from .replacing import Request

WHAT = "privileges on single tables, columns and routines of {database}"
HINT = "restore with scope all"


def companion_of(base_path: Path, artifact: object) -> AccountsArtifact | None:
    """Return the accounts that were saved in the run of an artifact; None where there are none that can be read."""
    if not isinstance(artifact, catalog.Artifact):
        return None
    try:
        return accounts_catalog.find_companion(base_path, artifact)
    except errors.BackupDBError:
        return None


def of_restored(
    server: Server, request: Request, plan: accounts.Plan, applied: accounts.Applied, existed: bool
) -> list[str]:
    """Give accounts that are restored with the database what they had on its objects; return what should be known.

    Those that exist get it too unless the database ``existed``: an earlier restore to the same server may have brought
    them.
    """
    source = _source(request)
    if source is None or source != request.target:
        # The grants are on the source's name.
        return []
    granted = [decision.account for decision in plan.decisions if decision.action != "skipped"]
    return accounts.apply_object_grants(server, plan.artifact, source, applied.restored if existed else granted)


def of_existing(server: Server, request: Request, companion: AccountsArtifact | None, existed: bool) -> list[str]:
    """Give the accounts of the server, when the database alone is restored, what the ``companion`` says they had on its
    objects; return what should be known.

    Nothing is given where the database ``existed``, or has another name: what is lacking then is counted. Never raises,
    for the database is in its place.
    """
    source = _source(request)
    if source is None or companion is None or server.dumps_hold_grants:
        return []
    try:
        return _of_existing(server, request, source, companion.metadata, existed)
    except errors.BackupDBError as error:
        return [f"{WHAT.format(database=source)} could not be brought: {error.message}"]


def _of_existing(server: Server, request: Request, source: str, saved: AccountsMetadata, existed: bool) -> list[str]:
    state = server.account_state()
    granted = [
        (account, grant)
        for account, grant in _grants(saved.accounts, saved.object_grants)
        if grant.database == source and account.key not in state.protected
    ]
    what = WHAT.format(database=source)
    if source != request.target:
        return _counted(granted, what, f"were not brought, for here its name is {request.target}")
    if existed:
        lacking = _lacking(server, granted)
        return _counted(
            lacking, what, f"that were saved are not on the server; to have them, {HINT} and accounts update"
        )
    here = [(account, grant) for account, grant in granted if account.key in state.existing]
    without = [(account, grant) for account, grant in granted if account.key not in state.existing]
    labels = sorted({account.label for account, _grant in without})
    refused = server.apply_object_grants(here) if here else []
    why = f"were not brought, for there is no {', '.join(labels)}; to have them, {HINT}"
    return refused + _counted(without, what, why)


def _source(request: Request) -> str | None:
    metadata = request.artifact.metadata
    return metadata.backup_info.database_name if metadata else None


def _grants(known: list[AccountInfo], grants: Iterable[ObjectGrantInfo]) -> list[tuple[AccountInfo, ObjectGrantInfo]]:
    return [(known[grant.account], grant) for grant in grants]


def _lacking(server: Server, granted: ObjectGrants) -> ObjectGrants:
    """Return those of the grants that are not on the server now."""
    if not granted:
        return []
    now = server.read_accounts()
    held: dict[tuple[Key, str, str, str, str | None], set[str]] = {}
    for account, grant in _grants(now.accounts, now.object_grants):
        held.setdefault(_place(account, grant), set()).update(_held(grant))
    return [
        (account, grant) for account, grant in granted if not _held(grant) <= held.get(_place(account, grant), set())
    ]


def _place(account: AccountInfo, grant: ObjectGrantInfo) -> tuple[Key, str, str, str, str | None]:
    return account.key, grant.database, grant.kind, grant.name, grant.column


def _held(grant: ObjectGrantInfo) -> set[str]:
    return {*grant.privileges, *(["GRANT OPTION"] if grant.grantable else [])}


def _counted(grants: ObjectGrants, what: str, told: str) -> list[str]:
    return [f"{len(grants)} {what} {told}"] if grants else []
