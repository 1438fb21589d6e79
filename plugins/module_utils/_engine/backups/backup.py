# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One database to one artifact: dump -> compress -> file, verified, then published."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from .. import compressors, errors, logbook, progress, sequences, storage, stream
from ..artifacts import catalog
from ..artifacts.store import Store, finish_file
from ..databases.base import Server
from ..databases.values import (
    LARGE_OBJECTS,
    SCHEMA_HASH_SCHEME,
    Dump,
    DumpOptions,
    Entry,
    Fingerprinted,
    Inspection,
    every_table,
    no_table,
)
from ..instances import Instance
from ..models.metadata import BackupInfoModel, BackupMetadata, RestoreInfo, SequenceInfo, human_size
from . import inspecting, sections

# What an artifact may grow by from one run to the next before the room is said to be too little.
GROWTH = 1.2
# A first artifact is taken to need half of what the database takes on the server, indexes and all.
FIRST_SHARE = 0.5


@dataclass(frozen=True)
class Companion:
    """The accounts artifact of the same run: its filename, if there is one, and why it is not whole, if it is not."""

    filename: str | None = None
    lacking: str | None = None


@dataclass(frozen=True)
class Subject:
    """The database to back up, as its server lists it, how large its artifact is expected to be, how many
    parts of it are dumped at a time at the most, each while it has its ``lane``, what was saved of the accounts,
    until when retention is to leave the artifact alone, and the ``meter`` that notes how far the dump has come.
    """

    instance: Instance
    server: Server
    entry: Entry
    estimated_bytes: int
    lanes: int = 1
    lane: sections.Lane = contextlib.nullcontext
    companion: Companion = Companion()
    keep_until: datetime | None = None
    meter: progress.Meter | None = None


@dataclass(frozen=True)
class Plan:
    """What the backup of one database will be."""

    database_id: str
    database_name: str
    database_bytes: int
    estimated_bytes: int
    program: str


def plan_backup(subject: Subject, store: Store) -> Plan:
    """Look at everything that the backup of a database needs, and change nothing. Raise as back_up does."""
    program = subject.server.dump_program()
    _require(subject, store)
    entry = subject.entry
    return Plan(
        subject.instance.id, entry.name, entry.size_bytes, subject.estimated_bytes, f"{program.path} {program.version}"
    )


def estimate(entry: Entry, latest: catalog.Artifact | None) -> int:
    """Return how many bytes the artifact of a database is expected to need, given its latest one."""
    if latest is None:
        return int(entry.size_bytes * FIRST_SHARE)
    return int(latest.metadata.file_info.size_bytes * GROWTH)


def _require(subject: Subject, store: Store) -> None:
    name = subject.entry.name
    lacking = subject.server.missing_privileges(name)
    if lacking:
        raise errors.PermissionDeniedError(
            f"a dump of {name} would be incomplete: {'; '.join(lacking)}", "Grant what is missing"
        )
    free = storage.free_bytes(store.config.base_path)
    if free < subject.estimated_bytes:
        raise errors.StorageError(
            f"{store.config.base_path} has {human_size(free)} free, but the artifact of {name}"
            f" needs about {human_size(subject.estimated_bytes)}",
            "Make room, or keep fewer artifacts",
        )


def back_up(subject: Subject, store: Store, compressing: stream.Compressing) -> tuple[catalog.Artifact, list[str]]:
    """Back up one database; return its published artifact and warnings.

    Whatever fails, nothing is published and nothing stays. Raise PermissionDeniedError when the account may not
    dump all of it, StorageError when there is no room, else as the parts do.
    """
    _require(subject, store)
    instance, server, entry = subject.instance, subject.server, subject.entry
    started = time.monotonic()
    logbook.event("backup_started", estimated_bytes=subject.estimated_bytes)
    config = instance.config
    fingerprinted = every_table if config.fingerprint == "content" else no_table
    options = DumpOptions(config.exclude_tables, config.dump_timeout, subject.lanes, fingerprinted)
    numbers = server.read_sequences(entry.name, config.exclude_tables)
    with contextlib.ExitStack() as drafted:
        with server.begin_dump(entry.name, options) as dump:
            # Not before there is something to write: a dump that is refused makes no folder.
            draft = drafted.enter_context(
                catalog.draft(
                    store.config,
                    hostname=store.hostname,
                    database_id=instance.id,
                    database_name=entry.name,
                    clock=store.clock,
                )
            )
            written, inspection = _write(dump, draft, subject, store, compressing)
            warnings = dump.warnings + _unhashed(entry.name, inspection, fingerprinted)
        numbers, said = _bounds(server, entry.name, config.exclude_tables, numbers)
        warnings += said
        inspection = dataclasses.replace(inspection, sequences=numbers)
        logbook.event(
            "dumped", bytes=written.size_bytes, raw_bytes=written.raw_size_bytes, seconds=_seconds_since(started)
        )
        file_info = finish_file(draft, written.size_bytes, written.checksum, store.config)
        logbook.event("verified", bytes=written.size_bytes, seconds=_seconds_since(started))
        metadata = BackupMetadata(
            backup_info=BackupInfoModel(
                database_id=instance.id,
                database_name=entry.name,
                database_type=server.endpoint.family,
                hostname=store.hostname,
                timestamp=draft.moment,
                duration_seconds=_seconds_since(started),
                status="partial" if subject.companion.lacking else "success",
                error_message=subject.companion.lacking,
                keep_until=subject.keep_until,
            ),
            file_info=file_info,
            schema_info=inspection.schema,
            restore_info=_restore_info(subject, dump, written, inspection, store.config.compression_level),
        )
        # None is given to a run that is to end.
        with subject.lane():
            artifact = draft.publish(metadata)
    logbook.event(
        "published", bytes=written.size_bytes, seconds=_seconds_since(started), file=artifact.data, warnings=warnings
    )
    return artifact, warnings


def _seconds_since(started: float) -> float:
    return round(time.monotonic() - started, 3)


def _write(
    dump: Dump, draft: catalog.Draft, subject: Subject, store: Store, compressing: stream.Compressing
) -> tuple[sections.Written, Inspection]:
    """Write the dump's text, and inspect the database in the dump's snapshot meanwhile."""
    compression = sections.Compression(store.config.compression_level, compressing, store.config.checksum_algorithm)
    timeout = subject.instance.config.dump_timeout
    with inspecting.inspecting(dump, subject.entry.name, timeout) as inspection:
        try:
            check_text = subject.server.check_text
            written = sections.write(
                draft.sink, dump, subject.lanes, compression, check_text, lane=subject.lane, meter=subject.meter
            )
        except errors.ValidationError:
            # An inspection that failed has ended the snapshot that the dump needed: its error is the cause.
            inspection.raise_if_failed()
            raise
        return written, inspection.result()


def _bounds(
    server: Server, database: str, exclude_tables: Sequence[str], before: list[SequenceInfo]
) -> tuple[list[SequenceInfo], list[str]]:
    """Read once more what numbers come from; return how far each must have come in the dump, and what should be known.

    The dump is whole by now, whatever becomes of the database. What the numbers were before is true all the same.
    """
    try:
        return sequences.bounds(before, server.read_sequences(database, exclude_tables)), []
    except errors.BackupDBError as error:
        if not before:
            return [], []
        told = f"{database}: its sequences could not be read again after the dump, and are taken for what they were"
        return before, [f"{told} before it: {error.message}"]


def _unhashed(database: str, inspection: Inspection, fingerprinted: Fingerprinted) -> list[str]:
    lacking = [
        table
        for table in inspection.tables
        if table.fingerprint is None and fingerprinted((table.schema_name, table.name))
    ]
    warnings = []
    if lacking:
        share = f"{len(lacking)} of {len(inspection.tables)} tables"
        warnings.append(
            f"{database}: the content of {share} was not hashed, for they are not read in the dump's snapshot"
        )
    objects = inspection.large_objects
    if objects is not None and objects.fingerprint is None and fingerprinted(LARGE_OBJECTS):
        warnings.append(
            f"{database}: the content of {objects.count} large objects was not hashed, for that needs the privilege"
            " SELECT on pg_largeobject"
        )
    return warnings


def _restore_info(
    subject: Subject, dump: Dump, written: sections.Written, inspection: Inspection, level: int
) -> RestoreInfo:
    server = subject.server
    return RestoreInfo(
        server_flavour=server.flavour,
        server_version=server.version,
        client_program=dump.program.name,
        client_version=dump.program.version,
        compressor=compressors.name(level),
        properties=inspection.properties,
        extensions=inspection.extensions,
        raw_size_bytes=written.raw_size_bytes,
        sections=written.sections,
        tables=inspection.tables,
        accounts=inspection.accounts,
        owners=inspection.owners,
        collations=inspection.collations,
        tablespaces=inspection.tablespaces,
        sequences=inspection.sequences,
        invalid=inspection.invalid,
        database_size_bytes=inspection.database_size_bytes,
        large_objects=inspection.large_objects,
        schema_hash_scheme=SCHEMA_HASH_SCHEME,
        objects=inspection.objects,
        lanes=min(subject.lanes, len(dump.data)) or 1,
        lock_held_seconds=dump.lock_held_seconds,
        warnings=dump.warnings,
        accounts_artifact=subject.companion.filename,
    )
