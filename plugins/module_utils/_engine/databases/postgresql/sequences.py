# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which number each sequence of a PostgreSQL database gives next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...models.metadata import SequenceInfo
from ..base import rows_of
from . import catalogue
from .connection import identifier

# Reading locks a sequence until the query ends, and the server has room for some thousand locks.
READ_AT_ONCE = 100
# A name, the schema's first, and the increment.
Listed = tuple[str, str, int]


def read(cursor: Any, exclude_tables: Sequence[str] = ()) -> list[SequenceInfo]:
    """Return the sequences that do not begin anew, without those that belong to tables that the patterns name.

    The cursor's session must be in autocommit mode.
    """
    excluded = set(catalogue.find_tables(cursor, exclude_tables))
    listed = [
        (schema, name, increment)
        for schema, name, increment, *owner in rows_of(cursor, catalogue.SEQUENCES)
        if tuple(owner) not in excluded
    ]
    return [
        sequence
        for start in range(0, len(listed), READ_AT_ONCE)
        for sequence in _read(cursor, listed[start : start + READ_AT_ONCE])
    ]


def _read(cursor: Any, listed: Sequence[Listed]) -> Iterator[SequenceInfo]:
    query = " UNION ALL ".join(
        f"SELECT {place}, last_value, is_called FROM {identifier(schema)}.{identifier(name)}"
        for place, (schema, name, _increment) in enumerate(listed)
    )
    try:
        rows = rows_of(cursor, query)
    except cursor.connection.ProgrammingError:
        # One of them has been dropped since they were listed.
        if len(listed) > 1:
            for one in listed:
                yield from _read(cursor, [one])
        return
    for place, last_value, is_called in rows:
        schema, name, increment = listed[place]
        number = last_value + increment if is_called else last_value
        yield SequenceInfo(schema_name=schema, name=name, number=number, descending=increment < 0)
