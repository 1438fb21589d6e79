# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say in systemd's words when cron would start a job."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Callable

from ansible.errors import AnsibleFilterError

WEEKDAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WORDS = {"@annually": "yearly", "@midnight": "daily"}
_ITEM = re.compile(r"(?:(?P<first>\w+)(?:-(?P<last>\w+))?|\*)(?:/(?P<step>[1-9][0-9]*))?")
#: Of each field: what it is, its least and its greatest number, and what these are also called, the least first.
_FIELDS: tuple[tuple[str, int, int, Sequence[str]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, MONTHS),
    ("day of the week", 0, 7, WEEKDAYS),
)


def on_calendar(schedule: str) -> str:
    """Return the calendar event that elapses when cron starts a job by ``schedule``."""
    fields = schedule.split()
    if len(fields) != len(_FIELDS):
        word = schedule.strip()
        return WORDS.get(word, word.removeprefix("@"))
    minutes, hours, days, months, weekdays = (_numbers(field, *of) for field, of in zip(fields, _FIELDS))
    if "*" not in (fields[2][0], fields[4][0]):
        raise AnsibleFilterError(
            f"{schedule} names days of the month and days of the week: cron takes those that are either, systemd those"
            " that are both. Name days of one kind"
        )
    named = {number % len(WEEKDAYS) for number in weekdays}
    names = [WEEKDAYS[number] for number in sorted(named)] if len(named) < len(WEEKDAYS) else []
    date = f"*-{_listed(months, 12)}-{_listed(days, 31)} {_listed(hours, 24)}:{_listed(minutes, 60)}:00"
    return f"{','.join(names)} {date}".strip()


def _numbers(field: str, what: str, least: int, greatest: int, names: Sequence[str]) -> set[int]:
    """Return the numbers that a field of a crontab stands for."""
    found: set[int] = set()
    for item in field.split(","):
        match = _ITEM.fullmatch(item)
        first, last = least, greatest
        if match and match["first"]:
            first = _number(match["first"], least, names)
            last = _number(match["last"], least, names) if match["last"] else first
        if match is None or not least <= first <= last <= greatest:
            raise AnsibleFilterError(f"{item} is no {what} of a crontab")
        found.update(range(first, last + 1, int(match["step"] or 1)))
    return found


def _number(text: str, least: int, names: Sequence[str]) -> int:
    """Return the number that a text or name stands for, one that is out of every range where it stands for none."""
    if text.isdecimal():
        return int(text)
    return least + names.index(text.title()) if text.title() in names else -1


def _listed(numbers: set[int], all_of_them: int) -> str:
    return "*" if len(numbers) == all_of_them else ",".join(f"{number:02d}" for number in sorted(numbers))


class FilterModule:
    """The filter for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"on_calendar": on_calendar}
