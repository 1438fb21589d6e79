# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine as a module carries it, and as it is installed on a host. Private to this collection."""

from __future__ import annotations

import hashlib
import importlib.resources
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from . import _engine
from ._engine import errors
from ._engine import program as _program  # so that Ansible sends everything along that the program is made of

PACKAGE = _program.__package__
FOLDER_MODE = 0o755
FILE_MODE = 0o644
#: By their paths below the package, with slashes.
Files = Mapping[str, bytes]


def carried() -> dict[str, bytes]:
    """Return the files of the engine that this module has brought along."""
    return dict(_python_files(importlib.resources.files(_engine), ""))


def _python_files(folder: Any, above: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _python_files(entry, f"{above}{entry.name}/")
        elif entry.name.endswith(".py"):
            yield f"{above}{entry.name}", entry.read_bytes()


def installed(path: Path) -> dict[str, bytes]:
    """Return the files of the engine that are installed at ``path``, none where there is nothing.

    Raise StorageError when they cannot be read.
    """
    try:
        return dict(_python_files(path, "")) if path.is_dir() else {}
    except OSError as error:
        raise errors.StorageError(f"{path} cannot be read: {error.strerror}") from error


def digest(files: Files) -> str:
    """Return what tells these files from all others, in hex."""
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(f"{name}\0{len(files[name])}\0".encode())
        whole.update(files[name])
    return whole.hexdigest()


def install(path: Path, files: Files) -> None:
    """Put the files to ``path``, a link that changes from the old ones to the new ones in one step.

    Raise StorageError when they cannot be written; what was there is there still.
    """
    aside = path.with_name(f"{path.name}-{digest(files)[:12]}")
    try:
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        if installed(aside) != files:
            _write_whole(aside, files)
        _point(path, aside)
        _remove_others(path, aside)
    except OSError as error:
        raise errors.StorageError(f"the engine cannot be installed at {path}: {error.strerror}") from error


def remove(path: Path) -> None:
    """Remove what install() has made. Raise StorageError when it cannot be removed."""
    try:
        if path.is_symlink():
            path.unlink()
        elif path.exists():
            shutil.rmtree(path)
        _remove_others(path, None)
    except OSError as error:
        raise errors.StorageError(f"{path} cannot be removed: {error.strerror}") from error


def _write_whole(folder: Path, files: Files) -> None:
    """Write the files to a new folder, which gets its name when all of them are on the disk."""
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, content in files.items():
            file = new.joinpath(*name.split("/"))
            file.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            with file.open("wb") as sink:
                sink.write(content)
                sink.flush()
                os.fsync(sink.fileno())
            file.chmod(FILE_MODE)
        new.chmod(FOLDER_MODE)
        if folder.exists():
            shutil.rmtree(folder)
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _point(path: Path, folder: Path) -> None:
    if path.is_symlink() and os.readlink(path) == folder.name:
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    link = path.with_name(f".{path.name}.new")
    link.unlink(missing_ok=True)
    link.symlink_to(folder.name)
    link.replace(path)


def _remove_others(path: Path, kept: Path | None) -> None:
    """Remove earlier versions, and what an installation that died has left."""
    for entry in path.parent.glob(f"*{path.name}-*"):
        if entry != kept and entry.name.lstrip(".").startswith(f"{path.name}-"):
            shutil.rmtree(entry, ignore_errors=True)


__all__ = ["PACKAGE", "carried", "digest", "install", "installed", "remove"]
