# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove an artifact, so that it is there or not there at every moment, and finish what a dead run has begun.

The metadata makes the artifact, so it goes first: it takes the name of a tombstone, and nothing but this lists the
artifact any more. The tombstone says which files were the artifact's, and goes last. Who calls this holds the cleanup
lock of the artifact's host, see layout.cleanup_lock.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from .. import errors, layout, locking, storage
from ..artifacts import catalog
from ..models.accounts import AccountsMetadata
from ..models.metadata import BackupMetadata


def remove(paths: layout.ArtifactPaths) -> None:
    """Remove a published artifact of a database or of accounts.

    Raise LockedError while its data file is in use, StorageError when a step fails: the artifact is there then, or its
    tombstone is, which finish() takes up.
    """
    with _unused(paths.data), _told(paths.data):
        os.rename(paths.metadata, paths.tombstone)
        storage.sync_folder(paths.tombstone.parent)
        _remove_rest(paths)


def finish(tombstone: Path, hostname: str, *, check: bool = False) -> bool:
    """Remove what is left of an artifact that was being removed; say whether it was this host's.

    With ``check``, only look. Raise ValidationError when the tombstone does not say whose it was, or the artifact is
    there again: all is left alone then; else as remove does.
    """
    known = layout.paths_of_tombstone(tombstone, "sha256")
    content = catalog.read_metadata(tombstone)
    # The bytes are those of the metadata, so the name that it had tells which kind it is.
    of_accounts = layout.is_accounts_name(known.metadata.name)
    where = str(tombstone)
    metadata = AccountsMetadata.from_json(content, where) if of_accounts else _backup_metadata(content, where)
    if metadata.backup_info.hostname != hostname:
        return False
    if known.metadata.exists():
        raise errors.ValidationError(f"{tombstone} is of an artifact that is there again", "Remove one of the two")
    if check:
        return True
    with _told(tombstone):
        _remove_rest(layout.paths_of_tombstone(tombstone, metadata.file_info.checksum_algorithm))
    return True


def _backup_metadata(content: bytes, where: str) -> BackupMetadata:
    return BackupMetadata.from_json(content, where, details=False)


def remove_folder(base_path: Path, folder: Path) -> bool:
    """Remove an empty folder below ``base_path``; say whether it is gone. What is in use or not empty stays."""
    if folder.name.startswith(".") or base_path not in folder.parents:
        return False
    try:
        os.rmdir(folder)
    except OSError:
        return False
    return True


def _remove_rest(paths: layout.ArtifactPaths) -> None:
    partial = layout.partial(paths.verification)
    for path in (paths.data, paths.checksum, paths.verification, partial):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    # Else a tombstone could be gone from the disk before the data is.
    storage.sync_folder(paths.tombstone.parent)
    os.unlink(paths.tombstone)


@contextlib.contextmanager
def _unused(data: Path) -> Iterator[None]:
    """Lock a data file for the length of the block. Raise LockedError when a run still holds it."""
    with _told(data), data.open("rb") as held:
        if not locking.try_lock(held.fileno()):
            raise errors.LockedError(f"{data} is in use by another run", "It is removed by a later cleanup")
        yield


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Make a StorageError of what the operating system says."""
    try:
        yield
    except OSError as error:
        raise errors.StorageError(f"{path} cannot be removed: {error.strerror}") from error
