# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This collection, by its modules."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.commands import Command
from tests.integration.ansible import REPOSITORY

from .base import FileTool
from .playbooks import PASSWORD, announces, play

INSTANCE = "peers"
COLLECTIONS = REPOSITORY / ".collections"


class Ours(FileTool):
    """The modules, with the login inline as in their examples."""

    name = "vya.backupdb"
    usage = (
        "The modules `db_backup`, `db_restore`, `backup_verify` and `backup_retention` with the login inline and no"
        " other option; `force: true` where a row replaces a database, `scope: all` for the accounts."
    )

    @classmethod
    def version(cls) -> str:
        """Return the version in galaxy.yml."""
        for line in REPOSITORY.joinpath("galaxy.yml").read_text(encoding="utf-8").splitlines():
            if line.startswith("version:"):
                return line.partition(":")[2].strip()
        raise AssertionError("contract violation: galaxy.yml has a version")

    def back_up(self, databases: Sequence[str]) -> Command:
        """Return the task that backs up, with the accounts where the way wants them."""
        return self._play(self._db_backup(databases))

    def dry_run(self, databases: Sequence[str]) -> Command:
        """Return the same task in check mode."""
        return self._play(self._db_backup(databases), check=True)

    def announces(self, output: str, database: str) -> bool:
        """Ansible has to say so, too: a task that changes nothing has no plan."""
        return announces(output, database)

    def _db_backup(self, databases: Sequence[str]) -> dict[str, Any]:
        options = {**self._login(), "databases": list(databases), "accounts": True}
        return {"vya.backupdb.db_backup": options}

    def restore(self, database: str, replace: bool = False) -> Command:
        """Return the task that restores the newest artifact."""
        options = {**self._login(), "database": database, "latest": True, "force": replace}
        return self._play({"vya.backupdb.db_restore": options})

    def restore_all(self, databases: Sequence[str]) -> list[Command]:
        """Return the tasks that restore accounts and databases."""
        common = {**self._login(), "latest": True, "scope": "all"}
        return [self._play({"vya.backupdb.db_restore": {**common, "database": name}}) for name in databases]

    def inspect(self) -> Command:
        """Return the task that reads the artifacts."""
        return self._verify("checksum")

    def drill(self) -> Command:
        """Return the task that restores the newest artifacts to a throwaway server."""
        return self._verify("restore")

    def _verify(self, level: str) -> Command:
        return self._play({"vya.backupdb.backup_verify": {"base_path": str(self.place.store), "level": level}})

    def clean_up(self) -> Command:
        """Return the task that keeps the last three backups."""
        policy = {"base_path": str(self.place.store), "strategy": "simple", "daily_keep": 3}
        return self._play({"vya.backupdb.backup_retention": policy})

    def is_of(self, path: Path, database: str) -> bool:
        """Ask the artifact's metadata for its database, since the path has its name encoded."""
        metadata = path.with_name(f"{path.name.removesuffix('.sql.gz')}.metadata.json")
        if not metadata.exists():
            return False
        info = json.loads(metadata.read_text(encoding="utf-8")).get("backup_info", {})
        return bool(info.get("database_name") == database)

    def files(self, database: str | None = None) -> list[Path]:
        """Return the artifacts of databases, in the order in which they were made; those of accounts go with them."""
        return [path for path in super().files(database) if not path.name.startswith("users_")]

    def _login(self) -> dict[str, Any]:
        login = {**self.server.login_options(), "login_password": PASSWORD}
        clients = {"client_path": str(self.place.programs)} if self.place.programs else {}
        return {**login, **clients, "database_id": INSTANCE, "base_path": str(self.place.store)}

    def _play(self, task: dict[str, Any], check: bool = False) -> Command:
        return play(self.place, [task], COLLECTIONS, check)
