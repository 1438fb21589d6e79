# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics file: what it tells, what it keeps from run to run, and what it forgets."""

from __future__ import annotations

import dataclasses
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import records
from ansible_collections.vya.backupdb.plugins.module_utils._engine.metrics import textfile
from ansible_collections.vya.backupdb.plugins.module_utils._engine.metrics.states import DatabaseState, StorageState
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import (
    SYSTEM_DATABASES,
    DatabaseConfig,
    MetricsConfig,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

NOW = datetime(2026, 1, 9, 2, 0, tzinfo=timezone(timedelta(hours=-3)))
DAY = timedelta(days=1)
SHOP = {"database_type": "postgresql", "database_id": "prod", "database": "shop"}
STORAGE = StorageState(Path("/srv/backups"), 1000, 600, 350, 500)


def configured(**changes: Any) -> DatabaseConfig:
    return DatabaseConfig(**{"id": "prod", "type": "postgresql", "host": "127.0.0.1", "port": 5432, **changes})


def database(name: str = "shop", **changes: Any) -> DatabaseState:
    facts = {"last_success": NOW - DAY, "size_bytes": 100, "artifacts": 3, "artifacts_bytes": 290, **changes}
    return DatabaseState("postgresql", "prod", name, **facts)


def state(*databases: DatabaseState, config: DatabaseConfig | None = None) -> textfile.State:
    return textfile.State([config or configured()], databases or [database()], STORAGE)


STATE = state()


def entry(operation: records.Operation = "backup", status: records.Status = "success", **changes: Any) -> records.Entry:
    facts = {
        "timestamp": NOW,
        "operation": operation,
        "database_id": "prod",
        "database_name": "shop",
        "database_type": "postgresql",
        "status": status,
        "duration_seconds": 1.5,
        "hostname": "host",
        **changes,
    }
    return records.Entry(**facts)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "backupdb.prom"


Write = Callable[..., list[str]]


@pytest.fixture
def write(path: Path) -> Write:
    def run(*entries: records.Entry, state: textfile.State = STATE, now: datetime = NOW) -> list[str]:
        return textfile.write(MetricsConfig(textfile_path=path), entries, state=state, now=now)

    return run


def samples(path: Path) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(path.read_bytes().decode())
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def value(file: Path, name: str, **labels: str) -> float | None:
    return samples(file).get((name, frozenset(labels.items())))


def names(path: Path, database: str = "shop") -> set[str]:
    return {name for name, labels in samples(path) if ("database", database) in labels}


def test_operations_are_counted_from_run_to_run(write: Write, path: Path) -> None:
    assert write(entry(), entry("restore", "failed")) == []
    assert write(entry(), entry(status="failed")) == []
    count = "backupdb_executions_total"
    assert value(path, count, operation="backup", status="success", **SHOP) == 2
    assert value(path, count, operation="backup", status="failed", **SHOP) == 1
    assert value(path, count, operation="restore", status="failed", **SHOP) == 1
    assert value(path, "backupdb_restores_total", status="failed", **SHOP) == 1


def test_the_last_run_is_told_and_not_those_before(write: Write, path: Path) -> None:
    write(entry(status="failed", duration_seconds=9))
    write(entry(timestamp=NOW + DAY, duration_seconds=2.5))
    assert value(path, "backupdb_last_status", operation="backup", **SHOP) == 1
    assert value(path, "backupdb_last_duration_seconds", operation="backup", **SHOP) == 2.5
    when = value(path, "backupdb_last_execution_timestamp_seconds", operation="backup", **SHOP)
    assert when == (NOW + DAY).timestamp()


@pytest.mark.parametrize("status", ["failed", "partial"])
def test_a_run_that_is_not_whole_is_no_success(write: Write, path: Path, status: records.Status) -> None:
    write(entry(status=status))
    assert value(path, "backupdb_last_status", operation="backup", **SHOP) == 0


def test_of_several_drills_in_one_run_the_failed_one_counts(write: Write, path: Path) -> None:
    write(entry("verify"), entry("verify", "failed"), entry("verify"))
    assert value(path, "backupdb_last_status", operation="verify", **SHOP) == 0
    assert value(path, "backupdb_last_duration_seconds", operation="verify", **SHOP) == 4.5


def test_what_a_run_did_not_do_stays_as_it_was(write: Write, path: Path) -> None:
    write(entry(status="failed"))
    write(entry("verify"))
    assert value(path, "backupdb_last_status", operation="backup", **SHOP) == 0


def test_an_instance_that_failed_as_a_whole_recovers_with_its_databases(write: Write, path: Path) -> None:
    whole = {**SHOP, "database": ""}
    write(entry(status="failed", database_name=None, database_type=None))
    assert value(path, "backupdb_last_status", operation="backup", **whole) == 0
    write(entry("verify"))
    assert value(path, "backupdb_last_status", operation="backup", **whole) == 0
    write(entry())
    assert value(path, "backupdb_last_status", operation="backup", **whole) is None
    assert value(path, "backupdb_executions_total", operation="backup", status="failed", **whole) == 1


def test_the_state_is_told(write: Write, path: Path) -> None:
    verified = {"checksum": NOW, "restore": NOW - DAY}
    write(state=state(database(verified=verified), config=configured(enabled=True)))
    assert value(path, "backupdb_last_success_timestamp_seconds", **SHOP) == (NOW - DAY).timestamp()
    assert value(path, "backupdb_last_size_bytes", **SHOP) == 100
    assert value(path, "backupdb_artifacts", **SHOP) == 3
    assert value(path, "backupdb_artifacts_bytes", **SHOP) == 290
    assert value(path, "backupdb_last_verified_timestamp_seconds", level="checksum", **SHOP) == NOW.timestamp()
    assert value(path, "backupdb_last_verified_timestamp_seconds", level="restore", **SHOP) == (NOW - DAY).timestamp()
    assert value(path, "backupdb_last_verified_timestamp_seconds", level="structure", **SHOP) is None
    assert value(path, "backupdb_configured_databases", database_type="postgresql", database_id="prod") == 1
    where = {"path": "/srv/backups"}
    assert value(path, "backupdb_storage_size_bytes", **where) == 1000
    assert value(path, "backupdb_storage_used_bytes", **where) == 600
    assert value(path, "backupdb_storage_free_bytes", **where) == 350
    assert value(path, "backupdb_storage_artifacts_bytes", **where) == 500


def test_a_database_whose_artifacts_are_gone_is_forgotten_after_a_week(write: Write, path: Path) -> None:
    write(entry(), entry(database_name="kept"), state=state(database(), database("kept")))
    gone = state(database("kept"))
    write(state=gone, now=NOW + timedelta(days=6))
    assert names(path) == {
        "backupdb_executions_total",
        "backupdb_last_status",
        "backupdb_last_duration_seconds",
        "backupdb_last_execution_timestamp_seconds",
    }
    write(state=gone, now=NOW + timedelta(days=8))
    assert names(path) == set()
    assert "backupdb_executions_total" in names(path, "kept")


def test_a_database_that_never_came_to_a_backup_is_told_of(write: Write, path: Path) -> None:
    for day in range(10):
        moment = NOW + day * DAY
        write(entry(status="failed", database_name="new", timestamp=moment), now=moment)
    assert (
        value(path, "backupdb_executions_total", operation="backup", status="failed", **{**SHOP, "database": "new"})
        == 10
    )


@pytest.mark.parametrize(
    "config", [configured(enabled=False), configured(exclude_databases=["shop"]), configured(id="another")]
)
def test_what_is_configured_no_more_is_forgotten_at_once(write: Write, path: Path, config: DatabaseConfig) -> None:
    write(entry(status="failed"))
    write(state=textfile.State([config], [], STORAGE))
    assert names(path) == set()


def test_a_disabled_instance_is_told_of_as_such(write: Write, path: Path) -> None:
    write(state=textfile.State([configured(enabled=False)], [], STORAGE))
    assert value(path, "backupdb_configured_databases", database_type="postgresql", database_id="prod") == 0


def test_a_restore_to_an_instance_that_is_not_backed_up_is_told_of_for_a_week(write: Write, path: Path) -> None:
    write(entry("restore", database_id="scratch", database_name="copy"))
    write(now=NOW + timedelta(days=6))
    assert names(path, "copy") == {
        "backupdb_executions_total",
        "backupdb_restores_total",
        "backupdb_last_status",
        "backupdb_last_duration_seconds",
        "backupdb_last_execution_timestamp_seconds",
    }
    write(now=NOW + timedelta(days=8))
    assert names(path, "copy") == set()


def test_a_type_that_is_not_told_is_the_configured_one(write: Write, path: Path) -> None:
    write(entry("cleanup", database_type=None))
    assert value(path, "backupdb_last_status", operation="cleanup", **SHOP) == 1


def test_runs_at_the_same_time_lose_no_counts(write: Write, path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        warnings = list(pool.map(lambda _number: write(entry()), range(12)))
    assert warnings == [[]] * 12
    assert value(path, "backupdb_executions_total", operation="backup", status="success", **SHOP) == 12


def test_everybody_may_read_the_file_and_nobody_sees_it_unfinished(write: Write, path: Path) -> None:
    write(entry())
    before = path.stat().st_ino
    write(entry())
    assert path.stat().st_ino != before
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [one.name for one in path.parent.iterdir() if not one.name.startswith(".")] == [path.name]


def test_a_file_that_was_cut_anywhere_is_begun_anew_with_a_warning(write: Write, path: Path) -> None:
    write(entry(), state=state(database(verified={"restore": NOW})))
    whole = path.read_bytes()
    for length in (*range(0, len(whole), 5), *range(len(whole) - 10, len(whole))):
        path.write_bytes(whole[:length])
        values, warnings = textfile._read_back(path)
        assert values == {}, whole[:length]
        assert warnings == [f"{path} was damaged; its counters begin anew"]
    write(entry())
    assert value(path, "backupdb_executions_total", operation="backup", status="success", **SHOP) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b"backupdb_executions_total{operation= 1\n# EOF\n",
        b"backupdb_executions_total 1\n# EOF\n",
        b'backupdb_restores_total{status="success",database_type="",database_id="",database=""} NaN\n# EOF\n',
        b'backupdb_restores_total{status="success",database_type="",database_id="",database=""} -1\n# EOF\n',
    ],
)
def test_a_damaged_file_is_begun_anew_with_a_warning(write: Write, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert write(entry()) == [f"{path} was damaged; its counters begin anew"]
    assert value(path, "backupdb_executions_total", operation="backup", status="success", **SHOP) == 1
    assert write(entry()) == []


@settings(max_examples=200, deadline=None)
@given(content=st.one_of(st.binary(), st.text(alphabet='#{}"=,\\ \nEOFHLPTY1._a').map(str.encode)))
def test_no_content_of_the_file_breaks_a_run(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "backupdb.prom"
    path.write_bytes(content)
    textfile.write(MetricsConfig(textfile_path=path), [entry()], state=state(), now=NOW)


def test_metrics_of_others_are_not_written_over(write: Write, path: Path) -> None:
    path.write_text("node_load1 0.5\n", encoding="ascii")
    (warning,) = write(entry())
    assert "holds node_load1, which is not of vya.backupdb" in warning
    assert path.read_text(encoding="ascii") == "node_load1 0.5\n"


def test_a_folder_that_does_not_exist_is_a_warning_and_is_not_made(tmp_path: Path) -> None:
    folder = tmp_path / "absent"
    config = MetricsConfig(textfile_path=folder / "backupdb.prom")
    (warning,) = textfile.write(config, [entry()], state=state(), now=NOW)
    assert f"the folder {folder} does not exist" in warning
    assert not folder.exists()


def test_a_file_that_cannot_be_written_is_a_warning(write: Write, path: Path) -> None:
    path.mkdir()
    (warning,) = write(entry())
    assert warning.startswith(f"the metrics were not written: {path} cannot be read")


def test_a_name_that_the_node_exporter_passes_over_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "backupdb.txt"
    (warning,) = textfile.write(MetricsConfig(textfile_path=path), [entry()], state=state(), now=NOW)
    assert "does not end with .prom" in warning
    assert path.exists()


def test_without_a_path_nothing_is_written() -> None:
    assert textfile.write(MetricsConfig(), [entry()], state=state(), now=NOW) == []


def test_without_prometheus_client_there_is_a_warning(
    write: Write, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(textfile, "CollectorRegistry", None)
    (warning,) = write(entry())
    assert "prometheus_client is missing. Install prometheus-client" in warning
    assert not path.exists()


@settings(max_examples=100, deadline=None)
# System databases are never backed up.
@given(name=st.text(min_size=1).filter(lambda name: name not in SYSTEM_DATABASES["postgresql"]))
def test_any_name_of_a_database_survives_being_written_and_read(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    path = tmp_path_factory.mktemp("names") / "backupdb.prom"
    config = MetricsConfig(textfile_path=path)
    known = state(database(name))
    for _time in range(2):
        assert textfile.write(config, [entry(database_name=name)], state=known, now=NOW) == []
    labels = {**SHOP, "database": name}
    assert value(path, "backupdb_executions_total", operation="backup", status="success", **labels) == 2
    assert value(path, "backupdb_last_size_bytes", **labels) == 100


def test_a_name_that_is_no_unicode_is_told_escaped(write: Write, path: Path) -> None:
    name = "caf\udce9"
    known = state(database(name))
    for _time in range(2):
        assert write(entry(database_name=name), state=known) == []
    labels = {**SHOP, "database": "caf\\udce9"}
    assert value(path, "backupdb_executions_total", operation="backup", status="success", **labels) == 2


def test_a_later_state_replaces_an_earlier_one(write: Write, path: Path) -> None:
    write(state=state(database(verified={"restore": NOW})))
    write(state=state(dataclasses.replace(database(), size_bytes=7)))
    assert value(path, "backupdb_last_size_bytes", **SHOP) == 7
    assert value(path, "backupdb_last_verified_timestamp_seconds", level="restore", **SHOP) is None
