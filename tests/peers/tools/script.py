# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that cron runs: the vendor's dump program into gzip, and the way back through the vendor's client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote
from typing import ClassVar

from tests.benchmarks.commands import Command
from tools.private_servers.mysql_family import MysqlFamilyServer, option_lines, quote_option
from tools.private_servers.postgresql import PostgresqlServer, quote_connection_value

from .base import PLAIN, FileTool, Way, write_private

_PIPEFAIL = Way("`set -e -o pipefail`", {"bash": "set -e -o pipefail"})
_SINGLE = Way(
    "`pg_dump --clean`, `psql -1`",
    {"dump": "--clean --if-exists", "load": "--single-transaction"},
    ("postgresql",),
)


class Script(FileTool):
    """A script with the login in a file, a new file each time, and a find that removes old ones."""

    name = "cron script"
    usage = (
        "`pg_dump` or `mysqldump --single-transaction` into `gzip` and a new file each time, the login in a file, and"
        " `find -mtime +7 -delete`; back through `gunzip` and `psql` with `ON_ERROR_STOP`, or `mysql`. What cron runs"
        " has no options: *with* means what was changed in the script."
    )
    lacks: ClassVar[Mapping[str, str]] = {
        "rot": "it has nothing that looks at what is stored",
        "drill": "it has nothing that restores by itself",
        "dry_run": "it has no dry run",
        "dry_login": "it has no dry run",
    }
    ways: ClassVar[Mapping[str, tuple[Way, ...]]] = {
        "wrong_password": (PLAIN, _PIPEFAIL),
        "cut_short": (PLAIN, _PIPEFAIL),
        "full_disk": (
            PLAIN,
            _PIPEFAIL,
            Way("`set -e -o pipefail` and `mv` at the end", {"bash": "set -e -o pipefail", "move": True}),
        ),
        "retention": (
            PLAIN,
            Way("`set -e -o pipefail`, `ls -t` and `tail`", {"bash": "set -e -o pipefail", "keep": 3}),
        ),
        "names": (PLAIN, Way("`--dbname` with quotes, `--` before names", {"careful": True})),
        "wrong_byte": (PLAIN, _PIPEFAIL),
        "complete": (PLAIN, Way("`--routines --events`", {"mysql": "--routines --events"}, ("mysql",))),
        "accounts": (PLAIN, Way("`pg_dumpall`, `mysqldump --all-databases`", {"all": True})),
        "half_way": (PLAIN, _SINGLE),
        "processors": (PLAIN, Way("`pigz` for `gzip`", {"compressor": "pigz"})),
    }

    @classmethod
    def version(cls) -> str:
        """Return what the script is made of."""
        return "About ten lines"

    def back_up(self, databases: Sequence[str]) -> Command:
        """Return the script, with a line for each database."""
        store = quote(str(self.place.store))
        compressor = self.way.options.get("compressor", "gzip")
        wanted = {name: self._dump(name) for name in databases}
        if self.way.options.get("all"):
            wanted = {"all": self._dump_all()}
        lines = []
        for name, dump in wanted.items():
            file = f"{store}/{quote(name)}-$(date +%Y%m%d-%H%M%S).sql.gz"
            if self.way.options.get("move"):
                lines += [f"{dump} | {compressor} > {store}/.new", f"mv {store}/.new {file}"]
            else:
                lines.append(f"{dump} | {compressor} > {file}")
        keep = self.way.options.get("keep")
        if keep:
            lines.append(f"ls -1t {store}/*.sql.gz | tail -n +{keep + 1} | xargs --no-run-if-empty rm --")
        else:
            lines.append(f"find {store} -name '*.sql.gz' -mtime +7 -delete")
        return self._script("backup.sh", lines)

    def restore(self, database: str, replace: bool = False) -> Command:
        """Return what loads the newest file into a database, which it creates where it is missing."""
        return self._load(self.backups(database)[-1], database)

    def restore_all(self, databases: Sequence[str]) -> list[Command]:
        """Return what loads the one file that has all, or each database from its own."""
        if not self.way.options.get("all"):
            return super().restore_all(databases)
        return [self._load(self.backups("all")[-1], None)]

    def _load(self, backup: str, database: str | None) -> Command:
        file = quote(str(self.place.store.joinpath(backup)))
        lines = [] if database is None else [self._create(database)]
        return self._script("restore.sh", [*lines, f"gunzip -c {file} | {self._client(database)}"])

    def _script(self, name: str, lines: Sequence[str]) -> Command:
        shell = self.way.options.get("bash")
        head = ["#!/bin/bash", shell] if shell else ["#!/bin/sh"]
        head += [f"export {variable}={quote(value)}" for variable, value in self._login().items()]
        file = write_private(self.place.folder.joinpath(name), "\n".join([*head, *lines, ""]), 0o700)
        return Command([str(file)], self.place.environment(), self.place.folder)

    def _login(self) -> dict[str, str]:
        server, password = self.server, self.place.login_password
        if isinstance(server, PostgresqlServer):
            escaped = password.replace("\\", "\\\\").replace(":", "\\:")
            file = write_private(self.place.folder.joinpath("pgpass"), f"*:*:*:{server.admin_user}:{escaped}\n")
            login = {"PGHOST": server.host, "PGPORT": str(server.port), "PGUSER": server.admin_user}
            return {**login, "PGPASSFILE": str(file)}
        lines = {
            "host": server.host,
            "port": str(server.port),
            "protocol": "tcp",
            "user": server.admin_user,
            "password": quote_option(password),
        }
        write_private(self.place.folder.joinpath("my.cnf"), "[client]\n" + option_lines(lines))
        return {}

    def _mysql(self, program: str) -> str:
        return f"{program} --defaults-extra-file={quote(str(self.place.folder.joinpath('my.cnf')))}"

    def _dump(self, database: str) -> str:
        careful = self.way.options.get("careful")
        if isinstance(self.server, MysqlFamilyServer):
            more = self.way.options.get("mysql", "")
            last = "--" if careful else ""
            return f"{self._mysql('mysqldump')} --single-transaction {more} {last} {quote(database)}"
        named = f"--dbname={quote(_connection_string(database))}" if careful else quote(database)
        return f"pg_dump {self.way.options.get('dump', '')} {named}"

    def _dump_all(self) -> str:
        if isinstance(self.server, MysqlFamilyServer):
            return f"{self._mysql('mysqldump')} --single-transaction --all-databases --flush-privileges"
        return "pg_dumpall"

    def _create(self, database: str) -> str:
        if isinstance(self.server, MysqlFamilyServer):
            statement = f"CREATE DATABASE IF NOT EXISTS {self.server.quote(database)}"
            return f"{self._mysql('mysql')} --execute={quote(statement)}"
        return f"createdb --maintenance-db=postgres -- {quote(database)} 2>/dev/null"

    def _client(self, database: str | None) -> str:
        if isinstance(self.server, MysqlFamilyServer):
            return f"{self._mysql('mysql')} {'' if database is None else quote(f'--database={database}')}"
        if database is None:
            return "psql --no-psqlrc --dbname=postgres"
        load = self.way.options.get("load", "")
        return f"psql --no-psqlrc --set=ON_ERROR_STOP=1 {load} --dbname={quote(_connection_string(database))}"


def _connection_string(database: str) -> str:
    """Return what names a database to libpq, whatever is in its name."""
    return f"dbname={quote_connection_value(database)}"
