# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup_info tells what is in a storage, and what is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog

from tests.integration.ansible import run_module
from tests.integration.artifacts import write_artifact, write_many
from tests.integration.scenes import Scene, write_config

ZONE = timezone(timedelta(hours=1))


@pytest.fixture
def filled(store: Path) -> Path:
    """A store with artifacts of two hosts, two instances and two databases on three days."""
    for day in (1, 2, 3):
        for hostname, database_id, database in [
            ("db01", "prod-1", "shop"),
            ("db01", "prod-1", 'a "b"/%'),
            ("db02", "prod-2", "shop"),
        ]:
            write_artifact(
                store,
                hostname=hostname,
                database_id=database_id,
                database=database,
                moment=datetime(2026, 1, day, 2, tzinfo=ZONE),
            )
    write_artifact(
        store,
        hostname="db02",
        database_id="prod-2",
        database="shop",
        moment=datetime(2026, 1, 4, 2, tzinfo=ZONE),
        status="partial",
    )
    return store


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({}, 10),
        ({"hostname": "db01"}, 6),
        ({"database_id": "prod-2"}, 4),
        ({"database": 'a "b"/%'}, 3),
        ({"status": "partial"}, 1),
        ({"status": "failed"}, 0),
        ({"since": datetime(2026, 1, 3, 2, tzinfo=ZONE)}, 4),
        ({"until": datetime(2026, 1, 2, 1, tzinfo=UTC)}, 6),
        ({"since": datetime(2026, 1, 2, tzinfo=ZONE), "until": datetime(2026, 1, 3, tzinfo=ZONE)}, 3),
        ({"hostname": "db01", "database": "shop", "status": "success"}, 3),
    ],
)
def test_a_filter_admits_what_it_names(filled: Path, wanted: dict[str, Any], count: int) -> None:
    listing = catalog.list_artifacts(filled, catalog.Filters(**wanted))
    assert len(listing.artifacts) == count
    moments = [artifact.moment for artifact in listing.artifacts]
    assert moments == sorted(moments, reverse=True)
    assert listing.problems == []


def test_the_task_lists_the_newest_first_up_to_a_limit(filled: Path) -> None:
    result = run_module(
        "backup_info",
        {"base_path": str(filled), "hostname": "db02", "since": "2026-01-02T00:00:00+01:00", "limit": 2},
    )
    assert result.rc == 0, result.stdout
    assert result.result["changed"] is False
    assert result.result["total"] == 3
    backups = result.result["backups"]
    assert [each["backup_info"]["status"] for each in backups] == ["partial", "success"]
    assert backups[0]["backup_info"]["timestamp"] == "2026-01-04T02:00:00+01:00"
    assert Path(backups[0]["backup_file"]).is_file()
    assert "restore_info" not in backups[0]
    (database,) = result.result["databases"]
    assert database["backup_status"] == "partial"
    assert database["last_backup"] == "2026-01-04T02:00:00+01:00"


def test_a_file_that_is_no_metadata_is_a_problem_and_hides_nothing(filled: Path) -> None:
    broken = write_artifact(
        filled, hostname="db01", database_id="prod-1", database="shop", moment=datetime(2026, 2, 1, tzinfo=ZONE)
    )
    broken.write_text('{"backup_info": ', encoding="utf-8")
    orphan = write_artifact(
        filled, hostname="db01", database_id="prod-1", database="shop", moment=datetime(2026, 2, 2, tzinfo=ZONE)
    )
    catalog.load_artifact(orphan).paths.data.unlink()
    filled.joinpath("notes.txt").write_text("mine", encoding="utf-8")
    result = run_module("backup_info", {"base_path": str(filled)})
    assert result.rc == 0, result.stdout
    assert result.result["total"] == 10
    assert sorted(str(path) in problem for path in (broken, orphan) for problem in result.result["problems"]) == [
        False,
        False,
        True,
        True,
    ]


def test_a_storage_that_does_not_exist_is_empty(store: Path) -> None:
    listing = catalog.list_artifacts(store)
    assert (listing.artifacts, listing.problems) == ([], [])


def test_databases_that_were_never_backed_up_are_listed_when_the_server_is_asked(scene: Scene, tmp_path: Path) -> None:
    server = scene.server
    server.create_database("forgotten")
    config = write_config(server, tmp_path, scene.store)
    try:
        result = run_module("backup_info", {"config": str(config), "gather_databases": True})
        assert result.rc == 0, result.stdout
        states = {each["name"]: each for each in result.result["databases"]}
        assert states["forgotten"]["backup_status"] == "never"
        assert states["forgotten"]["last_backup"] is None
        assert states[scene.database]["backup_status"] == "success"
        assert states[scene.database]["tables_count"] == 2
        assert not {"postgres", "mysql", "template1", "information_schema"} & set(states)
    finally:
        server.drop_database("forgotten")


def test_every_one_of_a_thousand_artifacts_is_listed(store: Path) -> None:
    written = list(write_many(store, 1000))
    listing = catalog.list_artifacts(store)
    assert sorted(str(artifact.paths.metadata) for artifact in listing.artifacts) == sorted(map(str, written))
