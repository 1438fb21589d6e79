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

# Among them the line that enables the sandbox mode of MariaDB's client, but not what a server runs of a comment.
_COMMENT = re.compile(rb"/\*M!999999\\-[^\n]*|/\*(?!M?!).*?\*/;?|--[^\n]*|#[^\n]*", re.S)
# Where a comment begins or ends whose content MySQL or MariaDB runs.
_RUN_COMMENT = re.compile(rb"/\*M?!\d*|\*/")
# Session settings: SET, those of mysqldump in comments that are run, and set_config and \restrict of pg_dump.
_HARMLESS = re.compile(rb"SET\b[^;]*;|SELECT pg_catalog\.set_config\([^;]*;|\\restrict [^\n]*|;", re.I)
_SETTING = re.compile(rb"^SET (\w+) ", re.M | re.A)
_BLANK = re.compile(rb"\s*")
_FOREIGN = re.compile(
    rb"(CREATE\s+(?:OR\s+REPLACE\s+)?DATABASE|DROP\s+DATABASE|USE\b|\\connect\b|\\c\b)[^\n]{0,100}", re.I
)


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
    foreign = _FOREIGN.match(text.head, len(_preamble(text.head)))
    if foreign:
        words = foreign.group(1).decode("ascii", "replace").strip().upper()
        raise errors.ValidationError(
            f"the dump names its own database ({words}), so it would be loaded past the target",
            "Make it anew without --databases or --create",
        )


def settings(text: stream.Text) -> list[str]:
    """Return the names of the parameters that the preamble sets, each once."""
    return list(dict.fromkeys(name.decode("ascii") for name in _SETTING.findall(_preamble(text.head))))


def _preamble(head: bytes) -> bytes:
    position = 0
    while True:
        blank = _BLANK.match(head, position)
        position = blank.end() if blank else position
        skipped = (
            _COMMENT.match(head, position) or _RUN_COMMENT.match(head, position) or _HARMLESS.match(head, position)
        )
        if not skipped:
            return head[:position]
        position = skipped.end()
