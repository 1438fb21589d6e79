# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several backups of the same database have in common, whoever started them."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog

# pg_dump's random token, the moment of mariadb-dump.
CHANGING_LINES = re.compile(rb"^(\\(un)?restrict |-- Dump completed on ).*\n", re.M)
# What two runs cannot have in common: when they were, how long they took, and what the files are named for that.
CHANGING_KEYS = {
    "accounts_artifact",
    "backup_file",
    "checksum",
    "checksum_file",
    "database_size_bytes",
    "duration_seconds",
    "filename",
    "id",
    "lock_held_seconds",
    "metadata_file",
    "sections",
    "size_bytes",
    "size_human",
    "timestamp",
}


def unchanging(value: Any, *others: str) -> Any:
    """Return nested data without what two runs cannot have in common, and what Ansible shows apart from a result."""
    if isinstance(value, dict):
        left_out = {*CHANGING_KEYS, *others, "removals", "invocation", "warnings"}
        return {key: unchanging(each, *others) for key, each in value.items() if key not in left_out}
    if isinstance(value, list):
        return [unchanging(each, *others) for each in value]
    return value


def shape(value: Any) -> Any:
    """Return nested data with the kind of each value in its place."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return type(value).__name__


def text_of(artifact: catalog.Artifact) -> bytes:
    """Return the SQL of an artifact without the lines that no two dumps have in common."""
    with gzip.open(artifact.paths.data) as text:
        return CHANGING_LINES.sub(b"", text.read())


def metadata_of(artifact: catalog.Artifact) -> Any:
    """Return the metadata of an artifact as it is in its file."""
    return json.loads(artifact.paths.metadata.read_text(encoding="utf-8"))
