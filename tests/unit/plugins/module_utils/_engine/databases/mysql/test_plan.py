# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processes of mariadb-dump or mysqldump make a dump."""

from __future__ import annotations

from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql import plan
from hypothesis import given
from hypothesis import strategies as st

MIB = 1024 * 1024
# Few letters, so that many names differ in case or accents alone.
NAMES = st.text("aAeéÉ©_1\n", min_size=1, max_size=4)
TABLES = st.lists(
    st.builds(plan.Table, NAMES, st.sampled_from(["InnoDB", "MyISAM", "MRG_MyISAM"]), st.integers(0, 400 * MIB)),
    unique_by=lambda table: table.name,
    max_size=60,
)


def table(name: str, size_bytes: int) -> plan.Table:
    return plan.Table(name, "InnoDB", size_bytes)


def is_taken_for(name: str, other: str) -> bool:
    """Say whether two names are the same to a dump program: as Latin-1, and some letters are the same to it."""

    def seen(text: str) -> list[str]:
        return ["a" if letter in "AaÀÁÂÃ" else letter.lower() for letter in text.encode().decode("latin-1")]

    return seen(name) == seen(other)


def test_a_small_database_is_one_process() -> None:
    found = plan.plan([table("t", MIB)], ["x"], 8)
    assert found == plan.Plan(plan.PlannedPart("full", plan.WHOLE, ("x",)))


def test_many_tables_are_one_process_until_they_have_more_rows() -> None:
    assert not plan.plan([table(f"t{number}", MIB // 20) for number in range(5000)], [], 8).data
    assert plan.plan([table(f"t{number}", MIB // 10) for number in range(5000)], [], 8).data


def test_a_database_without_tables_is_one_process() -> None:
    assert not plan.plan([], [], 8).data


def test_without_a_lane_even_a_large_database_is_one_process() -> None:
    assert not plan.plan([table("t", 10**12)], [], 0).data


def test_with_one_lane_a_large_database_has_its_rows_apart_from_its_structure() -> None:
    found = plan.plan([table("t", 10**12), table("u", 1)], ["x"], 1)
    parts = (found.first, *found.data, *found.last)
    assert [(part.kind, part.left_out) for part in parts] == [
        ("pre_data", ("x",)),
        ("data", ("x",)),
        ("post_data", ("x",)),
    ]
    assert found.data[0].tables == ("t", "u")


def test_five_thousand_equal_tables_are_divided_among_the_lanes() -> None:
    found = plan.plan([table(f"t{number}", MIB) for number in range(5000)], [], 4)
    assert [len(part.tables) for part in found.data] == [1250] * 4


def test_the_largest_table_has_a_process_to_itself_where_the_others_are_less() -> None:
    found = plan.plan([table("large", 900 * MIB), *(table(f"t{number}", MIB) for number in range(50))], [], 2)
    assert [len(part.tables) for part in found.data] == [1, 50]


def test_empty_tables_are_divided_too() -> None:
    large = [table("large", 400 * MIB), table("larger", 401 * MIB)]
    found = plan.plan([*large, *(table(f"t{number}", 0) for number in range(4000))], [], 2)
    assert min(len(part.tables) for part in found.data) > 1900


def test_a_name_with_a_line_feed_keeps_its_part_in_one_piece() -> None:
    found = plan.plan([table("a\nb", 100 * MIB), table("c", 100 * MIB)], [], 2)
    assert [part.can_be_cut for part in found.data] == [False, True]
    assert not found.first.can_be_cut


@given(TABLES, st.lists(NAMES, max_size=3), st.integers(1, 8))
def test_each_table_is_dumped_by_one_process_alone(tables: list[plan.Table], excluded: list[str], lanes: int) -> None:
    tables = [each for each in tables if each.name not in excluded]
    found = plan.plan(tables, excluded, lanes)
    if not found.data:
        return
    assert len(found.data) <= lanes
    everything = {each.name for each in tables}
    dumped = [everything - set(part.left_out) for part in found.data]
    assert sum(map(len, dumped)) == len(everything)
    assert set().union(*dumped) == everything
    assert all(dumped)
    for part, inside in zip(found.data, dumped):
        with_rows = {each.name for each in tables if each.engine in plan.ENGINES}
        assert set(part.tables) == inside & with_rows
        assert set(excluded) <= set(part.left_out)


@given(TABLES, st.integers(1, 8))
def test_no_process_leaves_out_a_table_of_its_own_under_another_name(tables: list[plan.Table], lanes: int) -> None:
    for part in plan.plan(tables, [], lanes).data:
        own = {each.name for each in tables} - set(part.left_out)
        assert not any(is_taken_for(name, other) for name in own for other in part.left_out)


@given(st.lists(NAMES, unique=True), st.lists(NAMES, unique=True))
def test_what_would_be_left_out_by_mistake_is_known(excluded: list[str], tables: list[str]) -> None:
    also = plan.also_left_out(excluded, tables)
    assert not set(also) & set(excluded)
    mistaken = [
        name for name in tables if name not in excluded and any(is_taken_for(name, other) for other in excluded)
    ]
    assert set(mistaken) <= set(also)
