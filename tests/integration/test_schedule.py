# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role schedule: what it writes for cron does what was asked for, and systemd accepts what it writes for timers."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.hosts import Host, Outcome

PLAYBOOK = """
- hosts: all
  gather_facts: false
  roles: [vya.backupdb.schedule]
  post_tasks:
    - ansible.builtin.set_stats:
        data: {scheduled: "{{ backupdb_scheduled }}"}
"""
SYSTEMD_ANALYZE = shutil.which("systemd-analyze")
HARD_ARGUMENT = "a %b 'c' \"d\" $HOME \\e"
COMMAND = """#!/bin/sh
for argument in "$@"; do printf '%s\\n' "$argument"; done >> "$(dirname "$0")/called"
"""
ALL_JOBS = {
    "backupdb_schedule_backup": "0 2 * * *",
    "backupdb_schedule_backup_arguments": ["--database", HARD_ARGUMENT],
    "backupdb_schedule_verify": "30 4 * * 0",
    "backupdb_schedule_report": "@daily",
}


class Scheduled(Host):
    """This machine, with folders of its own for cron and systemd to look into, who never do."""

    @property
    def crontab(self) -> Path:
        """The file for cron."""
        return self.folder / "cron.d" / "vya-backupdb"

    @property
    def units(self) -> Path:
        """The folder for units."""
        return self.folder / "systemd"

    @property
    def called(self) -> list[str]:
        """The arguments that the command was called with."""
        return self.folder.joinpath("called").read_text(encoding="utf-8").splitlines()

    def apply(self, *more: str, **variables: Any) -> Outcome:
        """Run the role, and see that it went well."""
        outcome = self.attempt(*more, **variables)
        assert outcome.rc == 0, outcome.stdout
        return outcome

    def attempt(self, *more: str, **variables: Any) -> Outcome:
        """Run the role."""
        playbook = self.folder / "schedule.yml"
        playbook.write_text(PLAYBOOK, encoding="utf-8")
        given = {
            "backupdb_schedule_start": False,
            "backupdb_schedule_cron_file": str(self.crontab),
            "backupdb_schedule_unit_path": str(self.units),
            "__backupdb_command": str(self.folder / "command"),
            "__backupdb_state_path": str(self.folder),
        }
        return self.run(str(playbook), *more, **{**given, **variables})

    def jobs(self) -> list[tuple[str, str, str]]:
        """Return schedule, user and command of each job, as cron reads the file."""
        assert self.crontab.stat().st_mode & 0o777 == 0o644
        text = self.crontab.read_text(encoding="utf-8")
        assert text.endswith("\n")
        lines = [line for line in text.splitlines() if not line.startswith("#") and not re.match("[A-Z]+=", line)]
        matches = [re.fullmatch(r"(@[a-z]+|(?:\S+ ){4}\S+) (\S+) (.*)", line) for line in lines]
        return [(match[1], match[2], match[3]) for match in matches if match]


@pytest.fixture
def host(tmp_path: Path) -> Scheduled:
    host = Scheduled(tmp_path, ())
    host.crontab.parent.mkdir()
    host.units.mkdir()
    command = tmp_path / "command"
    command.write_text(COMMAND, encoding="utf-8")
    command.chmod(0o755)
    return host


def as_cron(command: str) -> subprocess.CompletedProcess[str]:
    """Run the command of a job as cron does: an escaped percent sign is one, any other ends the command."""
    line = re.split(r"(?<!\\)%", command)[0].replace("\\%", "%")
    return subprocess.run(["/bin/sh", "-c", line], env={}, capture_output=True, text=True, check=False, timeout=60)


def test_cron_starts_each_job_with_its_arguments_and_none_while_it_is_running(host: Scheduled) -> None:
    outcome = host.apply(**ALL_JOBS)
    assert outcome.stats["scheduled"] == {
        "method": "cron",
        "jobs": {"backup": "0 2 * * *", "verify": "30 4 * * 0", "report": "@daily"},
    }
    (backup, verify, report) = host.jobs()
    assert (backup[:2], verify[:2], report[:2]) == (
        ("0 2 * * *", "vya-backupdb"),
        ("30 4 * * 0", "vya-backupdb"),
        ("@daily", "vya-backupdb"),
    )
    assert "changed=0 " in host.apply(**ALL_JOBS).stdout
    assert 'MAILTO="root"' in host.crontab.read_text(encoding="utf-8")
    done = as_cron(backup[2])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    expected = ["backup", "--config", str(host.config), "--database", HARD_ARGUMENT]
    assert host.called == expected
    with host.folder.joinpath("backup.lock").open("rb") as running:
        fcntl.flock(running, fcntl.LOCK_EX)
        late = as_cron(backup[2])
        assert (late.stdout, late.stderr) == ("", "")
        assert host.called == expected
        as_cron(verify[2])
    assert host.called == [*expected, "verify", "--config", str(host.config)]


@pytest.mark.skipif(SYSTEMD_ANALYZE is None, reason="systemd is not there to be asked")
def test_systemd_accepts_the_units(host: Scheduled) -> None:
    host.apply(
        backupdb_schedule_method="systemd",
        backupdb_user="root",
        backupdb_metrics={"textfile_path": "/var/lib/node exporter/backupdb.prom"},
        backupdb_logging={"file_path": "/srv/logs/app.log"},
        **ALL_JOBS,
    )
    units = sorted(host.units.iterdir())
    assert [path.name for path in units] == [
        f"vya-backupdb-{job}.{kind}" for job in ("backup", "report", "verify") for kind in ("service", "timer")
    ]
    verified = subprocess.run(
        [str(SYSTEMD_ANALYZE), "verify", *map(str, units)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (verified.returncode, [line for line in verified.stderr.splitlines() if "vya-backupdb" in line]) == (0, [])
    service = units[0].read_text(encoding="utf-8")
    assert f'"{host.config}" "--database" "a %%b \'c\' \\"d\\" $$HOME \\\\e"' in service
    assert re.findall("^ReadWritePaths=(.*)$", service, re.MULTILINE) == [
        '"-/var/backups/vya_backupdb"',
        '"-/srv/logs"',
        f'"-{host.folder}"',
        '"-/var/lib/node exporter"',
    ]
    assert "OnCalendar=Sun *-*-* 04:30:00" in units[5].read_text(encoding="utf-8")


def test_the_other_method_goes_what_is_not_scheduled_goes_and_a_second_run_changes_nothing(host: Scheduled) -> None:
    host.apply(**ALL_JOBS)
    host.units.joinpath("other.timer").touch()
    host.apply(backupdb_schedule_method="systemd", **ALL_JOBS)
    assert not host.crontab.exists()
    fewer = {**ALL_JOBS, "backupdb_schedule_verify": ""}
    host.apply(backupdb_schedule_method="systemd", **fewer)
    again = host.apply(backupdb_schedule_method="systemd", **fewer)
    assert "changed=0 " in again.stdout
    assert {path.name for path in host.units.glob("*.timer")} == {
        "vya-backupdb-backup.timer",
        "vya-backupdb-report.timer",
        "other.timer",
    }
    host.apply(**fewer)
    assert [job[0] for job in host.jobs()] == ["0 2 * * *", "@daily"]
    assert os.listdir(host.units) == ["other.timer"]
    removed = host.apply(backupdb_state="absent", **fewer)
    assert removed.stats["scheduled"] == {"method": "", "jobs": {}}
    assert not host.crontab.exists()


def test_a_schedule_of_systemd_is_refused_for_cron_and_one_of_cron_that_is_wrong_for_both(host: Scheduled) -> None:
    for method, schedule, told in (
        ("cron", "Mon..Fri 02:30", "cron wants five fields"),
        ("cron", "0 2 * * *\\n* * * * *", "cron wants five fields"),
        ("systemd", "0 25 * * *", "25 is no hour of a crontab"),
        ("systemd", "0 2 1 * 1", "Name days of one kind"),
    ):
        outcome = host.attempt(backupdb_schedule_method=method, backupdb_schedule_backup=schedule.replace("\\n", "\n"))
        assert outcome.rc != 0
        assert told in outcome.stdout
    assert not host.crontab.exists()


def test_check_mode_writes_nothing(host: Scheduled) -> None:
    for method in ("cron", "systemd"):
        assert "changed=0 " not in host.apply("--check", backupdb_schedule_method=method).stdout
    assert not host.crontab.exists()
    assert os.listdir(host.units) == []
