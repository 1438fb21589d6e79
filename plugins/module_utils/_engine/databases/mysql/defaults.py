# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Defaults that take numbers from MariaDB's sequences: they name the sequence's database, and keep doing so.

A table that is loaded or renamed into another database goes on to take its numbers from the sequence of the first.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator
from typing import Any

from ..base import rows_of
from .connection import identifier

SEQUENCES = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_TYPE = 'SEQUENCE'"
DEFAULTS = """
    SELECT TABLE_NAME, COLUMN_NAME, COLUMN_DEFAULT FROM information_schema.COLUMNS
    WHERE TABLE_SCHEMA = %s AND COLUMN_DEFAULT LIKE '%%val(%%' ORDER BY 1, 2
"""
# The server's own spelling of an expression: texts, names, and everything else.
TOKEN = re.compile(r"'(?:[^'\\]|\\.|'')*'|`(?:[^`]|``)*`|.", re.S)


def alterations(cursor: Any, database: str, wrong: Collection[str], right: str) -> Iterator[str]:
    """Yield statements that let the defaults in a database name the sequences of ``right``, not those of ``wrong``.

    Only sequences that are in ``right`` or in the database are meant.
    """
    known = {name for owner in (database, right) for (name,) in rows_of(cursor, SEQUENCES, [owner])}
    if not known:
        return
    rows = rows_of(cursor, DEFAULTS, [database])
    for table, columns in itertools.groupby(rows, lambda row: str(row[0])):
        changes = [
            f"ALTER COLUMN {identifier(column)} SET DEFAULT {changed}"
            for _table, column, default in columns
            if (changed := named(default, set(wrong) - {right}, right, known)) != default
        ]
        if changes:
            # All at once: a table cannot be altered while one of its defaults names a sequence that is not there.
            yield f"ALTER TABLE {identifier(database)}.{identifier(table)} {', '.join(changes)}"


def named(expression: str, wrong: Collection[str], right: str, sequences: Collection[str]) -> str:
    """Return an expression in which sequences of the databases ``wrong`` are named as those of ``right``."""
    tokens = TOKEN.findall(expression)
    quoted_wrong = {identifier(name) for name in wrong}
    quoted_sequences = {identifier(name) for name in sequences}
    for position in range(len(tokens) - 2):
        if (
            tokens[position] in quoted_wrong
            and tokens[position + 1] == "."
            and tokens[position + 2] in quoted_sequences
        ):
            tokens[position] = identifier(right)
    return "".join(tokens)
