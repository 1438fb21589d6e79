# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""borgmatic with borg: dumps that are streamed into a repository of chunks."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import yaml

from tests.benchmarks.commands import Command

from .base import PLAIN, Tool, Way, write_private

HOOKS = {"postgresql": "postgresql_databases", "mysql": "mariadb_databases"}
PASSPHRASE = "correct horse"
CHECKS = [{"name": name, "frequency": "always"} for name in ("repository", "archives", "data", "extract")]


class Borgmatic(Tool):
    """borgmatic with its database hooks, run without an action, which creates, prunes, compacts and checks."""

    name = "borgmatic"
    usage = (
        "Database hooks, a local repository without encryption, `keep_daily: 3`, and every night `borgmatic` without an"
        " action, which creates, prunes, compacts and, once a month, checks. `borgmatic restore` puts databases back;"
        " on PostgreSQL the empty database is created before, which it asks for. The dry run has a folder to back up,"
        " too, since borg refuses it otherwise. Tried where that did not pass: `--encryption`, `name: all`, `format`,"
        " `options`, `restore_options`, and all of its `checks` in every run."
    )
    program: ClassVar[Path]
    borg: ClassVar[Path]
    _plain_format = Way("`format: plain`", {"postgresql": {"format": "plain"}})
    ways: ClassVar[Mapping[str, tuple[Way, ...]]] = {
        "wrong_byte": (PLAIN, Way("`checks` of the data in each run", {"checks": CHECKS})),
        "encrypted": (PLAIN, Way("`--encryption repokey-blake2`", {"encryption": "repokey-blake2"})),
        "rot": (PLAIN, Way("the check `data`", {"checks": CHECKS})),
        "drill": (PLAIN, Way("all of its checks", {"checks": CHECKS})),
        "lost_row": (_plain_format,),
        "complete": (
            PLAIN,
            Way("`options: --routines --events`", {"mysql": {"options": "--routines --events"}}, ("mysql",)),
        ),
        "names": (
            PLAIN,
            Way("`name: all`", {"all": True, "postgresql": {"format": "custom"}, "mysql": {"format": "sql"}}),
        ),
        "accounts": (
            PLAIN,
            Way("`name: all`", {"all": True}),
            Way(
                "`name: all`, `options: --insert-ignore`",
                {"all": True, "mysql": {"options": "--insert-ignore"}},
                ("mysql",),
            ),
        ),
        "half_way": (
            PLAIN,
            Way(
                "`restore_options: --single-transaction`",
                {"postgresql": {"restore_options": "--single-transaction"}},
                ("postgresql",),
            ),
        ),
        "processors": (
            PLAIN,
            Way(
                "`format: directory`, `options: --jobs=2`",
                {"postgresql": {"format": "directory", "options": "--jobs=2"}},
                ("postgresql",),
            ),
        ),
    }

    @classmethod
    def version(cls) -> str:
        """Return the versions of both programs."""
        versions = [_output([str(program), "--version"]).split()[-1] for program in (cls.program, cls.borg)]
        return f"{versions[0]} with borg {versions[1]}"

    def prepare(self) -> None:
        """Create the repository."""
        super().prepare()
        command = self._borgmatic([], "repo-create", "--encryption", self.way.options.get("encryption", "none"))
        subprocess.run(command.argv, env=command.environment, cwd=command.folder, check=True, capture_output=True)

    def back_up(self, databases: Sequence[str]) -> Command:
        """Return what runs every night."""
        return self._borgmatic(databases)

    def dry_run(self, databases: Sequence[str]) -> Command:
        """Return the dry run at a verbosity that tells of databases."""
        return self._borgmatic(
            databases, "--dry-run", "--verbosity", "2", folders=[str(self.place.folder.joinpath("home"))]
        )

    def restore(self, database: str, replace: bool = False) -> Command:
        """Return what restores one database of the newest archive."""
        return self._borgmatic(
            [database], "restore", "--archive", "latest", f"--data-source={database}", *self._origin()
        )

    def restore_all(self, databases: Sequence[str]) -> list[Command]:
        """Return what restores all of the newest archive, on another server."""
        source = self.place.source or self.server
        there = ["--hostname", self.server.host, "--port", str(self.server.port)]
        tool = self.elsewhere(server=source)
        if not isinstance(tool, Borgmatic):
            raise AssertionError("contract violation: a tool stays what it is")
        return [tool._borgmatic(databases, "restore", "--archive", "latest", *there, *tool._origin())]

    def inspect(self) -> Command:
        """Return what runs the checks, whenever they ran before."""
        return self._borgmatic([], "check", "--force")

    def drill(self) -> Command:
        """Return the same: there is nothing beyond it."""
        return self.inspect()

    def clean_up(self) -> Command:
        """Return what prunes the archives."""
        return self._borgmatic([], "prune")

    def backups(self, database: str | None = None) -> list[str]:
        """Return the names of the archives."""
        listed = json.loads(self._borg("list", "--json", passphrase=PASSPHRASE))
        return [str(archive["name"]) for archive in listed["archives"]]

    def content(self, backup: str) -> bytes:
        """Return the bytes of all dumps in an archive."""
        return self._borg("extract", "--stdout", f"::{backup}").encode(errors="surrogateescape")

    def damage(self) -> None:
        """Turn a byte in the middle of the largest file of the repository."""
        turn_byte(max(self.place.store.rglob("data/*/*"), key=lambda path: path.stat().st_size))

    def _borgmatic(self, databases: Sequence[str], *arguments: str, folders: Sequence[str] = ()) -> Command:
        settings = {**self._settings(databases), **({"source_directories": list(folders)} if folders else {})}
        file = write_private(self.place.folder.joinpath("borgmatic.yaml"), yaml.safe_dump(settings))
        return Command([str(self.program), "--config", str(file), *arguments], self._environment(), self.place.folder)

    def _origin(self) -> list[str]:
        """Return what tells a dump of this server, on a port of its own, from those of others."""
        return [f"--original-hostname={self.server.host}", f"--original-port={self.server.port}"]

    def _settings(self, databases: Sequence[str]) -> dict[str, Any]:
        login = {
            "hostname": self.server.host,
            "port": self.server.port,
            "username": self.server.admin_user,
            "password": self.place.login_password,
            **self.way.options.get(self.server.family, {}),
        }
        wanted = ["all"] if self.way.options.get("all") else databases
        settings: dict[str, Any] = {
            "repositories": [{"path": str(self.place.store.joinpath("repository"))}],
            "local_path": str(self.borg),
            "keep_daily": 3,
        }
        if wanted:
            settings[HOOKS[self.server.family]] = [{"name": name, **login} for name in wanted]
        if "encryption" in self.way.options:
            settings["encryption_passphrase"] = PASSPHRASE
        if "checks" in self.way.options:
            settings["checks"] = self.way.options["checks"]
        return settings

    def _borg(self, *arguments: str, passphrase: str = "") -> str:
        variables = {**self._environment(), "BORG_REPO": str(self.place.store.joinpath("repository"))}
        variables["BORG_PASSPHRASE"] = passphrase
        return _output([str(self.borg), *arguments], variables)

    def _environment(self) -> dict[str, str]:
        return self.place.environment(
            BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK="yes", BORG_RELOCATED_REPO_ACCESS_IS_OK="yes"
        )


def turn_byte(path: Path) -> None:
    """Turn the bits of the byte in the middle of a file."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 0xFF]))


def _output(argv: Sequence[str], variables: Mapping[str, str] | None = None) -> str:
    found = subprocess.run(argv, env=variables, check=True, capture_output=True)
    return found.stdout.decode(errors="surrogateescape")
