# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts as they come in blocks, which end anywhere."""

from __future__ import annotations

from collections.abc import Sequence


def in_blocks(text: bytes, lengths: Sequence[int]) -> list[bytes]:
    """Return a text in blocks of these lengths, begun again where they are at an end."""
    blocks: list[bytes] = []
    position = 0
    while position < len(text):
        length = lengths[len(blocks) % len(lengths)]
        blocks.append(text[position : position + length])
        position += length
    return blocks
