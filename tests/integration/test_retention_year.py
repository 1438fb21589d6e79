# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A year of a storage by an injected clock: a run each night, ten failed weeks, another policy from July on.

What is there is compared every night with the rules, put down here a second time and differently, and at the end of
each month with what they come to.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import accounts_catalog, catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import RetentionConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.retention import pruning

from tests.integration.retained import store, write_accounts, write_backup

FIRST_NIGHT, NIGHTS = date(2025, 1, 1), 365
FAILED = (date(2025, 8, 4), date(2025, 10, 12))
CHANGE = date(2025, 7, 1)
BEFORE = RetentionConfig(daily_keep=7, weekly_keep=4, monthly_keep=12)
AFTER = RetentionConfig(daily_keep=3, weekly_keep=8, monthly_keep=6, min_keep=5)
SUMMER = (date(2025, 3, 30), date(2025, 10, 25))

# The policy is 7 days, 4 weeks, 12 months until June, then 3 days, 8 weeks, 6 months, and never fewer than 5.
EXPECTED = """\
2025-01   9 kept: 01-12 01-19 01-25 01-26 01-27 01-28 01-29 01-30 01-31
2025-02  10 kept: 01-31 02-09 02-16 02-22 02-23 02-24 02-25 02-26 02-27 02-28
2025-03  11 kept: 01-31 02-28 03-16 03-23 03-25 03-26 03-27 03-28 03-29 03-30 03-31
2025-04  12 kept: 01-31 02-28 03-31 04-13 04-20 04-24 04-25 04-26 04-27 04-28 04-29 04-30
2025-05  13 kept: 01-31 02-28 03-31 04-30 05-11 05-18 05-25 05-26 05-27 05-28 05-29 05-30 05-31
2025-06  14 kept: 01-31 02-28 03-31 04-30 05-31 06-15 06-22 06-24 06-25 06-26 06-27 06-28 06-29 06-30
2025-07  16 kept: 02-28 03-31 04-30 05-31 06-15 06-22 06-29 06-30 07-06 07-13 07-20 07-27 07-28 07-29 07-30 07-31
2025-08  16 kept: 03-31 04-30 05-31 06-15 06-22 06-29 06-30 07-06 07-13 07-20 07-27 07-30 07-31 08-01 08-02 08-03
2025-09  16 kept: 03-31 04-30 05-31 06-15 06-22 06-29 06-30 07-06 07-13 07-20 07-27 07-30 07-31 08-01 08-02 08-03
2025-10  16 kept: 04-30 05-31 06-30 07-06 07-13 07-20 07-27 07-31 08-03 10-19 10-26 10-27 10-28 10-29 10-30 10-31
2025-11  16 kept: 05-31 06-30 07-31 08-03 10-19 10-26 10-31 11-02 11-09 11-16 11-23 11-26 11-27 11-28 11-29 11-30
2025-12  15 kept: 06-30 07-31 08-03 10-31 11-16 11-23 11-30 12-07 12-14 12-21 12-27 12-28 12-29 12-30 12-31
"""


def offset_of(day: date) -> timezone:
    return timezone(timedelta(hours=2 if SUMMER[0] <= day <= SUMMER[1] else 1))


def backup_of(day: date) -> datetime:
    """Return when the backup of a night is taken, by the clock of a wall in Berlin."""
    return datetime(day.year, day.month, day.day, 2, 30, tzinfo=offset_of(day))


def nights() -> list[date]:
    return [FIRST_NIGHT + timedelta(days=number) for number in range(NIGHTS)]


def by_the_rules(present: list[date], policy: RetentionConfig) -> list[date]:
    """Return which backups stay of one a night: the last day of each of the last days, weeks and months that have one,
    and the last few.
    """
    staying = set(present[-policy.min_keep :])
    for shape, count in (
        ("%Y-%m-%d", policy.daily_keep),
        ("%G-W%V", policy.weekly_keep),
        ("%Y-%m", policy.monthly_keep),
    ):
        last_of_each = {day.strftime(shape): day for day in present}
        staying.update(list(last_of_each.values())[-count:])
    return sorted(staying)


def line(month: str, kept: list[date]) -> str:
    return f"{month}  {len(kept):2} kept: {' '.join(f'{day:%m-%d}' for day in kept)}"


@pytest.mark.slow
def test_a_year_leaves_what_the_rules_leave(tmp_path: Path) -> None:
    expected: list[date] = []
    table = []
    for night in nights():
        policy = BEFORE if night < CHANGE else AFTER
        if not FAILED[0] <= night <= FAILED[1]:
            saved = write_accounts(tmp_path, backup_of(night) - timedelta(minutes=1))
            write_backup(tmp_path, backup_of(night), accounts=saved.paths.data.name)
            expected.append(night)
        cleanup = pruning.clean_up(store(tmp_path, backup_of(night) + timedelta(minutes=5)), policy)
        expected = by_the_rules(expected, policy)
        kept = sorted(one.timestamp.date() for one in cleanup.results if one.keep and one.database_name)
        assert kept == expected, night
        if FAILED[0] <= night <= FAILED[1]:
            assert not cleanup.changed
        if (night + timedelta(days=1)).day == 1:
            table.append(line(f"{night:%Y-%m}", kept))
    print("\n".join(table))
    assert "\n".join([*table, ""]) == EXPECTED
    present = catalog.list_artifacts(tmp_path)
    assert sorted(one.moment.date() for one in present.artifacts) == expected
    assert [one.moment.date() for one in accounts_catalog.list_artifacts(tmp_path).artifacts] == expected[::-1]
    assert present.problems == []
    folder = present.artifacts[0].data.parent.parent
    assert sorted(path.name for path in folder.iterdir()) == [f"{day:%Y-%m-%d}" for day in expected]
