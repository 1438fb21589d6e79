# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a drill restores to: a scratch database on a server that is there, or a throwaway server of its own.

Never to a database that anybody uses: on a server that is there it has a name of its own, and a throwaway server has
nothing but the copy. What a drill that was killed left behind, the next one takes away.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

from .. import accounts, errors, stream
from ..artifacts import accounts_catalog
from ..artifacts.catalog import Artifact
from ..artifacts.store import Store
from ..databases import registry, throwaway
from ..databases.base import Server, is_scratch
from ..databases.values import Endpoint, Flavour
from ..instances import Instance
from ..models.accounts import AccountName
from ..models.metadata import RestoreInfo

DEFAULT_WORK_PATH = Path("/var/tmp")
PURPOSE = "verify"
ON_THROWAWAY = "Let it be verified on a throwaway server"


@dataclass(frozen=True)
class Where:
    """Where artifacts are restored to, and how.

    With ``find_instance``, to a scratch database on the server of the instance that it returns for the id of the
    artifact's. Without, to a throwaway server of the host, in a folder below ``work_path``, from the programs in
    ``server_path`` if that is given. ``jobs`` programs load at a time, each for ``timeout`` seconds at the most.
    """

    find_instance: Callable[[str], Instance] | None = None
    work_path: Path = DEFAULT_WORK_PATH
    server_path: Path | None = None
    jobs: int = 1
    timeout: float | None = None


@dataclass(frozen=True)
class Place:
    """A server and the name that a new database is to have there; ``warnings`` should be known."""

    server: Server
    database: str
    warnings: list[str] = field(default_factory=list)


class Places:
    """The places of one drill, to be closed when it ends. ``swept`` says what others had left behind."""

    def __init__(self, where: Where, store: Store) -> None:
        self._where = where
        self._store = store
        self._open = contextlib.ExitStack()
        self._running: tuple[Any, Server, throwaway.Throwaway] | None = None
        self._looked_through: set[Endpoint] = set()
        self.swept: list[str] = []
        if where.find_instance is None:
            self.swept += throwaway.sweep(registry.THROWAWAYS.values(), where.work_path)

    def close(self) -> None:
        """End the throwaway server, if one runs."""
        self._running = None
        self._open.close()

    @contextlib.contextmanager
    def place(self, artifact: Artifact, text: stream.Text) -> Iterator[Place]:
        """Give the place for an artifact, whose text has been read, while the block runs.

        Raise ConfigError where it cannot be restored to the server, or no throwaway server can be run.
        """
        if self._where.find_instance is not None:
            with self._on_server(artifact, self._where.find_instance) as place:
                yield place
        else:
            yield self._on_throwaway(artifact, text)

    @contextlib.contextmanager
    def _on_server(self, artifact: Artifact, find_instance: Callable[[str], Instance]) -> Iterator[Place]:
        info = artifact.metadata.backup_info
        server = find_instance(info.database_id).server()
        _require_fit(server, artifact)
        if server.endpoint not in self._looked_through:
            self._looked_through.add(server.endpoint)
            self.swept += sweep(server)
        name = server.scratch_name(info.database_name, PURPOSE, f"{self._store.clock():%Y%m%d%H%M%S}")
        with server.exclusive(name):
            if server.has_database(name):
                # Nobody else has the lock: what has had this very second is dead.
                server.discard_database(name)
            yield Place(server, name)

    def _on_throwaway(self, artifact: Artifact, text: stream.Text) -> Place:
        info, restore_info = artifact.metadata.backup_info, artifact.metadata.restore_info
        flavour = restore_info.server_flavour if restore_info else _flavour_of(text)
        version = restore_info.server_version if restore_info else ""
        companion = restore_info.accounts_artifact if restore_info else None
        # Accounts belong to an instance at a time: those of others must not make up for what is missing.
        key = (flavour, version, info.hostname, info.database_id, companion or artifact.paths.data)
        warnings: list[str] = []
        if self._running is None or self._running[0] != key:
            self.close()
            kind = registry.throwaway_for(info.database_type, flavour, version, self._where.server_path)
            server = self._open.enter_context(kind.started(self._where.work_path))
            warnings += _restore_accounts(server, artifact, self._store.config.base_path)
            self._running = key, server, kind
        _key, server, kind = self._running
        _require_fit(server, artifact)
        kind.create_accounts(server, _missing_accounts(server, restore_info))
        if server.has_database(info.database_name):
            server.discard_database(info.database_name)
        return Place(server, info.database_name, warnings)


def sweep(server: Server) -> list[str]:
    """Drop the scratch databases of drills that were killed; return a sentence for each."""
    said = []
    for entry in server.list_databases():
        if is_scratch(entry.name, PURPOSE):
            with contextlib.suppress(errors.LockedError), server.exclusive(entry.name):
                server.discard_database(entry.name)
                said.append(f"dropped {entry.name} on {server.endpoint}, which a drill that was killed had left")
    return said


def _flavour_of(text: stream.Text) -> Flavour:
    """Return the product that a dump without details is of."""
    if text.head.lstrip().startswith(b"--\n-- PostgreSQL"):
        return "postgresql"
    return "mariadb" if b"-- MariaDB dump" in text.head else "mysql"


def _require_fit(server: Server, artifact: Artifact) -> None:
    """Raise ConfigError where a restore would fail, or not be one, for no fault of the artifact."""
    info, restore_info, data = artifact.metadata.backup_info, artifact.metadata.restore_info, artifact.paths.data
    if info.database_type != server.endpoint.family:
        raise errors.ConfigError(
            f"{data} is an artifact of a {info.database_type} database and cannot be restored to {server.endpoint}"
        )
    if restore_info is None:
        return
    product, version = restore_info.server_flavour, restore_info.server_version
    if product != server.flavour or server.release_of(version) > server.release_of(server.version):
        raise errors.ConfigError(
            f"{data} is of {product} {version}, but {server.endpoint} is {server.flavour} {server.version}",
            f"Verify it on a server of {product} {version} or newer",
        )


def require_own_name(place: Place, artifact: Artifact) -> None:
    """Raise ConfigError where a dump names its own database, and what it names there is not on the server."""
    restore_info, source = artifact.metadata.restore_info, artifact.metadata.backup_info.database_name
    server = place.server
    if restore_info is None or place.database == source or not server.needs_own_name(restore_info):
        return
    # The others are the automatic numbers of its tables, which a dump names by the table alone.
    tables = {table.name for table in restore_info.tables}
    needed = {sequence.name for sequence in restore_info.sequences} - tables
    there = {sequence.name for sequence in server.read_sequences(source)} if server.has_database(source) else set()
    if needed - there:
        raise errors.ConfigError(
            f"{artifact.paths.data} takes numbers from sequences of {source} by that name, so it cannot be restored"
            f" under another name to {server.endpoint}, which lacks them",
            ON_THROWAWAY,
        )


def _restore_accounts(server: Server, artifact: Artifact, base_path: Path) -> list[str]:
    """Restore the accounts of an artifact's own run to a new server; return what should be known."""
    try:
        companion = accounts_catalog.find_companion(base_path, artifact)
        if companion is None:
            return []
        return accounts.apply(server, accounts.plan(server, companion)).warnings
    except errors.BackupDBError as error:
        return [f"the accounts of {artifact.paths.data} could not be restored for the drill: {error.message}"]


def _missing_accounts(server: Server, restore_info: RestoreInfo | None) -> list[str]:
    present = {AccountName(name=name, host=host).label for name, host in server.account_state().existing}
    return sorted(set(restore_info.accounts) - present) if restore_info else []
