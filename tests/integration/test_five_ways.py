# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""However a backup is started, it gives the same artifacts, the same results and the same rows in the audit log."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog

from tests.integration import commands
from tests.integration.ansible import run_module
from tests.integration.hosts import Host, filled
from tests.integration.jobs import HOST, Awx
from tests.integration.likeness import metadata_of, shape, text_of, unchanging
from tools.private_servers.base import PrivateServer

INCLUDER = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: vya.backupdb.backup
    - ansible.builtin.set_stats:
        data:
          results: "{{ backupdb_results }}"
          accounts: "{{ backupdb_saved_accounts }}"
          summary: "{{ backupdb_summary }}"
"""
TOLD = ("results", "accounts", "summary")
Result = dict[str, Any]


def by_playbook(host: Host) -> Result:
    outcome = host.run("vya.backupdb.backup")
    assert outcome.rc == 0, outcome.stdout
    return handed_on(outcome.stats, "localhost")


def by_role(host: Host) -> Result:
    playbook = host.folder / "includer.yml"
    playbook.write_text(INCLUDER, encoding="utf-8")
    outcome = host.run(str(playbook))
    assert outcome.rc == 0, outcome.stdout
    return outcome.stats


def by_hand(host: Host) -> Result:
    done = run_module("db_backup", {"config": str(host.config)})
    assert done.rc == 0, done.stdout
    return done.result


def by_awx(host: Host) -> Result:
    job = Awx(host.folder / "awx", host).launch_template("Back up databases")
    assert job.rc == 0, job.stdout
    return handed_on(job.stats, HOST)


def by_command(host: Host, installed: Path) -> Result:
    done = commands.run_program(installed, "backup", "--json", "--config", str(host.config))
    assert done.returncode == 0, done.stdout + done.stderr
    result: Result = json.loads(done.stdout)
    return result


def handed_on(stats: dict[str, Any], name: str) -> Result:
    """Return the result of a host as the playbook hands it on."""
    keys = {"results": "backupdb_results", "accounts": "backupdb_saved_accounts", "summary": "backupdb_summary"}
    return {told: stats[key][name] for told, key in keys.items()}


@pytest.fixture
def host(postgresql: PrivateServer, mariadb: PrivateServer, tmp_path: Path) -> Iterator[Host]:
    with filled(postgresql, mariadb) as servers:
        host = Host(tmp_path, servers)
        host.configure()
        # Or of the artifacts of one day only the newest would be there in the end.
        settings = {**yaml.safe_load(host.config.read_text(encoding="utf-8")), "retention": {"cleanup_enabled": False}}
        host.config.write_text(yaml.safe_dump(settings), encoding="utf-8")
        yield host


@pytest.mark.slow
def test_five_ways_to_start_a_backup_give_the_same(host: Host, installed: Path) -> None:
    ways: list[Callable[[Host], Result]] = [
        by_playbook,
        by_role,
        by_hand,
        by_awx,
        functools.partial(by_command, installed=installed),
    ]
    everything = [way(host) for way in ways]
    results = [{key: whole[key] for key in TOLD} for whole in everything]
    first = results[0]
    assert first["summary"] == {"total": 2, "successful": 2, "failed": 0}
    for result in results[1:]:
        assert shape(result) == shape(first)
        assert unchanging(result) == unchanging(first)

    each_artifacts = [[artifact_of(backup) for backup in result["results"]] for result in results]
    assert len({artifact.data for artifacts in each_artifacts for artifact in artifacts}) == 2 * len(ways)
    for artifacts in each_artifacts[1:]:
        assert [text_of(one) for one in artifacts] == [text_of(one) for one in each_artifacts[0]]
        assert [unchanging(metadata_of(one)) for one in artifacts] == [
            unchanging(metadata_of(one)) for one in each_artifacts[0]
        ]

    rows = commands.Host(installed, host.config, host.store).audited()
    assert [row["operation"] for row in rows] == ["backup"] * 2 * len(ways)
    by_instance = [[unchanging(row) for row in rows if row["database_id"] == server.flavour] for server in host.servers]
    for of_instance in by_instance:
        assert of_instance == [of_instance[0]] * len(ways)


def artifact_of(backup: Result) -> catalog.Artifact:
    return catalog.load_artifact(Path(backup["metadata_file"]))
