# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that tells on the host how far a task has come."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils import _progress
from ansible_collections.vya.backupdb.plugins.module_utils._engine import progress

PATIENCE_SECONDS = 30
MEBIBYTE = 1024 * 1024


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "progress.json"
    monkeypatch.setenv(_progress.VARIABLE, str(path))
    monkeypatch.setattr(_progress, "INTERVAL_SECONDS", 0.01)
    return path


def content(file: Path, beats: int = 2) -> dict[str, Any]:
    """Return what is in the file after it has been written so many times more."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    first = None
    while time.monotonic() < deadline:
        if file.exists():
            found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            first = found["beat"] if first is None else first
            if found["beat"] >= first + beats:
                return found
        time.sleep(0.005)
    raise AssertionError("the file is not written")


def test_the_file_has_what_is_under_way_and_what_has_ended(file: Path) -> None:
    with _progress.told(), progress.measured("dump", "server", "shop", 4 * MEBIBYTE) as meter:
        with progress.measured("dump", "server", "done before"):
            pass
        with pytest.raises(OSError, match="no more"), progress.measured("dump", "server", "failed before"):
            raise OSError("no more")
        meter.advance(3 * MEBIBYTE)
        found = content(file)
    assert (found["done"], found["failed"]) == (1, 1)
    (under_way,) = found["under_way"]
    assert under_way.pop("seconds") >= 0
    assert under_way == {
        "database_id": "server",
        "database": "shop",
        "raw_bytes": 3 * MEBIBYTE,
        "expected_bytes": 4 * MEBIBYTE,
    }


def test_time_counts_from_the_beginning_of_a_dump() -> None:
    now = 100.0
    board = _progress.Board(lambda: now)
    board.see(progress.Event("begun", "dump", "server", "shop"))
    now = 107.5
    board.see(progress.Event("bytes", "dump", "server", "shop", raw_bytes=5))
    now = 109.0
    assert board.as_dict()["under_way"][0]["seconds"] == 9.0


def test_only_the_owner_may_read_the_file(file: Path) -> None:
    with _progress.told():
        content(file)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_nothing_is_left_of_the_file_whatever_happens(file: Path) -> None:
    def fail() -> None:
        with _progress.told():
            content(file)
            raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        fail()
    assert list(file.parent.iterdir()) == []
    assert not progress.is_observed()


def test_a_folder_that_cannot_be_written_to_is_no_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(_progress.VARIABLE, str(tmp_path / "missing" / "file"))
    with _progress.told(), progress.measured("dump", "server", "shop"):
        assert progress.is_observed()
    assert list(tmp_path.iterdir()) == []


def test_without_the_variable_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(_progress.VARIABLE, raising=False)
    with _progress.told():
        assert not progress.is_observed()
