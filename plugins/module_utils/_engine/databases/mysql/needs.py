# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the dump of a MySQL or MariaDB database takes for granted on a server: its definers, and collations."""

from __future__ import annotations

from typing import Any

from ..base import rows_of

DEFINERS = """
    SELECT DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = %s
    UNION SELECT DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = %s
    UNION SELECT DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = %s
    UNION SELECT DEFINER FROM information_schema.EVENTS WHERE EVENT_SCHEMA = %s
"""
COLLATIONS = """
    SELECT TABLE_COLLATION FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_COLLATION IS NOT NULL
    UNION SELECT COLLATION_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND COLLATION_NAME IS NOT NULL
"""


def definers(cursor: Any, database: str) -> list[str]:
    """Return the label of every definer of a view, routine, trigger or event; a role has no host."""
    return sorted({str(row[0]).removesuffix("@") for row in rows_of(cursor, DEFINERS, [database] * 4)})


def collations(cursor: Any, database: str) -> list[str]:
    """Return the collations of tables and columns."""
    return sorted(row[0] for row in rows_of(cursor, COLLATIONS, [database] * 2))
