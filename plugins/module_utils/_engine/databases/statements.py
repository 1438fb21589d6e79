# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the log has of statements: their kinds, and nothing of what is in them."""

from __future__ import annotations

import re
from typing import Any

from .. import logbook

# The words that may follow the first one in a kind. Any other word could be a name.
_OBJECTS = "DATABASE|TABLES?|VIEW|INDEX|TRIGGER|EVENT|PROCEDURE|FUNCTION|SEQUENCE|ROLE|USER|SESSION|GLOBAL|QUERY"
_KIND = re.compile(rf"(?:\s|/\*.*?\*/)*(?P<verb>[A-Z]+)(?:\s+(?P<object>{_OBJECTS})\b)?", re.DOTALL)


class ToldCursor:
    """A cursor of a driver, before which this class is named, whose statements are told to the log."""

    def execute(self, statement: Any, *parameters: Any) -> Any:
        """Execute a statement as the driver does."""
        logbook.event("statement", level="DEBUG", kind=kind_of(statement))
        return super().execute(statement, *parameters)  # type: ignore[misc]


def kind_of(statement: Any) -> str:
    """Return the kind of a statement, such as SELECT or CREATE DATABASE."""
    found = _KIND.match(str(statement))
    return " ".join(word for word in found.group("verb", "object") if word) if found else "other"
