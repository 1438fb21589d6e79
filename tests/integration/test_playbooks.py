# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks and the role as a person runs them: backups, and the way back of what was lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import secrets

from tests.integration.hosts import DATABASE, NAMES, PASSWORD, Host, account, dumps, filled
from tools.private_servers.base import PrivateServer

INCLUDER = """
- hosts: all
  gather_facts: false
  tasks:
    - block:
        - ansible.builtin.include_role:
            name: vya.backupdb.backup
      rescue:
        - ansible.builtin.set_stats:
            data:
              code: "{{ ansible_failed_result.error_code }}"
              message: "{{ ansible_failed_result.msg }}"
              states: "{{ dict(backupdb_results | map(attribute='database_id')
                | zip(backupdb_results | map(attribute='success'))) }}"
              summary: "{{ backupdb_summary }}"
"""


@pytest.fixture(scope="module")
def servers(postgresql: PrivateServer, mariadb: PrivateServer) -> Iterator[tuple[PrivateServer, ...]]:
    with filled(postgresql, mariadb) as both:
        yield both


@pytest.fixture
def host(servers: tuple[PrivateServer, ...], tmp_path: Path) -> Host:
    return Host(tmp_path, servers)


@pytest.mark.parametrize("how", NAMES)
def test_lost_databases_come_back_as_they_were(host: Host, how: str) -> None:
    host.configure()
    before = dumps(host.servers)

    backup = host.run(NAMES[how]["backup"])
    assert backup.rc == 0, backup.stdout
    assert backup.stats["backupdb_summary"] == {"localhost": {"total": 2, "successful": 2, "failed": 0}}

    for server in host.servers:
        server.drop_database(DATABASE)
    for server in host.servers:
        restore = host.run(
            NAMES[how]["restore"],
            backupdb_database_id=server.flavour,
            backupdb_database=DATABASE,
            backupdb_latest=True,
        )
        assert restore.rc == 0, restore.stdout
        assert restore.stats["backupdb_restore"]["localhost"]["comparison"]["differences"] == []
    assert dumps(host.servers) == before


def test_the_summary_tells_state_size_time_and_artifact_of_each_database(host: Host) -> None:
    host.configure()
    outcome = host.back_up()
    assert outcome.rc == 0, outcome.stdout
    for result in outcome.stats["backupdb_results"]["localhost"]:
        line = next(line for line in outcome.stdout.splitlines() if f"ok      {result['database_id']}/" in line)
        assert f"{result['size_bytes'] / 1024:.2f} KB in {result['duration_seconds']:.1f} s" in line
        assert result["backup_file"] in line
    assert "2 of 2 backups are good" in outcome.stdout


def test_backups_that_are_there_already_are_told_and_the_schema_that_changed_is_too(host: Host) -> None:
    host.configure()
    assert host.back_up(backupdb_keep_until="2099-12-31").rc == 0
    again = host.back_up(backupdb_if_older_than="20h", backupdb_keep_until="2099-12-31")
    assert again.rc == 0, again.stdout
    assert "changed=0 " in again.stdout
    for server in host.servers:
        assert f"recent  {server.flavour}/{DATABASE}: " in again.stdout
        server.execute("CREATE TABLE invoice (id integer)", DATABASE)
    due = host.back_up(backupdb_if_older_than="20h", backupdb_keep_until="2100-12-31")
    assert due.rc == 0, due.stdout
    assert f"came    postgresql/{DATABASE}: table public.invoice" in due.stdout
    assert f"came    mariadb/{DATABASE}: table invoice" in due.stdout
    assert "changed=1 " in due.stdout
    for server in host.servers:
        server.execute("DROP TABLE invoice", DATABASE)


def test_one_instance_that_fails_does_not_hide_the_good_backups(host: Host) -> None:
    host.configure(mariadb=secrets.Login("root", "wrong"))
    outcome = host.back_up()
    assert outcome.rc != 0
    assert f"ok      postgresql/{DATABASE}" in outcome.stdout
    assert "FAILED  mariadb: credentials_error" in outcome.stdout
    assert "1 of 2 backups are good" in outcome.stdout
    assert {each["database_id"]: each["success"] for each in outcome.stats["backupdb_results"]["localhost"]} == {
        "postgresql": True,
        "mariadb": False,
    }
    assert [path.name for path in host.store.rglob("*_full.sql.gz")] == [
        Path(outcome.stats["backupdb_results"]["localhost"][0]["backup_file"]).name
    ]


def test_whoever_includes_the_role_can_rescue_it_and_has_the_results(host: Host) -> None:
    host.configure(mariadb=secrets.Login("root", "wrong"))
    playbook = host.folder / "includer.yml"
    playbook.write_text(INCLUDER, encoding="utf-8")
    outcome = host.run(str(playbook))
    assert outcome.rc == 0, outcome.stdout
    assert outcome.stats["code"] == "partial_failure"
    assert outcome.stats["message"].startswith("1 of 2 backups failed: mariadb: ")
    assert outcome.stats["states"] == {"postgresql": True, "mariadb": False}
    assert outcome.stats["summary"] == {"total": 2, "successful": 1, "failed": 1}


def test_a_missing_configuration_is_said_in_the_summary_too(host: Host) -> None:
    outcome = host.back_up()
    assert outcome.rc != 0
    assert f"FAILED  file_not_found, the configuration {host.config} does not exist" in outcome.stdout
    assert "0 of 0 backups are good" in outcome.stdout


def test_check_mode_shows_the_plan_of_a_backup_and_writes_nothing(host: Host) -> None:
    host.configure()
    outcome = host.back_up("--check")
    assert outcome.rc == 0, outcome.stdout
    for server in host.servers:
        assert f"planned {server.flavour}/{DATABASE}: about " in outcome.stdout
        assert re.search(rf"planned {server.flavour}, its accounts: \d+\W*$", outcome.stdout, re.MULTILINE)
    assert "planned: 2, would fail: 0" in outcome.stdout
    assert not host.store.exists()


def test_only_the_chosen_instances_and_databases_are_backed_up(host: Host) -> None:
    host.configure()
    outcome = host.back_up(
        backupdb_database_ids=["mariadb"], backupdb_databases=["playbook_s*"], backupdb_jobs=1, backupdb_accounts=False
    )
    assert outcome.rc == 0, outcome.stdout
    results = outcome.stats["backupdb_results"]["localhost"]
    assert [(each["database_id"], each["database_name"]) for each in results] == [("mariadb", DATABASE)]
    assert outcome.stats["backupdb_saved_accounts"] == {"localhost": []}
    assert list(host.store.rglob("users_*")) == []


def test_accounts_that_the_backup_may_not_read_whole_are_told_until_it_may(host: Host) -> None:
    server = host.servers[0]
    with account(server, "playbook_backup") as name:
        server.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}", DATABASE)
        server.execute(f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {name}", DATABASE)
        host.configure(postgresql=secrets.Login(name, PASSWORD))
        outcome = host.back_up(backupdb_database_ids=["postgresql"])
        assert outcome.rc != 0
        assert "FAILED  postgresql, its accounts: partial_failure" in outcome.stdout
        assert f"{name} may not read pg_authid" in outcome.stdout

        server.execute(f"GRANT pg_read_all_data TO {name}")
        outcome = host.back_up(backupdb_database_ids=["postgresql"])
        assert outcome.rc == 0, outcome.stdout
        (saved,) = outcome.stats["backupdb_saved_accounts"]["localhost"]
        assert f"ok      postgresql, its accounts: {saved['accounts_count']}, {saved['backup_file']}" in outcome.stdout


def test_a_variable_of_the_wrong_type_is_refused_by_both_entry_points(host: Host) -> None:
    host.configure()
    for outcome in (
        host.back_up(backupdb_jobs="many"),
        host.restore(host.servers[0], backupdb_keep_previous="perhaps"),
    ):
        assert outcome.rc != 0
        assert "Validation of arguments failed" in outcome.stdout
