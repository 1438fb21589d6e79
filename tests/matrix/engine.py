# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers of the matrix as the engine and its modules see them: with clients of their own version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engine import instances, secrets
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.store import Store
from ansible_collections.vya.backupdb.plugins.module_utils._engine.backups import run
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import DatabaseConfig, StorageConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.restores import restore

from tests.integration.ansible import Result, run_module
from tests.integration.scenes import HOSTNAME, now
from tools.private_servers.base import PrivateServer

DATABASE_ID = "matrix"


def login(server: PrivateServer) -> dict[str, Any]:
    """Return the options of a task that names a server."""
    return {**server.login_options(), "database_id": DATABASE_ID, "client_path": str(server.client_path)}


def back_up(server: PrivateServer, store: Path, **options: Any) -> Result:
    """Back up by a task."""
    return run_module("db_backup", {**login(server), "base_path": str(store), **options})


def put_back(server: PrivateServer, store: Path, database: str, **options: Any) -> Result:
    """Restore the latest artifact by a task."""
    chosen = {"base_path": str(store), "database": database, "latest": True, **options}
    return run_module("db_restore", {**login(server), **chosen})


def instance_of(server: PrivateServer) -> instances.Instance:
    """Return a server as an instance."""
    settings = {"id": DATABASE_ID, "type": server.family, "host": server.host, "port": server.port}
    config = DatabaseConfig.model_validate({**settings, "client_path": str(server.client_path)})
    return instances.Instance(
        config, instances.endpoint_of(config, secrets.Login(server.admin_user, server.admin_password))
    )


def back_up_by_lanes(server: PrivateServer, store: Path, database: str, lanes: int) -> catalog.Artifact:
    """Back up a database by several processes, by the engine alone; return the artifact."""
    instance = instance_of(server)
    engine_store = Store(StorageConfig(base_path=store), HOSTNAME, now)
    report = run.back_up([run.Wanted(instance.id, lambda: instance)], engine_store, run.Request([database], lanes))
    report.raise_for_failures()
    return catalog.find_latest(store, database_id=DATABASE_ID, database=database)


def put_back_by_engine(server: PrivateServer, artifact: catalog.Artifact, target: str) -> None:
    """Restore an artifact by the engine alone."""
    restore.restore(instance_of(server).server(), restore.Request(artifact, target), now())
