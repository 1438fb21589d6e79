# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known: the artifacts of a store, and each database with the state of its backups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .catalog import Artifact, Listing
from .instances import Instance, select_databases
from .models.results import DatabaseInfo


@dataclass(frozen=True)
class Listed:
    """A database that a server has now."""

    database_id: str
    name: str
    size_bytes: int
    tables_count: int


def list_live(instance: Instance, database: str | None = None) -> list[Listed]:
    """Return the databases of an instance that are to be backed up; only the one of that name, if it is given.

    Raise as Server.list_databases and instances.select_databases do.
    """
    server = instance.server()
    selected = select_databases(instance, server.list_databases(), None)
    return [
        Listed(instance.id, entry.name, entry.size_bytes, server.count_tables(entry.name))
        for entry in selected
        if database in (None, entry.name)
    ]


def describe_artifact(artifact: Artifact, details: bool = False) -> dict[str, Any]:
    """Return an artifact as plain data: its paths and its metadata, ``restore_info`` only with ``details``."""
    left_out = None if details else {"restore_info"}
    metadata: dict[str, Any] = artifact.metadata.model_dump(mode="json", exclude=left_out, exclude_none=True)
    return {
        "backup_file": str(artifact.paths.data),
        "checksum_file": str(artifact.paths.checksum),
        "metadata_file": str(artifact.paths.metadata),
        **metadata,
    }


def describe_databases(
    listing: Listing, listed: Iterable[Listed] = (), hostname: str | None = None
) -> list[DatabaseInfo]:
    """Return a DatabaseInfo for each database of the listing, and for each that a server lists now.

    Size and number of tables are those on the server now, or where it was not asked, the number of tables of the
    latest artifact. Ordered by id and name.
    """
    latest: dict[tuple[str, str], Artifact] = {}
    for artifact in listing.artifacts:
        info = artifact.metadata.backup_info
        if hostname in (None, info.hostname):
            latest.setdefault((info.database_id, info.database_name), artifact)
    found = {key: _described(key, artifact) for key, artifact in latest.items()}
    for one in listed:
        key = (one.database_id, one.name)
        known = found.get(key) or DatabaseInfo(database_id=one.database_id, name=one.name)
        found[key] = known.model_copy(update={"size_bytes": one.size_bytes, "tables_count": one.tables_count})
    return [found[key] for key in sorted(found)]


def _described(key: tuple[str, str], artifact: Artifact) -> DatabaseInfo:
    database_id, name = key
    return DatabaseInfo(
        database_id=database_id,
        name=name,
        tables_count=artifact.metadata.schema_info.tables_count,
        last_backup=artifact.moment,
        backup_status=artifact.metadata.backup_info.status,
    )
