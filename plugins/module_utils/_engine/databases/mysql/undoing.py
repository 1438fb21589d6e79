# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking back what was done for a swap before the tables changed places.

As in settling, each step looks at what is there, so it can be broken off anywhere and begun again.
"""

from __future__ import annotations

from typing import Any

from ..base import rows_of
from . import definitions, swap_plan
from .connection import identifier
from .swap_plan import JOURNAL, Plan, qualified


def undo(cursor: Any, plan: Plan) -> None:
    """Take back what was done before the tables changed places, and the journal; nothing of it can be seen then."""
    present = {name for (name,) in rows_of(cursor, swap_plan.DATABASES)}
    if plan.target in present:
        _return_tables(cursor, plan)
        if plan.previous is None:
            _drop_if_empty(cursor, plan.target)
        else:
            set_collation(cursor, plan.target, plan.outgoing.collation)
            _restore_triggers(cursor, plan)
            _restore_views(cursor, plan)
    if plan.previous is not None and plan.previous in present:
        _drop_if_empty(cursor, plan.previous)
    cursor.execute(f"DROP TABLE IF EXISTS {qualified(plan.new, JOURNAL)}")


def _return_tables(cursor: Any, plan: Plan) -> None:
    """Take the new tables that have come to the target back to where they were, with their triggers and keys."""
    cursor.execute(f"USE {identifier(plan.target)}")
    there = set(swap_plan.tables_of(cursor, plan.target))
    triggers = definitions.triggers(cursor, plan.target)
    for table, name in plan.arriving.items():
        if name in there:
            for trigger in triggers:
                if trigger.table == name:
                    definitions.drop(cursor, "TRIGGER", trigger.name)
            cursor.execute(f"RENAME TABLE {identifier(name)} TO {qualified(plan.new, table)}")
    keys = {(key.table, key.name) for key in swap_plan.foreign_keys_of(cursor, plan.new)}
    cursor.execute("SET SESSION foreign_key_checks = 0")
    for key, name in plan.arriving_keys:
        if (key.table, name) in keys:
            cursor.execute(key.renaming(plan.new, name, key.name))
    cursor.execute("SET SESSION foreign_key_checks = 1")
    cursor.execute(f"USE {identifier(plan.new)}")
    names = {one.name for one in definitions.triggers(cursor, plan.new)}
    for trigger in plan.incoming.of_kind("TRIGGER"):
        if trigger.name not in names:
            definitions.create(cursor, trigger)


def _restore_views(cursor: Any, plan: Plan) -> None:
    """Make the old views again that were in the way of new tables."""
    cursor.execute(f"USE {identifier(plan.target)}")
    views = {name for (name,) in rows_of(cursor, definitions.VIEWS, [plan.target])}
    for view in plan.outgoing.of_kind("VIEW"):
        if view.name in plan.hidden_views and view.name not in views:
            definitions.create(cursor, view)


def _restore_triggers(cursor: Any, plan: Plan) -> None:
    """Make the old triggers again of every table that lacks one, which were dropped under a lock."""
    cursor.execute(f"USE {identifier(plan.target)}")
    names = {one.name for one in definitions.triggers(cursor, plan.target)}
    triggers = plan.outgoing.of_kind("TRIGGER")
    for table in sorted({one.table for one in triggers if one.table and one.name not in names}):
        cursor.execute(f"LOCK TABLES {identifier(table)} WRITE")
        for one in triggers:
            if one.table == table:
                definitions.drop(cursor, "TRIGGER", one.name)
        for one in triggers:
            if one.table == table:
                definitions.create(cursor, one)
        cursor.execute("UNLOCK TABLES")


def _drop_if_empty(cursor: Any, database: str) -> None:
    if not swap_plan.tables_of(cursor, database):
        definitions.drop(cursor, "DATABASE", database)


def set_collation(cursor: Any, database: str, collation: str) -> None:
    """Give a database a default collation, unless it has it."""
    (_character_set, present), *_others = rows_of(cursor, swap_plan.PROPERTIES, [database])
    # In MySQL it waits for every transaction that uses the database.
    if present != collation:
        cursor.execute(f"ALTER DATABASE {identifier(database)} COLLATE {collation}")
