# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was saved is put back: selected, its server locked, accounts first, then the database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Callable, Literal

from .. import accounts, errors, layout, locking
from ..artifacts.accounts_catalog import AccountsArtifact
from ..artifacts.store import Store
from ..databases.base import Server
from ..instances import Instance
from ..models.results import RestoreResult
from . import object_grants, restore, selection
from .replacing import Strategy

Scope = Literal["database", "accounts", "all"]


@dataclass(frozen=True)
class Order:
    """What is to be put back, where to, and how; the last fields are those of restore.Request.

    Without ``target_id`` or ``target_database`` it goes to where it came from. ``provide`` gives the instance of an id.
    Raise ConfigError when the fields do not go together.
    """

    wanted: selection.Selection
    provide: Callable[[str], Instance]
    scope: Scope = "database"
    target_id: str | None = None
    target_database: str | None = None
    update_accounts: bool = False
    force: bool = False
    strategy: Strategy = "swap"
    keep_previous: bool = False
    terminate_sessions: bool = False
    tables: Sequence[str] = ()
    jobs: int = 1
    timeout: float | None = None

    def __post_init__(self) -> None:
        if self.keep_previous and self.strategy == "in_place":
            raise errors.ConfigError("keep_previous is for the strategy swap: in_place drops it")


@dataclass(frozen=True)
class Found:
    """What an order has come to: the artifacts, and the instance and the database that they are restored to.

    The database and its artifact are None where accounts alone are restored.
    """

    database_id: str
    database_type: str | None
    database: str | None = None
    artifact: selection.Artifact | None = None
    saved: AccountsArtifact | None = None


@dataclass(frozen=True)
class Recovered:
    """What was put back, or with ``check`` would be; ``accounts`` is plain data for a result."""

    changed: bool
    restore: RestoreResult | None = None
    accounts: dict[str, Any] | None = None
    warnings: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for a result."""
        described: dict[str, Any] = {}
        if self.restore is not None:
            described["restore"] = self.restore.as_dict()
            described["restore"].pop("accounts")
        if self.accounts:
            described["accounts"] = self.accounts
        return described


def find(order: Order, base_path: Path) -> Found:
    """Return what is to be restored and where to. Raise as selection.select_artifact and select_accounts do.

    Raise ConfigError where neither the order nor the metadata say where to.
    """
    wanted = order.wanted
    if order.scope == "accounts":
        of_database = wanted.database or (wanted.backup_file and not layout.is_accounts_name(wanted.backup_file.name))
        source = selection.select_artifact(base_path, wanted) if of_database else None
        saved = selection.select_accounts(base_path, wanted, source)
        of_accounts = saved.metadata.backup_info
        return Found(order.target_id or of_accounts.database_id, of_accounts.database_type, saved=saved)
    artifact = selection.select_artifact(base_path, wanted)
    info = artifact.metadata.backup_info if artifact.metadata else None
    database_id = order.target_id or wanted.database_id or (info.database_id if info else None)
    database = order.target_database or (info.database_name if info else None)
    if database is None or database_id is None:
        missing = "target_database" if database is None else "target_id"
        raise errors.ConfigError(f"{artifact.data} has no metadata, so {missing} must be given")
    return Found(
        database_id,
        info.database_type if info else None,
        database,
        artifact,
        selection.select_accounts(base_path, wanted, artifact) if order.scope == "all" else None,
    )


@dataclass(frozen=True)
class Replaced:
    """A database that a restore would replace, where it is, and the moment of what it would be replaced by."""

    database: str
    server: str
    moment: datetime | None


def replaced_by(order: Order, base_path: Path) -> Replaced | None:
    """Return what an order would replace, None if nothing. What cannot be seen is for the restore itself to say."""
    try:
        found = find(order, base_path)
        if found.database is None or found.artifact is None:
            return None
        server = order.provide(found.database_id).server()
        if not server.has_database(found.database):
            return None
    except errors.BackupDBError:
        return None
    metadata = found.artifact.metadata
    return Replaced(found.database, str(server.endpoint), metadata.backup_info.timestamp if metadata else None)


def put_back(order: Order, found: Found, store: Store, check: bool = False) -> Recovered:
    """Put back what was found; with ``check``, look at everything before and change nothing.

    Raise as accounts.plan, accounts.apply and restore.restore do; LockedError while the instance is worked on.
    """
    with _locked(order, found.database_id, store, check) as server, _kept(found):
        plan = accounts.plan(server, found.saved, update=order.update_accounts) if found.saved else None
        if found.artifact is None or found.database is None:
            if plan is None:
                raise AssertionError("contract violation: an order without an artifact and without accounts")
            applied = None if check else accounts.apply(server, plan)
            told = {"target_server": str(server.endpoint), **plan.as_dict(), **(applied.as_dict() if applied else {})}
            return Recovered(plan.changes, accounts=told, warnings=applied.warnings if applied else [])
        request = restore.Request(
            artifact=found.artifact,
            target=found.database,
            force=order.force,
            strategy=order.strategy,
            keep_previous=order.keep_previous,
            terminate_sessions=order.terminate_sessions,
            tables=order.tables,
            jobs=order.jobs,
            timeout=order.timeout,
        )
        companion = None if plan else object_grants.companion_of(store.config.base_path, found.artifact)
        result = restore.restore(server, request, store.clock(), check=check, accounts_plan=plan, companion=companion)
        return Recovered(True, result, result.accounts, result.warnings)


@contextlib.contextmanager
def _kept(found: Found) -> Iterator[None]:
    """Keep retention from removing what is being restored."""
    with contextlib.ExitStack() as stack:
        if found.artifact is not None:
            stack.enter_context(locking.in_use(found.artifact.data))
        if found.saved is not None:
            stack.enter_context(locking.in_use(found.saved.paths.data))
        yield


@contextlib.contextmanager
def _locked(order: Order, database_id: str, store: Store, check: bool) -> Iterator[Server]:
    """Give the server to restore to, while nothing else of this host works on it."""
    instance = order.provide(database_id)
    with contextlib.nullcontext() if check else store.locked(instance.id):
        yield instance.server()
