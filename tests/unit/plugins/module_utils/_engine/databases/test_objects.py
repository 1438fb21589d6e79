# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schema hashes, and the objects that they are made of."""

from __future__ import annotations

import hashlib

from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases import objects
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.objects import SchemaRow
from hypothesis import given
from hypothesis import strategies as st

ROWS = [
    SchemaRow("table", "public", "orders", '["relation", "orders"]'),
    SchemaRow("table", "public", "orders", '["column", "orders", "id"]'),
    SchemaRow("view", "public", "totals", '["view", "totals"]'),
]
NAMES = st.sampled_from(["a", "b", "a.b"])
DRAWN = st.lists(
    st.builds(SchemaRow, st.sampled_from(["table", "view"]), st.sampled_from([None, "s"]), NAMES, st.text(max_size=3)),
    max_size=8,
)


def test_the_hash_of_a_schema_is_that_of_its_sorted_rows() -> None:
    text = '["column", "orders", "id"]\n["relation", "orders"]\n["view", "totals"]'
    assert objects.schema_hash(ROWS) == hashlib.sha256(text.encode()).hexdigest()


def test_the_rows_of_a_table_are_one_object() -> None:
    described = objects.describe(ROWS)
    assert [(one.kind, one.schema_name, one.name) for one in described] == [
        ("table", "public", "orders"),
        ("view", "public", "totals"),
    ]
    assert all(len(one.digest) == objects.DIGEST_DIGITS for one in described)


def test_objects_of_a_family_without_schemas_have_none() -> None:
    (one,) = objects.describe([SchemaRow("table", None, "orders", "x")])
    assert one.schema_name is None


@given(DRAWN, st.randoms(use_true_random=False))
def test_neither_depends_on_the_order_of_the_rows(rows: list[SchemaRow], random: object) -> None:
    shuffled = rows[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert objects.schema_hash(shuffled) == objects.schema_hash(rows)
    assert objects.describe(shuffled) == objects.describe(rows)


@given(DRAWN, st.integers(min_value=0), st.text(max_size=3))
def test_another_text_of_a_row_changes_the_digest_of_its_object_alone(
    rows: list[SchemaRow], which: int, text: str
) -> None:
    rows = [SchemaRow(row.kind, "s", row.name, f"{number} {row.text}") for number, row in enumerate(rows)]
    if not rows:
        return
    old = rows[which % len(rows)]
    new = SchemaRow(old.kind, old.schema_name, old.name, f"other {text}")
    after = {(one.kind, one.name): one.digest for one in objects.describe([new if row is old else row for row in rows])}
    before = {(one.kind, one.name): one.digest for one in objects.describe(rows)}
    assert {key for key in before if before[key] != after[key]} == {(old.kind, old.name)}
