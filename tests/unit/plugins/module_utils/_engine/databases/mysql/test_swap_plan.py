# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a swap is to do, by what both databases consist of."""

from __future__ import annotations

import dataclasses

from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql.definitions import Definition
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql.swap_plan import (
    Contents,
    ForeignKey,
    Plan,
)


def trigger(name: str, table: str) -> Definition:
    text = f"CREATE DEFINER=`a`@`b` TRIGGER {name} AFTER INSERT ON {table} FOR EACH ROW DO 1"
    composed = ("`a`@`b`", "AFTER INSERT", "DO 1")
    return Definition("TRIGGER", name, text, "utf8mb4", "utf8mb4_bin", "utf8mb4_bin", "", None, table, composed)


def foreign_key(table: str, name: str, on_delete: str = "RESTRICT") -> ForeignKey:
    return ForeignKey(table, name, "RESTRICT", on_delete, ("a", "b"), "new", "parent", ("c", "d"))


def contents(*tables: str, triggers: tuple[Definition, ...] = (), keys: tuple[ForeignKey, ...] = ()) -> Contents:
    return Contents("utf8mb4", "utf8mb4_bin", list(tables), list(triggers), list(keys))


def plan(incoming: Contents, outgoing: Contents, *, mariadb: bool = True) -> Plan:
    return Plan(mariadb, "new", "target", "previous", None, incoming, outgoing)


def test_tables_without_triggers_change_places_at_once() -> None:
    assert plan(contents("a"), contents("a", "b")).renames == (
        "RENAME TABLE `target`.`a` TO `previous`.`a`, `target`.`b` TO `previous`.`b`, `new`.`a` TO `target`.`a`,"
        " `new`.`__backupdb_swap` TO `previous`.`__backupdb_swapped`"
    )


def test_tables_with_triggers_stay_in_the_target_for_a_while() -> None:
    found = plan(contents("a", triggers=(trigger("t", "a"),)), contents("a", "b", triggers=(trigger("t", "b"),)))
    assert found.renames == (
        "RENAME TABLE `target`.`a` TO `previous`.`a`, `target`.`b` TO `target`.`__backupdb_old_0`,"
        " `target`.`__backupdb_new_0` TO `target`.`a`, `new`.`__backupdb_swap` TO `previous`.`__backupdb_swapped`"
    )
    assert [arriving.text for _trigger, arriving in found.arriving_triggers] == [
        "CREATE DEFINER=`a`@`b` TRIGGER `__backupdb_trigger_0` AFTER INSERT ON `__backupdb_new_0` FOR EACH ROW DO 1"
    ]


def test_mysql_renames_tables_with_triggers_under_a_lock() -> None:
    found = plan(contents("a", triggers=(trigger("t", "a"),)), contents("a"), mariadb=False)
    assert "__backupdb_new" not in found.renames
    assert found.arriving_triggers == []


def test_a_foreign_key_has_another_name_while_a_table_with_the_same_is_in_the_target() -> None:
    t = trigger("t", "a")
    keys = (foreign_key("a", "of_parent"), foreign_key("a", "a_ibfk_1"), foreign_key("b", "of_b"))
    names = [
        name for key, name in plan(contents("a", "b", triggers=(t,), keys=keys), contents("a", keys=keys)).arriving_keys
    ]
    assert names == ["__backupdb_key_0"]
    others = plan(contents("b", keys=keys[2:]), contents("a", triggers=(t,), keys=(foreign_key("a", "of_b"),)))
    assert [key.name for key, _name in others.arriving_keys] == ["of_b"]
    assert plan(contents("b", keys=keys[2:]), contents("b", keys=keys[2:])).arriving_keys == []


def test_a_foreign_key_keeps_its_rules_and_says_none_that_it_has_not() -> None:
    key = foreign_key("a", "k", "SET NULL")
    assert key.renaming("new", "k", "l") == (
        "ALTER TABLE `new`.`a` DROP FOREIGN KEY `k`, ADD CONSTRAINT `l` FOREIGN KEY (`a`, `b`)"
        " REFERENCES `new`.`parent` (`c`, `d`) ON DELETE SET NULL"
    )
    assert "REFERENCES `target`.`parent`" in key.renaming("target", "k", "l", "target")


def test_a_plan_is_kept_as_text() -> None:
    found = plan(
        contents("ü", triggers=(trigger("t", "ü"),), keys=(foreign_key("ü", "k"),)),
        dataclasses.replace(
            contents("x"), definitions=[Definition("VIEW", "x", "CREATE VIEW x AS SELECT '🦊'", "a", "b")]
        ),
    )
    assert Plan.from_json(found.as_json()) == found


def test_views_in_the_way_of_new_tables_are_known() -> None:
    view = Definition("VIEW", "a", "CREATE VIEW a AS SELECT 1", "utf8mb4", "utf8mb4_bin")
    outgoing = dataclasses.replace(contents("b"), definitions=[view, dataclasses.replace(view, name="c")])
    assert plan(contents("a"), outgoing).hidden_views == ["a"]
