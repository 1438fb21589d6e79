# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cleanups that are killed at any step, and two at once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import layout
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import accounts_catalog, catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.retention import pruning

from tests.integration.ansible import REPOSITORY
from tests.integration.retained import (
    LAST_ONE,
    NOON,
    all_files,
    all_folders,
    days_ago,
    store,
    write_accounts,
    write_backup,
    write_drill,
)

# Kills itself before the step of that number among those that change something on the disk.
CLEANUP = """
import json, os, signal, sys
from pathlib import Path
from ansible_collections.vya.backupdb.plugins.module_utils._engine.retention import pruning
from tests.integration.retained import LAST_ONE, store

base_path, step = Path(sys.argv[1]), int(sys.argv[2])
left = iter(range(step, -1, -1))

def killing(function):
    def call(*arguments, **options):
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return call

if step >= 0:
    for name in ("rename", "unlink", "rmdir", "fsync"):
        setattr(os, name, killing(getattr(os, name)))
print("ready", flush=True)
sys.stdin.readline()
cleanup = pruning.clean_up(store(base_path), LAST_ONE)
print(json.dumps({**cleanup.as_dict(), "warnings": cleanup.warnings}))
"""
# Of a database's artifact: rename, sync, data, checksum, verification, its draft, sync, tombstone, folder. Of accounts
# the same, except that there the folder is not empty.
STEPS = 18


def start(base_path: Path, step: int = -1) -> subprocess.Popen[str]:
    """Start a cleanup that waits for a line before it begins."""
    return subprocess.Popen(
        [sys.executable, "-c", CLEANUP, str(base_path), str(step)],
        cwd=REPOSITORY,
        env={"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / '.collections'}", "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any]]:
    """Return how a cleanup ended, and what it told."""
    told, _errors = process.communicate("\n", timeout=60)
    _ready, _newline, result = told.partition("\n")
    return process.returncode, json.loads(result) if result else {}


def filled(base_path: Path) -> set[str]:
    """Write what a cleanup removes a backup and accounts of; return the files that shall be left."""
    saved = write_accounts(base_path, days_ago(2.1))
    old = write_backup(base_path, days_ago(2), accounts=saved.paths.data.name)
    write_drill(old, level="checksum")
    before = all_files(base_path)
    newest = write_accounts(base_path, days_ago(0.1))
    write_backup(base_path, NOON, accounts=newest.paths.data.name)
    return all_files(base_path) - before


def test_a_cleanup_that_is_killed_before_any_step_leaves_all_or_nothing_and_is_finished(tmp_path: Path) -> None:
    """One test for all steps: how many there are is only known when a cleanup was not killed any more."""
    for step in range(STEPS + 2):
        base_path = tmp_path / str(step)
        expected = filled(base_path)
        before = all_files(base_path)
        code, result = finish(start(base_path, step))
        if code == 0:
            assert len(result["results"]) == 4
            break
        assert code == -signal.SIGKILL

        files = all_files(base_path)
        listings = catalog.list_artifacts(base_path), accounts_catalog.list_artifacts(base_path)
        assert [listing.problems for listing in listings] == [[], []]
        tombstones = {name for name in files if layout.is_tombstone(Path(name).name)}
        assert len(tombstones) <= 1
        for listing in listings:
            # Whatever is still listed is whole.
            assert len(listing.artifacts) in (1, 2)
            for artifact in listing.artifacts:
                assert artifact.paths.data.exists()
                assert artifact.paths.checksum.exists()
        if not tombstones:
            assert files == before or len(files) in (len(expected), len(expected) + 3)

        again = pruning.clean_up(store(base_path), LAST_ONE)
        assert (again.warnings, len(again.resumed)) == ([], len(tombstones))
        assert all_files(base_path) == expected
        assert "host/a/shop/2026-03-29" not in all_folders(base_path)
    assert step == STEPS


def test_two_cleanups_at_once_remove_everything_once(tmp_path: Path) -> None:
    for number in range(150):
        write_backup(tmp_path, days_ago(number))
    processes = [start(tmp_path) for _number in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    ended = [process.communicate(timeout=60)[0] for process in processes]
    results = [json.loads(told) for told in ended]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(result["summary"]["removed"] for result in results) == [0, 149]
    assert [(result["warnings"], result["resumed"], result["summary"]["failed"]) for result in results] == [
        ([], [], 0),
        ([], [], 0),
    ]
    assert [one.moment for one in catalog.list_artifacts(tmp_path).artifacts] == [NOON]


def test_a_dead_cleanup_holds_no_lock(tmp_path: Path) -> None:
    filled(tmp_path)
    process = start(tmp_path, 3)
    assert finish(process)[0] == -signal.SIGKILL
    assert pruning.clean_up(store(tmp_path), LAST_ONE).resumed != []


@pytest.mark.parametrize("name", ["shop", 'weird db-1 "ü"', "a/b", "x" * 300])
def test_a_removal_is_finished_whatever_the_database_is_called(tmp_path: Path, name: str) -> None:
    write_backup(tmp_path, NOON, database=name)
    write_backup(tmp_path, days_ago(2), database=name)
    expected = len(all_files(tmp_path)) // 2
    assert finish(start(tmp_path, 3))[0] == -signal.SIGKILL
    assert len(pruning.clean_up(store(tmp_path), LAST_ONE).resumed) == 1
    assert len(all_files(tmp_path)) == expected
