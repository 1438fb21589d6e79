# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules of cron in systemd's words, which systemd itself is asked to read where it is there."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.vya.backupdb.plugins.filter.on_calendar import FilterModule

on_calendar = FilterModule().filters()["on_calendar"]
SYSTEMD_ANALYZE = shutil.which("systemd-analyze")
EVENTS = {
    "0 2 * * *": "*-*-* 02:00:00",
    "* * * * *": "*-*-* *:*:00",
    "*/15 8-10 * * *": "*-*-* 08,09,10:00,15,30,45:00",
    "30 2 * * 1-5": "Mon,Tue,Wed,Thu,Fri *-*-* 02:30:00",
    "30 2 * * mon,FRI": "Mon,Fri *-*-* 02:30:00",
    "0 4 * * 7": "Sun *-*-* 04:00:00",
    "0 4 * * 0,6-7": "Sun,Sat *-*-* 04:00:00",
    "5 0 1,15 jan-mar *": "*-01,02,03-01,15 00:05:00",
    "0 0 */10 * 1": "Mon *-*-01,11,21,31 00:00:00",
    "0 0 31 12 *": "*-12-31 00:00:00",
}


@pytest.mark.parametrize("schedule", EVENTS)
def test_the_five_fields_of_a_crontab_become_a_calendar_event(schedule: str) -> None:
    assert on_calendar(schedule) == EVENTS[schedule]


@pytest.mark.skipif(SYSTEMD_ANALYZE is None, reason="systemd is not there to be asked")
def test_systemd_understands_the_calendar_events() -> None:
    events = [*EVENTS.values(), on_calendar("@annually"), on_calendar("@weekly"), on_calendar("@midnight")]
    done = subprocess.run(
        [str(SYSTEMD_ANALYZE), "calendar", *events], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("event", "meant"),
    [("Mon *-*-* 02:30:00", "Mon *-*-* 02:30:00"), ("daily", "daily"), ("@daily", "daily"), ("@midnight", "daily")],
)
def test_what_is_a_calendar_event_already_or_a_word_stays(event: str, meant: str) -> None:
    assert on_calendar(event) == meant


@pytest.mark.parametrize(
    "schedule",
    ["60 2 * * *", "0 24 * * *", "0 2 0 * *", "0 2 * 13 *", "0 2 * * 8", "0 2 * * funday", "9-5 2 * * *", "x 2 * * *"]
    + ["0 2 */0 * *", "0 2 1-mar * *", "0,, 2 * * *", "1\n 2 -1 * *"],
)
def test_what_cron_would_not_understand_is_refused(schedule: str) -> None:
    with pytest.raises(AnsibleFilterError, match="of a crontab"):
        on_calendar(schedule)


def test_days_of_the_month_and_of_the_week_together_are_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="Name days of one kind"):
        on_calendar("0 2 1 * 1")
