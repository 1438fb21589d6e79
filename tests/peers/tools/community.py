# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules of the community's collections for MySQL and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from tests.benchmarks.commands import Command

from .base import PLAIN, FileTool, Way, moment, write_private
from .playbooks import PASSWORD, announces, play

DATED = Way("another `target` each time", {"dated": True})


def lacking(states: str) -> dict[str, str]:
    """Return what a module has nothing for, and why, given its states besides absent and dump."""
    no_check = f"its states are absent, dump, {states}; none looks at a dump"
    return {
        "rot": no_check,
        "drill": no_check,
        "retention": "it writes the file that it is told, and removes none",
    }


class CommunityModule(FileTool):
    """A module that dumps one database to the file that it is told, and loads such a file."""

    # The folder that has ansible_collections in it.
    collections: ClassVar[Path]
    module: ClassVar[str]
    load_state: ClassVar[str]
    plain_options: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def version(cls) -> str:
        """Return the version of the collection."""
        name = cls.module.rpartition(".")[0].replace(".", "/")
        manifest = cls.collections.joinpath("ansible_collections", name, "MANIFEST.json")
        return str(json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"])

    def target(self, database: str) -> Path:
        """Return the file that the next dump goes to."""
        dated = f"-{moment()}" if self.way.options.get("dated") else ""
        return self.place.store.joinpath(f"{database}{dated}{self.way.options.get('suffix', '.sql.gz')}")

    def back_up(self, databases: Sequence[str]) -> Command:
        """Return the tasks that dump."""
        return self._play([self._dump(name) for name in databases])

    def dry_run(self, databases: Sequence[str]) -> Command:
        """Return the same tasks in check mode."""
        return self._play([self._dump(name) for name in databases], check=True)

    def announces(self, output: str, database: str) -> bool:
        """Ansible has to say so, too: a task that changes nothing has no plan."""
        return announces(output, database)

    def _dump(self, database: str) -> dict[str, Any]:
        more = self.way.options.get("dump", {})
        return self.task(name=database, state="dump", target=str(self.target(database)), **more)

    def restore(self, database: str, replace: bool = False) -> Command:
        """Return the tasks that create the database where it is missing and load the newest file."""
        more = self.way.options.get("restore", {})
        load = self.task(name=database, state=self.load_state, target=str(self.files(database)[-1]), **more)
        return self._play([self.task(name=database, state="present"), load])

    def task(self, **options: Any) -> dict[str, Any]:
        """Return a task of the module."""
        return {self.module: {**self.login(), **options}}

    def login(self) -> dict[str, Any]:
        """Return the login as the module takes it."""
        return {
            "login_host": self.server.host,
            "login_port": self.server.port,
            "login_user": self.server.admin_user,
            "login_password": PASSWORD,
        }

    def _play(self, tasks: Sequence[dict[str, Any]], check: bool = False) -> Command:
        return play(self.place, tasks, self.collections, check)


class CommunityMysql(CommunityModule):
    """community.mysql.mysql_db."""

    name = "community.mysql"
    usage = (
        "`mysql_db` with `state: dump` and `state: import`, as in its examples. Its documented options were tried where"
        " the plain ones did not pass: `pipefail`, `dump_extra_args`, `config_file`, `use_shell`, `name: all`, and a"
        " `target` with a new name each time."
    )
    families = ("mysql",)
    module = "community.mysql.mysql_db"
    load_state = "import"
    lacks: ClassVar[Mapping[str, str]] = lacking("import, present")
    not_its_job = frozenset(lacks)
    _pipefail = Way("`pipefail: true`", {"dump": {"pipefail": True}})
    ways: ClassVar[Mapping[str, tuple[Way, ...]]] = {
        "cut_short": (PLAIN, _pipefail),
        "full_disk": (PLAIN, _pipefail),
        "previous": (PLAIN, DATED),
        "names": (PLAIN, Way("`use_shell: true`", {"restore": {"use_shell": True}})),
        "complete": (
            PLAIN,
            Way("`dump_extra_args: --routines --events`", {"dump": {"dump_extra_args": "--routines --events"}}),
        ),
        "password": (PLAIN, Way("`config_file`", {"config_file": True})),
        "accounts": (
            PLAIN,
            Way("`name: all`", {"all": True, "dump": {"dump_extra_args": "--flush-privileges"}}),
        ),
    }

    def login(self) -> dict[str, Any]:
        """Return the login, or the file that it is in."""
        if not self.way.options.get("config_file"):
            return super().login()
        password = self.place.login_password.replace("\\", "\\\\").replace('"', '\\"')
        lines = f'[client]\nuser={self.server.admin_user}\npassword="{password}"\n'
        file = write_private(self.place.folder.joinpath("my.cnf"), lines)
        server = {"login_host": self.server.host, "login_port": self.server.port}
        return {**server, "config_file": str(file)}

    def back_up(self, databases: Sequence[str]) -> Command:
        """Return the tasks that dump, or one for all databases."""
        return super().back_up(["all"] if self.way.options.get("all") else databases)

    def restore_all(self, databases: Sequence[str]) -> list[Command]:
        """Return what loads all databases from one file, if they were dumped to one."""
        if not self.way.options.get("all"):
            return super().restore_all(databases)
        return [self._play([self.task(name="all", state="import", target=str(self.target("all")))])]


class CommunityPostgresql(CommunityModule):
    """community.postgresql.postgresql_db."""

    name = "community.postgresql"
    usage = (
        "`postgresql_db` with `state: present`, `state: dump` and `state: restore`, as in its examples, with a `target`"
        " that ends in `.sql.gz`; `pigz` is installed, which it then takes. Tried where that did not pass: a `target`"
        " with a new name each time, one that ends in `.pgc`, and `target_opts`."
    )
    families = ("postgresql",)
    module = "community.postgresql.postgresql_db"
    load_state = "restore"
    lacks: ClassVar[Mapping[str, str]] = lacking("present, rename, restore")
    not_its_job = frozenset(lacks)
    ways: ClassVar[Mapping[str, tuple[Way, ...]]] = {
        "previous": (PLAIN, DATED),
        "half_way": (
            PLAIN,
            Way(
                "a `.pgc` target, `--clean`, `--single-transaction`",
                {
                    "suffix": ".pgc",
                    "restore": {"target_opts": "--clean --if-exists --single-transaction --exit-on-error"},
                },
            ),
        ),
    }
