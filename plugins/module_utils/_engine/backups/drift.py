# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schema drift: which objects of a database came, went or changed since its previous artifact."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Optional

from .. import errors
from ..artifacts.catalog import Artifact, load_artifact
from ..databases.base import Server
from ..models.metadata import ObjectInfo
from ..models.results import DriftResult

_Key = tuple[str, Optional[str], str]


def since(previous: Artifact, current: Artifact, server: Server) -> DriftResult | None:
    """Return the drift from one artifact of a database to another, just taken from the server; None if there is none.

    None also where it cannot be told: the previous one is gone, names no objects, or was hashed in another way. The
    metadata of the previous one is read again, for its details, only where the schema hashes differ.
    """
    if previous.metadata.schema_info.schema_hash == current.metadata.schema_info.schema_hash:
        return None
    try:
        before = load_artifact(previous.paths.metadata).metadata.restore_info
    except errors.BackupDBError:
        return None
    after = current.metadata.restore_info
    if before is None or after is None or before.schema_hash_scheme != after.schema_hash_scheme:
        return None
    # A database without any object has an empty list; metadata of older versions has none.
    if "objects" not in before.model_fields_set:
        return None
    same_release = before.server_flavour == after.server_flavour and (
        server.release_of(before.server_version) == server.release_of(after.server_version)
    )
    return compare(before.objects, after.objects, previous.data, same_release=same_release)


def compare(
    previous: Iterable[ObjectInfo], current: Iterable[ObjectInfo], previous_backup: Path, *, same_release: bool = True
) -> DriftResult | None:
    """Return what became of the objects since the previous artifact, whose data file is given; None if nothing did.

    An object is another one when its name or kind is: a renamed one went, and came. Servers of different releases
    write the same definition differently, so that without ``same_release`` no object counts as changed.
    """
    before, after = _digests(previous), _digests(current)
    changed = [key for key in before.keys() & after.keys() if same_release and before[key] != after[key]]
    result = DriftResult(
        previous_backup=previous_backup,
        came=_told(after.keys() - before.keys()),
        went=_told(before.keys() - after.keys()),
        changed=_told(changed),
    )
    return result if result.came or result.went or result.changed else None


def _digests(objects: Iterable[ObjectInfo]) -> dict[_Key, str]:
    return {(one.kind, one.schema_name, one.name): one.digest for one in objects}


def _told(keys: Iterable[_Key]) -> list[str]:
    return sorted(f"{kind} {schema}.{name}" if schema else f"{kind} {name}" for kind, schema, name in keys)
