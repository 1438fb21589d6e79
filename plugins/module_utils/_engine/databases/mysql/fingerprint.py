# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One number for the content of a table, whatever the order of its rows; see base.fingerprint.

Left out is what a dump does not hold: generated columns, and with them the periods of a system-versioned table's rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ... import errors
from ..base import rows_of
from ..values import fingerprint
from .connection import identifier

COLUMNS = """
    SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, CHARACTER_OCTET_LENGTH FROM information_schema.COLUMNS
    WHERE TABLE_SCHEMA = %s AND COALESCE(GENERATION_EXPRESSION, '') = '' ORDER BY TABLE_NAME, ORDINAL_POSITION
"""
INTEGERS = ("tinyint", "smallint", "mediumint", "int", "bigint", "year")
# Their text is short, the same for the same value, and has neither a comma nor a tilde in it.
PLAIN_TYPES = (*INTEGERS, "decimal", "date", "time", "datetime", "timestamp")
SHORT_TYPES = ("bit", "enum", "set", "uuid", "inet4", "inet6")
LONGEST_SHORT_TEXT = 1024
# Each row adds this to the sum, besides its own number of 64 bits, so that the rows that were added can be told.
ROW_MARK = 10**30


@dataclass(frozen=True)
class Column:
    """A column that dumps hold, its type, and how many bytes it can have where it is text or bytes."""

    name: str
    type: str
    length: int | None


def find_columns(cursor: Any, database: str) -> dict[str, list[Column]]:
    """Return the columns of each table of a database that dumps hold, in their order, invisible ones too."""
    columns: dict[str, list[Column]] = {}
    for table, name, kind, length in rows_of(cursor, COLUMNS, [database]):
        columns.setdefault(table, []).append(Column(name, kind.lower(), length))
    return columns


def take(cursor: Any, table: str, columns: Iterable[Column]) -> tuple[int, str]:
    """Given a table as SQL names it and its columns, return how many rows it has and its fingerprint.

    Raise ValidationError where a row is too long to be hashed.
    """
    texts = ", ',', ".join(map(_text, columns)) or "''"
    number = f"{ROW_MARK} + CAST(CONV(LEFT(SHA2(CONCAT({texts}), 256), 16), 16, 10) AS UNSIGNED)"
    count, total = rows_of(cursor, f"SELECT COUNT(*), SUM({number}) FROM {table}")[0]
    added, total = divmod(int(total or 0), ROW_MARK)
    if added != count:
        # Of what is longer than max_allowed_packet, functions make NULL, with no more than a warning.
        raise errors.ValidationError(
            f"{count - added} rows of {table} cannot be fingerprinted", "Raise max_allowed_packet on the server"
        )
    return int(count), fingerprint(total)


def _text(column: Column) -> str:
    """Return the SQL of a column's content as a short text; a NULL is a tilde."""
    name = identifier(column.name)
    if column.type in PLAIN_TYPES:
        text = name
    elif column.type in ("float", "double"):
        # As it is printed, for so is it dumped. A negative zero is dumped as -0, which is read as 0.
        text = f"IF({name} = 0, '0', {name})"
    elif column.type == "json":
        # As its text is read again: a decimal number in it becomes a floating one.
        text = f"SHA2(CAST(CAST({name} AS CHAR) AS JSON), 256)"
    elif column.type in SHORT_TYPES or 0 <= (column.length or -1) <= LONGEST_SHORT_TEXT:
        text = f"HEX({name})"
    else:
        text = f"SHA2({name}, 256)"
    return f"IF({name} IS NULL, '~', {text})"
