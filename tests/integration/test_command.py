# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command on the host: what it says to whom, and that it returns what the modules return."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.integration import commands
from tests.integration.ansible import run_module
from tests.integration.commands import Host
from tests.integration.scenes import DATABASE_ID, PLANTED, Scene, files_of

QUESTION = "Type its name to go on:"
RESTORING = ("restore", "--database-id", DATABASE_ID, "--database", "live")


def assert_silent(done: commands.Done) -> None:
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_under_cron_nothing_is_said_when_all_goes_well(host: Host, tmp_path: Path) -> None:
    host.change(retention={"strategy": "simple", "daily_keep": 1})
    before = set(files_of(host.store))
    assert_silent(host.run("backup"))
    assert set(files_of(host.store)) - before
    assert_silent(host.run("verify", "--level", "structure"))
    assert_silent(host.run("retention"))
    assert_silent(host.run("report", "--path", str(tmp_path.joinpath("page.html"))))
    assert_silent(host.run(*RESTORING, "--force"))
    assert [row["operation"] for row in host.audited()] == ["backup", "cleanup", "verify", "restore"]


def test_under_cron_a_failure_is_told_on_standard_error(host: Host) -> None:
    host.add_instance("nowhere", None)
    done = host.run("backup")
    assert done.returncode == 1
    assert done.stderr.startswith("vya-backupdb: 1 of 2 backups failed: nowhere: ")
    assert "credentials_error" in done.stdout
    assert f"{DATABASE_ID}/live" in done.stdout


def test_verbose_tells_what_was_done_and_quiet_does_not_answer(host: Host) -> None:
    done = host.run("backup", "--verbose")
    assert done.stdout.splitlines()[0].split() == ["database", "backup", "size", "seconds", "file"]
    assert "1 of 1 backed up" in done.stdout
    assert str(host.store) in host.run("list").stdout
    assert_silent(host.run("list", "--quiet"))


def test_list_and_status_return_what_the_module_returns(host: Host) -> None:
    module = run_module("backup_info", {"config": str(host.config)}).result
    listed = host.json("list")
    assert {**listed, "changed": False} == {**module, "failed": False}
    assert host.json("status") == {**listed, "backups": []}
    (artifact,) = listed["backups"]
    assert host.json("list", "--until", "2001-01-01")["total"] == 0
    assert host.json("list", "--database", "live", "--limit", "1")["backups"] == [artifact]
    assert host.run("list", "--database", "absent").stdout == "there are no artifacts\n"


def test_status_fails_where_a_backup_is_stale(host: Host) -> None:
    assert host.run("status", "--max-age", "7d").returncode == 0
    done = host.run("status", "--max-age", "7d", "--min-verified-within", "7d")
    assert done.returncode == 8
    assert "stale: it has no passed drill" in done.stdout
    assert done.stderr == f"vya-backupdb: {DATABASE_ID}/live: it has no passed drill\n"
    assert host.run("verify", "--level", "structure").returncode == 0
    assert host.run("status", "--max-age", "7d", "--min-verified-within", "7d").returncode == 0


def test_retention_shows_its_plan_with_reasons_and_then_follows_it(host: Host) -> None:
    host.change(retention={"strategy": "simple", "daily_keep": 1, "cleanup_enabled": False})
    assert host.run("backup").returncode == 0
    before = files_of(host.store)
    done = host.run("retention", "--check")
    assert done.returncode == 0, done.stderr
    kept, removed = (line for line in done.stdout.splitlines() if f"{DATABASE_ID}/live" in line)
    assert (kept.split()[0], removed.split()[0]) == ("keep", "remove")
    assert files_of(host.store) == before
    document = host.json("retention")
    assert document["changed"] is True
    assert document["summary"]["removed"] == 1
    assert host.json("list")["total"] == 1


@pytest.mark.parametrize("command", ["backup", "retention"])
def test_what_a_dead_run_left_is_told_to_whoever_looks(postgresql_scene: Scene, host: Host, command: str) -> None:
    leftover = postgresql_scene.artifact.paths.data.with_name(".live_20200101_000000_full.sql.gz.partial")
    leftover.write_bytes(b"")
    done = host.run(command, "--verbose")
    assert done.returncode == 0, done.stderr
    heading, sentence, *rest = done.stdout.splitlines()
    assert (heading, sentence) == ("left behind by others", f"removed {leftover}, left behind by a run that died")
    assert rest
    assert "left behind" not in host.run(command, "--verbose").stdout


def test_a_report_is_written_as_it_is_wanted(host: Host, tmp_path: Path) -> None:
    table = tmp_path.joinpath("table.csv")
    document = host.json("report", "--csv", str(table), "--max-age", "7d", "--mode", "0600")
    assert document["summary"]["good"] == 1
    assert [file["path"] for file in document["files"]] == [str(table)]
    assert [row["database_name"] for row in csv.DictReader(table.read_text(encoding="utf-8").splitlines())] == ["live"]
    assert table.stat().st_mode & 0o777 == 0o600


def test_a_drill_restores_and_finds_damage(host: Host) -> None:
    document = host.json("verify", "--server", "same")
    assert [(one["level"], one["success"]) for one in document["results"]] == [("restore", True)]
    (artifact,) = host.json("list")["backups"]
    with open(artifact["backup_file"], "r+b") as file:
        file.seek(100)
        file.write(b"damage")
    done = host.run("verify", "--file", artifact["backup_file"], "--level", "checksum")
    assert done.returncode == 8
    assert "validation_error" in done.stdout


def test_the_configuration_is_checked_with_every_server(postgresql_scene: Scene, host: Host) -> None:
    document = host.json("config", "check", "--connect")
    (found,) = document["results"]
    assert found["databases_count"] == 1
    assert found["server_version"].startswith(postgresql_scene.server.major)
    host.add_instance("nowhere", None)
    done = host.run("config", "check")
    assert done.returncode == 1
    assert "nowhere" in done.stderr


def test_no_output_holds_a_row_of_data(host: Host) -> None:
    done = host.run("backup", "--json")
    assert json.loads(done.stdout)["failed"] is False
    assert PLANTED not in done.stdout + done.stderr
