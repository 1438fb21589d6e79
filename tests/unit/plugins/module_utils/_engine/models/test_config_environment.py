# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment on top of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models._pydantic import PydanticError, problems_of
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import AppConfig

GIVEN: dict[str, Any] = {"databases": [], "storage": {"compression_level": 1, "checksum_algorithm": "md5"}}


def test_the_environment_wins_over_what_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VYA_BACKUPDB_ENVIRONMENT", "dev")
    monkeypatch.setenv("VYA_BACKUPDB_STORAGE__COMPRESSION_LEVEL", "9")
    monkeypatch.setenv("VYA_BACKUPDB_STORAGE__BASE_PATH", "/srv")
    monkeypatch.setenv("VYA_BACKUPDB_RETENTION__CLEANUP_ENABLED", "false")
    monkeypatch.setenv("VYA_BACKUPDB_LOGGING", '{"level": "ERROR"}')
    config = AppConfig(**GIVEN)
    assert config.environment == "dev"
    assert (config.storage.compression_level, config.storage.base_path) == (9, Path("/srv"))
    assert config.storage.checksum_algorithm == "md5"
    assert config.retention.cleanup_enabled is False
    assert config.logging.level == "ERROR"


def test_the_environment_can_hold_the_databases_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VYA_BACKUPDB_DATABASES", '[{"id": "a", "type": "mysql", "host": "h", "port": 1}]')
    assert [entry.id for entry in AppConfig().databases] == ["a"]


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("VYA_BACKUPDB_STORAGE__COMPRESSION_LEVEL", "fast", "storage.compression_level"),
        ("VYA_BACKUPDB_STORAGE__COMPRESSION_LEVEL", "10", "storage.compression_level"),
        ("VYA_BACKUPDB_STORAGE__BASE", "/srv", "storage.base"),
        ("VYA_BACKUPDB_RETENTON__DAILY_KEEP", "30", "retenton"),
        ("VYA_BACKUPDB_LOGGING", '{"level": "TRACE"}', "logging.level"),
    ],
)
def test_the_environment_is_held_to_the_same_rules(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, path: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(PydanticError) as caught:
        AppConfig(databases=[])
    assert [problem["path"] for problem in problems_of(caught.value)] == [path]


def test_names_without_the_prefix_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "dev")
    monkeypatch.setenv("STORAGE__BASE_PATH", "/srv")
    config = AppConfig(databases=[])
    assert (config.environment, config.storage.base_path) == ("production", Path("/var/backups/vya_backupdb"))


def test_a_dot_env_file_is_not_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("VYA_BACKUPDB_ENVIRONMENT=dev\n")
    monkeypatch.chdir(tmp_path)
    assert AppConfig(databases=[]).environment == "production"
