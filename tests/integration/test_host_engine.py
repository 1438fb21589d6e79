# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine on a host is the one that the modules carry, file by file, and changes in one step."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils import _engine

from tests.integration.ansible import Result, run_module

ENGINE = Path(_engine.__path__[0])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path.joinpath("engine", "backupdb")


def install(path: Path, check: bool = False, **options: str) -> Result:
    result = run_module("host_engine", {"path": str(path), **options}, check=check, diff=True)
    assert result.rc == 0, result.stdout
    return result


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*.py")}


def test_every_file_of_the_engine_is_installed_and_a_second_run_changes_nothing(path: Path) -> None:
    assert install(path).result["changed"] is True
    assert files_of(path) == files_of(ENGINE)
    assert {os.stat(file).st_mode & 0o777 for file in path.rglob("*.py")} == {0o644}
    again = install(path)
    assert again.result["changed"] is False
    assert len(again.result["digest"]) == 64


def test_the_installed_engine_is_a_program(path: Path) -> None:
    install(path)
    done = subprocess.run(
        [sys.executable, "-m", f"{path.name}.program", "--help"],
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "restore" in done.stdout


def test_another_version_gives_way_whole(path: Path) -> None:
    install(path)
    other = path.joinpath("errors.py")
    other.write_text("broken = True\n", encoding="utf-8")
    path.joinpath("of_an_older_version.py").write_text("", encoding="utf-8")
    left_by_a_dead_run = path.with_name(f".{path.name}-0123456789ab.abcd")
    left_by_a_dead_run.mkdir()
    result = install(path)
    assert result.result["changed"] is True
    assert "of_an_older_version.py" in result.stdout
    assert files_of(path) == files_of(ENGINE)
    assert len(list(path.parent.iterdir())) == 2


def test_a_plain_folder_of_that_name_gives_way_too(path: Path) -> None:
    path.mkdir(parents=True)
    path.joinpath("old.py").write_text("", encoding="utf-8")
    install(path)
    assert path.is_symlink()
    assert files_of(path) == files_of(ENGINE)


def test_check_mode_changes_nothing(path: Path) -> None:
    assert install(path, check=True).result["changed"] is True
    assert not path.parent.exists()


def test_it_is_removed(path: Path) -> None:
    install(path)
    assert install(path, state="absent").result["changed"] is True
    assert list(path.parent.iterdir()) == []
    assert install(path, state="absent").result["changed"] is False


def test_a_place_that_cannot_be_written_is_named(path: Path) -> None:
    path.parent.write_text("a file in the way", encoding="utf-8")
    result = run_module("host_engine", {"path": str(path)})
    assert result.rc != 0
    assert result.result["error_code"] == "storage_error"
    assert str(path) in result.result["msg"]
