# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several hosts are worked on one after the other, whatever becomes of one of them, and AWX gets the results of all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import secrets

from tests import awx
from tests.integration import processes
from tests.integration.hosts import Host, filled
from tests.integration.jobs import Awx
from tools.private_servers.base import PrivateServer

GOOD = {"total": 1, "successful": 1, "failed": 0}
BAD = {"total": 1, "successful": 0, "failed": 1}


@pytest.fixture
def hosts(postgresql: PrivateServer, mariadb: PrivateServer, tmp_path: Path) -> Iterator[dict[str, Host]]:
    """Three hosts with a configuration each, of which the first has a wrong login."""
    with filled(postgresql, mariadb):
        servers = {"db01": postgresql, "db02": mariadb, "db03": mariadb}
        made = {name: Host(tmp_path / name, (server,)) for name, server in servers.items()}
        for host in made.values():
            host.folder.mkdir()
        made["db01"].configure(postgresql=secrets.Login("postgres", "wrong"))
        made["db03"].configure()
        yield made


@pytest.fixture
def machine(hosts: dict[str, Host], tmp_path: Path) -> Awx:
    """A machine that cannot reach the second of the hosts."""
    inventory: dict[str, dict[str, Any]] = {name: {"backupdb_config": str(host.config)} for name, host in hosts.items()}
    away = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": processes.closed_port()}
    inventory["db02"].update(away, ansible_ssh_args="-o ControlMaster=no")
    return Awx(tmp_path / "awx", hosts["db01"], inventory=inventory)


@pytest.mark.slow
def test_one_host_after_the_other_is_backed_up_whatever_becomes_of_them(hosts: dict[str, Host], machine: Awx) -> None:
    variables = awx.untrusted({"target": "databases", "backupdb_serial": 1})
    job = machine.launch("playbooks/backup.yml", awx.text_of(variables))
    assert job.stats["backupdb_summary"] == {"db01": BAD, "db03": GOOD}, job.stdout
    assert job.stats["backupdb_saved_accounts"].keys() == {"db01", "db03"}
    results = {name: result for name, (result,) in job.stats["backupdb_results"].items()}
    assert results["db01"]["error_code"] == "credentials_error"
    assert Path(results["db03"]["backup_file"]).is_relative_to(hosts["db03"].store)
    assert job.rc != 0
    told = job.stdout.rpartition("PLAY [")[2]
    assert 'fatal: [db01]: FAILED! => {"changed": false, "msg": "1 of 1 backups failed: postgresql: ' in told
    assert 'fatal: [db02]: FAILED! => {"changed": false, "msg": "the backup did not start, see above"}' in told
    assert "skipping: [db03]" in told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("playbook", "result", "unstarted"),
    [
        ("verify", "backupdb_verified", "the drill did not start, see above"),
        ("retention", "backupdb_retention_results", "the cleanup did not start, see above"),
        ("report", "backupdb_report", "the report was not begun, see above"),
    ],
)
def test_the_other_playbooks_go_on_after_a_failed_host_too(
    hosts: dict[str, Host], machine: Awx, playbook: str, result: str, unstarted: str
) -> None:
    assert hosts["db03"].back_up().rc == 0
    hosts["db01"].config.write_text("databases: 3", encoding="utf-8")
    variables = {"target": "databases", "backupdb_serial": 1, "backupdb_verify_level": "checksum"}
    job = machine.launch(f"playbooks/{playbook}.yml", awx.text_of(awx.untrusted(variables)))
    assert job.stats[result]["db03"], job.stdout
    assert job.rc != 0
    told = job.stdout.rpartition("PLAY [")[2]
    assert f'fatal: [db01]: FAILED! => {{"changed": false, "msg": "{hosts["db01"].config} is not valid: ' in told
    assert f'fatal: [db02]: FAILED! => {{"changed": false, "msg": "{unstarted}"}}' in told
    assert "skipping: [db03]" in told
