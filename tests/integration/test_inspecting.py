# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A long look at a database is broken off when its dump fails or its time is up, and a whole dump survives it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, instances, stream
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.store import Store
from ansible_collections.vya.backupdb.plugins.module_utils._engine.backups import run
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql import catalogue as mysql_catalogue
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.postgresql import (
    catalogue as postgresql_catalogue,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import StorageConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import RestoreInfo
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.results import BackupResult

from tests.integration import processes
from tests.integration.scenes import DATABASE_ID, HOSTNAME, Scene, back_up, create_scene, instance_of, now, put_back
from tools.private_servers.base import PrivateServer

# As long as somebody would wait who is not told at once.
SLEEP_SECONDS = 25
SLEEPS = {"postgresql": "SELECT pg_catalog.pg_sleep(%s)", "mysql": "SELECT SLEEP(%s)"}


@contextlib.contextmanager
def slow_looks(server: PrivateServer) -> Iterator[list[str]]:
    """Let every inspection begin with a query that takes long; yield how each of these ended."""
    module = postgresql_catalogue if server.family == "postgresql" else mysql_catalogue
    inspect, ends = module.inspect, []

    def slow(endpoint: Any, session: Any, *arguments: Any, **named: Any) -> Any:
        with session.cursor() if server.family == "postgresql" else contextlib.nullcontext(session) as cursor:
            try:
                cursor.execute(SLEEPS[server.family], [SLEEP_SECONDS])
                # A sleep of this family that is broken off says so, or fails.
                ends.append("broken off" if cursor.fetchall()[0][0] == 1 else "to its end")
            except Exception:
                ends.append("broken off")
                raise
        return inspect(endpoint, session, *arguments, **named)

    with mock.patch.object(module, "inspect", slow):
        yield ends


def report_of(scene: Scene, **config: Any) -> run.Report:
    instance = instance_of(scene.server)
    changed = instances.Instance(instance.config.model_copy(update=config), instance.endpoint)
    engine_store = Store(StorageConfig(base_path=scene.store), HOSTNAME, now)
    return run.back_up([run.Wanted(DATABASE_ID, lambda: changed)], engine_store, run.Request([scene.database]))


def result_of(scene: Scene, **config: Any) -> BackupResult:
    (result,) = report_of(scene, **config).results
    return result


def test_a_disk_that_is_full_is_told_while_rows_are_still_counted(scene: Scene) -> None:
    full = errors.StorageError("no room for the artifact: No space left on device")
    with slow_looks(scene.server) as ends, mock.patch.object(stream, "write_block", side_effect=full):
        result = result_of(scene, accounts=False)
    assert result.error_code == "storage_error"
    assert ends == ["broken off"]
    assert processes.partial_files(scene.store) == []


def test_rows_are_counted_no_longer_than_a_dump_may_take(scene: Scene) -> None:
    with slow_looks(scene.server) as ends:
        result = result_of(scene, accounts=False, dump_timeout=2)
    assert result.error_code == "validation_error"
    assert result.error_message == f"inspecting {scene.database} was stopped because its time ran out"
    assert ends == ["broken off"]
    assert processes.partial_files(scene.store) == []


@pytest.fixture
def fleeting(server: PrivateServer, new_database: Callable[[], str], store: Path) -> Scene:
    """A database that is gone as soon as it has been dumped."""
    return create_scene(server, store, new_database())


def test_a_database_that_is_dropped_when_it_has_been_dumped_has_a_good_backup(fleeting: Scene) -> None:
    server = fleeting.server
    kind = type(instance_of(server).server())
    read = kind.read_sequences
    readings: list[str] = []

    def read_and_drop(self: Any, database: str, *arguments: Any) -> Any:
        readings.append(database)
        if len(readings) == 2:
            server.drop_database(database)
        return read(self, database, *arguments)

    with mock.patch.object(kind, "read_sequences", read_and_drop):
        report = back_up(server, fleeting.store, [fleeting.database])
    assert readings == [fleeting.database] * 2
    (warning,) = report.results[0].warnings
    assert warning.startswith(f"{fleeting.database}: its sequences could not be read again after the dump")
    info = fleeting.artifact.metadata.restore_info
    assert isinstance(info, RestoreInfo)
    assert info.sequences
    result = put_back(server, fleeting.artifact, fleeting.database)
    assert result.comparison is not None
    assert result.comparison["sequences_compared"] == len(info.sequences)
    assert server.whole_dump(fleeting.database, create=True) == fleeting.dump
