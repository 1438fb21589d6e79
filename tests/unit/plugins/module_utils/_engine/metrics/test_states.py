# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the metrics are told of the artifacts and of the storage."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.store import Store
from ansible_collections.vya.backupdb.plugins.module_utils._engine.metrics import textfile
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import (
    AppConfig,
    DatabaseConfig,
    FileConfig,
    MetricsConfig,
    StorageConfig,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.verification import Level, Verification

from tests.integration.artifacts import DATA, write_artifact

NOW = datetime(2026, 1, 9, 2, 0, tzinfo=timezone(timedelta(hours=1)))
DAY = timedelta(days=1)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def config_of(base: Path, textfile_path: Path | None = None, **changes: Any) -> AppConfig:
    instance = {"id": "prod", "type": "postgresql", "host": "127.0.0.1", "port": 5432, **changes}
    return FileConfig(
        databases=[DatabaseConfig(**instance)],
        storage=StorageConfig(base_path=base),
        metrics=MetricsConfig(textfile_path=textfile_path),
    )


def store_of(base: Path) -> Store:
    return Store(StorageConfig(base_path=base), "here", lambda: NOW)


def artifact(base: Path, days_ago: int, **changes: Any) -> Path:
    facts = {"hostname": "here", "database_id": "prod", "database": "shop", "moment": NOW - days_ago * DAY, **changes}
    return write_artifact(base, **facts)


def verify(metadata: Path, level: Level, days_ago: int, *, passed: bool = True) -> None:
    found = catalog.load_artifact(metadata)
    result = Verification(
        level=level,
        passed=passed,
        verified_at=NOW - days_ago * DAY,
        checksum=found.metadata.file_info.checksum,
        error_message=None if passed else "it is damaged",
    )
    found.paths.verification.write_text(result.to_json(), encoding="utf-8")


def test_the_newest_good_artifact_counts_and_all_good_ones_are_added_up(base: Path) -> None:
    for days_ago in (3, 2, 1):
        artifact(base, days_ago)
    artifact(base, 0, status="partial")
    (shop,) = textfile.state_of(store_of(base), config_of(base)).databases
    assert (shop.database_type, shop.database_id, shop.database) == ("postgresql", "prod", "shop")
    assert shop.last_success == NOW - DAY
    assert shop.size_bytes == len(DATA)
    assert shop.artifacts == 3
    assert shop.artifacts_bytes == 3 * len(DATA)


def test_a_level_of_proof_includes_those_below_it(base: Path) -> None:
    verify(artifact(base, 9), "restore", 8)
    verify(artifact(base, 5), "structure", 4)
    artifact(base, 1)
    (shop,) = textfile.state_of(store_of(base), config_of(base)).databases
    assert shop.verified == {"checksum": NOW - 4 * DAY, "structure": NOW - 4 * DAY, "restore": NOW - 8 * DAY}


def test_a_drill_that_failed_proves_nothing(base: Path) -> None:
    verify(artifact(base, 1), "restore", 0, passed=False)
    (shop,) = textfile.state_of(store_of(base), config_of(base)).databases
    assert shop.verified == {}


@pytest.mark.parametrize("changes", [{"enabled": False}, {"id": "other"}, {"exclude_databases": ["sh*"]}])
def test_what_the_configuration_does_not_back_up_is_left_out(base: Path, changes: dict[str, Any]) -> None:
    artifact(base, 1)
    assert textfile.state_of(store_of(base), config_of(base, **changes)).databases == []


def test_artifacts_of_another_host_are_left_out_but_take_room(base: Path) -> None:
    artifact(base, 1, hostname="there")
    state = textfile.state_of(store_of(base), config_of(base))
    assert state.databases == []
    assert state.storage.artifacts_bytes == len(DATA)


def test_a_storage_that_is_not_there_yet_is_that_of_the_folder_above(base: Path) -> None:
    storage = textfile.state_of(store_of(base), config_of(base)).storage
    assert storage.path == base
    assert storage.artifacts_bytes == 0
    assert storage.size_bytes >= storage.used_bytes + storage.free_bytes > 0


def test_a_run_records_its_metrics_where_the_configuration_says(base: Path, tmp_path: Path) -> None:
    artifact(base, 1)
    path = tmp_path / "backupdb.prom"
    assert textfile.record(config_of(base, path), [], store_of(base)) == []
    assert 'backupdb_artifacts{database="shop",database_id="prod",database_type="postgresql"} 1.0' in path.read_text(
        encoding="utf-8"
    )


def test_a_storage_that_cannot_be_read_is_a_warning(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "backupdb.prom"
    monkeypatch.setattr("shutil.disk_usage", refuse)
    assert textfile.record(config_of(base, path), [], store_of(base)) == [
        f"the metrics were not written: {base} cannot be read: Permission denied"
    ]
    assert not path.exists()


def test_without_a_path_the_storage_is_not_even_looked_at(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textfile, "state_of", None)
    assert textfile.record(config_of(base), [], store_of(base)) == []
