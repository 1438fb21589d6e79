# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many large objects a PostgreSQL database has, and one number for their content; see base.fingerprint.

The server keeps them as pages, and none where nothing but zeros was ever written. A restore writes these too, so
zeros at the end of a page are left out, and pages of nothing else; how long an object is, is a row of its own.
"""

from __future__ import annotations

from typing import Any

from ...models.metadata import LargeObjectsInfo
from ..base import rows_of
from ..values import LARGE_OBJECTS, Fingerprinted, fingerprint

# The size of a page is a quarter of it, in every server but those that somebody built otherwise.
USUAL_BLOCK_BYTES = "8192"
PAGE_BYTES = 2048
COUNT = "SELECT count(*) FROM pg_catalog.pg_largeobject_metadata"
CAN_BE_READ = """
    SELECT pg_catalog.has_table_privilege('pg_catalog.pg_largeobject', 'SELECT')
        AND pg_catalog.current_setting('block_size') = %s
"""
_NUMBER = "('x' || pg_catalog.encode(pg_catalog.substr(pg_catalog.sha256({content}), 1, 8), 'hex'))::bit(64)::bigint"
_TEXT = "pg_catalog.convert_to({text}, 'UTF8')"
# There is no function in every version that takes zeros from the end alone, so something else is put before.
_PAGES = rf"""
    SELECT {_NUMBER.format(content=_TEXT.format(text="loid || ' ' || pageno || ' '") + " || kept")} AS number
    FROM (SELECT loid, pageno, pg_catalog.btrim('\x01'::bytea || data, '\x00'::bytea) AS kept
        FROM pg_catalog.pg_largeobject) AS page WHERE pg_catalog.octet_length(kept) > 1
"""
_LENGTHS = f"""
    SELECT {_NUMBER.format(content=_TEXT.format(text="loid || ' of ' || size"))} AS number
    FROM (SELECT m.oid AS loid,
            coalesce(max(o.pageno::bigint * {PAGE_BYTES} + pg_catalog.octet_length(o.data)), 0) AS size
        FROM pg_catalog.pg_largeobject_metadata m LEFT JOIN pg_catalog.pg_largeobject o ON o.loid = m.oid
        GROUP BY m.oid) AS object
"""
TOTAL = f"SELECT pg_catalog.sum(number) FROM ({_PAGES} UNION ALL {_LENGTHS}) AS numbers"


def read(cursor: Any, fingerprinted: Fingerprinted) -> LargeObjectsInfo:
    """Return how many there are and, if that is wanted and the account may read them all, their fingerprint."""
    count = int(rows_of(cursor, COUNT)[0][0])
    taken = None
    if fingerprinted(LARGE_OBJECTS) and (count == 0 or rows_of(cursor, CAN_BE_READ, [USUAL_BLOCK_BYTES])[0][0]):
        taken = fingerprint(int(rows_of(cursor, TOTAL)[0][0] or 0) if count else 0)
    return LargeObjectsInfo(count=count, fingerprint=taken)
