# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are either whole or not there: folders, durable writes, room on the disk."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable
from pathlib import Path

from . import errors, layout, logbook
from .ownership import give_to_owner

BASE_MODE = 0o755
FOLDER_MODE = 0o700
FILE_MODE = 0o600
# So often others may remove a folder, which they found empty, while it is being made.
MAKING_ATTEMPTS = 100
# Who looks at a new folder of root's before it has its owner gives what is in it to root, for good.
_MAKING = threading.Lock()


def make_folder(base_path: Path, folder: Path) -> list[Path]:
    """Make ``folder`` below ``base_path``: the base itself 0755, everything below it 0700; return those that were made.

    Folders that exist keep their mode. An empty one may be removed by others at any moment, and is
    made again then. Raise StorageError if one cannot be made; none stays of those that were.
    """
    steps = [folder, *folder.parents]
    steps = steps[: steps.index(base_path)][::-1]
    made: list[Path] = []
    try:
        for attempt in range(MAKING_ATTEMPTS):
            base_path.mkdir(mode=BASE_MODE, parents=True, exist_ok=True)
            try:
                for step in steps:
                    if make_private(step):
                        made.append(step)
                        _sync(step.parent)
                break
            except FileNotFoundError:
                if attempt == MAKING_ATTEMPTS - 1:
                    raise
    except OSError as error:
        remove_folders(made)
        raise errors.StorageError(f"the folder {folder} cannot be made: {error.strerror}") from error
    return made


def make_private(folder: Path) -> bool:
    """Make one folder, 0700, that belongs to whom the one above it belongs to; say whether it was not there.

    Raise OSError if it cannot be made; then it is not there.
    """
    with _MAKING:
        if folder.is_dir():
            return False
        try:
            folder.mkdir(mode=FOLDER_MODE)
        except FileExistsError:
            # Another run was a moment faster, and may have removed it by now.
            if folder.exists() and not folder.is_dir():
                raise
            return False
        try:
            give_to_owner(folder, folder.parent)
        except OSError:
            remove_folders([folder])
            raise
    return True


def remove_folders(made: Iterable[Path]) -> None:
    """Remove those of the folders, each below the one before, that are empty."""
    for folder in reversed(list(made)):
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def remove_branch(base_path: Path, folder: Path) -> None:
    """Remove an empty folder, and those above it that are empty then, up to ``base_path``, which stays.

    Only such go as make_folder would make again: nobody's modes and owners are lost.
    """
    with contextlib.suppress(OSError):
        while folder != base_path and _is_as_made(folder):
            os.rmdir(folder)
            folder = folder.parent


def _is_as_made(folder: Path) -> bool:
    found = folder.stat()
    return found.st_mode & 0o777 == FOLDER_MODE and found.st_uid == folder.parent.stat().st_uid


def write_partial(path: Path, content: bytes, mode: int = FILE_MODE) -> None:
    """Write ``content`` durably under the partial name of ``path``. Raise StorageError if that fails."""
    temporary = layout.partial(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(temporary, flags, FILE_MODE)
        with open(descriptor, "wb") as sink:
            os.fchmod(descriptor, mode)
            give_to_owner(descriptor, path.parent)
            sink.write(content)
            sink.flush()
            os.fsync(sink.fileno())
    except OSError as error:
        raise errors.StorageError(f"{path} cannot be written: {error.strerror}") from error


def settle(path: Path) -> None:
    """Give a partial file its own name. Raise StorageError if that fails."""
    try:
        os.rename(layout.partial(path), path)
    except OSError as error:
        raise errors.StorageError(f"{path} cannot be put in place: {error.strerror}") from error
    logbook.event("file_published", level="DEBUG", file=str(path))


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raise StorageError if that fails."""
    try:
        _sync(folder)
    except OSError as error:
        raise errors.StorageError(f"the folder {folder} cannot be synced: {error.strerror}") from error


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_head(path: Path, length: int) -> bytes:
    """Return the first bytes of a file. Raise NotFoundError when there is none, StorageError if it cannot be read."""
    try:
        with path.open("rb") as source:
            return source.read(length)
    except FileNotFoundError as error:
        raise errors.NotFoundError(f"{path} does not exist") from error
    except OSError as error:
        raise errors.StorageError(f"{path} cannot be read: {error.strerror}") from error


def free_bytes(path: Path) -> int:
    """Return how many bytes may still be written to the filesystem that will hold ``path``."""
    room = os.statvfs(nearest(path))
    return room.f_bavail * room.f_frsize


def nearest(path: Path) -> Path:
    """Return a path, or where there is nothing, the nearest folder above it that exists."""
    while not path.exists():
        path = path.parent
    return path
