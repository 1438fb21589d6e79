# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of a database's catalogue, each with a digest of its definition: what a schema hash is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from ..models.metadata import ObjectInfo

# Half of a SHA-256: metadata holds one for each object.
DIGEST_DIGITS = 32


@dataclass(frozen=True)
class SchemaRow:
    """A row of the catalogue in its canonical text, and the object whose definition it is a part of.

    What cannot be without a table, such as columns, constraints, indexes and policies, is part of the table, so that a
    change of it is one of the table. Triggers, named ``table.trigger``, are objects of their own.
    """

    kind: str
    schema_name: str | None
    name: str
    text: str


def schema_hash(rows: Iterable[SchemaRow]) -> str:
    """Return the hash of a whole schema; see values.SCHEMA_HASH_SCHEME."""
    return _digest(row.text for row in rows)


def describe(rows: Iterable[SchemaRow]) -> list[ObjectInfo]:
    """Return the objects that the rows belong to, by schema, kind and name. Two schema hashes differ if these do."""
    texts: dict[tuple[str, str, str], list[str]] = {}
    schemas: dict[str, str | None] = {}
    for row in rows:
        schema = row.schema_name or ""
        schemas[schema] = row.schema_name
        texts.setdefault((schema, row.kind, row.name), []).append(row.text)
    return [
        ObjectInfo(kind=kind, schema_name=schemas[schema], name=name, digest=_digest(texts[key])[:DIGEST_DIGITS])
        for key in sorted(texts)
        for schema, kind, name in (key,)
    ]


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(texts)).encode("utf-8")).hexdigest()
