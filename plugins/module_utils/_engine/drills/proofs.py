# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What shows that an artifact is good, each proof stronger than the one before it: its file, its text, a restore.

Each raises FaultyArtifactError where the artifact itself is at fault, and any other error where it could not be looked
at: then nothing is known of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .. import errors, storage, stream, verification
from ..artifacts.catalog import Artifact
from ..databases.base import Server
from ..databases.registry import FAMILIES
from ..models.metadata import SectionInfo
from ..restores import preflight, replacing

# A line of sha256sum and the like: the digest, and the name of a file.
CHECKSUM_FILE_BYTES = 4096


@dataclass(frozen=True)
class Trial:
    """How an artifact was restored for a proof, in seconds, and what was compared; ``warnings`` should be known."""

    restore_seconds: float
    evidence: dict[str, Any]
    warnings: list[str] = field(default_factory=list)


def of_file(artifact: Artifact) -> dict[str, Any]:
    """Read the data file from the disk; see that size and checksum are those of metadata and checksum file."""
    info, paths = artifact.metadata.file_info, artifact.paths
    with blamed():
        verification.require_checksum(paths.data, info, stream.checksum(paths.data, info.checksum_algorithm))
        size = paths.data.stat().st_size
        if size != info.size_bytes:
            raise errors.ValidationError(f"{paths.data} has {size} bytes, but its metadata tells of {info.size_bytes}")
        line = storage.read_head(paths.checksum, CHECKSUM_FILE_BYTES).decode("utf-8", "replace")
        if line.split() != [info.checksum, paths.data.name]:
            raise errors.ValidationError(f"{paths.checksum} does not hold the checksum of the metadata")
    return {"size_bytes": size, "checksum_algorithm": info.checksum_algorithm}


def of_text(artifact: Artifact) -> tuple[stream.Text, dict[str, Any]]:
    """Read the gzip data to its end; see that the text is a whole dump, with the sections that the metadata tells of.

    Return what the text looks like, and the evidence. The artifact must have been loaded with its details.
    """
    info, restore_info, data = artifact.metadata.file_info, artifact.metadata.restore_info, artifact.paths.data
    sections = restore_info.sections if restore_info else []
    with blamed():
        if info.filename != data.name:
            raise errors.ValidationError(f"the metadata of {data} tells of {info.filename}")
        text = stream.observe(_sections_of(artifact, sections) if sections else stream.read(data))
        if restore_info is not None and restore_info.raw_size_bytes != text.raw_size_bytes:
            raise errors.ValidationError(f"{data} does not hold the text it was made of", stream.DISTRUST)
        FAMILIES[artifact.metadata.backup_info.database_type].check_text(text)
    return text, {"raw_size_bytes": text.raw_size_bytes, "sections": len(sections)}


def _sections_of(artifact: Artifact, sections: list[SectionInfo]) -> Iterator[bytes]:
    """Yield the text section by section. Raise ValidationError unless each is where and as long as it should be."""
    data, position = artifact.paths.data, 0
    for number, section in enumerate(sections):
        if section.offset_bytes != position:
            raise errors.ValidationError(f"the metadata of {data} does not tell where its section {number} begins")
        length = 0
        for block in stream.read(data, section.offset_bytes, section.length_bytes):
            length += len(block)
            yield block
        if length != section.raw_length_bytes:
            raise errors.ValidationError(f"section {number} of {data} does not hold the text it was made of")
        position += section.length_bytes
    if position != artifact.metadata.file_info.size_bytes:
        raise errors.ValidationError(f"{data} does not end where the last section of its metadata does")


def by_restore(server: Server, request: replacing.Request, text: stream.Text) -> Trial:
    """Load an artifact, whose text has been read, into a new database, compare that with the metadata, and drop it."""
    cleared = preflight.examine(server, request, text=text)
    outcome = replacing.try_out(server, request, cleared, blamed)
    evidence = {
        "server": f"{server.flavour} {server.version}",
        "bytes_read": outcome.loaded.bytes_read,
        "sections_loaded": outcome.loaded.sections_loaded,
        "compare_seconds": outcome.seconds["compare"],
        **(outcome.comparison.as_dict() if outcome.comparison else {}),
    }
    return Trial(outcome.seconds["load"], evidence, [*cleared.warnings, *outcome.warnings])


@contextlib.contextmanager
def blamed() -> Iterator[None]:
    """Have what is not as it must be, or not there, be the fault of the artifact that the block is about."""
    try:
        yield
    except errors.BrokenOffError:
        raise
    except (errors.NotFoundError, errors.ValidationError) as error:
        raise errors.FaultyArtifactError(error.message, error.hint) from error
