# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What many results come to: how many are good, the error code of all of them, and one sentence on the failures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional, Protocol

from . import errors


class Outcome(Protocol):
    """A result of one of many things."""

    success: bool
    database_id: str
    database_name: str
    error_message: Optional[str]
    error_code: Optional[str]
    hint: Optional[str]


def summary(results: Sequence[Outcome]) -> dict[str, int]:
    """Return how many results there are, and how many of them are good."""
    good = sum(result.success for result in results)
    return {"total": len(results), "successful": good, "failed": len(results) - good}


def error_code(results: Sequence[Outcome]) -> str | None:
    """Return the error code of all results together, None when all are good.

    Some failed: partial_failure. All failed: the code they share, or complete_failure where they differ.
    """
    codes = {result.error_code or errors.BackupDBError.error_code for result in results if not result.success}
    if not codes:
        return None
    if any(result.success for result in results):
        return "partial_failure"
    return codes.pop() if len(codes) == 1 else "complete_failure"


def message(results: Sequence[Outcome], things: str) -> str | None:
    """Return one sentence that names every failure, None when all are good; ``things`` is what the results are of."""
    failures = [result for result in results if not result.success]
    if not failures:
        return None
    told = "; ".join(
        f"{result.database_id}{f'/{result.database_name}' if result.database_name else ''}: {result.error_message}"
        for result in failures
    )
    hints = list(dict.fromkeys(result.hint for result in failures if result.hint))
    return f"{len(failures)} of {len(results)} {things} failed: {told}" + "".join(f". {hint}" for hint in hints)
