# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Definitions as PostgreSQL shows them before and after a restore."""

from __future__ import annotations

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.postgresql.settled import settled


@pytest.mark.parametrize(
    ("dumped", "restored"),
    [
        (
            "CHECK (((status)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))",
            "CHECK (((status)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text])))",
        ),
        (
            "((moment)::timestamp(3) without time zone > now())",
            "(moment > now())",
        ),
        (
            """('x'::"odd ""schema".mood(10,2)[] = shop.mood)""",
            "'x' = shop.mood",
        ),
    ],
)
def test_casts_parentheses_and_blanks_do_not_make_another_definition(dumped: str, restored: str) -> None:
    assert settled(dumped) == settled(restored)


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("CHECK ((n > (1)::numeric))", "CHECK ((n > (2)::numeric))"),
        ("'a'::text AND b", "'a'::text OR b"),
        ("(a)::timestamp with time zone < b", "(a)::timestamp with time zone > b"),
        ("UNIQUE (a, b)", "UNIQUE (b, a)"),
    ],
)
def test_another_definition_stays_another(one: str, another: str) -> None:
    assert settled(one) != settled(another)
