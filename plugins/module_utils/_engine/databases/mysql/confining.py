# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping the text of a dump to the database that it is loaded into.

Looked at are statements that begin a line, but not those in the bodies of routines, triggers and events, which stand
between DELIMITER lines. Nothing else begins a line: the dump programs write a line feed inside a value as two
characters. What is hidden elsewhere is held by nothing but the privileges of the account.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ... import errors
from .connection import identifier

_NAME = rb"(?:`(?:[^`\n]|``)+`|[^\s`'\";*/().]+)"
# The line feed comes first, since the whole text is searched for it.
_STATEMENT = re.compile(
    rb"\n[ \t]*(?:/\*M?!\d*[ \t]*)?(?i:"
    rb"DELIMITER[ \t]+(?P<delimiter>\S+)"
    rb"|(?P<entering>USE)(?:[ \t]+|(?=`))" + _NAME + rb"(?P<rest>[^\n]*)"
    rb"|(?P<making>(?:CREATE(?:[ \t]+OR[ \t]+REPLACE)?|DROP)[ \t]+(?:DATABASE|SCHEMA))(?=[\s/`])"
    rb"|(?P<altering>ALTER[ \t]+(?:DATABASE|SCHEMA))[ \t]+(?P<altered>" + _NAME + rb")[^\n]*"
    rb"|(?P<writing>(?:INSERT(?:[ \t]+IGNORE)?|REPLACE)[ \t]+INTO|DELETE[ \t]+FROM|UPDATE|LOCK[ \t]+TABLES"
    rb"|TRUNCATE(?:[ \t]+TABLE)?|(?:CREATE|DROP|ALTER)[ \t]+TABLE(?:[ \t]+IF(?:[ \t]+NOT)?[ \t]+EXISTS)?)"
    rb"[ \t]+(?P<database>" + _NAME + rb")[ \t]*\.[ \t]*[`\w]"
    rb")"
)
# How the dump programs give a database the collation for a moment that a routine was written under.
_COLLATION = re.compile(rb"\nALTER DATABASE (`(?:[^`\n]|``)+`) CHARACTER SET \w+ COLLATE \w+ (;+)")
_OPTION = re.compile(rb"(?i:DEFAULT|CHARACTER|CHARSET|COLLATE|COMMENT|ENCRYPTION|READ)")
# More than any beginning of a statement that is looked at.
LONGEST_BYTES = 2048


def confined(blocks: Iterable[bytes], database: str) -> Iterator[bytes]:
    """Yield the text of a dump for that database, with nothing at which another one is named.

    Raise ValidationError where the text enters, makes or writes to another; nothing of that statement has been yielded
    whole. Where it sets the collation of its database by the name that this had, the name is left out.
    """
    look = _Look(database)
    # As if a line had ended before; it is not yielded.
    held, skipped = b"\n", 1
    for block in blocks:
        text = held + block
        # The last line waits for its end, unless it is too long to begin as what is looked for.
        end = text.rfind(b"\n", max(0, len(text) - LONGEST_BYTES))
        end = len(text) if end < 0 else end
        done = look.over(text, end)
        held = text[end:]
        if done:
            yield done[skipped:]
            skipped = 0
    yield look.over(held, len(held))[skipped:]


class _Look:
    """A look at a text that goes on with the next piece of it."""

    def __init__(self, database: str) -> None:
        self._names = (database.encode("utf-8"), identifier(database).encode("utf-8"))
        self._delimiter = b";"

    def over(self, text: bytes, end: int) -> bytes:
        """Return the text up to ``end``, where a line begins."""
        parts, position = [], 0
        for found in _STATEMENT.finditer(text):
            if found.start() >= end:
                break
            if found["delimiter"]:
                self._delimiter = found["delimiter"]
            elif found["altering"] and (collation := self._collation(found)):
                parts += [text[position : collation.start(1)], b" " * len(collation[1])]
                position = collation.end(1)
            elif self._is_foreign(found):
                self._refuse(found["entering"] or found["making"] or found["altering"] or found["writing"])
        return b"".join((*parts, text[position:end])) if parts else text[:end]

    def _collation(self, found: re.Match[bytes]) -> re.Match[bytes] | None:
        collation = _COLLATION.match(found.string, found.start())
        return collation if collation and collation[2] == self._delimiter else None

    def _is_foreign(self, found: re.Match[bytes]) -> bool:
        if found["entering"]:
            # No body may have it. What else begins with this word, as an index hint, has more words, or no end.
            ends = (self._delimiter, b"*/") if self._delimiter == b";" else (self._delimiter,)
            return found["rest"].lstrip().startswith(ends) or (self._delimiter == b";" and not found["rest"].strip())
        if self._delimiter != b";":
            return False
        if found["altering"]:
            return found["altered"] not in self._names and not _OPTION.fullmatch(found["altered"])
        return bool(found["making"]) or found["database"] not in self._names

    def _refuse(self, words: bytes) -> None:
        raise errors.ValidationError(
            f"the dump names its own database ({words.decode('ascii').upper()}) and would be loaded past the target,"
            " so the load was broken off before that statement",
            "Make it anew, of one database, without --databases or --create",
        )
