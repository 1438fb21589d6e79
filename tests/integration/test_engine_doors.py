# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine has two doors: a task, and its own folder as a program. Both give the same artifacts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog

from tests.integration.ansible import run_module
from tests.integration.commands import Host, run_program
from tests.integration.conftest import Zoos
from tests.integration.likeness import CHANGING_KEYS, metadata_of, text_of, unchanging
from tests.integration.scenes import DATABASE_ID, write_config

ZOO = "plain_zoo"


@pytest.fixture
def host(zoos: Zoos, installed: Path, store: Path, tmp_path: Path) -> Host:
    return Host(installed, write_config(zoos.server, tmp_path, store), store)


def test_the_program_explains_itself_without_ansible(installed: Path) -> None:
    done = run_program(installed, "--help")
    assert done.returncode == 0, done.stderr
    assert {"backup", "list", "restore"} <= set(done.stdout.split())
    probe = subprocess.run([sys.executable, "-c", "import ansible"], cwd=installed, capture_output=True, check=False)
    assert b"Ansible is not here" in probe.stderr


def test_a_task_and_the_program_give_the_same_artifacts_results_and_audit_rows(zoos: Zoos, host: Host) -> None:
    host.change(retention={"strategy": "simple", "daily_keep": 1})
    options = {"config": str(host.config), "databases": [ZOO]}
    by_task = run_module("db_backup", options).result
    first = catalog.find_latest(host.store, database_id=DATABASE_ID, database=ZOO)
    by_program = host.json("backup", "--database", ZOO)
    second = catalog.find_latest(host.store, database_id=DATABASE_ID, database=ZOO)
    assert second.paths.data != first.paths.data

    assert unchanging(by_program) == {**unchanging(by_task), "failed": False}
    removed = [one["backup_file"] for one in by_program["removals"]]
    assert (by_task["removals"], removed) == ([], [str(first.paths.data)])
    assert unchanging(metadata_of(second)) == unchanging(metadata_of(zoos.artifact(ZOO)))
    assert text_of(second) == text_of(zoos.artifact(ZOO))
    backups = [row for row in host.audited() if row["operation"] == "backup"]
    assert [unchanging(row) for row in backups] == [unchanging(backups[0])] * 2


def test_a_task_and_the_program_restore_alike(zoos: Zoos, host: Host, new_database: Callable[[], str]) -> None:
    assert host.run("backup", "--database", ZOO).returncode == 0
    options = {"config": str(host.config), "database_id": DATABASE_ID, "database": ZOO, "latest": True}
    target = new_database()
    by_task = run_module("db_restore", {**options, "target_database": target}).result
    zoos.server.drop_database(target)
    restoring = ("restore", "--database-id", DATABASE_ID, "--database", ZOO)
    by_program = host.json(*restoring, "--target-database", target, "--jobs", "2")

    assert unchanging(by_program, "seconds", "loaded") == {**unchanging(by_task, "seconds", "loaded"), "failed": False}
    assert zoos.server.whole_dump(target, create=True).replace(target, ZOO) == zoos.dumps[ZOO]
    restores = [row for row in host.audited() if row["operation"] == "restore"]
    assert [row["status"] for row in restores] == ["success", "success"]
    assert {key for key in restores[0] if restores[0][key] != restores[1][key]} <= {*CHANGING_KEYS, "details"}

    by_task = run_module("db_restore", options).result
    done = host.run(*restoring, "--json")
    assert done.returncode == 8
    by_program = json.loads(done.stdout)
    assert by_program["error_code"] == "validation_error"
    assert by_program == {key: by_task[key] for key in by_program}
