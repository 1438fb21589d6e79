# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do the same things to this collection and to what people use instead, and write down what came of them.

Run it from the root of the repository: make peers
"""

from __future__ import annotations

import argparse
import contextlib
import platform
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from tools.private_servers.base import PrivateServer
from tools.private_servers.mariadb import MariadbServer
from tools.private_servers.postgresql import PostgresqlServer

from . import backups, install, restores, scenery, table
from .rows import ROWS
from .tools.automysqlbackup import Automysqlbackup
from .tools.base import PLAIN, Tool
from .tools.borgmatic import Borgmatic
from .tools.community import CommunityModule, CommunityMysql, CommunityPostgresql
from .tools.ours import Ours
from .tools.script import Script
from .trial import CannotRunError, Libraries, Seen, Trial

TOOLS: tuple[type[Tool], ...] = (Ours, CommunityMysql, CommunityPostgresql, Automysqlbackup, Borgmatic, Script)
CHECKS: dict[str, Callable[[Trial], Seen]] = {
    "wrong_password": backups.wrong_password,
    "cut_short": backups.cut_short,
    "full_disk": backups.full_disk,
    "wrong_byte": backups.wrong_byte,
    "rot": backups.rot,
    "previous": backups.previous_kept,
    "retention": restores.retention,
    "drill": backups.drill,
    "lost_row": restores.lost_row,
    "half_way": restores.half_way,
    "refused": restores.refused,
    "accounts": backups.accounts,
    "complete": backups.complete,
    "names": backups.names,
    "password": backups.password,
    "plain_file": backups.plain_file,
    "processors": backups.processors,
    "small": backups.small,
    "encrypted": backups.encrypted,
    "dry_run": restores.dry_run,
    "dry_login": restores.dry_login,
}


class Runner:
    """Runs checks, each in a folder of its own, on servers that all of them share."""

    def __init__(self, servers: Sequence[PrivateServer], folder: Path, libraries: Libraries, missing: set[str]) -> None:
        self.servers = servers
        self.folder = folder
        self.libraries = libraries
        self.missing = missing
        self.errors = 0
        self._number = 0

    def cell(self, row: str, kind: type[Tool]) -> table.Cell:
        """Return what a tool does in a row, on each family that it is for."""
        verdicts: dict[str, str] = {}
        attempts: list[table.Attempt] = []
        for server in self.servers:
            if server.family not in kind.families:
                continue
            if row in kind.lacks:
                verdicts[server.family] = table.NOT_ITS_JOB if row in kind.not_its_job else table.NO
                attempts.append(table.Attempt(server.family, "", kind.lacks[row]))
                continue
            if kind.name in self.missing:
                verdicts[server.family] = table.NOT_RUN
                attempts.append(table.Attempt(server.family, "", "it could not be had"))
                continue
            verdicts[server.family] = self._verdict(row, kind, server, attempts)
        return table.Cell(verdicts, attempts)

    def _verdict(self, row: str, kind: type[Tool], server: PrivateServer, attempts: list[table.Attempt]) -> str:
        for way in kind.ways.get(row, (PLAIN,)):
            if way.families and server.family not in way.families:
                continue
            self._number += 1
            folder = self.folder.joinpath(str(self._number))
            folder.mkdir()
            started = time.monotonic()
            try:
                seen = CHECKS[row](Trial(kind, way, server, folder, self.libraries))
            except CannotRunError as error:
                seen = Seen(False, str(error))
                attempts.append(table.Attempt(server.family, way.label, seen.what))
                return table.NOT_RUN
            finally:
                scenery.drop_all(server)
                shutil.rmtree(folder, ignore_errors=True)
            attempts.append(table.Attempt(server.family, way.label, seen.what))
            label = f" with {way.label}" if way.label else ""
            mark = "yes" if seen.passed else "no "
            say(f"{mark} {row}, {kind.name}{label}, {server.family}: {seen.what} ({time.monotonic() - started:.1f} s)")
            if seen.passed:
                return table.passed(way.label)
        return table.NO

    def row(self, row: str, kinds: Sequence[type[Tool]]) -> dict[str, table.Cell]:
        """Return the cells of a row; a check that breaks is printed and counted."""
        cells = {}
        for kind in kinds:
            try:
                cells[kind.name] = self.cell(row, kind)
            except Exception:  # noqa: BLE001 - the other cells are wanted all the same; the count makes the run fail
                self.errors += 1
                say(f"BROKEN {row}, {kind.name}\n{traceback.format_exc()}")
        return cells


def say(what: str) -> None:
    """Print a line of progress."""
    print(what, flush=True)


@contextlib.contextmanager
def started() -> Iterator[list[PrivateServer]]:
    """Start a server of each family."""
    with PostgresqlServer() as postgresql, MariadbServer() as mariadb:
        yield [postgresql, mariadb]


def set_up(kinds: Sequence[type[Tool]]) -> tuple[set[str], Path | None]:
    """Get the tools; return the names of those that cannot be had, and the library that changes the clock."""
    missing = set()
    if any(issubclass(kind, CommunityModule) for kind in kinds):
        CommunityModule.collections = install.community(say)
    if Borgmatic in kinds:
        borg = install.borg()
        if borg is None:
            missing.add(Borgmatic.name)
        else:
            Borgmatic.borg, Borgmatic.program = borg, install.borgmatic(say)
    if Automysqlbackup in kinds:
        package = install.debian(install.AUTOMYSQLBACKUP, say)
        if package is None:
            missing.add(Automysqlbackup.name)
        else:
            Automysqlbackup.package = package
    faketime = install.debian("libfaketime", say)
    found = sorted(faketime.rglob("libfaketimeMT.so.1")) if faketime else []
    return missing, found[0] if found else None


def main() -> int:
    """Do what the command line says; return 1 when a check broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.peers", description=__doc__)
    parser.add_argument("--rows", nargs="*", choices=list(CHECKS), default=list(CHECKS))
    parser.add_argument("--tools", nargs="+", choices=[kind.name for kind in TOOLS])
    parser.add_argument("--results", type=Path, help="a file with what earlier runs saw, to be completed by this one")
    parser.add_argument("--write", action="store_true", help="write docs/comparison.md and the table of README.md")
    options = parser.parse_args()
    kinds = [kind for kind in TOOLS if not options.tools or kind.name in options.tools]
    missing, faketime = set_up(kinds)
    with tempfile.TemporaryDirectory(prefix="backupdb-peers-") as folder, started() as servers:
        try:
            lying_disk = scenery.build_lying_disk(Path(folder))
        except OSError as error:
            say(str(error))
            lying_disk = None
        runner = Runner(servers, Path(folder), Libraries(faketime, lying_disk), missing)
        cells = table.load(options.results) if options.results else {}
        for row in options.rows:
            cells.setdefault(row, {}).update(runner.row(row, kinds))
            if options.results:
                table.save(options.results, cells)
        if runner.errors:
            return 1
        seen = table.Comparison(cells, {kind.name: usage(kind, missing) for kind in kinds}, setting(servers))
    print(f"\n{seen.table([row for row in ROWS if row.id in cells])}")
    if options.write:
        table.PAGE.write_text(seen.page(), encoding="utf-8")
        readme = table.README.read_text(encoding="utf-8")
        short = seen.table([row for row in ROWS if row.in_readme])
        table.README.write_text(table.with_marked(readme, short), encoding="utf-8")
    return 0


def usage(kind: type[Tool], missing: set[str]) -> str:
    """Return what is said of a tool: its version and how it was used."""
    return "could not be had on this machine." if kind.name in missing else f"{kind.version()}. {kind.usage}"


def setting(servers: Sequence[PrivateServer]) -> str:
    """Return the paragraph about what this was seen on."""
    named = " and ".join(f"{table.FAMILIES[server.family]} {server.version}" for server in servers)
    system = platform.freedesktop_os_release()["PRETTY_NAME"].partition(" (")[0]
    today = datetime.now().astimezone().date()
    return table.wrapped(
        f"`make peers` wrote this page, and the table of the [README](../README.md#compared-with), on {today} on"
        f" {system}, with {named}. It starts private servers, does the same things to each tool, and writes down what"
        " came of them."
    )


if __name__ == "__main__":
    sys.exit(main())
