# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client programs: where they are and what they are."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .. import errors, process

VERSION_TIMEOUT_SECONDS = 20
_NUMBER = re.compile(r"(\d+(?:\.\d+)+|\d+)")


@dataclass(frozen=True)
class Program:
    """A client program: its path, what its --version says, and the version in it."""

    path: str
    banner: str
    version: str

    @property
    def name(self) -> str:
        """The program's name without its folder."""
        return Path(self.path).name


def find(
    names: Iterable[str],
    client_path: Path | None,
    folders: Iterable[str],
    *,
    what: str,
    package: str,
    option: str = "client_path",
) -> Program:
    """Return the first program of those names: in ``client_path`` alone where that is given, else in the folders.

    ``what``, ``package`` and the ``option`` that names a folder are for the message. Raise ConfigError when there is
    none.
    """
    candidates = list(names)
    places = [str(client_path)] if client_path else list(folders)
    path = process.find_program(candidates, places)
    if path is None:
        where = f"in {client_path}" if client_path else "on this host"
        raise errors.ConfigError(
            f"{what} needs the program {candidates[0]}, which is not {where}",
            f"Install {package}, or name its folder in {option}",
        )
    return examine(path)


def examine(path: str) -> Program:
    """Ask a program for its version, once as long as its file stays the same. Raise ConfigError when it gives none."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise errors.ConfigError(f"{path} cannot be looked at: {error.strerror}") from error
    return _examine(path, (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns))


@functools.lru_cache(maxsize=32)
def _examine(path: str, _identity: tuple[int, ...]) -> Program:
    try:
        banner = process.output(process.Command((path, "--version")), VERSION_TIMEOUT_SECONDS).strip()
    except process.ProgramError as error:
        raise errors.ConfigError(f"{path} does not tell its version: {error.message}") from error
    return Program(path, banner, find_version(banner))


def find_version(banner: str) -> str:
    """Return the version in what a program says of itself: the one of a distribution before its own.

    ``mysqldump  Ver 10.19 Distrib 10.11.14-MariaDB, for debian-linux-gnu`` is 10.11.14.
    """
    after = re.split(r"Distrib |from ", banner, maxsplit=1)[-1]
    found = _NUMBER.search(after)
    return found.group(1) if found else "0"


def numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers that compare: ``15.18`` is (15, 18)."""
    return tuple(int(part) for part in re.findall(r"\d+", version))
