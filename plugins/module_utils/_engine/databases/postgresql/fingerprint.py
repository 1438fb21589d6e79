# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One number for the content of a table, whatever the order of its rows and columns; see base.fingerprint.

Left out is what a dump does not hold: generated columns, which a newer server may compute in another way.
The session's settings decide how values are written; connection.SESSION_SETTINGS has them fixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base import rows_of
from ..values import fingerprint
from .connection import identifier

# The first 8 bytes of a row's SHA-256 as a number. SHA-256 is as fast as MD5, which some servers are forbidden to use.
_ROW_NUMBER = (
    "('x' || pg_catalog.encode(pg_catalog.substr(pg_catalog.sha256(pg_catalog.convert_to("
    "ROW({columns})::pg_catalog.text, pg_catalog.getdatabaseencoding())), 1, 8), 'hex'))::bit(64)::bigint"
)


def take(cursor: Any, table: str, columns: Sequence[str]) -> tuple[int, str]:
    """Given a table as SQL names it and the names of its columns, return how many rows it has and its fingerprint.

    The rows of tables that inherit from it are not its own.
    """
    # By name, since a child of a table to which a column was added later has them in another order once restored.
    listed = ", ".join(identifier(column) for column in sorted(columns))
    number = _ROW_NUMBER.format(columns=listed)
    count, total = rows_of(cursor, f"SELECT pg_catalog.count(*), pg_catalog.sum({number}) FROM ONLY {table}")[0]
    return int(count), fingerprint(int(total or 0))
