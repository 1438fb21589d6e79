# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the newest drill of an artifact found: a file of its own beside the metadata, which is never changed."""

from __future__ import annotations

from typing import Any, Literal, Optional

from ._pydantic import Field, PydanticError
from .metadata import Moment, Part, Seconds, invalid

Level = Literal["checksum", "structure", "restore"]
#: From the one that shows least to the one that shows most; each includes those before it.
LEVELS = ("checksum", "structure", "restore")


class Verification(Part):
    """Whether an artifact is good, by which level of proof, and when that was seen.

    ``checksum`` is the one of the data file that was verified. ``restore_seconds`` is how long the restore took, and
    ``evidence`` what was compared. ``error_message`` is what is wrong with it unless it ``passed``.
    """

    level: Level
    passed: bool
    verified_at: Moment
    checksum: str
    restore_seconds: Optional[Seconds] = None
    server_version: Optional[str] = None
    evidence: dict[str, Any] = Field(default_factory=dict)
    error_message: Optional[str] = None
    version: str = "2.0.0"

    def to_json(self) -> str:
        """Return the content of the verification file; what is not known is left out."""
        return self.model_dump_json(indent=2, exclude_none=True) + "\n"

    @classmethod
    def from_json(cls, content: bytes, where: str) -> Verification:
        """Given the content of the verification file ``where``, return it. Raise ValidationError with every problem."""
        try:
            return cls.model_validate_json(content)
        except PydanticError as error:
            raise invalid(where, error) from None
