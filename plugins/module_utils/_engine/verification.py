# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove that things are what they should be: an artifact's file, and a restored database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import errors, sequences, stream
from .artifacts.catalog import Artifact
from .databases.base import Server
from .databases.values import (
    FINGERPRINT_SCHEME,
    LARGE_OBJECTS,
    SCHEMA_HASH_SCHEME,
    Fingerprinted,
    Inspection,
    TableKey,
    no_table,
)
from .models.metadata import BackupMetadata, FileInfoModel, LargeObjectsInfo, RestoreInfo, SchemaInfoModel, TableInfo

OBJECT_COUNTS = ("tables_count", "views_count", "procedures_count", "functions_count", "triggers_count")


def verify_artifact(artifact: Artifact, server: Server) -> stream.Text:
    """Read an artifact to its end and return what its text looks like.

    Raise ValidationError unless the checksum is that of the metadata, the gzip data is whole, the text has the
    length it had, and begins and ends as a dump for this server's family does.
    """
    info = artifact.metadata.file_info
    if artifact.metadata.backup_info.database_type != server.endpoint.family:
        raise errors.ValidationError(
            f"{artifact.paths.data} is an artifact of a {artifact.metadata.backup_info.database_type} database"
            f" and cannot be restored to {server.endpoint}"
        )
    restore_info = artifact.metadata.restore_info
    text = read_data(artifact.paths.data, info, restore_info.raw_size_bytes if restore_info else None)
    server.check_text(text)
    return text


def read_data(data: Path, info: FileInfoModel, raw_size_bytes: int | None) -> stream.Text:
    """Read a data file to its end and return what its text looks like.

    Raise ValidationError unless the checksum is that of the metadata, the gzip data is whole, and the text has the
    length it had, where that is known.
    """
    inspected = stream.inspect(data, info.checksum_algorithm)
    require_checksum(data, info, inspected.checksum)
    if raw_size_bytes not in (None, inspected.text.raw_size_bytes):
        raise errors.ValidationError(f"{data} does not hold the text it was made of", stream.DISTRUST)
    return inspected.text


def require_checksum(data: Path, info: FileInfoModel, checksum: str) -> None:
    """Raise ValidationError unless the checksum that a data file has is that of its metadata."""
    if checksum != info.checksum:
        raise errors.ValidationError(
            f"{data} is damaged: its {info.checksum_algorithm} checksum is not that of its metadata", stream.DISTRUST
        )


@dataclass(frozen=True)
class Comparison:
    """A restored database beside its metadata: what was compared, and a sentence for each difference.

    ``schema_hash_equal`` is None where it was not compared.
    """

    objects_compared: int
    tables_compared: int
    rows_compared: int
    fingerprints_compared: int
    sequences_compared: int
    large_objects_compared: int
    schema_hash_equal: bool | None
    differences: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for a result."""
        return {
            "objects_compared": self.objects_compared,
            "tables_compared": self.tables_compared,
            "rows_compared": self.rows_compared,
            "fingerprints_compared": self.fingerprints_compared,
            "sequences_compared": self.sequences_compared,
            "large_objects_compared": self.large_objects_compared,
            "schema_hash_equal": self.schema_hash_equal,
            "differences": self.differences,
        }


def fingerprinted(restore_info: RestoreInfo | None) -> Fingerprinted:
    """Return which tables of a restored database are to be fingerprinted: those whose fingerprint can be compared."""
    if restore_info is None:
        return no_table
    known = {_key(table) for table in restore_info.tables if _is_known(table)}
    if restore_info.large_objects is not None and _is_known(restore_info.large_objects):
        known.add(LARGE_OBJECTS)
    return known.__contains__


def compare(metadata: BackupMetadata, found: Inspection, server: Server, keys: Sequence[TableKey] = ()) -> Comparison:
    """Compare what is in a database of a server with what the metadata says was in its source.

    These are objects, tables, rows, content, sequences, what is valid, and the schema_hash where a server of the same
    release made it in the same way. Given ``keys``, only these tables were wanted, and only they are compared.
    """
    schema, restore_info = metadata.schema_info, metadata.restore_info
    wanted = frozenset(keys)
    expected = [table for table in (restore_info.tables if restore_info else ()) if not wanted or _key(table) in wanted]
    present = {_key(table): table.rows for table in found.tables}
    compared = [table for table in expected if table.exact and _key(table) in present]
    differences = _table_differences(expected, found)
    if not wanted:
        differences = _object_differences(schema, found) + differences + _differences_beside(metadata, found, server)
    return Comparison(
        objects_compared=0 if wanted else sum(getattr(schema, name) for name in OBJECT_COUNTS),
        tables_compared=len(compared),
        rows_compared=sum(present[_key(table)] for table in compared),
        fingerprints_compared=sum(_is_known(table) for table in compared),
        sequences_compared=len(restore_info.sequences) if restore_info and not wanted else 0,
        large_objects_compared=_large_objects_compared(restore_info, found) if not wanted else 0,
        schema_hash_equal=None if wanted else schema.schema_hash == found.schema.schema_hash,
        differences=differences,
    )


def _large_objects_compared(restore_info: RestoreInfo | None, found: Inspection) -> int:
    expected, here = restore_info.large_objects if restore_info else None, found.large_objects
    return here.count if expected is not None and here is not None else 0


def _object_differences(schema: SchemaInfoModel, found: Inspection) -> list[str]:
    return [
        f"{getattr(found.schema, name)} {name[: -len('_count')]} instead of {getattr(schema, name)}"
        for name in OBJECT_COUNTS
        if getattr(found.schema, name) != getattr(schema, name)
    ]


def _table_differences(expected: Sequence[TableInfo], found: Inspection) -> list[str]:
    differences = []
    present = {_key(table): table for table in found.tables}
    for table in expected:
        here = present.get(_key(table))
        if here is None:
            differences.append(f"the table {_display(table)} is missing")
        elif table.exact and here.rows != table.rows:
            differences.append(f"the table {_display(table)} has {here.rows} rows instead of {table.rows}")
        elif table.exact and _is_known(table) and here.fingerprint != table.fingerprint:
            differences.append(f"the table {_display(table)} has other content in its {table.rows} rows")
    return differences


def _differences_beside(metadata: BackupMetadata, found: Inspection, server: Server) -> list[str]:
    """Return what is different besides objects and tables: sequences, what is valid, definitions."""
    restore_info = metadata.restore_info
    if restore_info is None:
        return []
    differences = sequences.differences(restore_info.sequences, found.sequences)
    differences += _large_object_differences(restore_info.large_objects, found.large_objects)
    differences += [f"the {name} is not valid" for name in found.invalid if name not in restore_info.invalid]
    is_comparable = (
        restore_info.schema_hash_scheme == SCHEMA_HASH_SCHEME
        and restore_info.server_flavour == server.flavour
        and server.release_of(restore_info.server_version) == server.release_of(server.version)
    )
    if is_comparable and metadata.schema_info.schema_hash != found.schema.schema_hash:
        differences.append("the definitions of its objects are not those that were dumped (schema_hash)")
    return differences


def _large_object_differences(expected: LargeObjectsInfo | None, here: LargeObjectsInfo | None) -> list[str]:
    if expected is None or here is None:
        return []
    if here.count != expected.count:
        return [f"{here.count} large objects instead of {expected.count}"]
    if _is_known(expected) and _is_known(here) and here.fingerprint != expected.fingerprint:
        return [f"the {expected.count} large objects have other content"]
    return []


def _key(table: TableInfo) -> TableKey:
    return table.schema_name, table.name


def _is_known(described: TableInfo | LargeObjectsInfo) -> bool:
    """Say whether something has a fingerprint of the kind that is made here; another one cannot be compared."""
    return described.fingerprint is not None and described.fingerprint.startswith(f"{FINGERPRINT_SCHEME}:")


def _display(table: TableInfo) -> str:
    return f"{table.schema_name}.{table.name}" if table.schema_name else table.name
