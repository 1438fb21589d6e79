# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one import of rich. Where it is missing, program.py says so before anything here is made use of."""

from __future__ import annotations

try:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskID,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.table import Table
    from rich.text import Text
except ImportError:
    Console = Progress = Table = TaskID = Text = object  # type: ignore[assignment,misc]
    BarColumn = DownloadColumn = TaskProgressColumn = TextColumn = object  # type: ignore[assignment,misc]
    TimeRemainingColumn = TransferSpeedColumn = object  # type: ignore[assignment,misc]

__all__ = [
    "BarColumn",
    "Console",
    "DownloadColumn",
    "Progress",
    "Table",
    "TaskID",
    "TaskProgressColumn",
    "Text",
    "TextColumn",
    "TimeRemainingColumn",
    "TransferSpeedColumn",
]
