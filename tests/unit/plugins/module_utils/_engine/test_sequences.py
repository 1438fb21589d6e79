# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far sequences must have come."""

from __future__ import annotations

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import sequences
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import SequenceInfo


def at(number: int, descending: bool = False, name: str = "ids") -> SequenceInfo:
    return SequenceInfo(schema_name="public", name=name, number=number, descending=descending)


@pytest.mark.parametrize(("descending", "further"), [(False, 8), (True, 6)])
def test_the_number_before_a_dump_is_the_bound_of_what_went_on_meanwhile(descending: bool, further: int) -> None:
    before = at(7, descending)
    assert sequences.bounds([before], [at(further, descending)]) == [before]
    assert sequences.bounds([before], [before]) == [before]


@pytest.mark.parametrize(("descending", "back"), [(False, 6), (True, 8)])
def test_what_was_set_back_during_a_dump_has_no_bound(descending: bool, back: int) -> None:
    assert sequences.bounds([at(7, descending)], [at(back, descending)]) == []


def test_what_was_dropped_during_a_dump_has_no_bound_and_what_is_new_neither() -> None:
    assert sequences.bounds([at(7)], [at(7, name="new")]) == []


@pytest.mark.parametrize(("descending", "behind", "further"), [(False, 6, 9), (True, 8, 5)])
def test_a_restored_sequence_may_be_further_but_not_behind(descending: bool, behind: int, further: int) -> None:
    expected = [at(7, descending)]
    assert sequences.differences(expected, [at(behind, descending)]) == [
        f"the numbers of public.ids go on at {behind} instead of 7"
    ]
    assert sequences.differences(expected, [at(further, descending)]) == []
    assert sequences.differences(expected, expected) == []


def test_a_sequence_that_is_missing_is_told_by_its_name() -> None:
    expected = [SequenceInfo(name="person", number=3)]
    assert sequences.differences(expected, [at(3)]) == ["the numbers of person are missing"]
