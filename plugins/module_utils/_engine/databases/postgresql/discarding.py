# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scratch database is dropped with what would keep it from being dropped."""

from __future__ import annotations

from ..base import rows_of
from ..values import Endpoint
from .connection import identifier, maintenance_session, session

SUBSCRIPTIONS = """
    SELECT subname FROM pg_catalog.pg_subscription
    WHERE subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) ORDER BY 1
"""
HAS_SUBSCRIPTIONS = """
    SELECT 1 FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
    WHERE d.datname = %s LIMIT 1
"""


def discard(endpoint: Endpoint, database: str) -> None:
    """Drop a database that nobody needs, whoever uses it."""
    with maintenance_session(endpoint) as connection, connection.cursor() as cursor:
        if rows_of(cursor, HAS_SUBSCRIPTIONS, [database]):
            _drop_subscriptions(endpoint, database)
        cursor.execute(f"DROP DATABASE {identifier(database)} WITH (FORCE)")


def _drop_subscriptions(endpoint: Endpoint, database: str) -> None:
    with session(endpoint, database) as connection, connection.cursor() as cursor:
        for (name,) in rows_of(cursor, SUBSCRIPTIONS):
            cursor.execute(f"ALTER SUBSCRIPTION {identifier(name)} DISABLE")
            # It came with the dump, and so names the slot of the live database's own subscription, which must stay.
            cursor.execute(f"ALTER SUBSCRIPTION {identifier(name)} SET (slot_name = NONE)")
            cursor.execute(f"DROP SUBSCRIPTION {identifier(name)}")
