# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What numbers come from: how far it must have come in a restored database.

Sequences stand outside of transactions, so a dump holds them as they were when its program read them. What they were
at before is a bound: a number that had been given by then must not be given again.
"""

from __future__ import annotations

from collections.abc import Iterable

from .models.metadata import SequenceInfo


def bounds(before: Iterable[SequenceInfo], after: Iterable[SequenceInfo]) -> list[SequenceInfo]:
    """Given the sequences before and after a dump, return how far each must have come in it.

    One that has been set back meanwhile is left out, and one that is gone.
    """
    later = {_key(sequence): sequence for sequence in after}
    return [
        sequence for sequence in before if _key(sequence) in later and not _is_behind(later[_key(sequence)], sequence)
    ]


def differences(expected: Iterable[SequenceInfo], found: Iterable[SequenceInfo]) -> list[str]:
    """Return a sentence for each expected sequence that is missing, or would give a number once more."""
    present = {_key(sequence): sequence for sequence in found}
    sentences = []
    for sequence in expected:
        here = present.get(_key(sequence))
        name = f"{sequence.schema_name}.{sequence.name}" if sequence.schema_name else sequence.name
        if here is None:
            sentences.append(f"the numbers of {name} are missing")
        elif _is_behind(here, sequence):
            sentences.append(f"the numbers of {name} go on at {here.number} instead of {sequence.number}")
    return sentences


def _key(sequence: SequenceInfo) -> tuple[str | None, str]:
    return sequence.schema_name, sequence.name


def _is_behind(sequence: SequenceInfo, bound: SequenceInfo) -> bool:
    return sequence.number > bound.number if bound.descending else sequence.number < bound.number
