# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One artifact to one database: verify -> load aside -> compare -> put in place.

Nothing is done to the server before the artifact has been read to its end. An existing database is replaced
only after the artifact has been loaded beside it and compared with its metadata.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from . import catalog, errors, layout, stream, verification
from .databases.base import Server
from .models.metadata import DatabaseProperties
from .models.results import RestoreResult

# Encoding and locale of a new database, where an artifact's metadata does not tell them.
DEFAULTS = {"postgresql": ("UTF8", "C.UTF-8"), "mysql": ("utf8mb4", "utf8mb4_general_ci")}


@dataclass(frozen=True)
class Selection:
    """Which artifact: a data file, or the newest good one of a database, at or before ``until``."""

    backup_file: Path | None = None
    database_id: str | None = None
    database: str | None = None
    hostname: str | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Request:
    """What to restore, to which database; ``force`` allows it to replace an existing one. Timeout in seconds."""

    artifact: catalog.Artifact
    target: str
    force: bool = False
    timeout: float | None = None


def select_artifact(base_path: Path, selection: Selection) -> catalog.Artifact:
    """Return the artifact that is meant. Raise NotFoundError when there is none, ValidationError for another file."""
    if selection.backup_file is None:
        if selection.database_id is None or selection.database is None:
            raise errors.ConfigError("an artifact is named by backup_file, or by database_id and database")
        return catalog.find_latest(
            base_path,
            database_id=selection.database_id,
            database=selection.database,
            hostname=selection.hostname,
            until=selection.until,
        )
    if not selection.backup_file.is_file():
        raise errors.NotFoundError(f"{selection.backup_file} does not exist")
    if not layout.is_artifact_name(selection.backup_file.name):
        raise errors.ValidationError(
            f"{selection.backup_file} is not named as an artifact of this collection",
            "Name the .sql.gz file that vya.backupdb.db_backup made",
        )
    return catalog.load_artifact(layout.paths_of_data(selection.backup_file, "sha256").metadata)


def restore(server: Server, request: Request, moment: datetime, *, check: bool = False) -> RestoreResult:
    """Restore an artifact; with ``check``, verify all that can be and change nothing.

    Raise ValidationError when the artifact is damaged or not for this server, when the target exists and
    ``force`` is not set, or when what was loaded is not what was dumped; then the server is as it was.
    """
    started = time.monotonic()
    artifact, target = request.artifact, request.target
    exists = server.has_database(target)
    if exists and not request.force:
        raise errors.ValidationError(
            f"the database {target} exists on {server.endpoint}", "Set force to replace it, or name another target"
        )
    sessions = server.open_sessions(target) if exists else []
    if sessions:
        raise errors.ValidationError(
            f"the database {target} is in use on {server.endpoint} by {', '.join(sessions)}",
            "End these sessions, and keep new ones out until the restore is done",
        )
    text = verification.verify_artifact(artifact, server)
    server.load_program()
    warnings: list[str] = []
    comparison: dict[str, Any] | None = None
    if not check:
        loading = _Loading(server, request, text, warnings)
        comparison = loading.put_in_place(exists, f"{moment:%Y%m%d%H%M%S}").as_dict()
    info = artifact.metadata.backup_info
    return RestoreResult(
        success=True,
        database_id=info.database_id,
        database_name=info.database_name,
        target_database=target,
        backup_file=artifact.paths.data,
        duration_seconds=round(time.monotonic() - started, 3),
        warnings=warnings,
        comparison=comparison,
        timestamp=moment,
    )


@dataclass(frozen=True)
class _Loading:
    """A verified artifact on its way into a server."""

    server: Server
    request: Request
    text: stream.Text
    warnings: list[str]

    def put_in_place(self, exists: bool, stamp: str) -> verification.Comparison:
        """Load the artifact so that the target is never half of anything that the server can avoid."""
        if self.server.renames_databases:
            return self._swap(exists, stamp)
        if not exists:
            with self._created(self.request.target):
                return self._fill(self.request.target)
        return self._replace(stamp)

    def _swap(self, exists: bool, stamp: str) -> verification.Comparison:
        target = self.request.target
        scratch = self.server.scratch_name(target, "restore", stamp)
        previous = self.server.scratch_name(target, "before", stamp) if exists else None
        with self._created(scratch):
            comparison = self._fill(scratch)
            self.server.swap_database(scratch, target, previous)
        if previous is not None:
            self._drop_or_warn(previous, f"the database that {target} replaced")
        return comparison

    def _replace(self, stamp: str) -> verification.Comparison:
        """Where databases cannot be renamed: prove the artifact in a scratch database, then replace the target.

        The scratch database stays until the target is whole again, so that there is a loaded copy at every moment.
        """
        target = self.request.target
        scratch = self.server.scratch_name(target, "restore", stamp)
        with self._created(scratch):
            self._fill(scratch)
        try:
            self.server.drop_database(target)
            self.server.create_database(target, self._properties())
            comparison = self._fill(target)
        except errors.BackupDBError as error:
            raise errors.ValidationError(
                f"the database {target} could not be replaced: {error.message}",
                f"A whole, verified copy is in the database {scratch}; remove the cause and restore once more",
            ) from error
        self._drop_or_warn(scratch, "the scratch database")
        return comparison

    @contextlib.contextmanager
    def _created(self, database: str) -> Iterator[None]:
        """Create a database that is dropped again when the block fails."""
        self.server.create_database(database, self._properties())
        try:
            yield
        except BaseException:
            with contextlib.suppress(errors.BackupDBError):
                self.server.drop_database(database)
            raise

    def _fill(self, database: str) -> verification.Comparison:
        """Load the artifact into an empty database and compare. Raise ValidationError when they differ."""
        metadata = self.request.artifact.metadata
        data = self.request.artifact.paths.data
        self.server.load(database, stream.read(data), self.text, self.request.timeout)
        comparison = verification.compare(metadata.schema_info, metadata.restore_info, self.server.inspect(database))
        if comparison.differences:
            raise errors.ValidationError(
                f"what was loaded from {data} is not what was dumped: {'; '.join(comparison.differences)}",
                stream.DISTRUST,
            )
        self.warnings[:] = self.server.apply_properties(database, self._properties())
        return comparison

    def _properties(self) -> DatabaseProperties:
        restore_info = self.request.artifact.metadata.restore_info
        if restore_info is not None:
            return restore_info.properties
        encoding, locale = DEFAULTS[self.server.endpoint.family]
        return DatabaseProperties(encoding=encoding, locale=locale)

    def _drop_or_warn(self, database: str, what: str) -> None:
        try:
            self.server.drop_database(database)
        except errors.BackupDBError as error:
            self.warnings.append(f"{what}, now {database}, could not be dropped: {error.message}")
