# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a report: whole, of their mode, and changed only where they say something new."""

from __future__ import annotations

import json
import stat
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.report import files, gathering, template
from ansible_collections.vya.backupdb.plugins.module_utils._engine.report.data import Expectations, ReportData

from tests.unit.reports import NOW, artifact, sources

FORMATS: tuple[files.Format, ...] = ("html", "csv", "json")


def gathered(*artifacts: Any, now: datetime = NOW) -> ReportData:
    return gathering.gather(sources(*artifacts or [artifact()]), Expectations(), now)


def write(folder: Path, data: ReportData, title: str = "Backups") -> list[bool]:
    """Write all files; return whether each has changed, in the order of the formats."""
    planned = files.plan(data, title, {kind: folder / f"report.{kind}" for kind in FORMATS})
    for each in planned:
        files.write(each, 0o640)
    return [each.changed for each in planned]


def test_a_later_report_that_says_the_same_is_written_and_is_no_change(tmp_path: Path) -> None:
    assert write(tmp_path, gathered()) == [True, True, True]
    assert write(tmp_path, gathered(now=NOW + timedelta(minutes=5))) == [False, False, False]
    assert "2026-01-09T08:05:00+01:00" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "report.json").read_bytes())["generated_at"] == "2026-01-09T08:05:00+01:00"


def test_a_backup_more_is_a_change_of_all_files(tmp_path: Path) -> None:
    write(tmp_path, gathered())
    assert write(tmp_path, gathered(artifact(), artifact(hours_ago=1))) == [True, True, True]


def test_a_backup_that_has_become_stale_is_a_change(tmp_path: Path) -> None:
    write(tmp_path, gathered())
    assert write(tmp_path, gathered(now=NOW + timedelta(hours=21))) == [True, True, True]


def test_another_title_and_another_look_are_changes_of_the_page_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, gathered())
    assert write(tmp_path, gathered(), "Others") == [True, False, False]
    monkeypatch.setattr(template, "PAGE", template.PAGE + "<!-- new -->")
    assert write(tmp_path, gathered(), "Others") == [True, False, False]


@pytest.mark.parametrize("content", ["", "[]", "not a report", '{"generated_at": 1}'])
def test_whatever_was_there_is_replaced(tmp_path: Path, content: str) -> None:
    for kind in FORMATS:
        (tmp_path / f"report.{kind}").write_text(content, encoding="utf-8")
    assert write(tmp_path, gathered()) == [True, True, True]
    assert write(tmp_path, gathered()) == [False, False, False]


def test_files_have_their_mode_and_nothing_else_is_left(tmp_path: Path) -> None:
    write(tmp_path, gathered())
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {
        f"report.{kind}": 0o640 for kind in FORMATS
    }


def test_the_difference_shows_the_table_and_of_the_page_that_it_is_another(tmp_path: Path) -> None:
    paths: dict[files.Format, Path] = {kind: tmp_path / f"report.{kind}" for kind in FORMATS}
    diff = files.diff(files.plan(gathered(), "Backups", paths))
    assert diff["before"] == "".join(f"# {path}\n\n" for path in paths.values())
    assert "<html" not in diff["after"]
    assert "database_name" in diff["after"]
    write(tmp_path, gathered())
    assert files.diff(files.plan(gathered(), "Backups", paths)) == {"before": "", "after": ""}


def test_a_missing_folder_and_one_path_for_two_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.NotFoundError, match="does not exist"):
        files.plan(gathered(), "Backups", {"html": tmp_path / "missing" / "report.html"})
    with pytest.raises(errors.ConfigError, match="same path"):
        files.plan(gathered(), "Backups", {"html": tmp_path / "report", "csv": tmp_path / "report"})


def test_a_folder_in_the_place_of_a_file_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(errors.StorageError, match="cannot be read"):
        files.plan(gathered(), "Backups", {"csv": tmp_path})
