# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one import of typer. Where it is missing, program.py says so before anything here is made use of."""

from __future__ import annotations

from typing import Any

try:
    from typer import BadParameter, Context, Exit, Option, Typer
except ImportError:

    def _nothing(*args: Any, **kwargs: Any) -> Any:
        return None

    Option = _nothing
    Context = Exit = Typer = object  # type: ignore[assignment,misc]
    UsageError: Any = ValueError
else:
    # Releases for the older Pythons import click, newer ones have it in themselves under a private name.
    UsageError = BadParameter.__mro__[1]

__all__ = ["Context", "Exit", "Option", "Typer", "UsageError"]
