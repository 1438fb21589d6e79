# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove that things are what they should be: an artifact's file, and a restored database."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from . import errors, stream
from .catalog import Artifact
from .databases.base import Inspection, Server
from .models.metadata import RestoreInfo, SchemaInfoModel, TableInfo

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
    inspected = stream.inspect(artifact.paths.data, info.checksum_algorithm)
    if inspected.checksum != info.checksum:
        raise errors.ValidationError(
            f"{artifact.paths.data} is damaged: its {info.checksum_algorithm} checksum is not that of its metadata",
            stream.DISTRUST,
        )
    restore_info = artifact.metadata.restore_info
    if restore_info is not None and inspected.text.raw_size_bytes != restore_info.raw_size_bytes:
        raise errors.ValidationError(f"{artifact.paths.data} does not hold the text it was made of", stream.DISTRUST)
    server.check_text(inspected.text)
    return inspected.text


@dataclass(frozen=True)
class Comparison:
    """A restored database beside its metadata: what was compared, and a sentence for each difference."""

    objects_compared: int
    tables_compared: int
    rows_compared: int
    schema_hash_equal: bool
    differences: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for a result."""
        return {
            "objects_compared": self.objects_compared,
            "tables_compared": self.tables_compared,
            "rows_compared": self.rows_compared,
            "schema_hash_equal": self.schema_hash_equal,
            "differences": self.differences,
        }


def compare(schema: SchemaInfoModel, restore_info: RestoreInfo | None, found: Inspection) -> Comparison:
    """Compare what is in a database with what the metadata says was in its source: objects, tables, rows."""
    differences = [
        f"{getattr(found.schema, name)} {name[: -len('_count')]} instead of {getattr(schema, name)}"
        for name in OBJECT_COUNTS
        if getattr(found.schema, name) != getattr(schema, name)
    ]
    expected = restore_info.tables if restore_info else []
    present = {_key(table): table.rows for table in found.tables}
    compared = rows = 0
    for table in expected:
        here = present.get(_key(table))
        if here is None:
            differences.append(f"the table {_display(table)} is missing")
        elif table.exact:
            compared += 1
            rows += here
            if here != table.rows:
                differences.append(f"the table {_display(table)} has {here} rows instead of {table.rows}")
    return Comparison(
        objects_compared=sum(getattr(schema, name) for name in OBJECT_COUNTS),
        tables_compared=compared,
        rows_compared=rows,
        schema_hash_equal=schema.schema_hash == found.schema.schema_hash,
        differences=differences,
    )


def _key(table: TableInfo) -> tuple[str | None, str]:
    return table.schema_name, table.name


def _display(table: TableInfo) -> str:
    return f"{table.schema_name}.{table.name}" if table.schema_name else table.name
