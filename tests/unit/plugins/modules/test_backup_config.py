# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration is written when it is valid, in one step, and no diff shows an address."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.vya.backupdb.plugins.module_utils import _config_file
from ansible_collections.vya.backupdb.plugins.module_utils._engine import configuration, version
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import (
    AppConfig,
    AuditConfig,
    NotificationsConfig,
)
from ansible_collections.vya.backupdb.plugins.modules import backup_config

Result = dict[str, Any]
SERVER = {"id": "prod-01", "type": "postgresql", "host": "127.0.0.1", "port": 5432}
SECRETS: dict[str, dict[str, Any]] = {
    "audit": {"url": "postgresql://audit:canary-audit@db01/audit"},
    "notifications": {
        "success": ["slack://canary-success"],
        "failure": ["mailto://canary-failure@example.org", "slack://canary-two"],
        "ping_url": "https://ping.example.org/canary-ping",
        "ping_failure_url": "https://ping.example.org/canary-fail",
    },
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def run(capsys: pytest.CaptureFixture[str], path: Path, **options: Any) -> Result:
    with patch_module_args({"path": str(path), "databases": [SERVER], **options}), pytest.raises(SystemExit):
        backup_config.main()
    output = capsys.readouterr().out
    assert "canary-" not in output
    return dict(json.loads(output))


def test_what_is_written_is_what_the_engine_reads(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    result = run(capsys, path, storage={"base_path": "/srv/ü backups"}, retention={"daily_keep": 14}, **SECRETS)
    assert (result["changed"], result["database_ids"], result["enabled_ids"]) == (True, ["prod-01"], ["prod-01"])
    config = configuration.load_config(path, environ=False)
    assert config.version == version.CONFIG_VERSION
    assert str(config.storage.base_path) == "/srv/ü backups"
    assert (config.retention.daily_keep, config.retention.weekly_keep) == (14, 4)
    assert config.audit.url == SECRETS["audit"]["url"]
    assert config.notifications.failure == SECRETS["notifications"]["failure"]
    assert result["folders"] == {"storage": "/srv/ü backups", "logs": "/var/log/vya_backupdb", "metrics": ""}


def test_what_was_not_said_is_not_in_the_file(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    run(capsys, path, retention={}, audit={}, notifications={"timeout": 5})
    text = path.read_text(encoding="utf-8")
    assert text.startswith(_config_file.HEADING)
    assert set(configuration.parse_yaml(text.encode(), "it")) == {
        "version",
        "environment",
        "databases",
        "notifications",
    }


def test_a_second_run_changes_nothing_and_others_may_not_read(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    run(capsys, path)
    before = path.stat()
    assert stat.S_IMODE(before.st_mode) == 0o640
    assert run(capsys, path)["changed"] is False
    assert path.stat().st_ino == before.st_ino
    path.chmod(0o644)
    assert run(capsys, path)["changed"] is True
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_all_that_is_wrong_is_told_at_once_and_the_old_file_stays(
    capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    run(capsys, path)
    before = path.read_bytes()
    result = run(
        capsys,
        path,
        databases=[{**SERVER, "port": 70000}, {**SERVER, "type": "oracle"}],
        retention={"dayly_keep": 7},
        notifications={"failure": ["canary-address"]},
    )
    assert (result["failed"], result["error_code"]) == (True, "config_error")
    assert {problem["path"] for problem in result["errors"]} == {
        "databases.0.port",
        "databases.1.type",
        "databases.1.id",
        "retention.dayly_keep",
        "notifications.failure.0",
    }
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_check_mode_tells_the_change_and_writes_nothing(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    assert run(capsys, path, _ansible_check_mode=True)["changed"] is True
    assert not path.exists()


def test_the_diff_shows_what_changed_and_that_an_address_is_new(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    run(capsys, path, retention={"daily_keep": 7}, **SECRETS)
    newer = {**SECRETS, "audit": {"url": "postgresql://audit:canary-other@db01/audit"}}
    diff = run(capsys, path, retention={"daily_keep": 9}, _ansible_diff=True, **newer)["diff"]
    before, after = diff["before"].splitlines(), diff["after"].splitlines()
    assert [(old, new) for old, new in zip(before, after, strict=True) if old != new] == [
        ("  daily_keep: 7", "  daily_keep: 9"),
        ("  url: postgresql://********", "  url: postgresql://******** (new)"),
    ]
    assert len(before) == len(after)


def test_a_file_that_is_no_configuration_is_replaced_and_not_shown(
    capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    path.write_text("canary-: [", encoding="utf-8")
    result = run(capsys, path, _ansible_diff=True)
    assert result["changed"] is True
    assert result["diff"]["before"] == "what is no YAML mapping\n"
    assert configuration.load_config(path, environ=False).databases[0].id == "prod-01"


def test_a_folder_that_is_not_there_is_an_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    result = run(capsys, tmp_path / "missing" / "config.yaml")
    assert (result["failed"], result["error_code"]) == (True, "storage_error")


def test_the_options_are_the_sections_of_the_model_and_their_fields() -> None:
    own = {"application_name", "version", "environment", "databases"}
    assert set(backup_config.SECTIONS) == set(AppConfig.model_fields) - own
    assert set(backup_config.AUDIT) == set(AuditConfig.model_fields)
    assert set(backup_config.NOTIFICATIONS) == set(NotificationsConfig.model_fields)


def test_whatever_the_diff_masks_is_no_secret_of_the_log_either() -> None:
    specs = {"audit": backup_config.AUDIT, "notifications": backup_config.NOTIFICATIONS}
    hidden = {
        (section, name)
        for section, options in specs.items()
        for name, option in options.items()
        if option.get("no_log")  # type: ignore[attr-defined]
    }
    assert hidden == set(_config_file.ADDRESSES)
