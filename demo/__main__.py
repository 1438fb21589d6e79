# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show the collection at work: back up, lose a database and its application's account, restore both, prove it.

``python -m demo``, with ``--keep`` to leave the servers up. Exit code 0 means that the proof holds.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tools.private_servers.base import PrivateServer, PrivateServerError
from tools.private_servers.mariadb import MariadbServer
from tools.private_servers.postgresql import PostgresqlServer

from .catalogue import table
from .fill import DATABASES, create_application, fill
from .playbooks import PlaybookError, Playbooks

STEPS = 10
LOST_DATABASE = "shop"
APPLICATION_USER = "shop_application"
APPLICATION_PASSWORD = secrets.token_urlsafe(12)


class ProofError(Exception):
    """What came back is not what was lost."""


class Demo:
    """The demo's servers and its folder; each step is a method and prints what it does."""

    def __init__(self, folder: Path, servers: Sequence[PrivateServer]) -> None:
        self.folder = folder
        self.servers = servers
        self.playbooks = Playbooks(folder)
        self.config = folder / "config.yaml"
        self.dumps: dict[str, str] = {}
        self.step = 0

    def run(self) -> None:
        """Take all steps but the last. Raise ProofError, PlaybookError or PrivateServerError if one fails."""
        self.start_servers()
        self.fill_servers()
        self.store_credentials()
        self.write_config()
        self.back_up()
        self.print_catalogue()
        self.lose_databases()
        self.restore()
        self.prove()

    def say(self, what: str) -> None:
        """Print the heading of the next step."""
        self.step += 1
        print(f"\n[{self.step}/{STEPS}] {what}", flush=True)

    def start_servers(self) -> None:
        """Start the servers."""
        self.say("Start private throwaway servers")
        for server in self.servers:
            server.start()
            print(f"  {server.flavour} {server.version} on {server.host}:{server.port}")

    def fill_servers(self) -> None:
        """Create the sample databases and remember what they hold."""
        self.say("Fill them with sample data")
        for server in self.servers:
            for database in DATABASES:
                print(f"  {instance_id(server)}: {database}, {fill(server, database)} rows")
            create_application(server, LOST_DATABASE, APPLICATION_USER, APPLICATION_PASSWORD)
            self.dumps[server.flavour] = server.whole_dump(LOST_DATABASE, create=True)

    def store_credentials(self) -> None:
        """Encrypt the administrators' logins."""
        self.say("Store the servers' logins, encrypted, with the module credential_store")
        logins = [
            {"id": instance_id(server), "username": server.admin_user, "password": server.admin_password}
            for server in self.servers
        ]
        self.playbooks.run(
            "demo/credentials.yml",
            demo_credentials=logins,
            demo_credentials_path=str(self.credentials["path"]),
            demo_key_file=str(self.credentials["key_file"]),
        )

    def write_config(self) -> None:
        """Write the configuration, all of it within the folder."""
        self.say(f"Write the configuration {self.config}")
        config = {
            "databases": [
                {"id": instance_id(server), "type": server.family, "host": server.host, "port": server.port}
                for server in self.servers
            ],
            "storage": {"base_path": str(self.folder / "backups")},
            "credentials": self.credentials,
            "logging": {"file_path": str(self.folder / "app.log")},
        }
        text = yaml.safe_dump(config, sort_keys=False)
        self.config.write_text(text, encoding="utf-8")
        print("  " + text.replace("\n", "\n  ").rstrip())

    @property
    def credentials(self) -> dict[str, str]:
        """The configuration's part about the credential store."""
        folder = self.folder / "secrets"
        return {"path": str(folder / "credentials.json"), "key_file": str(folder / "key")}

    def back_up(self) -> None:
        """Back up every database of every server, and the accounts."""
        self.say("Back up all databases and accounts: playbooks/backup.yml")
        self.playbooks.run("playbooks/backup.yml", backupdb_config=str(self.config))

    def print_catalogue(self) -> None:
        """List the artifacts."""
        self.say("Ask for the catalogue with the module backup_info")
        file = self.folder / "catalogue.json"
        self.playbooks.run("demo/catalogue.yml", backupdb_config=str(self.config), demo_catalogue_file=str(file))
        backups: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
        print(table(backups))
        if len(backups) != len(self.servers) * len(DATABASES):
            raise ProofError(f"{len(self.servers) * len(DATABASES)} artifacts were expected, not {len(backups)}")

    def lose_databases(self) -> None:
        """Drop a database and the account of its application on each server."""
        self.say(f"Lose both on each server: DROP DATABASE {LOST_DATABASE}, DROP USER {APPLICATION_USER}")
        for server in self.servers:
            server.drop_database(LOST_DATABASE)
            server.execute(f"DROP USER {server.quote(APPLICATION_USER)}")
            print(f"  {instance_id(server)}: left are {', '.join(server.databases())}")

    def restore(self) -> None:
        """Bring the lost databases and accounts back."""
        self.say("Restore them from the newest artifacts, the accounts first: playbooks/restore.yml")
        for server in self.servers:
            self.playbooks.run(
                "playbooks/restore.yml",
                backupdb_config=str(self.config),
                backupdb_database_id=instance_id(server),
                backupdb_database=LOST_DATABASE,
                backupdb_latest=True,
                backupdb_scope="all",
            )

    def prove(self) -> None:
        """Compare the restored databases with the lost ones and log in as the application."""
        self.say("Prove that what came back is what was lost")
        for server in self.servers:
            before, after = self.dumps[server.flavour], server.whole_dump(LOST_DATABASE, create=True)
            for name, text in (("before", before), ("after", after)):
                file = self.folder / f"{instance_id(server)}-{LOST_DATABASE}-{name}.sql"
                file.write_text(text, encoding="utf-8", errors="surrogateescape")
                digest = hashlib.sha256(file.read_bytes()).hexdigest()
                print(f"  {instance_id(server)}: whole dump {name:6} {len(text)} characters, sha256 {digest[:16]}...")
            if before != after:
                raise ProofError(f"the restored {LOST_DATABASE} on {instance_id(server)} differs, see {self.folder}")
            connection = server.connect_as(APPLICATION_USER, APPLICATION_PASSWORD, LOST_DATABASE)
            with contextlib.closing(connection), connection.cursor() as cursor:
                cursor.execute("SELECT name, total FROM best_customers")
                name, total = cursor.fetchone()
            print(f"  {instance_id(server)}: equal; the application logs in and finds {name}, who spent {total}")

    def leave(self) -> None:
        """Let the servers outlive the demo and say how to use and end them."""
        self.say("Leave the servers up")
        for server in self.servers:
            hint = server.connect_hint()
            print(f"  {instance_id(server)}: {hint}\n    end it with: kill {server.keep()}")

    def stop(self) -> None:
        """Stop the servers."""
        self.step = STEPS - 1
        self.say("Stop the servers")
        for server in self.servers:
            server.stop()


def instance_id(server: PrivateServer) -> str:
    """Return the id under which the demo configures a server."""
    return f"demo-{server.flavour}"


def main() -> int:
    """Run the demo. Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--keep", action="store_true", help="leave the servers up")
    arguments = parser.parse_args()
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="backupdb-demo-"))
    print(f"Everything of this demo is in {folder}")
    demo = Demo(folder, [PostgresqlServer(), MariadbServer()])
    try:
        demo.run()
        if arguments.keep:
            demo.leave()
    except (ProofError, PlaybookError, PrivateServerError) as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1
    finally:
        if not arguments.keep or demo.step < STEPS:
            demo.stop()
    print(f"\nThe proof holds ({time.monotonic() - started:.0f} s). The artifacts are in {folder / 'backups'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
