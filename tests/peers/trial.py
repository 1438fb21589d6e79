# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check is given, and how it says what it saw."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.commands import load_command
from tools.private_servers.base import PrivateServer

from . import running, scenery
from .tools.base import Place, Tool, Way
from .tools.borgmatic import Borgmatic

WRONG_PASSWORD = "Wrong-Password-1"


class CannotRunError(Exception):
    """What a check needs is not to be had on this machine."""


@dataclass(frozen=True)
class Seen:
    """Whether a tool passed a check, and what was seen."""

    passed: bool
    what: str


@dataclass(frozen=True)
class Libraries:
    """What is preloaded into a tool, each None where it is not to be had."""

    faketime: Path | None
    lying_disk: Path | None


@dataclass(frozen=True)
class Trial:
    """One tool, used in one way, on one server, with a folder of its own."""

    kind: type[Tool]
    way: Way
    server: PrivateServer
    folder: Path
    libraries: Libraries

    def tool(self, **changes: Any) -> Tool:
        """Return the tool, ready for its first backup."""
        place = Place(server=self.server, folder=self.folder, store=self.folder.joinpath("store"))
        tool = self.kind(dataclasses.replace(place, **changes), self.way)
        tool.prepare()
        return tool

    def on(self, server: PrivateServer) -> Trial:
        """Return the same trial on another server, in a folder of its own."""
        folder = self.folder.joinpath("other")
        folder.mkdir()
        return dataclasses.replace(self, server=server, folder=folder)


def at(tool: Tool, day: datetime, libraries: Libraries) -> Tool:
    """Return the tool on another day. Raise CannotRunError where its clock cannot be changed."""
    if libraries.faketime is None:
        raise CannotRunError("libfaketime is not installed")
    offset = round((day - datetime.now()).total_seconds())  # noqa: DTZ005 - the tool's own clock
    # The monotonic clock is faked along: Python cannot sleep otherwise. The times of files are the real ones.
    variables = {"LD_PRELOAD": str(libraries.faketime), "FAKETIME": f"{offset:+d}", "NO_FAKE_STAT": "1"}
    return tool.elsewhere(variables={**tool.place.variables, **variables})


def lying_disk(tool: Tool, trial: Trial) -> tuple[Tool, Path]:
    """Return the tool on a disk that writes a byte wrong, and the file that is there when it has."""
    if trial.libraries.lying_disk is None:
        raise CannotRunError("there is no C compiler")
    done = trial.folder.joinpath("lied")
    variables = {
        "LD_PRELOAD": str(trial.libraries.lying_disk),
        "LYING_DISK": str(tool.place.store),
        "LYING_DISK_DONE": str(done),
    }
    return tool.elsewhere(variables=variables), done


def contents(tool: Tool) -> Mapping[str, bytes]:
    """Return the bytes of each backup that is there."""
    return {backup: tool.content(backup) for backup in tool.backups()}


def count(tool: Tool) -> str:
    """Say how many backups are there."""
    number = len(tool.backups())
    return {0: "leaves nothing", 1: "leaves one backup"}.get(number, f"leaves {number} backups")


def must_succeed(ended: running.Ended) -> None:
    """Raise AssertionError, with what was printed, when what had to go well did not."""
    if ended.failed:
        raise AssertionError(f"a run that had to go well ended with {ended.code}:\n{ended.output[-3000:]}")


def bring_back(tool: Tool, database: str) -> running.Ended:
    """Put a database back that is not there, as the tool's documentation says."""
    if isinstance(tool, Borgmatic) and tool.server.family == "postgresql":
        # It wants the database to exist.
        tool.server.create_database(database)
    return running.run(tool.restore(database))


def load_by_hand(tool: Tool, database: str) -> running.Ended:
    """Load the newest backup of a database by ``gunzip`` and the vendor's client alone."""
    found = tool.backups(database)
    if not found:
        return running.Ended(1, "there is no file of this database")
    unpacked = subprocess.run(["gunzip", "-c"], input=tool.content(found[-1]), capture_output=True, check=False)
    if unpacked.returncode != 0:
        return running.Ended(unpacked.returncode, unpacked.stderr.decode(errors="replace"))
    if database not in tool.server.databases():
        tool.server.create_database(database)
    load = load_command(tool.server, database)
    done = subprocess.run(load.argv, env=load.environment, input=unpacked.stdout, capture_output=True, check=False)
    return running.Ended(done.returncode, done.stderr.decode(errors="replace"))


def kill_dump() -> Any:
    """Return what kills the dump program in the middle."""
    return running.kill_program(running.DUMP_PROGRAMS, "wchar", scenery.ROW_BYTES)
