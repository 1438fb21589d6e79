# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks and the role as a person runs them, on a PostgreSQL and a MariaDB server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.vya.backupdb.plugins.module_utils._engine import secrets

from tests.integration.ansible import REPOSITORY, TIMEOUT_SECONDS, environment
from tests.integration.scenes import LIVE_SCRIPTS, files_of
from tools.private_servers.base import PrivateServer

DATABASE = "playbook_shop"
NAMES = {
    "path": {name: str(REPOSITORY / "playbooks" / f"{name}.yml") for name in ("backup", "restore")},
    "name": {name: f"vya.backupdb.{name}" for name in ("backup", "restore")},
}
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


@dataclass(frozen=True)
class Outcome:
    """How a playbook ended: exit code, all that was printed, and the custom statistics that AWX would keep."""

    rc: int
    stdout: str

    @property
    def stats(self) -> dict[str, Any]:
        """The data of set_stats."""
        start = self.stdout.find("{", self.stdout.index("CUSTOM STATS"))
        stats, _end = json.JSONDecoder().raw_decode(self.stdout[start:])
        assert isinstance(stats, dict)
        return stats


@dataclass(frozen=True)
class Host:
    """This machine as a managed host: its configuration, its credentials, its storage, two servers."""

    folder: Path
    servers: tuple[PrivateServer, ...]

    @property
    def config(self) -> Path:
        """The path of config.yaml."""
        return self.folder / "config.yaml"

    @property
    def store(self) -> Path:
        """The path of the storage."""
        return self.folder / "store"

    def configure(self, **passwords: str) -> None:
        """Write configuration and credentials; ``passwords`` are other ones, by the flavour of the server."""
        path, key_file = self.folder / "secrets" / "credentials.json", self.folder / "secrets" / "key"
        path.parent.mkdir(mode=0o700)
        logins = {
            server.flavour: secrets.Login(server.admin_user, passwords.get(server.flavour, server.admin_password))
            for server in self.servers
        }
        secrets.update_store(path, secrets.KeySource(key_file), lambda _before: secrets.Store("key-file", logins))
        databases = [
            {
                "id": server.flavour,
                "type": server.family,
                "host": server.host,
                "port": server.port,
                "include_databases": [DATABASE],
            }
            for server in self.servers
        ]
        config = {
            "databases": databases,
            "storage": {"base_path": str(self.store)},
            "credentials": {"path": str(path), "key_file": str(key_file)},
        }
        self.config.write_text(yaml.safe_dump(config), encoding="utf-8")

    def run(self, playbook: str, *more: str, inventory: str = "localhost,", **variables: Any) -> Outcome:
        """Run a playbook against this host; ``more`` are further arguments."""
        values = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "backupdb_config": str(self.config),
            **variables,
        }
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        finished = subprocess.run(
            [program, "--inventory", inventory, "--extra-vars", json.dumps(values), playbook, *more],
            env=environment(ANSIBLE_STDOUT_CALLBACK="ansible.builtin.default", ANSIBLE_SHOW_CUSTOM_STATS="1"),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        return Outcome(finished.returncode, finished.stdout)

    def back_up(self, *more: str, **variables: Any) -> Outcome:
        """Run the playbook backup."""
        return self.run(NAMES["path"]["backup"], *more, **variables)

    def restore(self, server: PrivateServer, *more: str, **variables: Any) -> Outcome:
        """Run the playbook restore, for the newest artifact of the database unless told otherwise."""
        chosen = {"backupdb_database_id": server.flavour, "backupdb_database": DATABASE, "backupdb_latest": True}
        return self.run(NAMES["path"]["restore"], *more, **{**chosen, **variables})


def dumps(servers: Sequence[PrivateServer]) -> list[str]:
    return [server.whole_dump(DATABASE, create=True) for server in servers]


@pytest.fixture(scope="module")
def servers(postgresql: PrivateServer, mariadb: PrivateServer) -> Iterator[tuple[PrivateServer, ...]]:
    both = (postgresql, mariadb)
    for server in both:
        server.create_database(DATABASE)
        server.run_script(LIVE_SCRIPTS[server.family], DATABASE)
    yield both
    for server in both:
        server.drop_database(DATABASE)


@pytest.fixture
def host(servers: tuple[PrivateServer, ...], tmp_path: Path) -> Host:
    return Host(tmp_path, servers)


@pytest.fixture(scope="module")
def backed_up(servers: tuple[PrivateServer, ...], tmp_path_factory: pytest.TempPathFactory) -> Host:
    """A host that has one artifact of each database; the tests leave it as it is."""
    host = Host(tmp_path_factory.mktemp("backed_up"), servers)
    host.configure()
    outcome = host.back_up()
    assert outcome.rc == 0, outcome.stdout
    return host


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


def test_one_instance_that_fails_does_not_hide_the_good_backups(host: Host) -> None:
    host.configure(mariadb="wrong")
    outcome = host.back_up()
    assert outcome.rc != 0
    assert f"ok      postgresql/{DATABASE}" in outcome.stdout
    assert "FAILED  mariadb: credentials_error" in outcome.stdout
    assert "1 of 2 backups are good" in outcome.stdout
    assert {each["database_id"]: each["success"] for each in outcome.stats["backupdb_results"]["localhost"]} == {
        "postgresql": True,
        "mariadb": False,
    }
    assert [path.name for path in host.store.rglob("*.sql.gz")] == [
        Path(outcome.stats["backupdb_results"]["localhost"][0]["backup_file"]).name
    ]


def test_whoever_includes_the_role_can_rescue_it_and_has_the_results(host: Host) -> None:
    host.configure(mariadb="wrong")
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
    assert "planned: 2, would fail: 0" in outcome.stdout
    assert not host.store.exists()


def test_only_the_chosen_instances_and_databases_are_backed_up(host: Host) -> None:
    host.configure()
    outcome = host.back_up(backupdb_database_ids=["mariadb"], backupdb_databases=["playbook_s*"], backupdb_jobs=1)
    assert outcome.rc == 0, outcome.stdout
    results = outcome.stats["backupdb_results"]["localhost"]
    assert [(each["database_id"], each["database_name"]) for each in results] == [("mariadb", DATABASE)]


@pytest.mark.parametrize("flavour", ["postgresql", "mariadb"])
def test_check_mode_of_a_restore_verifies_and_changes_nothing(backed_up: Host, flavour: str) -> None:
    server = next(server for server in backed_up.servers if server.flavour == flavour)
    files, databases = files_of(backed_up.store), server.databases()
    outcome = backed_up.restore(server, "--check", backupdb_target_database="playbook_copy")
    assert outcome.rc == 0, outcome.stdout
    assert "would be restored: " in outcome.stdout
    assert server.databases() == databases
    assert files_of(backed_up.store) == files


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "exists on the"),
        ({"backupdb_force": True}, "name it in backupdb_confirm too"),
        ({"backupdb_force": "true", "backupdb_confirm": "other"}, "name it in backupdb_confirm too"),
        ({"backupdb_force": True, "backupdb_confirm": DATABASE, "backupdb_target_database": "x"}, "backupdb_confirm"),
    ],
    ids=["without force", "unconfirmed", "another confirmed", "source confirmed, not target"],
)
def test_an_existing_database_is_not_replaced_unless_it_is_named_twice(
    backed_up: Host, variables: dict[str, Any], said: str
) -> None:
    server = backed_up.servers[0]
    before, databases = dumps(backed_up.servers), server.databases()
    outcome = backed_up.restore(server, **variables)
    assert outcome.rc != 0
    assert said in outcome.stdout
    assert dumps(backed_up.servers) == before
    assert server.databases() == databases


@pytest.mark.parametrize("flavour", ["postgresql", "mariadb"])
def test_a_confirmed_restore_replaces_what_is_there(backed_up: Host, flavour: str) -> None:
    server = next(server for server in backed_up.servers if server.flavour == flavour)
    before = dumps([server])
    server.execute("DELETE FROM person", DATABASE)
    assert dumps([server]) != before
    outcome = backed_up.restore(server, backupdb_force=True, backupdb_confirm=DATABASE)
    assert outcome.rc == 0, outcome.stdout
    assert dumps([server]) == before


def test_a_named_file_is_restored_under_another_name(backed_up: Host) -> None:
    server = backed_up.servers[0]
    file = next(backed_up.store.rglob(f"postgresql/{DATABASE}/*/*.sql.gz"))
    outcome = backed_up.run(
        NAMES["path"]["restore"], backupdb_backup_file=str(file), backupdb_target_database="playbook_copy"
    )
    assert outcome.rc == 0, outcome.stdout
    copy = server.whole_dump("playbook_copy")
    server.drop_database("playbook_copy")
    assert copy == server.whole_dump(DATABASE)


def test_a_moment_before_the_first_backup_has_no_artifact_to_restore(backed_up: Host) -> None:
    outcome = backed_up.restore(
        backed_up.servers[0], backupdb_latest=False, backupdb_point_in_time="2001-01-01T00:00:00Z"
    )
    assert outcome.rc != 0
    assert '"error_code": "file_not_found"' in outcome.stdout


@pytest.mark.parametrize(
    "variables",
    [
        {"backupdb_latest": False},
        {"backupdb_point_in_time": "2026-01-09T02:00:00Z"},
        {"backupdb_database": ""},
        {"backupdb_latest": False, "backupdb_backup_file": "/srv/shop.sql.gz"},
    ],
    ids=["neither newest nor a moment", "newest and a moment", "no database", "a file and a database"],
)
def test_a_restore_that_does_not_name_one_artifact_is_refused(backed_up: Host, variables: dict[str, Any]) -> None:
    outcome = backed_up.restore(backed_up.servers[0], **variables)
    assert outcome.rc != 0
    assert "Name what to restore" in outcome.stdout


def test_a_variable_of_the_wrong_type_is_refused_by_both_entry_points(backed_up: Host) -> None:
    for outcome in (
        backed_up.back_up(backupdb_jobs="many"),
        backed_up.restore(backed_up.servers[0], backupdb_force="perhaps"),
    ):
        assert outcome.rc != 0
        assert "Validation of arguments failed" in outcome.stdout


def test_a_restore_on_several_hosts_at_once_is_refused(backed_up: Host) -> None:
    outcome = backed_up.restore(backed_up.servers[0], inventory="one,two,")
    assert outcome.rc != 0
    assert "Name the one host to restore on" in outcome.stdout
