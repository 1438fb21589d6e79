# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pg_dump processes make a dump."""

from __future__ import annotations

from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.postgresql import plan
from hypothesis import given
from hypothesis import strategies as st

MIB = 1024 * 1024
TABLES = st.lists(
    st.builds(plan.Table, st.just("public"), st.text(min_size=1, max_size=8), st.integers(0, 400 * MIB)),
    unique_by=lambda table: table.name,
    max_size=80,
)


def names(part: plan.PlannedPart) -> list[str]:
    return [argument for argument in part.arguments if argument.startswith("--table=")]


def test_a_large_database_is_dumped_in_parts_by_one_lane_too() -> None:
    found = plan.plan([plan.Table("public", "t", 10**12)], 0, 1)
    assert [part.tables for part in found.data] == [("public.t",), ()]
    assert found.large == {"public.t"}


def test_a_small_database_is_one_process() -> None:
    found = plan.plan([plan.Table("public", "t", MIB)], 0, 8)
    assert found == plan.Plan(plan.PlannedPart("full"))


def test_five_thousand_small_tables_are_few_parts_and_few_of_them_are_named() -> None:
    tables = [plan.Table("public", f"t{number}", MIB) for number in range(5000)]
    found = plan.plan(tables, 0, 4)
    assert 1 < len(found.data) <= 4
    assert sum(len(names(part)) for part in found.data) == plan.MOST_NAMED_TABLES
    assert found.large == frozenset()


def test_tables_of_middling_size_are_shared_out_evenly() -> None:
    tables = [plan.Table("public", f"t{number}", 5 * MIB) for number in range(200)]
    found = plan.plan(tables, 0, 4)
    assert [part.size_bytes // MIB for part in found.data] == [250, 250, 250, 250]


def test_a_large_table_has_a_part_of_its_own_and_is_left_out_of_the_rest() -> None:
    tables = [plan.Table("public", 'a"b', 900 * MIB), plan.Table("public", "small", MIB)]
    large, rest = plan.plan(tables, 0, 2).data
    assert large.arguments == ("--section=data", "--no-blobs", '--table="public"."a""b"')
    assert rest.arguments == ("--section=data", '--exclude-table-data="public"."a""b"')
    assert rest.tables == ("public.small",)


def test_many_large_objects_have_a_part_of_their_own() -> None:
    found = plan.plan([plan.Table("public", "t", 200 * MIB)], 900 * MIB, 2)
    assert [part.kind for part in found.data] == ["data", "data", "large_objects"]
    assert "--no-blobs" in found.data[1].arguments


@given(TABLES, st.integers(0, 400 * MIB), st.integers(1, 8))
def test_each_table_has_its_rows_in_one_part_alone(
    tables: list[plan.Table], large_objects_bytes: int, lanes: int
) -> None:
    found = plan.plan(tables, large_objects_bytes, lanes)
    if not found.data:
        return
    listed = [name for part in found.data for name in part.tables]
    assert sorted(listed) == sorted(f"{table.schema}.{table.name}" for table in tables)
    own = {argument.split("=", 1)[1] for part in found.data for argument in names(part)}
    (rest,) = [part for part in found.data if part.kind == "data" and not names(part)]
    left_out = {argument.split("=", 1)[1] for argument in rest.arguments if argument.startswith("--exclude")}
    assert own == left_out
    assert sum(part.size_bytes for part in found.data) == sum(t.size_bytes for t in tables) + large_objects_bytes
