# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which statements of the post-data can be loaded side by side."""

from __future__ import annotations

from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.postgresql import postdata
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.postgresql.postdata import Group, Object
from hypothesis import given
from hypothesis import strategies as st

HEAD = b";\n; Archive created at 2026-01-09 02:00:00 UTC\n;     TOC Entries: 9\n;\n"
PARTS = {"shop.orders": 0, "shop.items": 1, "shop.small": 2, "shop.smaller": 2}
LARGE = {"shop.orders", "shop.items"}
OBJECTS = [
    Object(2606, 11, "shop.orders", None, 100, True),
    Object(1259, 12, "shop.orders", None, 50, True),
    Object(1259, 13, "shop.orders", None, 60, False),
    Object(2606, 21, "shop.items", None, 900, True),
    Object(2606, 31, "shop.small", None, 3, True),
    Object(1259, 32, "shop.smaller", None, 2, True),
    Object(2606, 41, "shop.orders", "shop.items", 100, True),
    Object(2606, 42, "shop.items", "shop.small", 900, True),
    Object(2606, 43, "shop.small", "shop.smaller", 3, True),
]
CONTENTS = (
    HEAD
    + b"""1; 2606 11 CONSTRAINT shop orders orders_pkey owner
2; 2606 21 CONSTRAINT shop items items_pkey owner
3; 2606 31 CONSTRAINT shop small small_pkey owner
4; 1259 12 INDEX shop plain owner
5; 1259 13 INDEX shop of an expression owner
6; 1259 32 INDEX shop smaller_index owner
7; 0 0 INDEX ATTACH shop part_index owner
8; 2620 99 TRIGGER shop orders noted owner
9; 2606 41 FK CONSTRAINT shop orders orders_fk owner
10; 2606 42 FK CONSTRAINT shop items items_fk owner
11; 2606 43 FK CONSTRAINT shop small small_fk owner
"""
)


def groups(contents: bytes = CONTENTS) -> list[Group]:
    return postdata.plan_groups(contents, OBJECTS, PARTS, LARGE)


def test_constraints_come_first_then_each_index_of_a_large_table_then_foreign_keys_then_the_rest() -> None:
    assert [group.entries for group in groups()] == [(2,), (1,), (3, 6), (5,), (4,), (10,), (9,), (11,), (7, 8)]


def test_an_index_waits_for_the_constraints_of_its_table_and_not_for_its_other_indexes() -> None:
    found = groups()
    assert [found[position].depends_on for position in (0, 1, 2, 3, 4)] == [(), (), (), (1,), (1,)]


def test_foreign_keys_wait_for_what_their_tables_need_and_for_each_other() -> None:
    items, orders, small = groups()[5:8]
    assert (items.tables, items.depends_on) == (("shop.items", "shop.small"), (0, 2))
    assert (orders.tables, orders.depends_on) == (("shop.items", "shop.orders"), (0, 1, 3, 4, 5))
    assert (small.tables, small.depends_on) == (("shop.small", "shop.smaller"), (2, 5))


def test_the_rest_waits_for_everything() -> None:
    assert groups()[-1] == Group((7, 8), (), None)


def test_behind_a_view_in_the_post_data_only_what_needs_nothing_but_columns_is_taken_out() -> None:
    moved = HEAD + b"20; 1259 500 VIEW shop DATA owner\n" + CONTENTS
    found = groups(moved)
    assert found[-1].entries == (20, 5, 7, 8)
    assert (4,) in [group.entries for group in found]


def test_a_materialized_view_in_a_schema_named_data_is_not_taken_for_its_rows() -> None:
    moved = HEAD + b"20; 1259 500 MATERIALIZED VIEW DATA totals owner\n" + CONTENTS
    assert groups(moved)[-1].entries == (20, 5, 7, 8)
    rows = HEAD + b"20; 0 500 MATERIALIZED VIEW DATA shop totals owner\n" + CONTENTS
    assert groups(rows)[-1].entries == (20, 7, 8)


def test_nothing_in_the_post_data_is_one_empty_group() -> None:
    assert groups(HEAD) == [Group(())]


@given(st.permutations(CONTENTS.removeprefix(HEAD).splitlines()), st.sets(st.sampled_from(sorted(PARTS))))
def test_every_entry_is_in_one_group_whatever_their_order(lines: list[bytes], large: set[str]) -> None:
    found = postdata.plan_groups(b"\n".join(lines), OBJECTS, PARTS, large)
    assert sorted(entry for group in found for entry in group.entries) == list(range(1, 12))
    for position, group in enumerate(found):
        assert all(before < position for before in group.depends_on or ())
