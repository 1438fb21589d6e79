# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and paths, both ways: the only file that joins them.

{base}/{structure}/
    mydb_20260109_020000_full.sql.gz
    mydb_20260109_020000_full.sql.gz.sha256
    mydb_20260109_020000_full.metadata.json      the artifact exists if and only if this file does
    mydb_20260109_020000_full.verification.json  what the newest drill found, if there was one
    mydb_20260109_020000_full.hold               keeps the artifact while it is there; made by people
    .mydb_20260109_020000_full.metadata.json.removed  its metadata while it is being removed, the tombstone
{base}/{hostname}/{db_id}/
    users_20260109_020000.sql.gz                 the accounts of an instance, with the same two files beside it
{base}/.audit/
    {hostname}.db                                the audit log of a host, unless the configuration says otherwise

Names of databases are arbitrary; in a path every byte outside ``[A-Za-z0-9_.-]`` is percent-encoded,
a leading dot or dash too. The metadata has the real name and is the authority.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, unquote

from . import errors

# 255 bytes are the longest name of a file; our longest ending, with the dot and the suffix of a
# partial file around it, takes 53 of them.
LONGEST_NAME = 200
DIGEST_MARK = "~"
DIGEST_LENGTH = 16
ACCOUNTS_NAME = "users"
DATA_SUFFIX = ".sql.gz"
METADATA_SUFFIX = ".metadata.json"
VERIFICATION_SUFFIX = ".verification.json"
HOLD_SUFFIX = ".hold"
TOMBSTONE_SUFFIX = ".removed"
PARTIAL_SUFFIX = ".partial"
LOCKS_FOLDER = ".locks"
AUDIT_FOLDER = ".audit"
THROWAWAY_PREFIX = "vya-backupdb-drill-"
PROCESSES = Path("/proc")
_STEM = re.compile(r"(?P<name>.+)_(?P<moment>\d{8}_\d{6})_(?P<backup_type>full|incremental|differential)")
# The name of a database's artifact ends with its type, so neither can be taken for the other.
_ACCOUNTS_STEM = re.compile(rf"{ACCOUNTS_NAME}_\d{{8}}_\d{{6}}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class ArtifactPaths:
    """Where the three files of one artifact are, and those that may stand beside them.

    ``tombstone`` is the hidden name that the metadata has while the artifact is being removed.
    """

    data: Path
    checksum: Path
    metadata: Path
    verification: Path
    hold: Path
    tombstone: Path


def encode_name(name: str) -> str:
    """Given any name, return it as one safe component of a path: ASCII, never empty, hidden or an option.

    A name that would be longer than a file's may be is cut, and the start of its SHA-256 digest added
    after a ``~``.
    """
    if not name:
        raise ValueError("a name in a path cannot be empty")
    encoded = quote(name, safe="").replace("~", "%7E")
    if encoded[0] in ".-":
        encoded = f"%{ord(encoded[0]):02X}{encoded[1:]}"
    if len(encoded) <= LONGEST_NAME:
        return encoded
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_LENGTH]
    cut = encoded[: LONGEST_NAME - DIGEST_LENGTH - len(DIGEST_MARK)]
    # Not in the middle of an escape.
    cut = re.sub(r"%[0-9A-F]?$", "", cut)
    return cut + DIGEST_MARK + digest


def decode_name(component: str) -> str | None:
    """Given a component made by encode_name, return the name, or None where it had to be cut."""
    return None if DIGEST_MARK in component else unquote(component)


def artifact_folder(
    base_path: Path, structure: str, *, hostname: str, database_id: str, database_name: str, moment: datetime
) -> Path:
    """Return the folder of an artifact by the ``structure`` of the configuration."""
    return base_path / structure.format(
        hostname=encode_name(hostname),
        db_id=encode_name(database_id),
        db_name=encode_name(database_name),
        date=f"{moment:%Y-%m-%d}",
    )


def artifact_paths(
    folder: Path, database_name: str, moment: datetime, checksum_algorithm: str, backup_type: str = "full"
) -> ArtifactPaths:
    """Return the paths of the artifact of a database taken at ``moment`` (local time, to the second)."""
    return _paths(folder, f"{encode_name(database_name)}_{moment:%Y%m%d_%H%M%S}_{backup_type}", checksum_algorithm)


def accounts_paths(
    base_path: Path, *, hostname: str, database_id: str, moment: datetime, checksum_algorithm: str
) -> ArtifactPaths:
    """Return the paths of the accounts artifact of an instance, whatever the ``structure`` is for databases."""
    folder = accounts_folder(base_path, hostname, database_id)
    return _paths(folder, f"{ACCOUNTS_NAME}_{moment:%Y%m%d_%H%M%S}", checksum_algorithm)


def accounts_folder(base_path: Path, hostname: str, database_id: str) -> Path:
    """Return the folder that the accounts artifacts of an instance are in."""
    return base_path / encode_name(hostname) / encode_name(database_id)


def accounts_metadata(base_path: Path, hostname: str, database_id: str, filename: str) -> Path:
    """Given the bare name of an accounts artifact's data file, return the path of its metadata."""
    return paths_of_data(accounts_folder(base_path, hostname, database_id) / filename, "sha256").metadata


def paths_of_metadata(metadata: Path, checksum_algorithm: str) -> ArtifactPaths:
    """Given the path of a metadata file, return the paths of its artifact."""
    return _paths(metadata.parent, metadata.name[: -len(METADATA_SUFFIX)], checksum_algorithm)


def paths_of_data(data: Path, checksum_algorithm: str) -> ArtifactPaths:
    """Given the path of a data file, return the paths of the artifact that it would belong to."""
    return _paths(data.parent, data.name[: -len(DATA_SUFFIX)], checksum_algorithm)


def paths_of_tombstone(tombstone: Path, checksum_algorithm: str) -> ArtifactPaths:
    """Given the path of a tombstone, return the paths of the artifact that is being removed."""
    return _paths(tombstone.parent, tombstone.name[1 : -len(METADATA_SUFFIX + TOMBSTONE_SUFFIX)], checksum_algorithm)


def _paths(folder: Path, stem: str, checksum_algorithm: str) -> ArtifactPaths:
    data = folder / (stem + DATA_SUFFIX)
    return ArtifactPaths(
        data=data,
        checksum=folder / f"{data.name}.{checksum_algorithm}",
        metadata=folder / (stem + METADATA_SUFFIX),
        verification=folder / (stem + VERIFICATION_SUFFIX),
        hold=folder / (stem + HOLD_SUFFIX),
        tombstone=folder / f".{stem}{METADATA_SUFFIX}{TOMBSTONE_SUFFIX}",
    )


def metadata_of_verification(verification: Path) -> Path:
    """Return the metadata of the artifact that a verification file is of."""
    return verification.parent / (verification.name[: -len(VERIFICATION_SUFFIX)] + METADATA_SUFFIX)


def checksum_file(data: Path) -> Path:
    """Return where the SHA-256 checksum of any data file is, as sha256sum writes it, if it is anywhere."""
    return data.parent / f"{data.name}.sha256"


def is_artifact_name(filename: str) -> bool:
    """Say whether a data file is named as this collection names them."""
    return filename.endswith(DATA_SUFFIX) and _STEM.fullmatch(filename[: -len(DATA_SUFFIX)]) is not None


def is_accounts_name(filename: str) -> bool:
    """Say whether a data or metadata file is named as an accounts artifact's."""
    return any(
        filename.endswith(suffix) and _ACCOUNTS_STEM.fullmatch(filename[: -len(suffix)]) is not None
        for suffix in (DATA_SUFFIX, METADATA_SUFFIX)
    )


def partial(path: Path) -> Path:
    """Return the hidden name under which ``path`` is written until it is whole."""
    return path.parent / f".{path.name}{PARTIAL_SUFFIX}"


def whole(partial_path: Path) -> Path:
    """Given a name made by partial(), return the name that it will have when it is whole."""
    return partial_path.parent / partial_path.name[1 : -len(PARTIAL_SUFFIX)]


def is_partial(filename: str) -> bool:
    """Say whether a file has the name of one that is still being written, or was when its writer died."""
    return filename.startswith(".") and filename.endswith(PARTIAL_SUFFIX)


def is_tombstone(filename: str) -> bool:
    """Say whether a file has the name that metadata has while its artifact is being removed."""
    return filename.startswith(".") and filename.endswith(METADATA_SUFFIX + TOMBSTONE_SUFFIX)


def date_of(folder: Path) -> str | None:
    """Return the date, as in 2026-01-09, that a folder is named after; None where it is named otherwise."""
    return folder.name if _DATE.fullmatch(folder.name) else None


def instance_lock(base_path: Path, hostname: str, database_id: str) -> Path:
    """Return the lock file of an instance; it is never removed, only locked."""
    # Ids hold no dot, so the two cannot be mistaken for another pair.
    return base_path / LOCKS_FOLDER / f"{encode_name(f'{hostname}.{database_id}')}.lock"


def cleanup_lock(base_path: Path, hostname: str) -> Path:
    """Return the lock file of those who remove artifacts of a host; no id of an instance is empty."""
    return base_path / LOCKS_FOLDER / f"{encode_name(f'{hostname}.')}.lock"


def audit_file(base_path: Path, hostname: str) -> Path:
    """Return where a host's audit log is unless it is configured: hosts that share a storage share no file."""
    return base_path / AUDIT_FOLDER / f"{encode_name(hostname)}.db"


def report_file(base_path: Path) -> Path:
    """Return where the report of a storage is, unless it is to be elsewhere; no artifact has such a name."""
    return base_path / "report.html"


def drill_lock(base_path: Path, hostname: str) -> Path:
    """Return the lock file of those who verify artifacts on a host."""
    return base_path / LOCKS_FOLDER / f"{encode_name(hostname)}.drill"


@dataclass(frozen=True)
class ThrowawayPaths:
    """Where things are in the private folder of a throwaway server; PostgreSQL names its socket itself."""

    folder: Path
    data: Path
    sockets: Path
    mysql_socket: Path
    postgresql_socket: Path
    temporary: Path


def throwaway_prefix(flavour: str) -> str:
    """Return how the name of a throwaway server's folder begins; what follows makes it the only one."""
    return f"{THROWAWAY_PREFIX}{flavour}-"


def throwaway_paths(folder: Path) -> ThrowawayPaths:
    """Given the private folder of a throwaway server, return where things are in it."""
    # The name of a socket has little room.
    sockets = folder / "s"
    return ThrowawayPaths(folder, folder / "data", sockets, sockets / "m", sockets / ".s.PGSQL.5432", folder / "tmp")


def process_ids() -> list[int]:
    """Return the ids of all processes, none where the system does not tell."""
    with contextlib.suppress(FileNotFoundError):
        return [int(name) for name in os.listdir(PROCESSES) if name.isdigit()]
    return []


def process_arguments(pid: int) -> Path:
    """Return the file that holds the arguments of a process."""
    return PROCESSES / str(pid) / "cmdline"


def server_programs(major: str) -> str:
    """Return the folder where Debian's and PGDG's packages put the programs of a PostgreSQL major version."""
    return os.path.join("/usr/lib/postgresql", major, "bin")


def postgresql_control_file(data_folder: Path) -> Path:
    """Return the file in a data folder of PostgreSQL that tells whose it is."""
    return data_folder / "global" / "pg_control"


def walk(base_path: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder below ``base_path`` with its files, in a stable order; hidden folders are passed over.

    A folder that is not there, or no more, has no files. Raise StorageError when one cannot be read.
    """

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise errors.StorageError(f"{error.filename} cannot be read: {error.strerror}") from error

    for folder, folders, files in os.walk(base_path, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield Path(folder), sorted(files)
