# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module backup_verify: checked, run, run again, and what it says of a bad backup."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ansible import Result, run_module
from tests.integration.drills import flip_bit, tamper, work_folder
from tests.integration.scenes import PEOPLE, Scene, assert_failed, files_of, write_config


@pytest.fixture
def work_path() -> Iterator[Path]:
    with work_folder() as folder:
        yield folder


def run(scene: Scene, *, check: bool = False, **options: Any) -> Result:
    """Run the module on the scene's storage."""
    return run_module("backup_verify", {"base_path": str(scene.store), **options}, check=check)


@pytest.mark.slow
def test_a_backup_is_planned_proven_and_shown_as_proven(scene: Scene, work_path: Path) -> None:
    before, databases = files_of(scene.store), scene.server.databases()
    data = str(scene.artifact.paths.data)
    checked = run(scene, check=True, work_path=str(work_path))
    assert checked.rc == 0, checked.stdout
    assert checked.result["changed"] is True
    assert [planned["backup_file"] for planned in checked.result["plan"]] == [data]
    assert files_of(scene.store) == before

    done = run(scene, work_path=str(work_path), jobs=2)
    assert done.rc == 0, done.stdout
    assert done.result["changed"] is True
    assert done.result["summary"] == {"total": 1, "successful": 1, "failed": 0, "left_out": 0}
    (result,) = done.result["results"]
    assert (result["level"], result["recorded"], result["backup_file"]) == ("restore", True, data)
    assert scene.server.databases() == databases

    weaker = run(scene, level="checksum")
    assert weaker.rc == 0, weaker.stdout
    assert weaker.result["changed"] is False
    nothing = run(scene, select="unverified", count=5)
    assert nothing.rc == 0, nothing.stdout
    assert nothing.result["results"] == []


@pytest.mark.slow
@pytest.mark.parametrize("how", ["login", "config"])
def test_a_backup_is_proven_on_its_own_server(scene: Scene, tmp_path: Path, how: str) -> None:
    databases = scene.server.databases()
    if how == "login":
        done = run(scene, server="same", **scene.server.login_options())
    else:
        config = write_config(scene.server, tmp_path, scene.store)
        done = run_module("backup_verify", {"config": str(config), "server": "same", "time_budget": "1h"})
    assert done.rc == 0, done.stdout
    assert done.result["results"][0]["evidence"]["restore"]["rows_compared"] == PEOPLE
    assert scene.server.admin_password not in done.stdout
    assert scene.server.databases() == databases


@pytest.mark.slow
def test_a_bad_backup_fails_the_task_with_its_name_and_its_table(scene: Scene) -> None:
    artifact = tamper(scene.artifact, lambda text: text.replace(b" 17", b" xy", 1).replace(b"CREATE VIEW", b"-- "))
    options = {**scene.server.login_options(), "server": "same"}
    failed = run(scene, backup_files=[str(artifact.paths.data)], **options)
    assert_failed(failed, "validation_error")
    assert failed.result["changed"] is True
    assert artifact.paths.data.name in failed.result["msg"]


def test_one_bad_backup_of_two_is_a_partial_failure(scene: Scene) -> None:
    bad = scene.artifact
    assert scene.back_up().rc == 0
    flip_bit(bad)
    files = [str(bad.paths.data), str(scene.artifact.paths.data)]
    failed = run(scene, level="structure", backup_files=files)
    assert_failed(failed, "partial_failure")
    assert [each["success"] for each in failed.result["results"]] == [False, True]
    assert "1 of 2 verifications failed" in failed.result["msg"]


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"database": "nothing"}, "file_not_found"),
        ({"time_budget": "soon"}, "config_error"),
        ({"server": "same"}, "config_error"),
        ({"target_id": "other"}, "config_error"),
        ({"select": "list"}, "config_error"),
        ({"server_path": "/nowhere"}, "config_error"),
    ],
)
def test_what_cannot_be_done_is_told_and_nothing_is_written(scene: Scene, options: dict[str, Any], code: str) -> None:
    before = files_of(scene.store)
    assert_failed(run(scene, **options), code)
    audit = {name for name in files_of(scene.store) if name.startswith(".audit")}
    assert {name: digest for name, digest in files_of(scene.store).items() if name not in audit} == before
