# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts artifacts live as long as a backup of a database names them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import accounts_catalog, catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import StorageConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.retention import pruning

from tests.integration.retained import (
    DATABASE_ID,
    HOSTNAME,
    LAST_ONE,
    NOON,
    by_file,
    days_ago,
    reasons,
    store,
    write_accounts,
    write_backup,
    write_drill,
)

NAMES = {"hostname": HOSTNAME, "database_id": DATABASE_ID, "database_name": "shop"}


def test_they_go_with_the_last_backup_that_names_them(tmp_path: Path) -> None:
    saved = [write_accounts(tmp_path, days_ago(number + 0.1)) for number in (4, 3, 2)]
    names = [one.paths.data.name for one in saved]
    write_backup(tmp_path, days_ago(4), accounts=names[0])
    kept = write_backup(tmp_path, days_ago(4), accounts=names[0], database="crm")
    write_backup(tmp_path, days_ago(3), accounts=names[1])
    write_backup(tmp_path, days_ago(2), accounts=names[2])
    cleanup = pruning.clean_up(store(tmp_path), LAST_ONE)
    assert reasons(cleanup, names[0]) == [f"saved along with {kept.data.name}"]
    assert reasons(cleanup, names[1]) == ["no backup of a database names it any more"]
    assert reasons(cleanup, names[2]) == [
        "newest good accounts",
        "saved along with shop_20260329_120000_full.sql.gz",
    ]
    assert not (tmp_path / "host" / "a" / names[1]).exists()
    assert catalog.list_artifacts(tmp_path).problems == accounts_catalog.list_artifacts(tmp_path).problems == []


def test_a_backup_that_is_not_looked_at_still_names_its_own(tmp_path: Path) -> None:
    saved = write_accounts(tmp_path, days_ago(4))
    write_accounts(tmp_path, days_ago(2))
    other = write_backup(tmp_path, days_ago(3), accounts=saved.paths.data.name, database="crm")
    write_backup(tmp_path, NOON)
    cleanup = pruning.clean_up(store(tmp_path), LAST_ONE, series=[("a", "shop")])
    assert reasons(cleanup, saved.paths.data.name) == [f"saved along with {other.data.name}"]


def test_those_of_instances_that_are_not_looked_at_are_left_alone(tmp_path: Path) -> None:
    for database_id in ("a", "b"):
        write_accounts(tmp_path, days_ago(4), database_id=database_id)
        write_accounts(tmp_path, days_ago(2), database_id=database_id)
        write_backup(tmp_path, NOON, database_id=database_id)
    cleanup = pruning.clean_up(store(tmp_path), LAST_ONE, series=[("a", "shop")])
    assert [one.database_id for one in cleanup.results if one.database_name is None] == ["a", "a"]
    assert pruning.clean_up(store(tmp_path), LAST_ONE).removed == 1


def test_a_backup_that_was_found_bad_keeps_its_own_while_it_is_there(tmp_path: Path) -> None:
    saved = write_accounts(tmp_path, days_ago(2))
    write_accounts(tmp_path, days_ago(1.5))
    bad = write_backup(tmp_path, days_ago(1), accounts=saved.paths.data.name)
    write_drill(bad, passed=False)
    cleanup = pruning.clean_up(store(tmp_path), LAST_ONE)
    assert by_file(cleanup)[saved.paths.data.name].keep


def test_a_hold_file_keeps_them(tmp_path: Path) -> None:
    saved = write_accounts(tmp_path, days_ago(4))
    write_accounts(tmp_path, days_ago(2))
    write_backup(tmp_path, NOON)
    saved.paths.hold.touch()
    cleanup = pruning.clean_up(store(tmp_path), LAST_ONE)
    assert reasons(cleanup, saved.paths.data.name) == ["held by users_20260327_120000.hold"]


@pytest.mark.parametrize("hours", [0, 1, 23, 25, 24 * 9])
def test_those_of_a_run_that_has_published_nothing_yet_stay(tmp_path: Path, hours: float) -> None:
    moment = NOON - timedelta(hours=hours)
    write_backup(tmp_path, moment - timedelta(days=1))
    saved = write_accounts(tmp_path, moment)
    later = write_accounts(tmp_path, moment + timedelta(seconds=1), status="partial", error_message="no passwords")
    with catalog.draft(StorageConfig(base_path=tmp_path), clock=lambda: moment, **NAMES) as draft:
        cleanup = pruning.clean_up(store(tmp_path), LAST_ONE)
        assert (cleanup.removed, cleanup.swept, draft.data.exists()) == (0, [], True)
    mine = write_backup(tmp_path, moment, accounts=saved.paths.data.name)
    pruning.clean_up(store(tmp_path), LAST_ONE)
    found = accounts_catalog.find_companion(tmp_path, catalog.load_artifact(mine.paths.metadata))
    assert found == accounts_catalog.load(saved.paths.metadata)
    assert later.paths.data.exists()


def test_none_go_while_the_metadata_of_a_backup_cannot_be_read(tmp_path: Path) -> None:
    saved = write_accounts(tmp_path, days_ago(4))
    write_accounts(tmp_path, days_ago(2))
    write_backup(tmp_path, NOON)
    naming = write_backup(tmp_path, days_ago(4), accounts=saved.paths.data.name)
    content = naming.paths.metadata.read_text(encoding="utf-8")
    naming.paths.metadata.write_text(content[:-9], encoding="utf-8")
    cleanup = pruning.clean_up(store(tmp_path), LAST_ONE)
    assert reasons(cleanup, saved.paths.data.name) == ["some metadata cannot be read and may name it"]
    change = json.loads(content)
    change["restore_info"]["accounts_artifact"] = "../x"
    naming.paths.metadata.write_text(json.dumps(change), encoding="utf-8")
    naming.paths.hold.touch()
    again = pruning.clean_up(store(tmp_path), LAST_ONE)
    assert by_file(again)[saved.paths.data.name].keep
    assert "bare name" in again.warnings[0]


def test_those_of_a_backup_that_could_not_be_removed_stay(tmp_path: Path) -> None:
    saved = write_accounts(tmp_path, days_ago(4))
    write_accounts(tmp_path, days_ago(2))
    stuck = write_backup(tmp_path, days_ago(3), accounts=saved.paths.data.name)
    stuck.paths.tombstone.mkdir()
    write_backup(tmp_path, NOON)
    assert by_file(pruning.clean_up(store(tmp_path), LAST_ONE))[saved.paths.data.name].keep
