# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store of artifacts: draft, publish, list, find, sweep. Metadata last, nothing ever half-named.

An artifact exists if and only if its metadata file exists. A draft holds a lock on its data file for
as long as its process lives; that is how a later run tells the leftovers of a dead one.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Callable

from .. import errors, layout, locking, logbook, ownership, storage
from ..models.config import StorageConfig
from ..models.metadata import BackupMetadata
from ..models.verification import LEVELS, Verification

Clock = Callable[[], datetime]
NAME_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Artifact:
    """A published artifact: its files, its metadata, and what the newest drill found, if there was one."""

    paths: layout.ArtifactPaths
    metadata: BackupMetadata
    verification: Verification | None = None

    @property
    def data(self) -> Path:
        """The data file."""
        return self.paths.data

    @property
    def moment(self) -> datetime:
        """When the artifact was taken, with its offset."""
        return self.metadata.backup_info.timestamp

    @property
    def is_good(self) -> bool:
        """Whether it is whole, and the newest drill, if there was one, has not found it bad."""
        return self.metadata.backup_info.status == "success" and (self.verification is None or self.verification.passed)


@dataclass(frozen=True)
class Listing:
    """Artifacts, newest first, and a sentence for each file that could not be taken for one."""

    artifacts: list[Artifact] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Filters:
    """Which artifacts are wanted; None admits all. ``since`` and ``until`` are inclusive."""

    hostname: str | None = None
    database_id: str | None = None
    database: str | None = None
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def admit(self, artifact: Artifact) -> bool:
        """Say whether the artifact is wanted."""
        info = artifact.metadata.backup_info
        return (
            self.hostname in (None, info.hostname)
            and self.database_id in (None, info.database_id)
            and self.database in (None, info.database_name)
            and self.status in (None, info.status)
            and (self.since is None or info.timestamp >= self.since)
            and (self.until is None or info.timestamp <= self.until)
        )


class Draft:
    """An artifact in the making: a hidden, locked data file that becomes an artifact by publish()."""

    def __init__(self, paths: layout.ArtifactPaths, moment: datetime, sink: BinaryIO) -> None:
        self.paths = paths
        self.moment = moment
        self.sink = sink

    @property
    def data(self) -> Path:
        """Where the data is while the draft is not published."""
        return layout.partial(self.paths.data)

    def seal(self) -> None:
        """Bring everything that was written to the disk. Raise StorageError if it has no room."""
        try:
            self.sink.flush()
            os.fsync(self.sink.fileno())
        except OSError as error:
            raise errors.StorageError(f"{self.paths.data} cannot be written: {error.strerror}") from error

    def publish(self, metadata: BackupMetadata) -> Artifact:
        """Make the draft an artifact. Whatever interrupts this, the next sweep finishes or removes it."""
        self.settle(metadata.file_info.checksum, metadata.to_json())
        return Artifact(self.paths, metadata)

    def settle(self, digest: str, metadata: str) -> None:
        """Give the draft's files their names: the data, which has this digest (hex), and the text of its metadata."""
        checksum = f"{digest}  {self.paths.data.name}\n"
        storage.write_partial(self.paths.checksum, checksum.encode("ascii"))
        storage.write_partial(self.paths.metadata, metadata.encode("utf-8"))
        _settle_all(self.paths)


@contextlib.contextmanager
def draft(
    config: StorageConfig, *, hostname: str, database_id: str, database_name: str, clock: Clock
) -> Iterator[Draft]:
    """Reserve the names of a new artifact and yield its draft; unless it is published, nothing stays.

    Names are never used twice: where an artifact of this second exists (also after a clock change),
    the draft takes the next free second. Raise StorageError if the files cannot be made.
    """

    def paths_at(moment: datetime) -> layout.ArtifactPaths:
        folder = layout.artifact_folder(
            config.base_path,
            config.structure,
            hostname=hostname,
            database_id=database_id,
            database_name=database_name,
            moment=moment,
        )
        return layout.artifact_paths(folder, database_name, moment, config.checksum_algorithm)

    with drafted(config.base_path, paths_at, clock) as one:
        yield one


@contextlib.contextmanager
def drafted(base_path: Path, paths_at: Callable[[datetime], layout.ArtifactPaths], clock: Clock) -> Iterator[Draft]:
    """Yield a draft of the paths that ``paths_at`` gives for a moment; see draft."""
    made: list[Path] = []
    try:
        while True:
            moment = clock()
            paths = paths_at(moment)
            made += storage.make_folder(base_path, paths.data.parent)
            descriptor = _reserve(paths)
            if descriptor is not None:
                break
            time.sleep(NAME_POLL_SECONDS)
        # The descriptor, and with it the lock, outlives publish(): it says that we are alive.
        with open(layout.partial(paths.data), "wb", buffering=0, opener=lambda _path, _flags: descriptor) as sink:
            logbook.event("file_opened", level="DEBUG", file=str(layout.partial(paths.data)), mode="write")
            try:
                yield Draft(paths, moment, sink)
            finally:
                for path in (paths.metadata, paths.checksum, paths.data):
                    with contextlib.suppress(FileNotFoundError):
                        layout.partial(path).unlink()
    finally:
        # Another run may be about to write into one of them: it makes it again, see make_folder and _reserve.
        storage.remove_folders(made)


def _reserve(paths: layout.ArtifactPaths) -> int | None:
    """Make and lock the partial data file; return its descriptor, or None when the name is taken."""
    partial = layout.partial(paths.data)
    # The tombstone last: between the other two an artifact may have begun to go.
    if any(path.exists() for path in (paths.data, paths.metadata, paths.tombstone)):
        return None
    try:
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, storage.FILE_MODE)
    except (FileExistsError, FileNotFoundError):
        # The name is taken; or a cleanup has just found the folder empty, and it has to be made again.
        return None
    except OSError as error:
        raise errors.StorageError(f"{partial} cannot be made: {error.strerror}") from error
    ownership.give_to_owner(descriptor, partial.parent)
    # Between our open and our lock a sweep may have taken the new file for a leftover.
    if locking.try_lock(descriptor) and partial.exists():
        return descriptor
    os.close(descriptor)
    return None


def _settle_all(paths: layout.ArtifactPaths) -> None:
    for path in (paths.data, paths.checksum):
        if layout.partial(path).exists():
            storage.settle(path)
    storage.sync_folder(paths.data.parent)
    storage.settle(paths.metadata)
    storage.sync_folder(paths.data.parent)


def list_artifacts(base_path: Path, filters: Filters | None = None, details: bool = False) -> Listing:
    """Return the artifacts below ``base_path`` that the filters admit, newest first.

    Their metadata has its ``restore_info`` only with ``details``: it is most of a file, and rarely asked for.
    A metadata file that cannot be read, or whose data file is gone, is a problem, not an error.
    """
    listing = Listing()
    wanted = filters or Filters()
    for path in metadata_files(base_path, accounts=False):
        try:
            artifact = load_artifact(path, details)
            require_data(path, artifact.paths)
        except errors.BackupDBError as error:
            listing.problems.append(error.message)
            continue
        if wanted.admit(artifact):
            listing.artifacts.append(artifact)
    listing.artifacts.sort(key=lambda artifact: (artifact.moment, str(artifact.paths.data)), reverse=True)
    return listing


def metadata_files(base_path: Path, *, accounts: bool) -> Iterator[Path]:
    """Yield the metadata files of accounts artifacts, or those of the artifacts of databases."""
    for folder, files in layout.walk(base_path):
        for filename in files:
            whole = filename.endswith(layout.METADATA_SUFFIX) and not filename.startswith(".")
            if whole and layout.is_accounts_name(filename) is accounts:
                yield folder.joinpath(filename)


def require_data(metadata: Path, paths: layout.ArtifactPaths) -> None:
    """Raise NotFoundError when the data file is gone that a metadata file names."""
    if not paths.data.exists():
        raise errors.NotFoundError(f"{metadata} names {paths.data.name}, which does not exist")


def latest_of_each(base_path: Path, hostname: str | None = None) -> dict[tuple[str, str], Artifact]:
    """Return the newest good artifact of each database, by id of the instance and name of the database.

    One that a drill has found bad is not good.
    """
    latest: dict[tuple[str, str], Artifact] = {}
    for artifact in list_artifacts(base_path, Filters(hostname=hostname, status="success")).artifacts:
        info = artifact.metadata.backup_info
        if artifact.is_good:
            latest.setdefault((info.database_id, info.database_name), artifact)
    return latest


def load_artifact(metadata_path: Path, details: bool = True) -> Artifact:
    """Return the artifact of a metadata file, its ``restore_info`` only with ``details``.

    Raise NotFoundError when it does not exist, ValidationError when it is not valid metadata.
    """
    metadata = BackupMetadata.from_json(read_metadata(metadata_path), str(metadata_path), details)
    paths = layout.paths_of_metadata(metadata_path, metadata.file_info.checksum_algorithm)
    return Artifact(paths, metadata, _load_verification(paths, metadata))


def _load_verification(paths: layout.ArtifactPaths, metadata: BackupMetadata) -> Verification | None:
    """Return what a drill found; what cannot be read, or is of another data file, is no proof."""
    try:
        content = paths.verification.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise errors.StorageError(f"{paths.verification} cannot be read: {error.strerror}") from error
    try:
        found = Verification.from_json(content, str(paths.verification))
    except errors.ValidationError:
        return None
    return found if found.checksum == metadata.file_info.checksum else None


def record_verification(artifact: Artifact, found: Verification) -> bool:
    """Write what a drill found beside the artifact, and say whether that was done.

    It is not where an earlier record of the same data file shows more: what a stronger proof has shown, for or against
    the artifact, a weaker one cannot refute unless it fails. Raise NotFoundError when the artifact has been removed
    meanwhile, StorageError when it cannot be written.
    """
    known = _load_verification(artifact.paths, artifact.metadata)
    if known is not None and found.passed and LEVELS.index(known.level) > LEVELS.index(found.level):
        return False
    if not artifact.paths.metadata.exists():
        raise errors.NotFoundError(f"{artifact.paths.metadata} does not exist any more")
    path = artifact.paths.verification
    storage.write_partial(path, found.to_json().encode("utf-8"))
    storage.settle(path)
    storage.sync_folder(path.parent)
    return True


def sweep_verifications(base_path: Path, hostname: str) -> None:
    """Remove the half-written records of the drills of a host that died, while no drill of that host is at work."""
    for folder, files in layout.walk(base_path):
        for filename in files:
            target = layout.whole(folder.joinpath(filename))
            if not layout.is_partial(filename) or not target.name.endswith(layout.VERIFICATION_SUFFIX):
                continue
            with contextlib.suppress(errors.BackupDBError):
                artifact = load_artifact(layout.metadata_of_verification(target), details=False)
                if artifact.metadata.backup_info.hostname == hostname:
                    layout.partial(target).unlink(missing_ok=True)


def read_metadata(metadata_path: Path) -> bytes:
    """Return the content of a metadata file. Raise NotFoundError when it does not exist, else StorageError."""
    try:
        return metadata_path.read_bytes()
    except FileNotFoundError as error:
        raise errors.NotFoundError(f"{metadata_path} does not exist") from error
    except OSError as error:
        raise errors.StorageError(f"{metadata_path} cannot be read: {error.strerror}") from error


def find_latest(
    base_path: Path, *, database_id: str, database: str, hostname: str | None = None, until: datetime | None = None
) -> Artifact:
    """Return the newest good artifact of a database, taken at or before ``until``.

    One that a drill has found bad is none. Raise NotFoundError when there is no good one.
    """
    filters = Filters(hostname=hostname, database_id=database_id, database=database, status="success", until=until)
    artifacts = [artifact for artifact in list_artifacts(base_path, filters).artifacts if artifact.is_good]
    if not artifacts:
        limit = f" at or before {until.isoformat()}" if until else ""
        raise errors.NotFoundError(
            f"no good artifact of the database {database} of {database_id}{limit} is below {base_path}",
            "See what there is with vya.backupdb.backup_info",
        )
    return load_artifact(artifacts[0].paths.metadata)


def sweep(base_path: Path) -> list[str]:
    """Finish or remove what dead runs left below ``base_path``; return a sentence for each.

    A draft whose process lives is left alone: its data file is locked.
    """
    done: list[str] = []
    for folder, files in layout.walk(base_path):
        told = [_sweep_one(folder.joinpath(filename)) for filename in files if layout.is_partial(filename)]
        sentences = [sentence for sentence in told if sentence]
        for sentence in sentences:
            logbook.event("swept", level="WARNING", message=sentence)
        if sentences:
            storage.remove_branch(base_path, folder)
        done += sentences
    return done


def _sweep_one(partial: Path) -> str | None:
    target = layout.whole(partial)
    if not partial.exists():
        return None
    paths = _paths_of_any(target)
    if paths is None:
        return None
    data = next((path for path in (layout.partial(paths.data), paths.data) if path.exists()), None)
    if data is None:
        partial.unlink()
        return f"removed {partial}, left behind by a run that died"
    with data.open("rb") as held:
        if not locking.try_lock(held.fileno()):
            return None
        if data == paths.data and layout.partial(paths.metadata).exists():
            # The metadata was whole on the disk before the data got its name.
            _settle_all(paths)
            return f"published {paths.data}, which a run that died had finished"
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
        return f"removed {partial}, left behind by a run that died"


def _paths_of_any(target: Path) -> layout.ArtifactPaths | None:
    """Given the final path of any file of an artifact, return the paths of all, or None for a foreign file."""
    for algorithm in ("sha256", "md5"):
        if target.name.endswith(layout.METADATA_SUFFIX):
            known = layout.paths_of_metadata(target, algorithm)
            if algorithm == "md5" or layout.partial(known.checksum).exists() or known.checksum.exists():
                return known
        elif target.name.endswith(f"{layout.DATA_SUFFIX}.{algorithm}"):
            return layout.paths_of_data(target.with_suffix(""), algorithm)
        elif layout.is_artifact_name(target.name) or layout.is_accounts_name(target.name):
            return layout.paths_of_data(target, algorithm)
    return None
