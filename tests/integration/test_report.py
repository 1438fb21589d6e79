# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup_report and its playbook: what is in the storage, the audit log and the policy comes to three files."""

from __future__ import annotations

import csv
import json
import stat
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.audit import log as audit_log
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import AuditConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.verification import Verification
from ansible_collections.vya.backupdb.plugins.module_utils._engine.records import Entry

from tests.integration.ansible import Result, run_module
from tests.integration.artifacts import write_artifact
from tests.integration.hosts import Host, Outcome
from tests.integration.scenes import HOSTNAME, files_of, now

INSTANCE = "prod-postgres-01"
SCRIPT = "<script>alert(1)</script>"
DAYS = 12


def verify(metadata: Path, moment: datetime) -> None:
    """Note beside an artifact that a drill has restored it."""
    one = catalog.load_artifact(metadata)
    found = Verification(
        level="restore",
        passed=True,
        verified_at=moment,
        checksum=one.metadata.file_info.checksum,
        restore_seconds=1.5,
    )
    one.paths.verification.write_text(found.to_json(), encoding="utf-8")


@pytest.fixture
def filled(store: Path) -> Path:
    """A storage in which one database is well and another stale, and whose audit log tells of a failure."""
    latest = now().replace(microsecond=0) - timedelta(hours=3)
    for day in range(DAYS):
        moment = latest - timedelta(days=day)
        made = write_artifact(store, hostname=HOSTNAME, database_id=INSTANCE, database="shop", moment=moment)
        if day == 0:
            verify(made, latest + timedelta(hours=1))
        if day > 2:
            write_artifact(store, hostname=HOSTNAME, database_id=INSTANCE, database=SCRIPT, moment=moment)
    failed = Entry(
        timestamp=latest,
        operation="backup",
        database_id=INSTANCE,
        database_name=SCRIPT,
        database_type="postgresql",
        status="failed",
        duration_seconds=0.5,
        hostname=HOSTNAME,
        error_message="permission denied for table <b>",
        error_code="permission_error",
    )
    assert audit_log.record(AuditConfig(), [failed], base_path=store, hostname=HOSTNAME) == []
    return store


def configure(store: Path, folder: Path, **more: Any) -> Path:
    """Write a configuration of two instances, only one of which has backups."""
    instances = [
        {"id": name, "type": "postgresql", "host": "127.0.0.1", "port": 5432} for name in (INSTANCE, "prod-postgres-02")
    ]
    path = folder / "config.yaml"
    retention = {"strategy": "simple", "daily_keep": 5}
    settings = {"databases": instances, "storage": {"base_path": str(store)}, "retention": retention, **more}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def options(folder: Path, **more: Any) -> dict[str, Any]:
    """Return options of the module that write all three files to a folder."""
    return {
        "path": str(folder / "report.html"),
        "csv_path": str(folder / "report.csv"),
        "json_path": str(folder / "report.json"),
        **more,
    }


def report(folder: Path, *, check: bool = False, diff: bool = False, **more: Any) -> Result:
    """Run the module and see that it went well."""
    result = run_module("backup_report", options(folder, **more), check=check, diff=diff)
    assert result.rc == 0, result.stdout
    return result


def test_the_three_files_tell_the_same_of_storage_audit_log_and_policy(filled: Path, tmp_path: Path) -> None:
    result = report(tmp_path, config=str(configure(filled, tmp_path))).result
    assert result["changed"] is True
    assert result["verdict"] == "1 of 2 databases has no fresh backup"
    assert result["attention"] == [
        f"{INSTANCE}/{SCRIPT} on {HOSTNAME}: stale, last try failed, not verified",
        f"prod-postgres-02 on {HOSTNAME}: no backup",
    ]
    assert result["notes"] == []
    assert {name: result["summary"][name] for name in ("good", "stale", "failures", "kept", "removed")} == {
        "good": 1,
        "stale": 1,
        "failures": 1,
        "kept": 10,
        "removed": 2 * DAYS - 3 - 10,
    }
    described = json.loads((tmp_path / "report.json").read_bytes())
    broken, shop = described["databases"]
    assert (broken["name"], shop["name"]) == (SCRIPT, "shop")
    assert [each["message"] for each in broken["failures"]] == ["permission denied for table <b>"]
    assert shop["last_verified"]["level"] == "restore"
    assert (shop["plan"]["kept"], shop["plan"]["removed"]) == (5, DAYS - 5)
    with (tmp_path / "report.csv").open(encoding="utf-8", newline="") as source:
        table = {each["database_name"]: each for each in csv.DictReader(source)}
    assert table["shop"]["last_good_at"] == shop["last_good"]["timestamp"]
    assert Path(table["shop"]["last_good_file"]).is_file()
    assert table[SCRIPT]["state"] == broken["state"] == "stale"
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "permission denied for table &lt;b&gt;" in page


def test_nothing_new_is_no_change_and_one_backup_more_is_one(filled: Path, tmp_path: Path) -> None:
    config = str(configure(filled, tmp_path))
    report(tmp_path, config=config)
    first = json.loads((tmp_path / "report.json").read_bytes())["generated_at"]
    again = report(tmp_path, config=config, mode="0604").result
    assert again["changed"] is False
    assert [each["changed"] for each in again["files"]] == [False] * 3
    assert json.loads((tmp_path / "report.json").read_bytes())["generated_at"] > first
    assert {stat.S_IMODE(Path(each["path"]).stat().st_mode) for each in again["files"]} == {0o604}
    write_artifact(filled, hostname=HOSTNAME, database_id=INSTANCE, database="shop", moment=now())
    more = report(tmp_path, config=config, diff=True)
    assert [each["changed"] for each in more.result["files"]] == [True] * 3
    assert '-  "artifacts": 21,' in more.stdout
    assert '+  "artifacts": 22,' in more.stdout


def test_check_mode_tells_what_would_be_written_and_writes_nothing(filled: Path, tmp_path: Path) -> None:
    config = configure(filled, tmp_path)
    before = files_of(tmp_path)
    result = report(tmp_path, check=True, config=str(config)).result
    assert result["changed"] is True
    assert len(result["files"]) == 3
    assert files_of(tmp_path) == before


def test_a_report_changes_nothing_in_the_storage_but_its_own_file(filled: Path) -> None:
    before = files_of(filled)
    result = run_module("backup_report", {"base_path": str(filled)})
    assert result.rc == 0, result.stdout
    (written,) = result.result["files"]
    assert written["path"] == str(filled / "report.html")
    assert stat.S_IMODE((filled / "report.html").stat().st_mode) == 0o640
    after = files_of(filled)
    del after["report.html"]
    assert after == before
    assert result.result["notes"] == ["Without a configuration there is no retention policy, so no plan is shown."]


def test_an_audit_log_that_is_missing_or_broken_is_said_in_the_report(store: Path, tmp_path: Path) -> None:
    write_artifact(store, hostname=HOSTNAME, database_id=INSTANCE, database="shop", moment=now())
    config = configure(store, tmp_path)
    (note,) = report(tmp_path, config=str(config)).result["notes"]
    assert note.startswith("There is no audit log")
    assert note in (tmp_path / "report.html").read_text(encoding="utf-8")
    broken = tmp_path / "audit.db"
    broken.write_bytes(b"this is no database" * 100)
    config = configure(store, tmp_path, audit={"url": f"sqlite:///{broken}"})
    (note,) = report(tmp_path, config=str(config)).result["notes"]
    assert note.startswith("The audit log could not be read: ")


def test_a_file_that_cannot_be_written_keeps_the_others_from_being_written(store: Path, tmp_path: Path) -> None:
    wrong = options(tmp_path, base_path=str(store), json_path=str(tmp_path / "missing" / "report.json"))
    result = run_module("backup_report", wrong)
    assert result.rc != 0
    assert result.result["error_code"] == "file_not_found"
    assert list(tmp_path.glob("report.*")) == []


@pytest.fixture
def host(filled: Path, tmp_path: Path) -> Host:
    host = Host(tmp_path, ())
    configure(filled, tmp_path)
    return host


def test_the_playbook_writes_shows_and_fetches_the_report(host: Host, tmp_path: Path) -> None:
    folder = tmp_path / "fetched"

    def run(*more: str) -> Outcome:
        outcome = host.run(
            "vya.backupdb.report",
            *more,
            backupdb_report_json_path=str(tmp_path / "report.json"),
            backupdb_report_path=str(tmp_path / "report.html"),
            backupdb_report_fetch_to=str(folder),
        )
        assert outcome.rc == 0, outcome.stdout
        return outcome

    planned = run("--check")
    assert f"planned  {tmp_path}/report.html" in planned.stdout
    assert not folder.exists()
    outcome = run()
    assert "1 of 2 databases has no fresh backup" in outcome.stdout
    assert f"look at  prod-postgres-02 on {HOSTNAME}: no backup" in outcome.stdout
    assert f"written  {tmp_path}/report.html" in outcome.stdout
    assert sorted(path.name for path in folder.iterdir()) == ["localhost.html", "localhost.json"]
    assert (folder / "localhost.html").read_bytes() == (tmp_path / "report.html").read_bytes()
    told = outcome.stats["backupdb_report"]["localhost"]
    assert told["verdict"] == "1 of 2 databases has no fresh backup"
    assert len(told["attention"]) == 2
    assert told["files"] == [str(tmp_path / "report.html"), str(tmp_path / "report.json")]
    assert "changed=0" in run().stdout
