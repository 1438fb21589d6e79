# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole report: look -> gather -> plan its files -> write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import errors, layout
from ..artifacts.store import Store
from ..models.config import AppConfig
from . import collecting, files, gathering, telling
from .data import Expectations, ReportData, plain


@dataclass(frozen=True)
class Order:
    """What a report expects of backups, and the files that it is wanted as, with their title and mode.

    Without ``paths`` it is a page in the storage.
    """

    expectations: Expectations
    paths: Mapping[files.Format, Path]
    title: str = files.DEFAULT_TITLE
    mode: int = 0o640


@dataclass(frozen=True)
class Made:
    """A report that was made: what it says, and its files."""

    data: ReportData
    files: list[files.ReportFile]

    @property
    def changed(self) -> bool:
        """Whether a file says something other than before."""
        return any(each.changed for each in self.files)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for a result."""
        return {
            "attention": telling.attention(self.data),
            "files": [each.as_dict() for each in self.files],
            "notes": self.data.notes + self.data.problems,
            "summary": plain(self.data.summary),
            "verdict": telling.verdict(self.data.summary).text,
        }


def make(order: Order, store: Store, config: AppConfig | None, *, check: bool = False) -> Made:
    """Write the report that is wanted; with ``check``, only say what it would be.

    Raise as collecting.collect, files.plan and files.write do.
    """
    now = store.clock()
    data = gathering.gather(collecting.collect(store, config, now), order.expectations, now)
    planned = files.plan(data, order.title, dict(order.paths) or {"html": layout.report_file(store.config.base_path)})
    if not check:
        for each in planned:
            files.write(each, order.mode)
    return Made(data, planned)


def named_paths(html: str | None, csv: str | None, json: str | None) -> dict[files.Format, Path]:
    """Return where the files are wanted, of those formats that have a path."""
    named: dict[files.Format, str | None] = {"html": html, "csv": csv, "json": json}
    return {kind: Path(path) for kind, path in named.items() if path}


def mode_of(given: object) -> int:
    """Return the mode that is written in octal. Raise ConfigError when it is none.

    YAML has read it as octal already where it has a leading zero and no quotes.
    """
    if isinstance(given, str) and re.fullmatch("0?[0-7]{3}", given):
        return int(given, 8)
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= 0o777:
        return given
    raise errors.ConfigError(f"mode is {given!r}, which is no mode in octal", 'Write it in quotes, as in "0640"')
