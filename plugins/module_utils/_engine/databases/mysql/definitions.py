# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Views, triggers, routines and events as statements: read from one database, run in another.

A definition is the server's own text together with the settings under which that text was written, for these become
properties of what it makes. The text names no database where all that it uses is in its own.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..base import rows_of
from .connection import identifier

VIEWS = "SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = %s ORDER BY 1"
ROUTINES = "SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = %s ORDER BY 1, 2"
EVENTS = "SELECT EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = %s ORDER BY 1"
ENABLED_EVENTS = (
    "SELECT EVENT_NAME, DEFINER FROM information_schema.EVENTS WHERE EVENT_SCHEMA = %s AND STATUS = 'ENABLED'"
)
# In the order in which those of one table fire.
TRIGGERS = """
    SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_STATEMENT, DEFINER
    FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = %s
    ORDER BY EVENT_OBJECT_TABLE, EVENT_MANIPULATION, ACTION_TIMING, ACTION_ORDER
"""
SHOW = "SHOW CREATE {kind} {name}"
DATABASE_COLLATION = "SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = DATABASE()"
# What makes a view wait for another one, or for a routine.
NOT_THERE_YET = (1146, 1305, 1356)
QUOTED = re.compile('`(?:[^`]|``)*`|"(?:[^"]|"")*"')


@dataclass(frozen=True)
class Definition:
    """A view, trigger, routine or event: its kind and name, its text, and the settings that belong to it.

    A trigger also has its ``table`` and, as ``composed``, its definer, moment and body.
    """

    kind: str
    name: str
    text: str
    character_set: str
    collation: str
    database_collation: str | None = None
    sql_mode: str | None = None
    time_zone: str | None = None
    table: str | None = None
    composed: tuple[str, str, str] | None = None

    def renamed(self, name: str, table: str) -> Definition:
        """Return a trigger under another name and on another table."""
        if self.composed is None:
            raise AssertionError("contract violation: only a trigger can be put on another table")
        return dataclasses.replace(self, name=name, table=table, text=_composed(self.composed, name, table))

    @property
    def key(self) -> tuple[str, str]:
        """What is unique in a database."""
        return self.kind, self.name


def read(cursor: Any, database: str) -> list[Definition]:
    """Return all definitions of a database, which becomes the cursor's own: a text names no database then."""
    cursor.execute(f"USE {identifier(database)}")
    return [
        *(_routine(cursor, kind, name) for kind, name in rows_of(cursor, ROUTINES, [database])),
        *(_view(cursor, name) for (name,) in rows_of(cursor, VIEWS, [database])),
        *triggers(cursor, database),
        *events(cursor, database),
    ]


def triggers(cursor: Any, database: str) -> list[Definition]:
    """Return the triggers of the cursor's current database, those of one table in the order in which they fire."""
    return [_trigger(cursor, row) for row in rows_of(cursor, TRIGGERS, [database])]


def events(cursor: Any, database: str) -> list[Definition]:
    """Return the events of the cursor's current database."""
    return [_event(cursor, name) for (name,) in rows_of(cursor, EVENTS, [database])]


def disable_events(cursor: Any, database: str) -> list[Definition]:
    """Disable the events of the cursor's current database that would run; return those as they were."""
    enabled = dict(rows_of(cursor, ENABLED_EVENTS, [database]))
    found = [event for event in events(cursor, database) if event.name in enabled]
    for event in found:
        # Whoever alters an event becomes its definer, unless told otherwise.
        statement = f"ALTER DEFINER={account(enabled[event.name])} EVENT {identifier(event.name)} DISABLE"
        with_settings(cursor, event, statement)
    return found


def account(definer: str) -> str:
    """Return an account, or a role, which has no host, as SQL quotes it."""
    user, _at, host = definer.rpartition("@")
    return f"{identifier(user)}@{identifier(host)}" if host else identifier(user)


def _show(cursor: Any, kind: str, name: str) -> tuple[Any, ...]:
    return rows_of(cursor, SHOW.format(kind=kind, name=identifier(name)))[0]


def _view(cursor: Any, name: str) -> Definition:
    _name, text, character_set, collation = _show(cursor, "VIEW", name)
    return Definition("VIEW", name, text, character_set, collation)


def _routine(cursor: Any, kind: str, name: str) -> Definition:
    _name, sql_mode, text, character_set, collation, database_collation = _show(cursor, kind, name)
    return Definition(kind, name, text, character_set, collation, database_collation, sql_mode)


def _event(cursor: Any, name: str) -> Definition:
    _name, sql_mode, zone, text, character_set, collation, database_collation = _show(cursor, "EVENT", name)
    return Definition("EVENT", name, text, character_set, collation, database_collation, sql_mode, zone)


def _trigger(cursor: Any, row: tuple[Any, ...]) -> Definition:
    name, table, timing, event, body, definer = row
    _name, sql_mode, text, character_set, collation, database_collation = _show(cursor, "TRIGGER", name)[:6]
    composed = (account(definer), f"{timing} {event}", body)
    # MySQL writes names itself, and its catalogue has another body, with quotes that are not doubled.
    if text.endswith(body) and "." in QUOTED.sub("", text[: -len(body)]):
        # MariaDB keeps what was typed, with the database's name where that was typed too.
        text = _composed(composed, name, table)
    return Definition(
        "TRIGGER", name, text, character_set, collation, database_collation, sql_mode, None, table, composed
    )


def _composed(parts: tuple[str, str, str], name: str, table: str) -> str:
    definer, moment, body = parts
    return f"CREATE DEFINER={definer} TRIGGER {identifier(name)} {moment} ON {identifier(table)} FOR EACH ROW {body}"


def create(cursor: Any, definition: Definition, *, replace: bool = False) -> None:
    """Run a definition in the cursor's current database; with ``replace``, in the place of one that is there.

    Only views, and in MariaDB all but triggers too, can be replaced by one statement.
    """
    text = definition.text
    if replace:
        text = "CREATE OR REPLACE " + text[len("CREATE ") :]
    with_settings(cursor, definition, text)


def with_settings(cursor: Any, definition: Definition, text: str) -> None:
    """Run a statement under the settings of a definition, in the character set that it was written in."""
    character_set = fit_character_set(cursor, definition)
    statement = _encoded(cursor, text, character_set)
    with database_collation(cursor, definition.database_collation):
        try:
            cursor.execute("SET SESSION sql_mode = %s", [definition.sql_mode or ""])
            if definition.time_zone is not None:
                cursor.execute("SET SESSION time_zone = %s", [definition.time_zone])
            # The last before the statement: what follows is read in that character set.
            cursor.execute(f"SET character_set_client = {character_set}, collation_connection = {definition.collation}")
            cursor.execute(statement)
        finally:
            reset_settings(cursor)


def reset_settings(cursor: Any) -> None:
    """Give a session the settings again that it began with."""
    # On a session that is lost this fails too, and would hide why.
    with contextlib.suppress(cursor.connection.Error):
        cursor.execute("SET NAMES utf8mb4")
        cursor.execute("SET SESSION sql_mode = '', time_zone = '+00:00'")


@contextlib.contextmanager
def database_collation(cursor: Any, wanted: str | None) -> Iterator[None]:
    """Let the current database have a collation while the block runs: it becomes a property of what is made."""
    present = str(rows_of(cursor, DATABASE_COLLATION)[0][0])
    if wanted in (None, present):
        yield
        return
    cursor.execute(f"ALTER DATABASE COLLATE {wanted}")
    try:
        yield
    finally:
        with contextlib.suppress(cursor.connection.Error):
            cursor.execute(f"ALTER DATABASE COLLATE {present}")


def fit_character_set(cursor: Any, definition: Definition) -> str:
    """Return the character set of a definition, or UTF-8 if that lacks a character of it, as of a column's name."""
    encoded = f"CONVERT(CONVERT(%s USING {definition.character_set}) USING utf8mb4)"
    whole = rows_of(cursor, f"SELECT CAST({encoded} AS BINARY) = CAST(%s AS BINARY)", [definition.text] * 2)[0][0]
    return definition.character_set if whole else "utf8mb4"


def _encoded(cursor: Any, text: str, character_set: str) -> bytes:
    return bytes(rows_of(cursor, f"SELECT CAST(CONVERT(%s USING {character_set}) AS BINARY)", [text])[0][0])


def create_all(cursor: Any, definitions: Iterable[Definition], *, replace: bool) -> Iterator[tuple[Definition, Any]]:
    """Create definitions, views in the order in which they need each other; yield what fails, with its error."""
    waiting = list(definitions)
    while waiting:
        failed = []
        for definition in waiting:
            try:
                create(cursor, definition, replace=replace)
            except cursor.connection.Error as error:
                failed.append((definition, error))
        again = [one for one, error in failed if error.args[0] in NOT_THERE_YET]
        if len(failed) == len(waiting) or not again:
            yield from failed
            return
        yield from ((one, error) for one, error in failed if error.args[0] not in NOT_THERE_YET)
        waiting = again


def drop(cursor: Any, kind: str, name: str) -> None:
    """Drop something of the cursor's current database, if it is there."""
    cursor.execute(f"DROP {kind} IF EXISTS {identifier(name)}")
