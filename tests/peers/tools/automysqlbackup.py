# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""automysqlbackup as Debian packages it, and the way back that its documentation tells of: gunzip and mysql."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import ClassVar

from tests.benchmarks.commands import Command
from tools.private_servers.mysql_family import option_lines, quote_option

from .base import PLAIN, FileTool, Way, write_private

NO_RESTORE = "it does not restore"
CONFIGURATION = "/etc/default/automysqlbackup"
LOGIN = "/etc/mysql/debian.cnf"


class Automysqlbackup(FileTool):
    """The packaged script, of which a copy reads its configuration and its login from files of ours."""

    name = "automysqlbackup"
    families = ("mysql",)
    usage = (
        "The script of the Debian package and its packaged configuration, with the databases, the folder, output"
        " instead of mail, and a login file of its own. It has no restore: where a row needs one, `gunzip` and `mysql`"
        " load what it wrote, as its documentation says."
    )
    package: ClassVar[Path]
    lacks: ClassVar[Mapping[str, str]] = {
        "rot": "it has nothing that looks at what is stored",
        "drill": "it has nothing that restores",
        "refused": NO_RESTORE,
        "half_way": NO_RESTORE,
        "lost_row": NO_RESTORE,
        "dry_run": "it has no dry run",
        "dry_login": "it has no dry run",
    }
    not_its_job = frozenset({"refused", "half_way", "lost_row"})
    ways: ClassVar[Mapping[str, tuple[Way, ...]]] = {
        "accounts": (
            PLAIN,
            Way("`mysql` in `DBNAMES`", {"databases": ("mysql",), "options": "--flush-privileges"}),
        ),
        "names": (PLAIN, Way("`DBNAMES=all`", {"all": True})),
        "full_disk": (PLAIN, Way("`COMPDIRECT=yes`", {"settings": "COMPDIRECT=yes"})),
    }

    @classmethod
    def version(cls) -> str:
        """Return the version of the package."""
        return cls.package.joinpath("version").read_text(encoding="ascii")

    def back_up(self, databases: Sequence[str]) -> Command:
        """Return the script, configured for these databases."""
        packaged = self.package.joinpath(CONFIGURATION.lstrip("/")).read_text(encoding="utf-8")
        kept = [line for line in packaged.splitlines() if not line.startswith("DBNAMES=")]
        # As its documentation says, a space in a name is written as a percent sign.
        wanted = [*self.way.options.get("databases", ()), *(name.replace(" ", "%") for name in databases)]
        listed = "all" if self.way.options.get("all") else " ".join(wanted)
        own = [
            f"BACKUPDIR={quote(str(self.place.store))}",
            "MAILCONTENT=stdout",
            f"DBEXCLUDE={quote('information_schema performance_schema sys')}",
            f"OPTIONS={quote(self.way.options.get('options', ''))}",
            self.way.options.get("settings", ""),
        ]
        lines = [f"DBNAMES={quote(listed)}", *kept, *own, ""]
        configuration = write_private(self.place.folder.joinpath("configuration"), "\n".join(lines))
        script = self.package.joinpath("usr/sbin/automysqlbackup").read_text(encoding="utf-8")
        script = script.replace(CONFIGURATION, str(configuration)).replace(LOGIN, str(self._login()))
        file = write_private(self.place.folder.joinpath("automysqlbackup"), script, 0o700)
        return Command([str(file)], self.place.environment(), self.place.folder)

    def restore(self, database: str, replace: bool = False) -> Command:
        """Return what its documentation says: unpack the file, give it to mysql."""
        return self._load([database])

    def restore_all(self, databases: Sequence[str]) -> list[Command]:
        """Return the same for the databases, and before them for the one that has the accounts, if it was backed up."""
        accounts = ["mysql"] if self.backups("mysql") else []
        return [self._load([*accounts, *databases])]

    def _load(self, databases: Sequence[str]) -> Command:
        client = f"mysql --defaults-file={quote(str(self._login()))}"
        lines = ["#!/bin/sh"]
        for name in databases:
            file = self.place.store.joinpath(self.backups(name)[-1])
            # The dump creates its database itself.
            lines.append(f"gunzip -c {quote(str(file))} | {client}")
        script = write_private(self.place.folder.joinpath("restore.sh"), "\n".join([*lines, ""]), 0o700)
        return Command([str(script)], self.place.environment(), self.place.folder)

    def is_of(self, path: Path, database: str) -> bool:
        """Each database has a folder."""
        return path.parent.name == database

    def _login(self) -> Path:
        lines = {
            "host": self.server.host,
            "port": str(self.server.port),
            "protocol": "tcp",
            "user": self.server.admin_user,
            "password": quote_option(self.place.login_password),
        }
        return write_private(self.place.folder.joinpath("debian.cnf"), "[client]\n" + option_lines(lines))
