# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which artifacts a drill is about: the newest of each database, some by chance, the oldest unverified, or a list."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from .. import errors, layout
from ..artifacts import catalog
from ..artifacts.catalog import Artifact
from ..models.verification import LEVELS, Level

Select = Literal["latest", "random", "unverified", "list"]
#: A database of an instance, as backed up by a host.
Series = tuple[str, str, str]
NEVER = datetime(1, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Choice:
    """Which artifacts are wanted, of those that the filters admit, and how many.

    ``latest`` are the newest good ones of each database, first those of the databases of which none was looked at for
    the longest time. ``random`` are good ones by chance, the same ones for the same ``seed``. ``unverified`` are good
    ones that no drill of the level, or a stronger one, has looked at, the oldest first. ``list`` are those of
    ``files``. Without a ``count``, it is one of the random and of the unverified, unless a ``time_budget`` (seconds)
    limits them, and all of the others.
    """

    select: Select = "latest"
    files: Sequence[Path] = ()
    hostname: str | None = None
    database_id: str | None = None
    database: str | None = None
    count: int | None = None
    time_budget: float | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Chosen:
    """The artifacts of a choice, in the order in which they are to be verified, and what could not be looked at."""

    artifacts: list[Artifact] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def choose(choice: Choice, level: Level, base_path: Path) -> Chosen:
    """Return the artifacts of a choice. Raise NotFoundError when there are none, ConfigError when it makes no sense."""
    _require_sense(choice)
    if choice.select == "list":
        return Chosen([_artifact_of(file) for file in dict.fromkeys(choice.files)][: choice.count])
    filters = catalog.Filters(
        hostname=choice.hostname, database_id=choice.database_id, database=choice.database, status="success"
    )
    listing = catalog.list_artifacts(base_path, filters)
    if not listing.artifacts:
        raise errors.NotFoundError(
            f"no good artifact that the filters admit is below {base_path}",
            "See what there is with vya.backupdb.backup_info",
        )
    if choice.select == "latest":
        return Chosen(_latest(listing.artifacts)[: choice.count], listing.problems)
    count = choice.count or (1 if choice.time_budget is None else None)
    if choice.select == "random":
        candidates = sorted(listing.artifacts, key=lambda artifact: str(artifact.paths.data))
        number = len(candidates) if count is None else min(count, len(candidates))
        return Chosen(random.Random(choice.seed).sample(candidates, number), listing.problems)
    waiting = [artifact for artifact in reversed(listing.artifacts) if is_unverified(artifact, level)]
    return Chosen(waiting[:count], listing.problems)


def _require_sense(choice: Choice) -> None:
    for name, value in (("count", choice.count), ("time_budget", choice.time_budget)):
        if value is not None and value <= 0:
            raise errors.ConfigError(f"{name} is {value}, but has to be more than 0")
    if (choice.select == "list") != bool(choice.files):
        raise errors.ConfigError("files are named with the selection list, and with no other")


def _artifact_of(file: Path) -> Artifact:
    if layout.is_accounts_name(file.name):
        raise errors.ConfigError(f"{file} holds accounts and no database, so it cannot be restored by itself")
    if not layout.is_artifact_name(file.name):
        raise errors.ConfigError(f"{file} is not named as an artifact", "Name its .sql.gz file")
    # Also where the data file is gone: that is for the drill to find.
    return catalog.load_artifact(layout.paths_of_data(file, "sha256").metadata)


def _latest(newest_first: Sequence[Artifact]) -> list[Artifact]:
    latest: dict[Series, Artifact] = {}
    looked_at: dict[Series, datetime] = {}
    for artifact in newest_first:
        series = _series(artifact)
        latest.setdefault(series, artifact)
        if artifact.verification is not None:
            looked_at[series] = max(looked_at.get(series, NEVER), artifact.verification.verified_at)
    return [latest[series] for series in sorted(latest, key=lambda series: (looked_at.get(series, NEVER), series))]


def _series(artifact: Artifact) -> Series:
    info = artifact.metadata.backup_info
    return info.hostname, info.database_id, info.database_name


def is_unverified(artifact: Artifact, level: Level) -> bool:
    """Say whether no drill of that level, or a stronger one, has looked at an artifact, or found it bad."""
    known = artifact.verification
    return known is None or (known.passed and LEVELS.index(known.level) < LEVELS.index(level))
