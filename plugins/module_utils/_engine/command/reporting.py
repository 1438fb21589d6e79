# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``report``: what the module backup_report does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .. import durations
from ..models.config import AppConfig
from ..models.metadata import human_size
from ..report import files, making
from ..report.data import Expectations
from .answers import Answer, Row, Sheet
from .output import Manner
from .performing import setting_of


@dataclass(frozen=True)
class Options:
    """What was asked for, as on the command line."""

    path: Path | None
    csv_path: Path | None
    json_path: Path | None
    title: str | None
    max_age: str
    min_verified_within: str
    mode: str
    check: bool


def act(config: AppConfig, options: Options, _manner: Manner) -> Answer:
    """Write the report that is wanted. Raise as making.make does."""
    paths = {"html": options.path, "csv": options.csv_path, "json": options.json_path}
    order = making.Order(
        Expectations(
            durations.parse(options.max_age, "max_age"),
            durations.parse(options.min_verified_within, "min_verified_within"),
        ),
        making.named_paths(*(str(path) if path else None for path in paths.values())),
        options.title or files.DEFAULT_TITLE,
        making.mode_of(options.mode),
    )
    made = making.make(order, setting_of(config).store, config, check=options.check)
    result = made.as_dict()
    written = [Row((each["format"], human_size(each["size_bytes"]), each["path"])) for each in result["files"]]
    attention = [Row((sentence,), "bad") for sentence in result["attention"]]
    return Answer(
        result,
        made.changed,
        sheets=[
            *([Sheet(("needs attention",), attention)] if attention else []),
            Sheet(("format", "size", "file"), written, ("size",)),
        ],
        closing=result["verdict"],
        asked=options.check,
    )
