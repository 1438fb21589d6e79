# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Definitions as they are the same before and after a restore.

What PostgreSQL shows of an expression, read in again, can be shown otherwise: it shows the check
``status IN ('a')`` of a varchar as ``(ARRAY['a'::character varying])::text[]``, and that one as
``ARRAY[('a'::character varying)::text]``.
"""

from __future__ import annotations

import re

_NAME = r'(?:"(?:[^"]|"")*"|\w+)'
_TYPE = rf"(?:character varying|bit varying|double precision|(?:{_NAME}\.)?{_NAME})"
_CAST = re.compile(rf"::{_TYPE}(?:\([\d,]+\))?(?: with(?:out)? time zone)?(?:\[\])*")
_BLANK_OR_PARENTHESIS = re.compile(r"[\s()]+")


def settled(definition: str) -> str:
    """Return a definition without what may change on its way: casts, parentheses, blanks. It is for comparing alone."""
    return _BLANK_OR_PARENTHESIS.sub("", _CAST.sub("", definition))
