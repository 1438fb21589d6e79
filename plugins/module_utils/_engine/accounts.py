# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts of a server: saved to an artifact, and restored from it.

An account that exists is left alone unless it is to be updated, and even then nothing is taken from it. The bootstrap
superuser, the server's own accounts and the account in use are never touched. No result, error or metadata holds a
password or its hash: they are in the data file and go from there to the server.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal

from . import compressors, errors, logbook, stream, verification
from .artifacts import accounts_catalog
from .artifacts.accounts_catalog import AccountsArtifact
from .artifacts.store import Store, finish_file
from .databases.accounts import AccountsWork, AccountWork, SavedAccounts, check_text
from .databases.base import Server
from .instances import Instance
from .models.accounts import AccountInfo, AccountSection, AccountsInfoModel, AccountsMetadata, Key, MembershipInfo
from .models.config import SYSTEM_DATABASES

LEFT_ALONE = "it exists and is left alone"


@dataclass(frozen=True)
class Saved:
    """A published accounts artifact; ``partial_reason`` says what is missing from it, if anything."""

    artifact: AccountsArtifact
    partial_reason: str | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Decision:
    """What a restore does with an account of an artifact, and why."""

    account: AccountInfo
    action: Literal["create", "update", "exists", "skipped"]
    reason: str

    def as_dict(self) -> dict[str, str]:
        """Return plain data for a result."""
        return {
            "account": self.account.label,
            "kind": self.account.kind,
            "action": self.action,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Plan:
    """A verified artifact, a decision for each of its accounts, and what becomes of the memberships among them."""

    artifact: AccountsArtifact
    decisions: list[Decision]
    memberships: list[MembershipInfo]
    left_out: list[str]

    @property
    def changes(self) -> bool:
        """Whether applying the plan changes anything."""
        return any(decision.action in ("create", "update") for decision in self.decisions)

    def labels(self) -> list[str]:
        """Return the accounts that are there when the plan has been applied."""
        return [decision.account.label for decision in self.decisions if decision.action != "skipped"]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for a result."""
        return {
            "accounts_file": str(self.artifact.paths.data),
            "accounts": [decision.as_dict() for decision in self.decisions],
            "memberships": [_told(membership) for membership in self.memberships],
            "left_out": self.left_out,
        }


@dataclass(frozen=True)
class Applied:
    """What a restore did, by the names of the accounts; ``restored`` are those whose grants on objects may follow."""

    created: list[str]
    updated: list[str]
    memberships: list[str]
    left_alone: list[str]
    warnings: list[str]
    restored: list[AccountInfo]

    def as_dict(self) -> dict[str, list[str]]:
        """Return plain data for a result."""
        return {
            "created": self.created,
            "updated": self.updated,
            "memberships": self.memberships,
            "left_alone": self.left_alone,
            "warnings": self.warnings,
        }


def save(instance: Instance, server: Server, store: Store) -> Saved:
    """Save the accounts of an instance; whatever fails, nothing is published and nothing stays.

    Raise PermissionDeniedError when they may not be read at all, StorageError when they cannot be written.
    """
    started = time.monotonic()
    found = server.read_accounts()
    config = store.config
    with accounts_catalog.draft(config, hostname=store.hostname, database_id=instance.id, clock=store.clock) as draft:
        written = _write(draft.sink, found, config.compression_level, config.checksum_algorithm)
        file_info = finish_file(draft, written.size_bytes, written.checksum, config)
        metadata = AccountsMetadata(
            backup_info=AccountsInfoModel(
                database_id=instance.id,
                database_type=server.endpoint.family,
                hostname=store.hostname,
                timestamp=draft.moment,
                duration_seconds=round(time.monotonic() - started, 3),
                status="partial" if found.lacking else "success",
                error_message=found.lacking,
            ),
            file_info=file_info,
            server_flavour=server.flavour,
            server_version=server.version,
            raw_size_bytes=written.raw_size_bytes,
            accounts=found.accounts,
            memberships=found.memberships,
            object_grants=found.object_grants,
            sections=written.sections,
            warnings=found.warnings,
        )
        artifact = accounts_catalog.publish(draft, metadata)
    logbook.event(
        "accounts_saved",
        level="WARNING" if found.lacking else "INFO",
        database_id=instance.id,
        accounts=len(found.accounts),
        bytes=written.size_bytes,
        seconds=metadata.backup_info.duration_seconds,
        error_message=found.lacking,
    )
    return Saved(artifact, found.lacking, found.warnings)


@dataclass(frozen=True)
class _Written:
    size_bytes: int
    raw_size_bytes: int
    checksum: str
    sections: list[AccountSection]


def _write(sink: BinaryIO, found: SavedAccounts, level: int, checksum_algorithm: str) -> _Written:
    compress = compressors.compressor(level)
    digest = hashlib.new(checksum_algorithm)
    sections: list[AccountSection] = []
    offset = raw_size = 0
    for one in found.texts:
        text = one.text.encode("utf-8")
        member = compress(text)
        stream.write_block(sink, member, digest)
        if one.kind is not None and one.account is not None:
            sections.append(
                AccountSection(
                    kind=one.kind,
                    account=one.account,
                    offset_bytes=offset,
                    length_bytes=len(member),
                    raw_length_bytes=len(text),
                )
            )
        offset += len(member)
        raw_size += len(text)
    return _Written(offset, raw_size, digest.hexdigest(), sections)


def verify(artifact: AccountsArtifact, server: Server) -> None:
    """Read an accounts artifact to its end.

    Raise ValidationError unless it is of this server's product, its checksum is that of the metadata, and its text is
    whole and as long as it was.
    """
    metadata, data = artifact.metadata, artifact.paths.data
    if metadata.server_flavour != server.flavour:
        raise errors.ValidationError(
            f"{data} holds accounts of a {metadata.server_flavour} server, but {server.endpoint} is {server.flavour}",
            "Accounts can be restored to a server of the same product alone",
        )
    check_text(verification.read_data(data, metadata.file_info, metadata.raw_size_bytes), server.flavour)


def plan(
    server: Server, artifact: AccountsArtifact, wanted: Collection[str] | None = None, *, update: bool = False
) -> Plan:
    """Decide what is done with each account of an artifact, and change nothing.

    ``wanted`` narrows it to accounts of these names, as ``AccountName.label`` has them; with ``update``, those that
    exist are changed, too. Raise ValidationError when the artifact is damaged or of another product, NotFoundError
    when a wanted account is not in it.
    """
    verify(artifact, server)
    metadata = artifact.metadata
    missing = sorted(set(wanted or ()) - metadata.labels())
    if missing:
        raise errors.NotFoundError(f"{artifact.paths.data} has no account {', '.join(missing)}")
    state = server.account_state()
    decisions = []
    for account in metadata.accounts:
        if wanted is not None and account.label not in wanted:
            continue
        if account.key in state.protected:
            decisions.append(Decision(account, "skipped", state.protected[account.key]))
        elif account.key in state.existing:
            action: Literal["update", "exists"] = "update" if update else "exists"
            decisions.append(Decision(account, action, "it exists" if update else LEFT_ALONE))
        else:
            decisions.append(Decision(account, "create", "it does not exist"))
    created = {decision.account.key for decision in decisions if decision.action == "create"}
    memberships, left_out = _plan_memberships(metadata.memberships, decisions, set(state.existing) | created)
    return Plan(artifact, decisions, memberships, left_out)


def _plan_memberships(
    memberships: Iterable[MembershipInfo], decisions: Iterable[Decision], present: Collection[Key]
) -> tuple[list[MembershipInfo], list[str]]:
    """Return the memberships to grant, and a sentence for each of a decided account that is not granted."""
    decided = {decision.account.key: decision for decision in decisions}
    granted: list[MembershipInfo] = []
    left_out: list[str] = []
    for one in memberships:
        member = decided.get(one.member.key)
        if member is None:
            # Of an account that is not wanted; a new role among the wanted does not change it.
            continue
        if member.action not in ("create", "update"):
            left_out.append(f"{_told(one)} is left out: of {one.member.label}, {member.reason}")
        elif one.role.key not in present:
            left_out.append(f"{_told(one)} is left out: there is no {one.role.label}")
        else:
            granted.append(one)
    return granted, left_out


def _told(membership: MembershipInfo) -> str:
    return f"{membership.role.label} to {membership.member.label}"


def apply(server: Server, planned: Plan) -> Applied:
    """Do what was planned. Raise as Server.apply_accounts does; then no account is new."""
    work = []
    restored = []
    texts = _read_sections(planned)
    for decision in planned.decisions:
        if decision.action in ("create", "update"):
            creating = texts.get(("create", decision.account.key), [])
            details = texts.get(("details", decision.account.key), [])
            exists = decision.action == "update"
            work.append(AccountWork(decision.account, exists, creating[0] if creating else None, details))
            restored.append(decision.account)
    warnings = server.apply_accounts(AccountsWork(work, planned.memberships)) if work else []
    for database in SYSTEM_DATABASES[server.endpoint.family]:
        # No artifact of a database brings these, and every server has them.
        warnings += apply_object_grants(server, planned.artifact, database, restored)
    by_action = {
        action: [decision.account.label for decision in planned.decisions if decision.action == action]
        for action in ("create", "update")
    }
    return Applied(
        created=by_action["create"],
        updated=by_action["update"],
        memberships=[_told(membership) for membership in planned.memberships],
        left_alone=[
            f"{decision.account.label}: {decision.reason}"
            for decision in planned.decisions
            if decision.action in ("exists", "skipped")
        ]
        + planned.left_out,
        warnings=warnings,
        restored=restored,
    )


def apply_object_grants(
    server: Server, artifact: AccountsArtifact, database: str, accounts: Sequence[AccountInfo]
) -> list[str]:
    """Give accounts their privileges on the objects of a database that is loaded by now.

    ``accounts`` are those that were just restored (``Applied.restored``). Return a sentence for each privilege that
    could not be given. Where dumps bring these privileges themselves, there are none.
    """
    keys = {account.key for account in accounts}
    metadata = artifact.metadata
    grants = [
        (metadata.accounts[grant.account], grant)
        for grant in metadata.object_grants
        if grant.database == database and metadata.accounts[grant.account].key in keys
    ]
    return server.apply_object_grants(grants) if grants else []


def _read_sections(planned: Plan) -> dict[tuple[str, Key], list[str]]:
    """Return the texts of the accounts that are to be restored, by kind and account."""
    wanted = {decision.account.key for decision in planned.decisions if decision.action in ("create", "update")}
    metadata = planned.artifact.metadata
    texts: dict[tuple[str, Key], list[str]] = {}
    for section in metadata.sections:
        key = metadata.accounts[section.account].key
        if key in wanted:
            blocks = stream.read(planned.artifact.paths.data, section.offset_bytes, section.length_bytes)
            texts.setdefault((section.kind, key), []).append(b"".join(blocks).decode("utf-8"))
    return texts
