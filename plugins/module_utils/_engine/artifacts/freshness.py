# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether backups are as new as they should be: pure, databases + limits + now -> those that are stale, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from .. import durations, errors
from ..models.config import DatabaseConfig
from ..models.results import DatabaseInfo

# Clocks of hosts that share a storage differ by a little.
CLOCK_TOLERANCE = timedelta(minutes=5)

#: The id of an instance, and the name of a database.
Key = tuple[str, str]


@dataclass(frozen=True)
class Limits:
    """How old the last good backup may be, and how long ago a drill must have found one good; None asks for neither."""

    max_age: timedelta | None = None
    min_verified_within: timedelta | None = None

    @property
    def ask_for_something(self) -> bool:
        """Whether there is anything to find stale."""
        return self.max_age is not None or self.min_verified_within is not None


@dataclass(frozen=True)
class Stale:
    """A database that is stale, and every reason. Without a name: an instance, of which no database is known."""

    database_id: str
    name: str
    reasons: list[str]

    def __str__(self) -> str:
        subject = f"{self.database_id}/{self.name}" if self.name else self.database_id
        return f"{subject}: {', and '.join(self.reasons)}"

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for a result."""
        return asdict(self)


@dataclass(frozen=True)
class Scope:
    """Which databases are to have new enough backups: with ``configs`` those of the enabled instances among them.

    ``database_id`` and ``database`` narrow it. ``live`` are the ids and names of the databases that the servers have
    now, None where they were not asked: a database that was dropped keeps its artifacts, and needs no new ones.
    """

    configs: Sequence[DatabaseConfig] | None = None
    database_id: str | None = None
    database: str | None = None
    live: Collection[Key] | None = None

    def expected(self) -> list[Key]:
        """Return the databases that are known to be wanted: named one by one by the configuration, or by the scope."""
        if self.database_id is not None and self.database is not None:
            return [(self.database_id, self.database)]
        return [
            (config.id, name)
            for config in self._instances()
            for name in config.include_databases
            if not any(mark in name for mark in "*?[") and config.selects(name) and self.database in (None, name)
        ]

    def ids(self) -> set[str]:
        """Return the ids of the instances that are to have backups of some database, whatever its name."""
        return {config.id for config in self._instances()} if self.database is None else set()

    def admits(self, database: DatabaseInfo) -> bool:
        """Say whether a database that is known is to have new enough backups."""
        key = (database.database_id or "", database.name)
        if self.configs is None or key in self.expected():
            return True
        selected = any(config.id == key[0] and config.selects(key[1]) for config in self._instances())
        return selected and (self.live is None or key in self.live)

    def _instances(self) -> list[DatabaseConfig]:
        return [config for config in self.configs or () if config.enabled and self.database_id in (None, config.id)]


def is_within(moment: datetime, limit: timedelta, now: datetime) -> bool:
    """Say whether a moment is not longer ago than the limit, and not in the future by more than clocks differ."""
    return -CLOCK_TOLERANCE <= now - moment <= limit


def judge(databases: Iterable[DatabaseInfo], scope: Scope, limits: Limits, now: datetime) -> list[Stale]:
    """Return which of the databases in the scope do not keep the limits, in their order.

    Instances of the scope without any database follow. Raise NotFoundError when there is nothing to be judged: a
    monitor that looks in the wrong place must not be content.
    """
    if not limits.ask_for_something:
        return []
    judged = [one for one in databases if scope.admits(one)]
    empty = sorted(scope.ids() - {one.database_id for one in judged})
    if not judged and not empty:
        raise errors.NotFoundError(
            "no database is known whose backups could be stale", "Check the storage, and what narrows the task"
        )
    found = [Stale(one.database_id or "", one.name, _reasons(one, limits, now)) for one in judged]
    found += [Stale(database_id, "", ["none of its databases was ever backed up"]) for database_id in empty]
    return [one for one in found if one.reasons]


def _reasons(database: DatabaseInfo, limits: Limits, now: datetime) -> list[str]:
    if database.backup_status == "never":
        return ["it was never backed up"]
    reasons = []
    if limits.max_age is not None:
        reasons += _reason("good backup", database.last_good_backup, limits.max_age, now)
    if limits.min_verified_within is not None:
        reasons += _reason("passed drill", database.last_verified, limits.min_verified_within, now)
    return reasons


def _reason(what: str, moment: datetime | None, limit: timedelta, now: datetime) -> list[str]:
    if moment is None:
        return [f"it has no {what}"]
    if is_within(moment, limit, now):
        return []
    age = now - moment
    if age < timedelta():
        return [f"its last {what} is {_told(-age)} in the future, so a clock is wrong"]
    return [f"its last {what} is {_told(age)} old, more than {durations.written(limit)}"]


def _told(length: timedelta) -> str:
    """Return a length of time to the minute, or where that says nothing, to the second."""
    minute = timedelta(minutes=1)
    return durations.written(length - length % minute if length >= minute else length)
