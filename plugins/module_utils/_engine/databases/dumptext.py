# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be told of a dump from both ends of its text.

Only the preamble is looked at, up to the first statement that makes something: behind it a line may
be a row of data or the body of a routine, and no pattern can tell those from statements.
"""

from __future__ import annotations

import re

from .. import errors, stream

_COMMENT = re.compile(rb"/\*.*?\*/;?|--[^\n]*", re.S)
# Session settings: SET and set_config of pg_dump, \restrict of pg_dump; those of mysqldump are comments.
_HARMLESS = re.compile(rb"SET\b[^;]*;|SELECT pg_catalog\.set_config\([^;]*;|\\restrict [^\n]*|;", re.I)
_FOREIGN = re.compile(rb"(CREATE\s+DATABASE|DROP\s+DATABASE|USE\s|\\connect\b|\\c\b)[^\n]{0,100}", re.I)


def check_ends(text: stream.Text, product: str, first_line: bytes, trailer: bytes) -> None:
    """Raise ValidationError unless the text begins like a dump of that product and ends with its trailer.

    The trailer is searched for in the tail, since more lines may follow it (pg_dump's own end of its
    restricted mode).
    """
    if first_line not in text.head[:200]:
        raise errors.ValidationError(
            f"this is no dump of a {product} database: its first line is another",
            "Restore it to a server of its own family",
        )
    if trailer not in text.tail:
        raise errors.ValidationError(
            "the dump is not complete: the line with which a whole one ends is missing", stream.DISTRUST
        )


def refuse_foreign_target(text: stream.Text) -> None:
    """Raise ValidationError when the preamble creates or enters a database by name: it would go past the target."""
    position = 0
    head = text.head
    while True:
        blank = re.compile(rb"\s*").match(head, position)
        position = blank.end() if blank else position
        skipped = _COMMENT.match(head, position) or _HARMLESS.match(head, position)
        if not skipped:
            break
        position = skipped.end()
    foreign = _FOREIGN.match(head, position)
    if foreign:
        words = foreign.group(1).decode("ascii", "replace").strip().upper()
        raise errors.ValidationError(
            f"the dump names its own database ({words}), so it would be loaded past the target",
            "Make it anew without --databases or --create",
        )
