# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the module, and what it makes of them."""

from __future__ import annotations

import json
import os
import socket
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.modules import backup_retention

from tests.integration.retained import all_files, write_accounts, write_backup

NOW = datetime.now().astimezone().replace(microsecond=0)
SIMPLE = {"strategy": "simple", "daily_keep": 2}
HERE = socket.gethostname()
Result = dict[str, Any]


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A store with four backups of a database of this host, one of another database, two of another host."""
    base = tmp_path / "store"
    for days in range(4):
        saved = write_accounts(base, ago(days + 0.1), hostname=HERE)
        write_backup(base, ago(days), hostname=HERE, accounts=saved.paths.data.name)
    write_backup(base, ago(9), hostname=HERE, database="crm")
    for days in range(2):
        write_backup(base, ago(days), hostname="gone")
    return base


@pytest.fixture
def config(filled: Path, tmp_path: Path) -> Path:
    content = {
        "databases": [{"id": "a", "type": "postgresql", "host": "127.0.0.1", "port": 5432}],
        "storage": {"base_path": str(filled)},
        "retention": {"strategy": "simple", "daily_keep": 3},
        "logging": {"output": "file", "file_path": str(tmp_path / "app.log")},
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def run(capsys: pytest.CaptureFixture[str], **options: Any) -> Result:
    with patch_module_args(options), pytest.raises(SystemExit):
        backup_retention.main()
    return dict(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize(
    ("options", "kept", "removed"),
    [
        ({"database": "shop", "daily_keep": 1}, 2, 6),
        ({"database_id": "a", "database": "crm"}, 5, 0),
        ({"hostname": "gone", "daily_keep": 1}, 1, 1),
        ({"daily_keep": 1, "min_keep": 3}, 7, 2),
        ({"strategy": "gfs", "daily_keep": 1, "weekly_keep": 1, "monthly_keep": 1, "database": "shop"}, 2, 6),
    ],
)
def test_options_narrow_the_cleanup_and_make_the_policy(
    capsys: pytest.CaptureFixture[str], filled: Path, options: Result, kept: int, removed: int
) -> None:
    result = run(capsys, base_path=str(filled), **{**SIMPLE, **options})
    assert (result["summary"]["kept"], result["summary"]["removed"]) == (kept, removed)
    assert result["changed"] is (removed > 0)


@pytest.mark.parametrize(("options", "removed"), [({}, 2), ({"daily_keep": 1}, 6)])
def test_the_configuration_has_the_storage_and_the_policy_and_options_win(
    capsys: pytest.CaptureFixture[str], config: Path, options: Result, removed: int
) -> None:
    result = run(capsys, config=str(config), database="shop", **options)
    assert result["summary"]["removed"] == removed


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ({"daily_keep": 0}, "config_error", "the policy of the task is not valid: daily_keep"),
        ({"min_verified": -1}, "config_error", "the policy of the task is not valid: min_verified"),
        ({"database": "shpo"}, "file_not_found", "no artifact of database shpo is below"),
        ({"hostname": "nobody", "database_id": "a"}, "file_not_found", "no artifact of hostname nobody, database_id a"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    capsys: pytest.CaptureFixture[str], filled: Path, options: Result, code: str, message: str
) -> None:
    before = all_files(filled)
    result = run(capsys, base_path=str(filled), **options)
    assert (result["failed"], result["error_code"]) == (True, code)
    assert result["msg"].startswith(message)
    assert all_files(filled) == before


def test_a_clock_before_the_newest_backup_is_refused(capsys: pytest.CaptureFixture[str], filled: Path) -> None:
    future = write_backup(filled, ago(-1), hostname=HERE)
    result = run(capsys, base_path=str(filled), **SIMPLE)
    assert result["error_code"] == "validation_error"
    assert result["msg"].startswith(f"{future.data} is from ")
    assert len(catalog.list_artifacts(filled).artifacts) == 8


def test_a_hold_is_shown_and_a_removal_that_had_begun_is_finished(
    capsys: pytest.CaptureFixture[str], filled: Path
) -> None:
    artifacts = catalog.list_artifacts(filled, catalog.Filters(hostname=HERE, database="shop")).artifacts
    newest, *_others, held, dead = artifacts
    held.paths.hold.write_text("until the audit is closed\n", encoding="utf-8")
    os.rename(dead.paths.metadata, dead.paths.tombstone)
    result = run(capsys, base_path=str(filled), strategy="simple", daily_keep=1, database="shop")
    assert result["resumed"] == [f"finished the removal that {dead.paths.tombstone} tells of"]
    reasons = {one["backup_file"]: one["reasons"] for one in result["results"]}
    assert reasons[str(held.data)] == ["held: until the audit is closed"]
    assert reasons[str(newest.data)] == ["newest good backup", "number 1 of the last 1"]
    assert (held.data.exists(), dead.data.exists()) == (True, False)


def test_one_that_cannot_be_removed_fails_the_task_with_all_results(
    capsys: pytest.CaptureFixture[str], filled: Path
) -> None:
    *_others, stuck = catalog.list_artifacts(filled, catalog.Filters(hostname=HERE, database="shop")).artifacts
    stuck.paths.tombstone.mkdir()
    result = run(capsys, base_path=str(filled), strategy="simple", daily_keep=1)
    assert (result["failed"], result["error_code"], result["changed"]) == (True, "partial_failure", True)
    assert [one["error_code"] for one in result["results"] if one["error_code"]] == ["storage_error"]


def test_a_storage_that_does_not_exist_is_a_warning_and_not_made(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # Where plugins of the controller have been imported, a warning is displayed and not in the result.
    with patch.object(AnsibleModule, "warn") as warn:
        result = run(capsys, base_path=str(tmp_path / "nowhere"))
    assert result["changed"] is False
    assert ["does not exist, so there is nothing to keep" in call.args[0] for call in warn.call_args_list] == [True]
    assert list(tmp_path.iterdir()) == []
