# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore notes on a database, lest nobody knows what it is when the restore is killed.

The note is the first line of the database's comment, and its own comment follows. It names the database, so it means
nothing where the database got another name, or the comment came to another database.
"""

from __future__ import annotations

import json
from typing import Any

from ..base import rows_of
from .connection import identifier
from .creation import literal

PREFIX = "vya.backupdb restore: "
REPLACED = "was replaced and is to be dropped"
UNFINISHED = "is being loaded and is not whole"
COMMENTS = """
    SELECT datname, pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database ORDER BY 1
"""
COMMENT = "SELECT pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database WHERE datname = %s"


def mark(cursor: Any, database: str, note: str) -> None:
    """Put a note, one of those above, on a database."""
    own = without_mark(_comment(cursor, database))
    _write(cursor, database, _line(database, note) + (f"\n{own}" if own else ""))


def unmark(cursor: Any, database: str) -> None:
    """Take the note from a database, if it has one."""
    comment = _comment(cursor, database)
    own = without_mark(comment)
    if own != comment:
        _write(cursor, database, own)


def is_marked(database: str, comment: str | None, note: str) -> bool:
    """Given a database and its comment, say whether that note is on it."""
    return comment is not None and comment.partition("\n")[0] == _line(database, note)


def without_mark(comment: str | None) -> str | None:
    """Return what of a comment is the database's own."""
    if comment is None or not comment.startswith(PREFIX):
        return comment
    return comment.partition("\n")[2] or None


def _line(database: str, note: str) -> str:
    # A name may have line breaks.
    return f"{PREFIX}{json.dumps(database, ensure_ascii=False)} {note}"


def _comment(cursor: Any, database: str) -> str | None:
    found = rows_of(cursor, COMMENT, [database])
    return found[0][0] if found else None


def _write(cursor: Any, database: str, comment: str | None) -> None:
    cursor.execute(f"COMMENT ON DATABASE {identifier(database)} IS {'NULL' if comment is None else literal(comment)}")
