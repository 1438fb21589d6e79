# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps that have no metadata: made by others, or an artifact's data file alone.

What can be verified of them is, and what cannot is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .. import errors, layout, storage, stream
from ..databases import dumptext
from ..databases.base import Server
from ..databases.registry import FAMILIES

# By their first bytes: what is no text of SQL, and what to do with it.
OTHER_FORMATS = (
    (b"PGDMP", "an archive of pg_dump in its custom format", "Restore it with pg_restore"),
    (b"\xfd7zXZ\x00", "compressed by xz", "Decompress it, or compress it by gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "Decompress it, or compress it by gzip"),
    (b"BZh", "compressed by bzip2", "Decompress it, or compress it by gzip"),
    (b"PK\x03\x04", "a ZIP archive", "Unpack it"),
)
TAR_MAGIC = (257, b"ustar")
CLUSTER_DUMP = b"PostgreSQL database cluster dump"


@dataclass(frozen=True)
class ForeignDump:
    """A file of SQL text, compressed by gzip or not."""

    data: Path

    @property
    def metadata(self) -> None:
        """Nothing is known of it but itself."""
        return None


def examine(dump: ForeignDump, server: Server) -> tuple[stream.Text, list[str]]:
    """Read a dump to its end; return what its text looks like, and a sentence for each thing that nothing tells.

    Raise ValidationError when it is damaged, of another format or family, not whole as far as that can be told, or
    names its own database; NotFoundError when there is no such file.
    """
    path = dump.data
    _refuse_other_formats(path)
    inspected = stream.inspect(path, "sha256")
    text = inspected.text
    if not text.raw_size_bytes:
        raise errors.ValidationError(f"{path} is empty", stream.DISTRUST)
    warnings = _checked_by_file(path, inspected.checksum)
    if CLUSTER_DUMP in text.head[:200]:
        raise errors.ValidationError(
            f"{path} is a dump of a whole server, made by pg_dumpall, and would be loaded past the target",
            "Restore it with psql, or dump the database alone",
        )
    families = [
        name for name, family in FAMILIES.items() if any(line in text.head[:200] for line in family.first_lines)
    ]
    if families:
        server.check_text(text)
    else:
        dumptext.refuse_foreign_target(text)
        warnings.append(f"{path} does not begin as a dump does, so nothing tells whether it is whole")
    warnings.append(f"{path} has no metadata, so what was loaded could not be compared with what was dumped")
    return text, warnings


def _refuse_other_formats(path: Path) -> None:
    if path.is_dir():
        raise errors.ValidationError(f"{path} is a folder", "Restore a folder of pg_dump with pg_restore")
    head = storage.read_head(path, 512)
    place, magic = TAR_MAGIC
    if head[place : place + len(magic)] == magic:
        raise errors.ValidationError(f"{path} is a tar archive", "Restore one of pg_dump with pg_restore")
    for first, what, remedy in OTHER_FORMATS:
        if head.startswith(first):
            raise errors.ValidationError(f"{path} is {what}", remedy)


def _checked_by_file(path: Path, checksum: str) -> list[str]:
    """Compare a dump with the checksum file beside it, if there is one."""
    file = layout.checksum_file(path)
    try:
        expected = storage.read_head(file, len(checksum)).decode("ascii", "replace")
    except errors.NotFoundError:
        return [f"{path} has no checksum file, so nothing tells whether it is as it was written"]
    if expected.lower() != checksum:
        raise errors.ValidationError(
            f"{path} is damaged: its sha256 checksum is not that of {file.name} beside it", stream.DISTRUST
        )
    return []
