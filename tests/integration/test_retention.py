# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup_retention and its playbook as a person runs them."""

from __future__ import annotations

import socket
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog

from tests.integration.ansible import REPOSITORY, Result, run_module
from tests.integration.hosts import Host
from tests.integration.retained import all_files, write_accounts, write_backup

NOW = datetime.now().astimezone().replace(microsecond=0)
SIMPLE = {"strategy": "simple", "daily_keep": 2}
HERE = socket.gethostname()


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


@pytest.fixture
def filled(store: Path) -> Path:
    """A store with four backups of a database of this host, one of another database, two of another host."""
    for days in range(4):
        saved = write_accounts(store, ago(days + 0.1), hostname=HERE)
        write_backup(store, ago(days), hostname=HERE, accounts=saved.paths.data.name)
    write_backup(store, ago(9), hostname=HERE, database="crm")
    for days in range(2):
        write_backup(store, ago(days), hostname="gone")
    return store


def clean_up(base_path: Path, **options: Any) -> Result:
    check, diff = options.pop("check", False), options.pop("diff", False)
    return run_module("backup_retention", {"base_path": str(base_path), **options}, check=check, diff=diff)


def fates(result: Result) -> list[tuple[str | None, bool, bool]]:
    return [(one["database_name"], one["keep"], one["removed"]) for one in result.result["results"]]


def test_check_mode_and_diff_list_every_artifact_with_its_reasons_and_change_nothing(filled: Path) -> None:
    before = all_files(filled)
    result = clean_up(filled, **SIMPLE, check=True, diff=True)
    assert result.rc == 0, result.stdout
    assert all_files(filled) == before
    assert not (filled / ".locks").exists()
    assert result.result["changed"] is True
    names = [one["backup_file"] for one in result.result["results"]]
    assert len(names) == 9
    lines = [line for line in result.stdout.splitlines() if line.startswith(("keep   ", "delete "))]
    assert [line.split()[1].rstrip(":") for line in lines] == names
    assert lines[1].endswith(".sql.gz: newest good backup, number 1 of the last 2")
    assert lines[4].endswith(".sql.gz: older than the last 2")
    assert lines[-1].startswith("delete ")
    assert lines[-1].endswith(": no backup of a database names it any more")
    assert result.result["summary"] == {
        "total": 9,
        "kept": 5,
        "removed": 4,
        "failed": 0,
        "freed_bytes": sum(Path(one).stat().st_size for one in names[3:5] + names[7:9]),
    }


def test_the_task_removes_what_was_shown_and_a_second_one_changes_nothing(filled: Path) -> None:
    shown = clean_up(filled, **SIMPLE, check=True)
    done = clean_up(filled, **SIMPLE)
    assert done.rc == 0, done.stdout
    assert done.result["changed"] is True
    assert [one["reasons"] for one in done.result["results"]] == [one["reasons"] for one in shown.result["results"]]
    assert fates(done) == [
        ("crm", True, False),
        ("shop", True, False),
        ("shop", True, False),
        ("shop", False, True),
        ("shop", False, True),
        (None, True, False),
        (None, True, False),
        (None, False, True),
        (None, False, True),
    ]
    assert "diff" not in done.result
    listed = catalog.list_artifacts(filled)
    assert (len(listed.artifacts), listed.problems) == (5, [])
    again = clean_up(filled, **SIMPLE)
    assert (again.result["changed"], again.result["summary"]["removed"], again.result["resumed"]) == (False, 0, [])


def test_the_playbook_shows_the_plan_removes_and_hands_the_results_on(filled: Path, tmp_path: Path) -> None:
    host = Host(tmp_path, ())
    host.config.write_text(
        yaml.safe_dump(
            {
                "databases": [{"id": "a", "type": "postgresql", "host": "127.0.0.1", "port": 5432}],
                "storage": {"base_path": str(filled)},
            }
        ),
        encoding="utf-8",
    )
    policy: dict[str, Any] = {
        "backupdb_retention_strategy": "simple",
        "backupdb_daily_keep": 2,
        "backupdb_min_verified": 0,
    }
    before = all_files(filled)
    planned = host.run("vya.backupdb.retention", "--check", **policy)
    assert planned.rc == 0, planned.stdout
    assert planned.stdout.count("keep    /") == 5
    assert planned.stdout.count("delete  /") == 4
    assert "5 of 9 backups would be kept, 4 removed (" in planned.stdout
    assert all_files(filled) == before

    done = host.run(str(REPOSITORY / "playbooks" / "retention.yml"), **policy)
    assert done.rc == 0, done.stdout
    assert done.stdout.count("deleted /") == 4
    assert "keep    /" not in done.stdout
    assert done.stats["backupdb_retention_summary"]["localhost"]["removed"] == 4
    assert len(done.stats["backupdb_retention_results"]["localhost"]) == 9


def test_the_playbook_tells_why_a_cleanup_failed(filled: Path, tmp_path: Path) -> None:
    host = Host(tmp_path, ())
    outcome = host.run("vya.backupdb.retention")
    assert outcome.rc != 0
    assert "FAILED  file_not_found, the configuration" in outcome.stdout
