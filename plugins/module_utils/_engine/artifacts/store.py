# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store that a host writes to, and how a file gets into it."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass

from .. import errors, layout, locking, stream
from ..models.config import StorageConfig
from ..models.metadata import FileInfoModel, human_size, now
from . import catalog


@dataclass(frozen=True)
class Store:
    """Where artifacts go, whose they are (the hostname), and by whose clock."""

    config: StorageConfig
    hostname: str
    clock: catalog.Clock

    @classmethod
    def of_this_host(cls, config: StorageConfig) -> Store:
        """Return the storage as this host writes to it."""
        return cls(config, socket.gethostname(), now)

    def locked(self, database_id: str) -> contextlib.AbstractContextManager[None]:
        """Return the lock of an instance, to be held while it is worked on. Raise as locking.hold does."""
        path = layout.instance_lock(self.config.base_path, self.hostname, database_id)
        return locking.hold(path, f"the instance {database_id}")


def finish_file(draft: catalog.Draft, size_bytes: int, checksum: str, config: StorageConfig) -> FileInfoModel:
    """Make a draft's file durable and return its description. Raise StorageError unless it reads back as written."""
    draft.seal()
    if stream.checksum(draft.data, config.checksum_algorithm) != checksum:
        raise errors.StorageError(
            f"{draft.paths.data} does not read back as it was written", "Check the disk below the storage"
        )
    return FileInfoModel(
        filename=draft.paths.data.name,
        size_bytes=size_bytes,
        size_human=human_size(size_bytes),
        compression_level=config.compression_level,
        checksum_algorithm=config.checksum_algorithm,
        checksum=checksum,
    )
