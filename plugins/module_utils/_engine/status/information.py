# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known: the artifacts of a store, and each database with the state of its backups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..artifacts.catalog import Artifact, Listing
from ..instances import Instance, nothing_selected, select_databases
from ..models.metadata import now
from ..models.results import DatabaseInfo
from ..models.verification import LEVELS
from ..retention import survey


@dataclass(frozen=True)
class Listed:
    """A database that a server has now."""

    database_id: str
    name: str
    size_bytes: int
    tables_count: int


def list_live(instance: Instance, database: str | None = None) -> list[Listed]:
    """Return the databases of an instance that are to be backed up; only the one of that name, if it is given.

    Raise as Server.list_databases and instances.select_databases do, and NotFoundError when there is none.
    """
    server = instance.server()
    selected = select_databases(instance, server.list_databases(), None)
    if not selected:
        # An alarm must not fall silent because all of them are gone.
        raise nothing_selected(instance)
    return [
        Listed(instance.id, entry.name, entry.size_bytes, server.count_tables(entry.name))
        for entry in selected
        if database in (None, entry.name)
    ]


def describe_artifact(artifact: Artifact, details: bool = False, moment: datetime | None = None) -> dict[str, Any]:
    """Return an artifact as plain data: its paths and its metadata, ``restore_info`` only with ``details``.

    Besides, what a drill found, and why retention leaves the artifact alone, now or at the ``moment``; each only where
    there is something to tell.
    """
    left_out = None if details else {"restore_info"}
    metadata: dict[str, Any] = artifact.metadata.model_dump(mode="json", exclude=left_out, exclude_none=True)
    return {
        "backup_file": str(artifact.paths.data),
        "checksum_file": str(artifact.paths.checksum),
        "metadata_file": str(artifact.paths.metadata),
        **metadata,
        **_beside(artifact, moment or now()),
    }


def _beside(artifact: Artifact, moment: datetime) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if artifact.verification is not None:
        told["verification"] = artifact.verification.model_dump(mode="json", exclude_none=True)
    held = survey.held_for(artifact, moment)
    if held is not None:
        told["held"] = held
    return told


def describe_databases(
    listing: Listing,
    listed: Iterable[Listed] = (),
    hostname: str | None = None,
    expected: Iterable[tuple[str, str]] = (),
    level: str = LEVELS[0],
) -> list[DatabaseInfo]:
    """Return a DatabaseInfo for each database of the listing, each that a server lists now, and each that is expected.

    Size and number of tables are those on the server now, or where it was not asked, the number of tables of the
    latest artifact. Of drills, those of the ``level`` or a higher one count. Ordered by id and name.
    """
    artifacts: dict[tuple[str, str], list[Artifact]] = {}
    for artifact in listing.artifacts:
        info = artifact.metadata.backup_info
        if hostname in (None, info.hostname):
            artifacts.setdefault((info.database_id, info.database_name), []).append(artifact)
    found = {key: _described(key, ordered, level) for key, ordered in artifacts.items()}
    for database_id, name in expected:
        found.setdefault((database_id, name), DatabaseInfo(database_id=database_id, name=name))
    for one in listed:
        key = (one.database_id, one.name)
        known = found.get(key) or DatabaseInfo(database_id=one.database_id, name=one.name)
        found[key] = known.model_copy(update={"size_bytes": one.size_bytes, "tables_count": one.tables_count})
    return [found[key] for key in sorted(found)]


def _described(key: tuple[str, str], artifacts: list[Artifact], level: str) -> DatabaseInfo:
    """Given the artifacts of a database, newest first, return the state of its backups."""
    database_id, name = key
    newest = artifacts[0]
    drills = [
        artifact.verification
        for artifact in artifacts
        if artifact.verification is not None
        and artifact.verification.passed
        and LEVELS.index(artifact.verification.level) >= LEVELS.index(level)
    ]
    last = max(drills, key=lambda drill: drill.verified_at, default=None)
    return DatabaseInfo(
        database_id=database_id,
        name=name,
        tables_count=newest.metadata.schema_info.tables_count,
        last_backup=newest.moment,
        backup_status=newest.metadata.backup_info.status,
        last_good_backup=next((artifact.moment for artifact in artifacts if artifact.is_good), None),
        last_verified=last.verified_at if last else None,
        verified_level=last.level if last else None,
    )
