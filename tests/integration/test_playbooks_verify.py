# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook verify and the role's entry point of that name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.ansible import REPOSITORY
from tests.integration.drills import work_folder
from tests.integration.hosts import DATABASE, Host, dumps, filled
from tools.private_servers.base import PrivateServer

PLAYBOOK = str(REPOSITORY / "playbooks" / "verify.yml")


@pytest.fixture(scope="module")
def host(postgresql: PrivateServer, mariadb: PrivateServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with filled(postgresql, mariadb) as servers:
        made = Host(tmp_path_factory.mktemp("host"), servers)
        made.configure()
        outcome = made.back_up()
        assert outcome.rc == 0, outcome.stdout
        yield made


@pytest.fixture
def work_path() -> Iterator[Path]:
    with work_folder() as folder:
        yield folder


def test_check_mode_shows_what_would_be_verified(host: Host) -> None:
    outcome = host.run(PLAYBOOK, "--check")
    assert outcome.rc == 0, outcome.stdout
    for server in host.servers:
        assert f"planned {server.flavour}/{DATABASE}: restore, " in outcome.stdout
    assert "planned: 2" in outcome.stdout


@pytest.mark.slow
@pytest.mark.parametrize("where", ["throwaway", "same"])
def test_the_newest_backups_of_both_families_are_proven_and_handed_on(host: Host, work_path: Path, where: str) -> None:
    before = dumps(host.servers)
    outcome = host.run(PLAYBOOK, backupdb_verify_server=where, backupdb_verify_work_path=str(work_path))
    assert outcome.rc == 0, outcome.stdout
    assert "2 of 2 backups are proven good" in outcome.stdout
    summary = {"total": 2, "successful": 2, "failed": 0, "left_out": 0}
    assert outcome.stats["backupdb_verify_summary"] == {"localhost": summary}
    assert all(result["level"] == "restore" for result in outcome.stats["backupdb_verified"]["localhost"])
    assert dumps(host.servers) == before


@pytest.mark.slow
def test_a_bad_backup_fails_the_play_after_all_were_shown(host: Host) -> None:
    outcome = host.back_up(backupdb_database_ids=["mariadb"])
    assert outcome.rc == 0, outcome.stdout
    (result,) = outcome.stats["backupdb_results"]["localhost"]
    data = Path(result["backup_file"])
    whole = data.read_bytes()
    try:
        changed = bytearray(whole)
        changed[len(whole) // 2] ^= 1
        data.write_bytes(changed)
        failed = host.run(PLAYBOOK, backupdb_verify_level="structure", backupdb_verify_time_budget="1h")
    finally:
        data.write_bytes(whole)
    assert failed.rc != 0
    assert f"FAILED  mariadb/{DATABASE}: validation_error, {data} is damaged" in failed.stdout
    assert f"ok      postgresql/{DATABASE}: structure, " in failed.stdout
    assert failed.stats["backupdb_verify_summary"]["localhost"]["failed"] == 1
