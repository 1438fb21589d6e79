# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starters for programs of another Debian system, so that they run outside of it.

They are run by a dynamic loader and with libraries that fit them: this machine's may be older or newer than theirs.
Unlike chroot, that leaves them this machine's files, /proc and inherited descriptors.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

CLIENTS = ("psql", "pg_dump", "pg_dumpall", "pg_restore", "mysql", "mysqldump", "mariadb", "mariadb-dump")
INTERPRETER = re.compile(r"python3\.\d+")
LOADER = "usr/lib/*-linux-gnu*/ld-linux*.so.*"
LIBRARIES = "usr/lib/*-linux-gnu*"
MACHINE = Path("/")


class ProgramError(Exception):
    """A root has not what its programs need."""


def write_programs(root: Path, folders: Sequence[Path], target: Path, libraries: Sequence[Path] = ()) -> None:
    """Write starters into ``target`` for the clients and the interpreter in some folders of a root.

    ``libraries`` are folders of libraries that come before the system's.
    """
    command = loading(root, libraries)
    target.mkdir(exist_ok=True)
    for found in [path for folder in folders for path in sorted(folder.iterdir())]:
        wanted = found.name in CLIENTS or INTERPRETER.fullmatch(found.name)
        # In /usr/bin PostgreSQL has only a Perl script that picks a version, MariaDB links to old names.
        if wanted and not found.is_symlink():
            started = shlex.join([*command, "--argv0"]) + f' "$0" {shlex.quote(str(found))} "$@"'
            write_program(target / found.name, f"exec {started}\n")


def loading(root: Path, libraries: Sequence[Path] = ()) -> list[str]:
    """Return the beginning of a command that runs a program of a root.

    The C library and its loader are the root's own, unless that loader cannot give a program its name (before 2.33):
    then this machine's, which are newer and run what was built for an older one.
    """
    loader, system = first(root, LOADER), first(root, LIBRARIES)
    if b"--argv0" not in loader.read_bytes():
        loader, system = first(MACHINE, LOADER), without_c_library(root, system)
    return [str(loader), "--library-path", os.pathsep.join(map(str, [*libraries, system]))]


def without_c_library(root: Path, system: Path) -> Path:
    """Return a folder with links to a system's libraries, those of its C library left out."""
    lists = root.glob("var/lib/dpkg/info/libc6*.list")
    files = {Path(line).name for path in lists for line in path.read_text(encoding="utf-8").splitlines()}
    if "libc.so.6" not in files:
        raise ProgramError(f"{root} does not tell what belongs to its C library")
    chosen = root / "libraries"
    chosen.mkdir(exist_ok=True)
    for library in system.glob("*.so*"):
        link = chosen / library.name
        if library.name not in files and not link.is_symlink():
            link.symlink_to(library)
    return chosen


def first(root: Path, pattern: str) -> Path:
    """Return the first path of a pattern. Raise ProgramError if there is none."""
    found = sorted(root.glob(pattern))
    if not found:
        raise ProgramError(f"{root} has no {pattern}: remove it, and it is made again")
    return found[0]


def write_program(path: Path, command: str) -> None:
    """Write a shell script at once: another process may be starting the one before."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(f"#!/bin/sh\n{command}", encoding="utf-8")
    unfinished.chmod(0o755)
    unfinished.replace(path)
