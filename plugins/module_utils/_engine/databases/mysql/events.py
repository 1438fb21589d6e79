# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of events, for databases whose events the dump programs cannot read.

mariadb-dump and mysqldump select the database for its events by its escaped name, so with a quote or a backslash
in it they do not find it (seen with MariaDB 10.11; fetch_db_collation in mysqldump.c).
"""

from __future__ import annotations

from typing import Any

from ..base import rows_of
from .connection import identifier

ESCAPED_CHARACTERS = "'\"\\\0\n\r\x1a"
NAMES = "SELECT EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = %s ORDER BY EVENT_NAME"
ENCODED = "SELECT CONVERT(CONVERT(%s USING {character_set}) USING binary)"
COLLATION = "SELECT @@collation_database"
SAVED = ("character_set_client", "collation_connection", "sql_mode", "time_zone")


def are_beyond_dump_program(database: str) -> bool:
    """Say whether the name keeps the dump programs from the events of a database."""
    return any(character in database for character in ESCAPED_CHARACTERS)


def dump(cursor: Any, database: str, trailer: bytes) -> bytes:
    """Return the statements that make the events of the cursor's current database, to be put behind its dump.

    They end with ``trailer``, the beginning of the line by which a whole dump is known.
    """
    names = [row[0] for row in rows_of(cursor, NAMES, [database])]
    if not names:
        return b""
    saving = ", ".join(f"@saved_{name} = @@{name}" for name in SAVED)
    restoring = ", ".join(f"{name} = @saved_{name}" for name in SAVED)
    statements = b"".join(_statements(cursor, name) for name in names)
    return b"\n--\n-- Dumping events\n--\n\nSET %s;\n%sSET %s;\n\n%s\n" % (
        saving.encode("ascii"),
        statements,
        restoring.encode("ascii"),
        trailer,
    )


def _statements(cursor: Any, event: str) -> bytes:
    show = f"SHOW CREATE EVENT {identifier(event)}"
    _name, sql_mode, time_zone, create, character_set, collation, database_collation = rows_of(cursor, show)[0]
    # In the character set that the event was written in: it becomes a property of the event.
    body = bytes(rows_of(cursor, ENCODED.format(character_set=character_set), [create])[0][0])
    settings = (
        f"SET character_set_client = {character_set}, collation_connection = {collation},"
        f" sql_mode = '{sql_mode}', time_zone = '{time_zone}';\n"
    )
    entering, leaving = _collation_statements(cursor, database_collation)
    delimiter = b";;"
    while delimiter in body:
        delimiter += b";"
    parts = (
        entering,
        settings.encode("ascii"),
        b"DELIMITER ",
        delimiter,
        b"\n",
        body,
        b" ",
        delimiter,
        b"\nDELIMITER ;\n",
        leaving,
    )
    return b"".join(parts)


def _collation_statements(cursor: Any, wanted: str) -> tuple[bytes, bytes]:
    """Return statements that give the current database the collation it had for an event, and its own again."""
    present = str(rows_of(cursor, COLLATION)[0][0])
    if present == wanted:
        return b"", b""
    return f"ALTER DATABASE COLLATE {wanted};\n".encode("ascii"), f"ALTER DATABASE COLLATE {present};\n".encode("ascii")
