# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics of real runs, and the example alerts, as Prometheus's own tool sees them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import records
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.store import Store
from ansible_collections.vya.backupdb.plugins.module_utils._engine.metrics import textfile
from ansible_collections.vya.backupdb.plugins.module_utils._engine.metrics.states import DatabaseState, StorageState
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import (
    AppConfig,
    DatabaseConfig,
    FileConfig,
    MetricsConfig,
    StorageConfig,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.results import BackupResult
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.verification import Verification
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.ansible import REPOSITORY
from tests.integration.scenes import DATABASE_ID, HOSTNAME, Scene, back_up, instance_of, now
from tools.private_servers.base import PrivateServer

ALERTS = REPOSITORY / "docs" / "alerts"
# Every character below 256, those that separate lines or direction, and some beyond 16 bits.
NAMES = [
    *(chr(number) for number in range(1, 256)),
    *("\u2028", "\u202e", "\ufeff", "\U0001f418"),
    *('a"b', "a\\b", "a\\n", 'a\\"b', "a\nb", "a,b={c}", "a} 1", "# EOF", "a\\", " a ", "a\\\\nb"),
]


def promtool(*arguments: str | Path, text: bytes | None = None) -> None:
    """Run promtool and see that it has nothing to complain of."""
    program = shutil.which("promtool")
    assert program, "promtool is missing: install the Debian package prometheus"
    done = subprocess.run(
        [program, *map(str, arguments)], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    told = done.stdout.decode()
    assert done.returncode == 0, told
    if text is not None:
        assert told == ""


def samples(path: Path) -> list[tuple[str, dict[str, str], float]]:
    families = text_string_to_metric_families(path.read_bytes().decode())
    return [(one.name, one.labels, one.value) for family in families for one in family.samples]


def values(path: Path, database: str) -> dict[tuple[str, str], float]:
    """Return the samples of a database by their name and what the label besides the database's says."""
    told = {}
    for name, labels, value in samples(path):
        if labels.get("database") == database:
            (more,) = [labels[key] for key in ("level", "operation") if key in labels] or [labels.get("status", "")]
            told[name, more] = value
    return told


def config_of(server: PrivateServer, store: Path, path: Path) -> AppConfig:
    return FileConfig(
        databases=[instance_of(server).config],
        storage=StorageConfig(base_path=store),
        metrics=MetricsConfig(textfile_path=path),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path.joinpath("backupdb.prom")


def told_of(report: Sequence[BackupResult], server: PrivateServer) -> list[records.Entry]:
    return [records.of_backup(result, HOSTNAME, server.family) for result in report]


def test_a_run_is_told_as_it_was(scene: Scene, path: Path) -> None:
    config = config_of(scene.server, scene.store, path)
    store = Store(config.storage, HOSTNAME, now)
    artifact = scene.artifact
    found = Verification(level="restore", passed=True, verified_at=now(), checksum=artifact.metadata.file_info.checksum)
    artifact.paths.verification.write_text(found.to_json(), encoding="utf-8")
    (result,) = back_up(scene.server, scene.store, [scene.database]).results

    assert textfile.record(config, told_of([result], scene.server), store) == []
    assert values(path, scene.database) == {
        ("backupdb_executions_total", "backup"): 1,
        ("backupdb_last_status", "backup"): 1,
        ("backupdb_last_duration_seconds", "backup"): result.duration_seconds,
        ("backupdb_last_execution_timestamp_seconds", "backup"): result.timestamp.timestamp(),
        ("backupdb_last_success_timestamp_seconds", ""): result.timestamp.timestamp(),
        ("backupdb_last_size_bytes", ""): result.size_bytes,
        ("backupdb_artifacts", ""): 2,
        ("backupdb_artifacts_bytes", ""): result.size_bytes + artifact.metadata.file_info.size_bytes,
        **{
            ("backupdb_last_verified_timestamp_seconds", level): found.verified_at.timestamp()
            for level in ("checksum", "structure", "restore")
        },
    }
    room = {name: value for name, labels, value in samples(path) if labels == {"path": str(scene.store)}}
    taken = sum(file.stat().st_size for file in scene.store.rglob("*.sql.gz"))
    assert room["backupdb_storage_artifacts_bytes"] == taken
    assert room["backupdb_storage_size_bytes"] == shutil.disk_usage(scene.store).total
    promtool("check", "metrics", text=path.read_bytes())


def test_a_failed_run_keeps_what_is_good(scene: Scene, path: Path) -> None:
    config = config_of(scene.server, scene.store, path)
    store = Store(config.storage, HOSTNAME, now)
    (result,) = back_up(scene.server, scene.store, [scene.database]).results
    textfile.record(config, told_of([result], scene.server), store)
    failed = result.model_copy(update={"success": False, "backup_file": None, "error_message": "it went wrong"})
    textfile.record(config, told_of([failed], scene.server), store)
    told = values(path, scene.database)
    assert told["backupdb_last_status", "backup"] == 0
    assert told["backupdb_last_success_timestamp_seconds", ""] == result.timestamp.timestamp()
    counts = {labels["status"]: value for name, labels, value in samples(path) if name == "backupdb_executions_total"}
    assert counts == {"success": 1, "failed": 1}
    promtool("check", "metrics", text=path.read_bytes())


def entry(name: str, moment: datetime) -> records.Entry:
    return records.Entry(moment, "backup", "prod", name, "mysql", "success", 1.0, HOSTNAME)


def state_with(names: Sequence[str], moment: datetime) -> textfile.State:
    config = DatabaseConfig(id="prod", type="mysql", host="127.0.0.1", port=3306)
    databases = [DatabaseState("mysql", "prod", name, moment, 10, 1, 10, {"restore": moment}) for name in names]
    return textfile.State([config], databases, StorageState(Path("/srv/ü \\ \"'"), 100, 60, 40, 10))


def test_prometheus_reads_any_name_of_a_database(path: Path) -> None:
    moment = now()
    for _time in range(2):
        entries = [entry(name, moment) for name in NAMES]
        config = MetricsConfig(textfile_path=path)
        assert textfile.write(config, entries, state=state_with(NAMES, moment), now=moment) == []
    promtool("check", "metrics", text=path.read_bytes())
    counted = {
        labels["database"]: value for name, labels, value in samples(path) if name == "backupdb_executions_total"
    }
    assert counted == dict.fromkeys(NAMES, 2)


WRITER = """
import sys
from datetime import datetime
from pathlib import Path
sys.path[:0] = {folders!r}
from tests.integration.test_metrics import entry, state_with, textfile
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import MetricsConfig
moment = datetime.fromisoformat({moment!r})
for _time in range(5):
    config = MetricsConfig(textfile_path=Path({path!r}))
    warnings = textfile.write(config, [entry("shop", moment)], state=state_with(["shop"], moment), now=moment)
    assert warnings == [], warnings
"""


def test_processes_that_write_at_the_same_time_lose_no_counts(path: Path) -> None:
    folders = [str(REPOSITORY), str(REPOSITORY / ".collections")]
    script = WRITER.format(folders=folders, path=str(path), moment=(now() - timedelta(hours=1)).isoformat())
    writers = [subprocess.Popen([sys.executable, "-c", script]) for _number in range(3)]
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            assert path.read_bytes().endswith(b"\n# EOF\n")
        time.sleep(0.005)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert values(path, "shop")["backupdb_executions_total", "backup"] == 15


def test_the_example_alerts_are_valid() -> None:
    promtool("check", "rules", ALERTS / "backupdb.rules.yml")


@pytest.mark.slow
def test_the_example_alerts_fire_when_they_should_and_only_then() -> None:
    promtool("test", "rules", ALERTS / "backupdb.rules.test.yml")


def test_the_metrics_of_a_run_are_of_the_configured_instance(scene: Scene, path: Path) -> None:
    config = config_of(scene.server, scene.store, path)
    textfile.record(config, [], Store(config.storage, HOSTNAME, now))
    ids = {labels["database_id"] for _name, labels, _value in samples(path) if "database_id" in labels}
    assert ids == {DATABASE_ID}
