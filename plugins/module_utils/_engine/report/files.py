# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a report: written whole or not at all, and told apart by what they say rather than when."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .. import errors, storage
from . import exports, page, style, template
from .data import ReportData

Format = Literal["html", "csv", "json"]

DEFAULT_TITLE = "Database backups"
_DIGEST = re.compile(rf'<meta name="{page.DIGEST_NAME}" content="([0-9a-f]{{64}})">')


@dataclass(frozen=True)
class ReportFile:
    """A file of a report: what it is to hold, what is there now, and whether the two say something else.

    ``before`` is None where there is no file. The moment that a report was made is no difference.
    """

    path: Path
    format: Format
    content: str
    before: str | None
    changed: bool

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for a result."""
        size = len(_encoded(self.content))
        return {"path": str(self.path), "format": self.format, "changed": self.changed, "size_bytes": size}


def diff(planned: Iterable[ReportFile]) -> dict[str, str]:
    """Return what Ansible shows of the files that change; of a page, only that it is another one."""
    before, after = "", ""
    for file in planned:
        if file.changed:
            shown = _digest_of if file.format == "html" else str
            before += f"# {file.path}\n{shown(file.before or '')}\n"
            after += f"# {file.path}\n{shown(file.content)}\n"
    return {"before": before, "after": after}


def plan(data: ReportData, title: str, paths: dict[Format, Path]) -> list[ReportFile]:
    """Return the files that a report is to have, and change nothing.

    Raise NotFoundError when the folder of one does not exist, StorageError when what is there cannot be read,
    ConfigError when two have the same path or Jinja2 is missing for a page.
    """
    if len(set(paths.values())) != len(paths):
        raise errors.ConfigError("two files of the report have the same path", "Give each a path of its own")
    return [_planned(data, title, kind, path) for kind, path in paths.items()]


def _planned(data: ReportData, title: str, kind: Format, path: Path) -> ReportFile:
    before = _read(path)
    if kind == "html":
        digest = _digest(data, title)
        return ReportFile(path, kind, page.render(data, title, digest), before, _digest_of(before or "") != digest)
    if kind == "csv":
        content = exports.to_csv(data)
        return ReportFile(path, kind, content, before, before != content)
    same = before is not None and exports.canonical_json(before) == exports.canonical(data)
    return ReportFile(path, kind, exports.to_json(data), before, not same)


def _read(path: Path) -> str | None:
    if not path.parent.is_dir():
        raise errors.NotFoundError(f"the folder {path.parent} of the report does not exist", "Make the folder first")
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise errors.StorageError(f"{path} cannot be read: {error.strerror}") from error


def _digest(data: ReportData, title: str) -> str:
    """Return what a page says, whenever it is made, as a digest; another look of it is another one, too."""
    parts = (template.PAGE, style.SHEET, title, exports.canonical(data))
    return hashlib.sha256(_encoded("\0".join(parts))).hexdigest()


def _encoded(text: str) -> bytes:
    """What is no character must not keep a report from being written."""
    return text.encode("utf-8", "backslashreplace")


def _digest_of(content: str) -> str:
    found = _DIGEST.search(content)
    return f"{found[1]}" if found else ""


def write(file: ReportFile, mode: int) -> None:
    """Put a file in its place in one step, with ``mode``. Raise StorageError if that fails.

    Also where it says nothing new: the moment in it tells that somebody has looked.
    """
    storage.write_partial(file.path, _encoded(file.content), mode)
    storage.settle(file.path)
    storage.sync_folder(file.path.parent)
