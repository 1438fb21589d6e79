# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left to do when the tables of two databases have changed places.

Each step looks at what is there and does what is missing, so it can be broken off anywhere and begun again.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from . import defaults, definitions, routine_grants, swap_plan
from .connection import identifier
from .definitions import Definition
from .swap_plan import Plan, qualified

LOCK_TIMEOUT = 1205
# Times the session's lock_wait_timeout: how long users who have begun on the new tables are waited for.
PATIENCE = 20


class Settling:
    """The steps; ``failures`` could not be made in the target, ``missing`` not in the old one, ``warnings`` say so."""

    def __init__(self, cursor: Any, plan: Plan) -> None:
        self.cursor = cursor
        self.plan = plan
        self.failures: list[tuple[Definition, Any]] = []
        self.missing: list[tuple[Definition, Any]] = []
        self.warnings: list[str] = []

    def run(self) -> None:
        """Do all steps, what concerns users first."""
        self._take_old_tables_out()
        self._name_triggers()
        self._name_sequences(self.plan.target, {self.plan.new, self.plan.source or self.plan.new})
        self._drop_what_is_gone()
        self._create_in_target()
        self._name_foreign_keys()
        if self.plan.previous is not None:
            self._create_in_previous(self.plan.previous)

    def _use(self, database: str) -> None:
        self.cursor.execute(f"USE {identifier(database)}")

    def _present(self, database: str) -> dict[tuple[str, str], Definition]:
        return {one.key: one for one in definitions.read(self.cursor, database)}

    def _take_old_tables_out(self) -> None:
        """Move the old tables that have triggers to where all old ones are, without their triggers."""
        target = self.plan.target
        self._use(target)
        there = set(swap_plan.tables_of(self.cursor, target))
        triggers = definitions.triggers(self.cursor, target)
        for table, name in self.plan.leaving.items():
            if name in there:
                for trigger in triggers:
                    if trigger.table == name:
                        definitions.drop(self.cursor, "TRIGGER", trigger.name)
                self._patiently(f"RENAME TABLE {identifier(name)} TO {qualified(self.plan.previous or '', table)}")

    def _name_triggers(self) -> None:
        """Make the triggers of the new tables under their own names, in the place of those they arrived with.

        While a table is locked, and by one statement of MariaDB that goes on even if we are killed.
        """
        self._use(self.plan.target)
        there = {one.name for one in definitions.triggers(self.cursor, self.plan.target)}
        pairs = [pair for pair in self.plan.arriving_triggers if pair[1].name in there or pair[0].name not in there]
        for (table, _collation), group in itertools.groupby(
            pairs, lambda pair: (pair[0].table, pair[0].database_collation)
        ):
            self._name_triggers_of(str(table), list(group), there)

    def _name_triggers_of(self, table: str, pairs: list[tuple[Definition, Definition]], there: set[str]) -> None:
        steps = []
        for number, (trigger, _arriving) in enumerate(pairs):
            if trigger.name in there:
                continue
            self.cursor.execute(f"SET @backupdb_{number} = %s", [trigger.text])
            character_set = definitions.fit_character_set(self.cursor, trigger)
            steps.append(
                f"SET SESSION sql_mode = '{trigger.sql_mode}', character_set_client = {character_set},"
                f" collation_connection = {trigger.collation}; EXECUTE IMMEDIATE @backupdb_{number};"
            )
        steps += [f"DROP TRIGGER IF EXISTS {identifier(arriving.name)};" for _trigger, arriving in pairs]
        with definitions.database_collation(self.cursor, pairs[0][0].database_collation):
            self._patiently(f"LOCK TABLES {identifier(table)} WRITE")
            try:
                self.cursor.execute(f"BEGIN NOT ATOMIC {' '.join(steps)} END")
            finally:
                self.cursor.execute("UNLOCK TABLES")
                definitions.reset_settings(self.cursor)

    def _name_sequences(self, database: str, wrong: Iterable[str]) -> None:
        if not self.plan.mariadb:
            return
        self.cursor.execute("SET SESSION system_versioning_alter_history = KEEP")
        for statement in list(defaults.alterations(self.cursor, database, set(wrong), database)):
            self._patiently(statement)

    def _drop_what_is_gone(self) -> None:
        self._use(self.plan.target)
        wanted = {one.key for one in self.plan.incoming.definitions}
        # Their names are those of tables by now.
        wanted |= {("VIEW", name) for name in self.plan.hidden_views}
        for one in self.plan.outgoing.definitions:
            if one.key not in wanted and one.kind != "TRIGGER":
                definitions.drop(self.cursor, one.kind, one.name)

    def _create_in_target(self) -> None:
        present = self._present(self.plan.target)
        self._use(self.plan.target)
        missing = [one for one in self.plan.incoming.definitions if present.get(one.key) != one]
        # Without its head, which goes with the old one, no body of a package is left.
        heads = {one.name for one in missing if one.kind == "PACKAGE"}
        missing += [
            one for one in self.plan.incoming.of_kind("PACKAGE BODY") if one.name in heads and one not in missing
        ]
        self._create(missing, set(present))

    def _create(self, wanted: list[Definition], present: set[tuple[str, str]]) -> None:
        """Create what differs, in the place of what is there."""
        triggers = [one for one in wanted if one.kind == "TRIGGER"]
        replaceable = [one for one in wanted if one.kind == "VIEW" or (self.plan.mariadb and one not in triggers)]
        others = [one for one in wanted if one not in replaceable and one not in triggers]
        for one in others:
            definitions.drop(self.cursor, one.kind, one.name)
        self.failures += definitions.create_all(self.cursor, others, replace=False)
        self.failures += definitions.create_all(self.cursor, replaceable, replace=True)
        if not self.plan.mariadb:
            missing = [one for one in triggers if one.key not in present]
            self.failures += definitions.create_all(self.cursor, missing, replace=False)
        self.warnings += routine_grants.give(self.cursor, self.plan.routine_grants)

    def _name_foreign_keys(self) -> None:
        """Give foreign keys of the new tables their own names."""
        self.cursor.execute("SET SESSION foreign_key_checks = 0")
        there = {(key.table, key.name) for key in swap_plan.foreign_keys_of(self.cursor, self.plan.target)}
        for key, name in self.plan.arriving_keys:
            if (key.table, name) in there:
                other = self.plan.target if key.other_database == self.plan.new else None
                self._patiently(key.renaming(self.plan.target, name, key.name, other))
        self.cursor.execute("SET SESSION foreign_key_checks = 1")

    def _create_in_previous(self, previous: str) -> None:
        """Make the old database whole; its events are disabled, for those of the target run."""
        present = self._present(previous)
        self._use(previous)
        self._name_sequences(previous, {self.plan.target})
        missing = {one.key for one in self.plan.outgoing.definitions if one.key not in present}
        for one in self.plan.outgoing.of_kind("TRIGGER"):
            # All of a table, or their order would be another one.
            if any(other.key in missing for other in self.plan.outgoing.of_kind("TRIGGER") if other.table == one.table):
                definitions.drop(self.cursor, "TRIGGER", one.name)
                missing.add(one.key)
        wanted = [one for one in self.plan.outgoing.definitions if one.key in missing]
        self.missing += definitions.create_all(self.cursor, wanted, replace=False)
        for one, error in self.missing:
            self.warnings.append(f"{one.kind.lower()} {one.name} is missing in {previous} (error {error.args[0]})")
        disabled = [one.name for one in definitions.disable_events(self.cursor, previous)]
        if disabled:
            self.warnings.append(f"the events of {previous} are disabled: {', '.join(disabled)}")

    def _patiently(self, statement: str) -> None:
        """Run a statement that waits for users of a table, again and again if need be."""
        for attempt in range(PATIENCE):
            try:
                self.cursor.execute(statement)
                return
            except self.cursor.connection.Error as error:
                if error.args[0] != LOCK_TIMEOUT or attempt == PATIENCE - 1:
                    raise
