# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fault is tested in: a live database, a store with one good artifact of it, and ways to look at both."""

from __future__ import annotations

import contextlib
import hashlib
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.vya.backupdb.plugins.module_utils._engine import instances, layout, secrets
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.store import Store
from ansible_collections.vya.backupdb.plugins.module_utils._engine.backups import run
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import DatabaseConfig, StorageConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.results import RestoreResult
from ansible_collections.vya.backupdb.plugins.module_utils._engine.restores import restore

from tests.integration.ansible import Result, run_module
from tools.private_servers.base import PrivateServer

DATABASE_ID = "private-server"
HOSTNAME = socket.gethostname()
# The rows' values, which no output may hold.
PLANTED = "Wilhelmine-4711-Planted"
PEOPLE = 300
LIVE_SCRIPTS = {
    "postgresql": f"""
        CREATE TABLE person (id integer PRIMARY KEY, name text NOT NULL UNIQUE);
        INSERT INTO person SELECT n, '{PLANTED} ' || n FROM generate_series(1, {PEOPLE}) AS n;
        CREATE TABLE audit (id serial PRIMARY KEY, what text);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO audit (what) VALUES (TG_OP); RETURN NEW; END $$;
        CREATE TRIGGER noted AFTER INSERT ON person FOR EACH ROW EXECUTE FUNCTION note();
        CREATE VIEW names AS SELECT name FROM person;
        """,
    "mysql": f"""
        CREATE TABLE person (id int PRIMARY KEY, name varchar(100) NOT NULL UNIQUE);
        INSERT INTO person SELECT seq, concat('{PLANTED} ', seq) FROM seq_1_to_{PEOPLE};
        CREATE TABLE audit (id int PRIMARY KEY AUTO_INCREMENT, what text);
        CREATE TRIGGER noted AFTER INSERT ON person FOR EACH ROW INSERT INTO audit (what) VALUES ('INSERT');
        CREATE VIEW names AS SELECT name FROM person;
        """,
}


@dataclass(frozen=True)
class Scene:
    """A live database, and a store that holds one good artifact of it."""

    server: PrivateServer
    database: str
    store: Path
    dump: str

    def options(self, **changes: Any) -> dict[str, Any]:
        """Return the options of a task on this server and store."""
        return {**self.server.login_options(), "database_id": DATABASE_ID, "base_path": str(self.store), **changes}

    def back_up(self, **changes: Any) -> Result:
        """Run the module db_backup, on the live database and without the accounts unless told otherwise."""
        return run_module("db_backup", self.options(**{"databases": [self.database], "accounts": False, **changes}))

    def put_back(self, **changes: Any) -> Result:
        """Run the module db_restore with the store's artifact, over the live database unless told otherwise."""
        if not {"backup_file", "database"} & set(changes):
            changes["backup_file"] = str(self.artifact.paths.data)
        return run_module("db_restore", self.options(**{"force": True, **changes}), verbosity=3)

    @property
    def artifact(self) -> catalog.Artifact:
        """The good artifact."""
        return catalog.find_latest(self.store, database_id=DATABASE_ID, database=self.database)

    @contextlib.contextmanager
    def untouched(self) -> Iterator[None]:
        """See that the block leaves all files and folders, the list of databases and the live database as they were."""
        files, folders, databases = files_of(self.store), folders_of(self.store), self.server.databases()
        dump = self.server.whole_dump(self.database, create=True)
        yield
        assert files_of(self.store) == files
        assert folders_of(self.store) == folders
        assert self.server.databases() == databases
        assert self.server.whole_dump(self.database, create=True) == dump


def create_scene(server: PrivateServer, store: Path, database: str = "live") -> Scene:
    """Create and fill the live database and back it up."""
    server.create_database(database)
    server.run_script(LIVE_SCRIPTS[server.family], database)
    back_up(server, store, [database])
    return Scene(server, database, store, server.whole_dump(database, create=True))


def files_of(store: Path) -> dict[str, str]:
    """Return the digest of every file below a store, hidden ones too, by its path.

    Lock files are no content, and the audit log has a row of everything that was tried.
    """
    return {
        str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(store.rglob("*"))
        if path.is_file() and not {layout.LOCKS_FOLDER, layout.AUDIT_FOLDER} & set(path.relative_to(store).parts)
    }


def folders_of(store: Path) -> list[str]:
    """Return every folder below a store, by its path; those of locks and of the audit log are no content."""
    paths = (path.relative_to(store) for path in store.rglob("*") if path.is_dir())
    return sorted(str(path) for path in paths if not {layout.LOCKS_FOLDER, layout.AUDIT_FOLDER} & set(path.parts))


def instance_of(server: PrivateServer) -> instances.Instance:
    """Return a private server as the engine sees it."""
    settings = {"id": DATABASE_ID, "type": server.family, "host": server.host, "port": server.port}
    config = DatabaseConfig.model_validate(settings)
    login = secrets.Login(server.admin_user, server.admin_password)
    return instances.Instance(config, instances.endpoint_of(config, login))


def write_config(server: PrivateServer, folder: Path, store: Path) -> Path:
    """Write a config.yaml for a server and a store, and the credentials it needs; return its path."""
    credentials = folder.joinpath("private", "credentials.json")
    login = secrets.Login(server.admin_user, server.admin_password)
    secrets.update_store(
        credentials,
        secrets.KeySource(folder.joinpath("key")),
        lambda _before: secrets.Store(secrets.HOSTNAME_BASED, {DATABASE_ID: login}),
    )
    settings = {
        "databases": [{"id": DATABASE_ID, "type": server.family, "host": server.host, "port": server.port}],
        "storage": {"base_path": str(store)},
        "logging": {"file_path": str(store.with_name("app.log"))},
        "credentials": {"path": str(credentials)},
    }
    config = folder.joinpath("config.yaml")
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return config


def now() -> datetime:
    """Return this moment with this host's offset."""
    return datetime.now().astimezone()


def back_up(
    server: PrivateServer,
    store: Path,
    databases: Sequence[str],
    moment: datetime | None = None,
    jobs: int | None = None,
) -> run.Report:
    """Back up databases by the engine alone, at ``moment`` if it is given, and see that it went well."""
    instance = instance_of(server)
    wanted = run.Wanted(instance.id, lambda: instance)
    engine_store = Store(StorageConfig(base_path=store), HOSTNAME, (lambda: moment) if moment else now)
    report = run.back_up([wanted], engine_store, run.Request(databases, jobs))
    report.raise_for_failures()
    return report


def put_back(server: PrivateServer, artifact: catalog.Artifact, target: str, *, force: bool = False) -> RestoreResult:
    """Restore an artifact by the engine alone."""
    return restore.restore(instance_of(server).server(), restore.Request(artifact, target, force), now())


def assert_failed(result: Result, error_code: str) -> None:
    """See that a task failed with an error code and shows no row of data."""
    assert result.rc != 0
    assert result.result["failed"] is True
    assert result.result["error_code"] == error_code
    assert PLANTED not in result.stdout


def assert_backup_failed(result: Result, error_code: str) -> None:
    """See that a backup task failed with an error code, at the top and in each of its results."""
    assert_failed(result, error_code)
    assert result.result["results"]
    for each in result.result["results"]:
        assert not each["success"]
        assert each["error_code"] == error_code
        assert each["backup_file"] is None
