# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This machine as a managed host with a PostgreSQL and a MariaDB server, for playbooks to run against."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.vya.backupdb.plugins.module_utils._engine import secrets

from tests.integration import preloaded
from tests.integration.ansible import REPOSITORY, TIMEOUT_SECONDS, environment
from tests.integration.scenes import LIVE_SCRIPTS
from tools.private_servers.base import PrivateServer

DATABASE = "playbook_shop"
PASSWORD = "playbook password"
NAMES = {
    "path": {name: str(REPOSITORY / "playbooks" / f"{name}.yml") for name in ("backup", "restore")},
    "name": {name: f"vya.backupdb.{name}" for name in ("backup", "restore")},
}


@dataclass(frozen=True)
class Outcome:
    """How a playbook ended: exit code, all that was printed, and the custom statistics that AWX would keep."""

    rc: int
    stdout: str

    @property
    def stats(self) -> dict[str, Any]:
        """The data of set_stats."""
        start = self.stdout.find("{", self.stdout.index("CUSTOM STATS"))
        stats, _end = json.JSONDecoder().raw_decode(self.stdout[start:])
        assert isinstance(stats, dict)
        return stats


@dataclass(frozen=True)
class Host:
    """This machine as a managed host: its configuration, its credentials, its storage, two servers."""

    folder: Path
    servers: tuple[PrivateServer, ...]

    @property
    def config(self) -> Path:
        """The path of config.yaml."""
        return self.folder / "config.yaml"

    @property
    def store(self) -> Path:
        """The path of the storage."""
        return self.folder / "store"

    def configure(self, **others: secrets.Login) -> None:
        """Write configuration and credentials; ``others`` are logins by the flavour of the server."""
        path, key_file = self.folder / "secrets" / "credentials.json", self.folder / "secrets" / "key"
        path.parent.mkdir(mode=0o700)
        logins = {
            server.flavour: others.get(server.flavour, secrets.Login(server.admin_user, server.admin_password))
            for server in self.servers
        }
        secrets.update_store(path, secrets.KeySource(key_file), lambda _before: secrets.Store("key-file", logins))
        databases = [
            {
                "id": server.flavour,
                "type": server.family,
                "host": server.host,
                "port": server.port,
                "include_databases": [DATABASE],
            }
            for server in self.servers
        ]
        config = {
            "databases": databases,
            "storage": {"base_path": str(self.store)},
            "logging": {"file_path": str(self.folder.joinpath("app.log"))},
            "credentials": {"path": str(path), "key_file": str(key_file)},
        }
        self.config.write_text(yaml.safe_dump(config), encoding="utf-8")

    def run(self, playbook: str, *more: str, inventory: str = "localhost,", **variables: Any) -> Outcome:
        """Run a playbook against this host; ``more`` are further arguments."""
        values = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "backupdb_config": str(self.config),
            **variables,
        }
        rc, stdout = preloaded.run(
            "ansible-playbook",
            ["--inventory", inventory, "--extra-vars", json.dumps(values), playbook, *more],
            environment(ANSIBLE_STDOUT_CALLBACK="ansible.builtin.default", ANSIBLE_SHOW_CUSTOM_STATS="1"),
            self.folder,
            TIMEOUT_SECONDS,
        )
        return Outcome(rc, stdout)

    def back_up(self, *more: str, **variables: Any) -> Outcome:
        """Run the playbook backup."""
        return self.run(NAMES["path"]["backup"], *more, **variables)

    def restore(self, server: PrivateServer, *more: str, **variables: Any) -> Outcome:
        """Run the playbook restore, for the newest artifact of the database unless told otherwise."""
        chosen = {"backupdb_database_id": server.flavour, "backupdb_database": DATABASE, "backupdb_latest": True}
        return self.run(NAMES["path"]["restore"], *more, **{**chosen, **variables})


def dumps(servers: Sequence[PrivateServer]) -> list[str]:
    """Return the whole dump of each server's database."""
    return [server.whole_dump(DATABASE, create=True) for server in servers]


@contextlib.contextmanager
def filled(*servers: PrivateServer) -> Iterator[tuple[PrivateServer, ...]]:
    """Give the servers a database each for the length of the block."""
    for server in servers:
        server.create_database(DATABASE)
        server.run_script(LIVE_SCRIPTS[server.family], DATABASE)
    try:
        yield servers
    finally:
        for server in servers:
            server.drop_database(DATABASE)


@contextlib.contextmanager
def account(server: PrivateServer, name: str) -> Iterator[str]:
    """Give a server an account for the length of the block, in which it may be dropped."""
    server.create_user(name, PASSWORD)
    try:
        yield name
    finally:
        drop_account(server, name)


def drop_account(server: PrivateServer, name: str) -> None:
    """Drop an account, if it is there, with what it was granted."""
    if server.family == "mysql":
        server.execute(f"DROP USER IF EXISTS {name}@'%'")
    elif server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", params=[name]):
        for database in ("postgres", *server.databases()):
            server.execute(f"DROP OWNED BY {name}", database)
        server.execute(f"DROP ROLE {name}")
