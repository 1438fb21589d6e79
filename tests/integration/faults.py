# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores that fail on purpose: what is refused, what is broken off between two steps, and how the target is then."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast
from unittest import mock

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, stream
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.base import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.results import RestoreResult
from ansible_collections.vya.backupdb.plugins.module_utils._engine.restores import restore, selection
from ansible_collections.vya.backupdb.plugins.module_utils._engine.restores.foreign import ForeignDump

from tests import disks
from tests.integration.scenes import PLANTED, Scene, create_scene, instance_of, now
from tools.private_servers.base import PrivateServer

PATIENCE_SECONDS = 30
# The live database after the backup, so that it can be told from what is in the artifact.
CHANGE = "DELETE FROM person WHERE id > 10"
SECONDS = itertools.count()
# What a server object answers by itself.
PURE = {"release_of", "section_name", "scratch_name", "is_scratch_of", "load_program", "with_accounts"}


@contextlib.contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[Path]:
    """Give a file system of that size; the test is skipped where none can be mounted."""
    with contextlib.ExitStack() as stack:
        try:
            disk = stack.enter_context(disks.small_disk(folder, size_bytes))
        except OSError as error:
            pytest.skip(str(error))
        yield disk


class InjectedError(errors.BackupDBError):
    """A fault that a test makes."""


def secrets_of(server: PrivateServer) -> list[str]:
    """Return what nobody may be shown: the administrator's password, and all hashes of passwords."""
    query = (
        "SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL"
        if server.family == "postgresql"
        else "SELECT authentication_string FROM mysql.user WHERE length(authentication_string) > 30"
    )
    return [server.admin_password, *(str(value) for (value,) in server.execute(query))]


def assert_nothing_shown(text: str, hidden: list[str]) -> None:
    """See that a text has no row of data and nothing of what is hidden."""
    for secret in (PLANTED, *hidden):
        assert secret not in text


def engine_restore(
    scene: Scene,
    artifact: selection.Artifact | None = None,
    target: str | None = None,
    *,
    server: Server | None = None,
    moment: datetime | None = None,
    **options: Any,
) -> RestoreResult:
    """Restore by the engine alone: the scene's artifact over its live database, unless told otherwise."""
    request = restore.Request(artifact or scene.artifact, target or scene.database, **{"force": True, **options})
    return restore.restore(server or instance_of(scene.server).server(), request, moment or next_moment())


def next_moment() -> datetime:
    """Return another second each time: what is left behind is named by it."""
    return now() + timedelta(seconds=next(SECONDS))


def shown_by(error: errors.BackupDBError) -> str:
    """Return all that a task that fails with an error shows."""
    return f"{error!r} {error} {json.dumps(error.details())}"


def assert_refused(scene: Scene, error_code: str | None, attempt: Callable[[], object]) -> errors.BackupDBError:
    """See that an attempt fails, with that code unless any will do, changes nothing and shows no secret.

    Return its error.
    """
    hidden = secrets_of(scene.server)
    with scene.untouched(), pytest.raises(errors.BackupDBError) as caught:
        attempt()
    assert error_code in (None, caught.value.error_code)
    assert_nothing_shown(shown_by(caught.value), hidden)
    return caught.value


def foreign_dump(folder: Path, text: bytes) -> ForeignDump:
    """Return a dump that has no metadata."""
    file = folder.joinpath("foreign.sql")
    file.write_bytes(text)
    return ForeignDump(file)


@dataclass
class Steps:
    """A server whose methods call ``fault`` before and after each call; ``made`` has the names of those calls."""

    server: Server
    fault: Callable[[int, str], None]
    made: list[str] = field(default_factory=list)

    def as_server(self) -> Server:
        """Return it as the engine takes it."""
        return cast(Server, self)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.server, name)
        if not callable(found) or name in PURE:
            return found
        return functools.partial(self._exclusive if name == "exclusive" else self._call, name, found)

    def _call(self, name: str, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        number = len(self.made)
        self.made.append(name)
        self.fault(number, "before")
        result = method(*arguments, **named)
        self.fault(number, "after")
        return result

    @contextlib.contextmanager
    def _exclusive(self, name: str, method: Callable[..., Any], target: str) -> Iterator[None]:
        number = len(self.made)
        self.made.append(name)
        self.fault(number, "before")
        with method(target):
            self.fault(number, "after")
            yield


@dataclass(frozen=True)
class Replaceable:
    """A scene whose live database has changed since its backup and may be replaced; ``old`` is its whole dump."""

    scene: Scene
    old: str

    @property
    def server(self) -> PrivateServer:
        """The server."""
        return self.scene.server

    @property
    def engine(self) -> Server:
        """The server as the engine sees it."""
        return instance_of(self.server).server()

    def change(self) -> None:
        """Bring the live database from either state to the changed one."""
        self.server.execute(CHANGE, self.scene.database)

    def others(self) -> list[str]:
        """Return the databases beside the live one that belong to it."""
        name = self.scene.database
        return [each for each in self.server.databases() if each.startswith(name) and each != name]

    def is_new(self) -> bool:
        """Say whether the live database is what was restored, and not what it was before; it must be one of the two."""
        dump = self.server.whole_dump(self.scene.database, create=True)
        assert dump in (self.old, self.scene.dump)
        return dump == self.scene.dump

    def is_whole(self) -> bool:
        """Say whether the live database is one of the two as a whole."""
        return self.server.whole_dump(self.scene.database, create=True) in (self.old, self.scene.dump)

    def is_kept(self, name: str) -> bool:
        """Say whether a database has the name of one that was replaced."""
        return name == self.engine.scratch_name(self.scene.database, "before", name[-14:])

    def assert_only_known_leftovers(self) -> None:
        """See that nothing is left but scratch databases and what the live one was before."""
        for name in self.others():
            assert self.engine.is_scratch_of(name, self.scene.database) or self.is_kept(name)

    def restore_again(self) -> None:
        """Restore as a person does after a failure, and see that all is right and what was left is gone."""
        self._restore_when_unlocked()
        if self.others():
            # The server went on with something when its client was gone.
            self._restore_when_unlocked()
        assert self.is_new()
        assert self.others() == []

    def _restore_when_unlocked(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                engine_restore(self.scene)
                return
            except errors.LockedError:
                # The server has not noticed yet that the killed client is gone.
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def clear(self) -> None:
        """Drop what is left beside the live database."""
        for name in self.others():
            self.server.drop_database(name)


@contextlib.contextmanager
def replaceable(server: PrivateServer, store: Path, name: str = "replaceable") -> Iterator[Replaceable]:
    """Make a live database that may be replaced, back it up and change it; drop all of it at the end."""
    scene = create_scene(server, store, name)
    server.execute(CHANGE, name)
    made = Replaceable(scene, server.whole_dump(name, create=True))
    assert made.old != scene.dump
    try:
        yield made
    finally:
        made.clear()
        server.drop_database(name)


@contextlib.contextmanager
def half_way(scene: Scene, action: Callable[[], None]) -> Iterator[None]:
    """Call something in the middle of a load, when part of it is in the scratch database."""

    def interrupted(path: Path, *part: int) -> Iterator[bytes]:
        text = b"".join(read(path, *part))
        yield text[: len(text) // 2]
        wait_until_loading(scene)
        action()
        yield text[len(text) // 2 :]

    read = stream.read
    with mock.patch.object(stream, "read", interrupted):
        yield


def wait_until_loading(scene: Scene) -> None:
    """Wait until a scratch database has a table."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not any(_has_tables(scene.server, name) for name in scene.server.databases() if "__restore_" in name):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _has_tables(server: PrivateServer, database: str) -> bool:
    schema = "public" if server.family == "postgresql" else database
    query = "SELECT count(*) FROM information_schema.tables WHERE table_schema = %s"
    ((count,),) = server.execute(query, database, [schema])
    return bool(count)


def members_of(artifact: catalog.Artifact) -> list[bytes]:
    """Return the gzip data of each section of an artifact."""
    info = artifact.metadata.restore_info
    assert info is not None
    data = artifact.paths.data.read_bytes()
    return [data[part.offset_bytes : part.offset_bytes + part.length_bytes] for part in info.sections]
