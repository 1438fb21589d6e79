# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Large objects are counted and, if that is wanted, hashed when a database is dumped and when it has been restored."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, instances
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.store import Store
from ansible_collections.vya.backupdb.plugins.module_utils._engine.backups import run
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import StorageConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import LargeObjectsInfo

from tests.integration.scenes import DATABASE_ID, HOSTNAME, instance_of, now, put_back
from tools.private_servers.base import PrivateServer

# With holes, which read as zeros: before the first page, between pages, and at the end; and with zeros that were
# written. The last one is empty.
SCRIPT = r"""
    SELECT lo_from_bytea(7001, convert_to(repeat('ab', 5000), 'UTF8'));
    SELECT lo_create(7002);
    SELECT lo_put(7002, 100000, '\x00ff00');
    SELECT lo_put(7002, 5000, '\x11');
    SELECT lo_from_bytea(7003, decode(repeat('00', 5000), 'hex'));
    BEGIN;
    SELECT lo_create(7004);
    SELECT lo_truncate64(lo_open(7004, 131072), 9000);
    COMMIT;
    SELECT lo_create(7005);
"""


@pytest.fixture
def filed(postgresql: PrivateServer, new_database: Callable[[], str]) -> str:
    """A database with large objects of every shape."""
    name = new_database()
    postgresql.create_database(name)
    postgresql.run_script(SCRIPT, name)
    return name


@pytest.fixture(scope="session")
def server(postgresql: PrivateServer) -> PrivateServer:
    """A server of this family alone: the other has none."""
    return postgresql


def backed_up(
    server: PrivateServer, store: Path, name: str, fingerprint: str = "content"
) -> tuple[catalog.Artifact, LargeObjectsInfo]:
    instance = instance_of(server)
    config = instance.config.model_copy(update={"fingerprint": fingerprint, "accounts": False})
    engine_store = Store(StorageConfig(base_path=store), HOSTNAME, now)
    wanted = run.Wanted(DATABASE_ID, lambda: instances.Instance(config, instance.endpoint))
    run.back_up([wanted], engine_store, run.Request([name])).raise_for_failures()
    artifact = catalog.find_latest(store, database_id=DATABASE_ID, database=name)
    info = artifact.metadata.restore_info
    assert info is not None
    assert info.large_objects is not None
    return artifact, info.large_objects


def forged(artifact: catalog.Artifact, **changes: Any) -> catalog.Artifact:
    """Return an artifact whose metadata tells something else of its large objects."""
    info = artifact.metadata.restore_info
    assert info is not None
    assert info.large_objects is not None
    other = info.model_copy(update={"large_objects": info.large_objects.model_copy(update=changes)})
    return dataclasses.replace(artifact, metadata=artifact.metadata.model_copy(update={"restore_info": other}))


def test_a_restored_database_has_the_same_ones_whatever_holes_they_had(
    server: PrivateServer, store: Path, filed: str, new_database: Callable[[], str]
) -> None:
    artifact, objects = backed_up(server, store, filed)
    assert objects.count == 5
    assert objects.fingerprint is not None
    target = new_database()
    comparison = put_back(server, artifact, target).comparison
    assert comparison is not None
    assert comparison["large_objects_compared"] == 5
    _artifact, again = backed_up(server, store, target)
    assert again == objects
    # As pages they are not the same.
    query = "SELECT count(*) FROM pg_largeobject"
    assert server.execute(query, filed) != server.execute(query, target)


def test_they_are_counted_even_where_no_content_is_hashed(server: PrivateServer, store: Path, filed: str) -> None:
    _artifact, objects = backed_up(server, store, filed, "rows")
    assert (objects.count, objects.fingerprint) == (5, None)


@pytest.mark.parametrize(
    "change",
    [
        "SELECT lo_put(7001, 9999, 'c')",
        "SELECT lo_put(7001, 10000, '\\x00')",
        "SELECT lo_put(7002, 4999, '\\x11')",
        "SELECT lo_unlink(7005), lo_create(7006)",
    ],
)
def test_whatever_differs_in_them_is_in_the_fingerprint(
    server: PrivateServer, store: Path, filed: str, change: str
) -> None:
    _artifact, before = backed_up(server, store, filed)
    server.execute(change, filed)
    _artifact, after = backed_up(server, store, filed)
    assert after.count == before.count
    assert after.fingerprint != before.fingerprint


def test_a_restored_database_that_has_others_is_not_put_in_place(
    server: PrivateServer, store: Path, filed: str, new_database: Callable[[], str]
) -> None:
    artifact, objects = backed_up(server, store, filed)
    target = new_database()
    with pytest.raises(errors.ValidationError, match="5 large objects instead of 6"):
        put_back(server, forged(artifact, count=6), target)
    assert objects.fingerprint is not None
    other = f"{objects.fingerprint[:-1]}{'0' if objects.fingerprint[-1] != '0' else '1'}"
    with pytest.raises(errors.ValidationError, match="the 5 large objects have other content"):
        put_back(server, forged(artifact, fingerprint=other), target)
    assert target not in server.databases()
