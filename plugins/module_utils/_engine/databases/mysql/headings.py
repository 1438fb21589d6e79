# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the rows of a table begin in a dump's text.

No row can hold a line that looks like such a heading: the dump programs write a line feed inside a value as two
characters, and blobs as hexadecimal digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..values import Run

MARKER = b"\n--\n-- Dumping data for table `"
_HEADING = re.compile(re.escape(MARKER) + rb"((?:[^`\n]|``)*)`\n")
# Longer than any heading: a name has at most 64 characters of 3 bytes, of which a backtick is doubled.
LONGEST_BYTES = 512
# What every dump begins with; a section that begins elsewhere needs it, too, and its end goes back to it. It has no
# line of its own, so that errors tell the right one.
SETTINGS = (
    b"SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT, @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS,"
    b" @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION, @OLD_TIME_ZONE=@@TIME_ZONE, @OLD_SQL_MODE=@@SQL_MODE,"
    b" @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, @OLD_SQL_NOTES=@@SQL_NOTES;"
    b" SET NAMES utf8mb4; SET TIME_ZONE='+00:00', UNIQUE_CHECKS=0, FOREIGN_KEY_CHECKS=0,"
    b" SQL_MODE='NO_AUTO_VALUE_ON_ZERO', SQL_NOTES=0; "
)
# What a dump program writes only once it has its snapshot.
_FIRST = re.compile(rb"^-- (?:Table|Temporary table|Temporary view|Sequence|Final view) structure |^-- Dumping ", re.M)


def show_snapshot(text: bytes) -> bool:
    """Say whether the beginning of a dump's text shows that its program has taken its snapshot."""
    return _FIRST.search(text) is not None


def can_name(table: str) -> bool:
    """Say whether a heading gives the name of a table as it is; a line feed would be followed by dashes."""
    return "\n" not in table


def loadable(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the text of a dump or of one section with all that it needs of the session it is loaded in."""
    rest = iter(blocks)
    first = next(rest, b"")
    if first.startswith(MARKER):
        yield SETTINGS
    yield first
    yield from rest


def cut(blocks: Iterable[bytes]) -> Iterator[Run]:
    """Divide a text into runs that are the same text; those with the name of a table begin with its heading."""
    held = b""
    for block in blocks:
        held += block
        start, searched, table = 0, 0, None
        while True:
            heading = _next(held, searched)
            if heading is None:
                break
            yield held[start : heading.start()], table
            start, searched = heading.span()
            table = heading.group(1).decode("utf-8", "replace").replace("``", "`")
        # What may be the beginning of a heading waits for the next block.
        end = max(searched, len(held) - LONGEST_BYTES)
        yield held[start:end], table
        held = held[end:]
    yield held, None


def _next(text: bytes, searched: int) -> re.Match[bytes] | None:
    while True:
        found = text.find(MARKER, searched)
        if found < 0:
            return None
        heading = _HEADING.match(text, found)
        if heading:
            return heading
        searched = found + 1
