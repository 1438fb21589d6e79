# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which artifacts a drill is about."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.drills import choosing
from ansible_collections.vya.backupdb.plugins.module_utils._engine.drills.choosing import Choice
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.verification import Level, Verification

from tests.integration.artifacts import Status, write_artifact

FIRST = datetime(2026, 1, 1, 2, tzinfo=timezone.utc)


def write(base: Path, database: str, day: int, *, database_id: str = "a", status: Status = "success") -> Path:
    """Write an artifact of a day; return its metadata file."""
    moment = FIRST + timedelta(days=day)
    return write_artifact(
        base, hostname="db01", database_id=database_id, database=database, moment=moment, status=status
    )


def record(metadata: Path, level: Level, *, day: int, passed: bool = True) -> None:
    artifact = catalog.load_artifact(metadata)
    found = Verification(
        level=level,
        passed=passed,
        verified_at=FIRST + timedelta(days=day),
        checksum=artifact.metadata.file_info.checksum,
        error_message=None if passed else "it is bad",
    )
    assert catalog.record_verification(artifact, found)


def chosen(base: Path, choice: Choice, level: Level = "restore") -> list[tuple[str, int]]:
    """Return the databases and days of the artifacts of a choice."""
    found = choosing.choose(choice, level, base).artifacts
    return [(each.metadata.backup_info.database_name, (each.moment - FIRST).days) for each in found]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "store"


def test_latest_is_the_newest_good_one_of_each_database(base: Path) -> None:
    for day in range(3):
        write(base, "shop", day)
    write(base, "shop", 3, status="partial")
    write(base, "crm", 1)
    assert chosen(base, Choice()) == [("crm", 1), ("shop", 2)]


def test_the_databases_that_nobody_looked_at_for_the_longest_time_come_first(base: Path) -> None:
    for name, day in (("a", 5), ("b", 3), ("c", 4)):
        record(write(base, name, 0), "checksum", day=day)
        write(base, name, 1)
    write(base, "never", 1)
    assert [name for name, _day in chosen(base, Choice())] == ["never", "b", "c", "a"]
    assert [name for name, _day in chosen(base, Choice(count=2))] == ["never", "b"]


def test_a_filter_narrows_to_an_instance_and_a_database(base: Path) -> None:
    write(base, "shop", 0)
    write(base, "shop", 1, database_id="b")
    write(base, "crm", 2, database_id="b")
    assert chosen(base, Choice(database_id="b", database="shop")) == [("shop", 1)]
    assert chosen(base, Choice(database_id="a")) == [("shop", 0)]
    with pytest.raises(errors.NotFoundError, match="no good artifact"):
        chosen(base, Choice(hostname="db02"))


def test_random_ones_are_the_same_for_the_same_seed_and_none_comes_twice(base: Path) -> None:
    for day in range(30):
        write(base, "shop", day)
    once = chosen(base, Choice("random", count=10, seed=1))
    assert once == chosen(base, Choice("random", count=10, seed=1))
    assert once != chosen(base, Choice("random", count=10, seed=2))
    assert len(set(once)) == 10
    assert len(chosen(base, Choice("random"))) == 1
    assert len(chosen(base, Choice("random", count=99))) == 30


def test_every_good_artifact_can_be_chosen_by_chance(base: Path) -> None:
    for day in range(4):
        write(base, "shop", day)
    found = {chosen(base, Choice("random", seed=seed))[0] for seed in range(60)}
    assert found == {("shop", day) for day in range(4)}


def test_the_oldest_that_the_level_has_not_looked_at_come_first(base: Path) -> None:
    files = [write(base, "shop", day) for day in range(6)]
    record(files[0], "restore", day=9)
    record(files[1], "checksum", day=9)
    record(files[2], "structure", day=9)
    record(files[3], "checksum", day=9, passed=False)
    everything = {"restore": [1, 2, 4, 5], "structure": [1, 4, 5], "checksum": [4, 5]}
    for level, days in everything.items():
        choice = Choice("unverified", count=9)
        assert [day for _name, day in chosen(base, choice, level)] == days  # type: ignore[arg-type]
    assert chosen(base, Choice("unverified")) == [("shop", 1)]


def test_a_time_budget_takes_the_place_of_the_count(base: Path) -> None:
    for day in range(3):
        write(base, "shop", day)
    assert len(chosen(base, Choice("unverified", time_budget=60))) == 3
    assert len(chosen(base, Choice("random", time_budget=60))) == 3
    assert len(chosen(base, Choice("random", time_budget=60, count=2))) == 2


def test_nothing_is_left_when_all_are_verified(base: Path) -> None:
    record(write(base, "shop", 0), "restore", day=1)
    assert chosen(base, Choice("unverified")) == []


def test_a_list_is_what_it_names_once_each_and_in_its_order(base: Path) -> None:
    files = [catalog.load_artifact(write(base, "shop", day)).paths.data for day in range(3)]
    write(base, "partial", 7, status="partial")
    assert chosen(base, Choice("list", [files[2], files[0], files[2]])) == [("shop", 2), ("shop", 0)]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("users_20260109_020000.sql.gz", errors.ConfigError),
        ("shop.sql.gz", errors.ConfigError),
        ("shop_20260109_020000_full.sql.gz", errors.NotFoundError),
    ],
    ids=["accounts", "another dump", "one that is not there"],
)
def test_a_list_holds_artifacts_alone(base: Path, name: str, error: type[errors.BackupDBError]) -> None:
    with pytest.raises(error, match=name.partition(".")[0]):
        chosen(base, Choice("list", [base / name]))


def test_a_second_is_a_time_budget(base: Path) -> None:
    write(base, "shop", 0)
    assert len(chosen(base, Choice(time_budget=1))) == 1


@pytest.mark.parametrize(
    "choice",
    [Choice(count=0), Choice(count=-1), Choice(time_budget=0), Choice("list"), Choice("latest", [Path("/x.sql.gz")])],
)
def test_a_choice_without_sense_is_refused(base: Path, choice: Choice) -> None:
    write(base, "shop", 0)
    with pytest.raises(errors.ConfigError):
        chosen(base, choice)


def test_what_cannot_be_taken_for_an_artifact_is_told(base: Path) -> None:
    write(base, "shop", 0)
    gone = catalog.load_artifact(write(base, "shop", 1)).paths.data
    gone.unlink()
    found = choosing.choose(Choice(), "restore", base)
    assert len(found.artifacts) == 1
    assert gone.name in found.problems[0]
