# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A verified artifact -> its place on a server: load aside -> compare -> swap, or in place where the room is short.

Until the swap nothing is done to the target. Whatever is left behind by a process that was killed has a name that
tells what it is, and the next restore to the same target takes it away or finishes it (Server.recover).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Callable, Literal

from .. import errors, logbook, progress, stream, verification
from ..artifacts import catalog
from ..databases.base import Server
from ..databases.values import Swap, TableKey
from ..models.metadata import DatabaseProperties
from . import loading
from .foreign import ForeignDump

Strategy = Literal["swap", "in_place"]
# Encoding and locale of a new database, where an artifact's metadata does not tell them.
DEFAULTS = {"postgresql": ("UTF8", "C.UTF-8"), "mysql": ("utf8mb4", "utf8mb4_general_ci")}
# What a database that is replaced keeps: it belongs to the server, not to what was dumped.
KEPT_PROPERTIES = ("owner", "connection_limit", "comment", "settings", "grants")


@dataclass(frozen=True)
class Request:
    """What to restore, to which database, and how.

    ``force`` allows it to replace an existing one, ``keep_previous`` keeps that under another name, and
    ``terminate_sessions`` ends whoever uses it. ``tables`` are the only ones wanted (none: all), ``jobs`` how many
    programs load at a time, and ``timeout`` is that of each, in seconds.
    """

    artifact: catalog.Artifact | ForeignDump
    target: str
    force: bool = False
    strategy: Strategy = "swap"
    keep_previous: bool = False
    terminate_sessions: bool = False
    tables: Sequence[str] = ()
    jobs: int = 1
    timeout: float | None = None


@dataclass
class Outcome:
    """What came of it: how the loaded database compares, what was read, where the old one is, seconds by step.

    There is nothing to compare with where a dump has no metadata.
    """

    comparison: verification.Comparison | None
    loaded: loading.Loaded
    previous: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Cleared:
    """A restore that nothing stands against: the verified file, which tables are wanted (none: all), and warnings."""

    source: loading.Source
    keys: list[TableKey]
    warnings: list[str]


def put_in_place(
    server: Server, request: Request, cleared: Cleared, stamp: str, restored: Collection[str] = ()
) -> Outcome:
    """Put an artifact in the place of its target; ``stamp`` is the time in the names of scratch databases.

    The accounts ``restored`` before have what they had on the database, although the target is there without it.

    Raise ValidationError when it cannot be loaded or what was loaded is not what was dumped; then the target is as
    it was, except with the strategy in_place.
    """
    exists = server.has_database(request.target)
    placing = _Placing(server, request, cleared.source, cleared.keys, _properties(server, request, exists, restored))
    if request.strategy == "in_place":
        return placing.in_place(exists)
    return placing.swap(exists, stamp)


def try_out(
    server: Server,
    request: Request,
    cleared: Cleared,
    blamed: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
) -> Outcome:
    """Load an artifact into a new database of the target's name, compare it, and drop it, whatever comes of it.

    What can only fail for the artifact is done in a context of ``blamed``.
    """
    properties = _properties(server, request, exists=False)
    return _Placing(server, request, cleared.source, cleared.keys, properties).try_out(blamed)


def _properties(server: Server, request: Request, exists: bool, restored: Collection[str] = ()) -> DatabaseProperties:
    """Return what the new database is given: as it was dumped, but what belongs to the server as the target has it."""
    present = server.read_properties(request.target) if exists else None
    metadata = request.artifact.metadata
    if metadata is not None and metadata.restore_info is not None:
        dumped = metadata.restore_info.properties
        if present is None:
            return dumped
        own = server.with_accounts(present, dumped, restored)
        return dumped.model_copy(update={name: getattr(own, name) for name in KEPT_PROPERTIES})
    encoding, locale = DEFAULTS[server.endpoint.family]
    return present or DatabaseProperties(encoding=encoding, locale=locale)


@dataclass(frozen=True)
class _Placing:
    """An artifact on its way into a server."""

    server: Server
    request: Request
    source: loading.Source
    keys: Sequence[TableKey]
    properties: DatabaseProperties
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def swap(self, exists: bool, stamp: str) -> Outcome:
        """Load into a scratch database, which takes the target's name when it has been found right."""
        target = self.request.target
        if not exists and self._needs_own_name():
            return self.in_place(exists)
        scratch = self.server.scratch_name(target, "restore", stamp)
        previous = self.server.scratch_name(target, "before", stamp) if exists else None
        with self._created(scratch):
            loaded = self._load(scratch)
            silenced = self.server.silence(scratch)
            outcome = self._check(scratch, loaded)
            wanted = Swap(
                scratch,
                target,
                previous,
                self.request.terminate_sessions,
                self._source_name(),
                silenced,
                self.request.keep_previous,
            )
            with self._timed("swap"):
                outcome.warnings += self.server.swap_database(wanted)
            logbook.event("swapped", seconds=self.seconds["swap"])
        if previous is not None and not self.request.keep_previous:
            self._drop_or_warn(previous, outcome)
        elif previous is not None:
            outcome.previous = previous
        return outcome

    def in_place(self, exists: bool) -> Outcome:
        """Drop the target and load it anew: the artifact has been verified, but nothing has been loaded before."""
        target = self.request.target
        if not exists:
            with self._created(target):
                self.server.mark_unfinished(target)
                outcome = self._check(target, self._load(target))
                self.server.mark_finished(target)
                return outcome
        try:
            self.server.drop_database(target, self.request.terminate_sessions)
        except errors.BackupDBError as error:
            raise errors.ValidationError(
                f"the database {target} could not be dropped to be replaced: {error.message}", error.hint
            ) from error
        try:
            self.server.create_database(target, self.properties)
            return self._check(target, self._load(target))
        except errors.BackupDBError as error:
            raise errors.ValidationError(
                f"the database {target} was dropped to be replaced in place, and is not whole: {error.message}",
                f"Remove the cause and restore {self.source.path} once more",
            ) from error

    def try_out(self, blamed: Callable[[], contextlib.AbstractContextManager[None]]) -> Outcome:
        """Load a copy that is dropped when it has been compared."""
        target = self.request.target
        self.server.create_database(target, self.properties)
        try:
            with blamed():
                loaded = self._load(target)
            self.server.silence(target)
            with blamed():
                outcome = self._check(target, loaded)
        except BaseException:
            with contextlib.suppress(errors.BackupDBError):
                self.server.discard_database(target)
            raise
        try:
            self.server.discard_database(target)
        except errors.BackupDBError as error:
            outcome.warnings.append(f"the scratch database {target} could not be dropped: {error.message}")
        return outcome

    @contextlib.contextmanager
    def _created(self, database: str) -> Iterator[None]:
        """Create a database that is dropped again when the block fails."""
        self.server.create_database(database, self.properties)
        try:
            yield
        except BaseException:
            with contextlib.suppress(errors.BackupDBError):
                self.server.drop_database(database)
            raise

    def _load(self, database: str) -> loading.Loaded:
        """Load the artifact, or the tables of it that are wanted, into an empty database."""
        tables = frozenset(self.server.section_name(key) for key in self.keys) if self.keys else None
        with self._timed("load"):
            try:
                loaded = self._load_rows(database, tables)
            except errors.ValidationError as error:
                if isinstance(error, errors.BrokenOffError) or not loading.is_partial(self.source, tables):
                    raise
                # Such as a foreign key of a partitioned table, which is in no section of its own.
                self.warnings.append(
                    f"the tables could not be loaded without others, so the whole of it was loaded: {error.message}"
                )
                self._empty(database)
                loaded = self._load_rows(database, None)
            if self.keys:
                self.server.keep_tables(database, self.keys)
        logbook.event("loaded", bytes=loaded.bytes_read, seconds=self.seconds["load"])
        return loaded

    def _load_rows(self, database: str, tables: frozenset[str] | None) -> loading.Loaded:
        expected = loading.expected_bytes(self.source, tables)
        told = (self._source_id(), self._source_name() or self.request.target, expected)
        with progress.measured("load", *told) as meter:
            options = loading.Options(self.request.jobs, self.request.timeout, tables, meter)
            return loading.load(self.server, database, self.source, options)

    def _empty(self, database: str) -> None:
        """Create a new database once more, as it was before the load."""
        self.server.drop_database(database)
        self.server.create_database(database, self.properties)
        if database == self.request.target:
            self.server.mark_unfinished(database)

    def _check(self, database: str, loaded: loading.Loaded) -> Outcome:
        """Compare what was loaded, and give the database what is its own. Raise ValidationError when they differ."""
        with self._timed("compare"):
            comparison = self._compare(database)
        logbook.event("compared", seconds=self.seconds["compare"])
        warnings = [*self.warnings, *self.server.apply_properties(database, self.properties)]
        return Outcome(comparison, loaded, seconds=self.seconds, warnings=warnings)

    def _needs_own_name(self) -> bool:
        """Say whether only a database of the target's name, which is the source's, can be loaded into."""
        metadata = self.request.artifact.metadata
        if metadata is None or metadata.restore_info is None or self._source_name() != self.request.target:
            return False
        return self.server.needs_own_name(metadata.restore_info)

    def _source_id(self) -> str:
        metadata = self.request.artifact.metadata
        return metadata.backup_info.database_id if metadata else ""

    def _source_name(self) -> str | None:
        metadata = self.request.artifact.metadata
        return metadata.backup_info.database_name if metadata else None

    def _compare(self, database: str) -> verification.Comparison | None:
        metadata = self.request.artifact.metadata
        if metadata is None:
            return None
        found = self.server.inspect(database, verification.fingerprinted(metadata.restore_info), self._source_name())
        comparison = verification.compare(metadata, found, self.server, self.keys)
        if comparison.differences:
            raise errors.ValidationError(
                f"what was loaded from {self.source.path} is not what was dumped: {'; '.join(comparison.differences)}",
                stream.DISTRUST,
            )
        return comparison

    @contextlib.contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.seconds[step] = round(time.monotonic() - started, 3)

    def _drop_or_warn(self, database: str, outcome: Outcome) -> None:
        try:
            self.server.drop_database(database)
        except errors.BackupDBError as error:
            outcome.previous = database
            outcome.warnings.append(
                f"the database that {self.request.target} replaced, now {database}, could not be dropped:"
                f" {error.message}"
            )
