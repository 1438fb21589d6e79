# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The job templates as AWX runs them: by ansible-runner, with its inventory, variables and credentials. Its events."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import awx
from tests.integration.canary import CORE, gives_away, telling_files
from tests.integration.hosts import DATABASE, Host, filled
from tests.integration.jobs import HOST, Awx, Job
from tools.private_servers.base import PrivateServer

pytestmark = pytest.mark.slow

ACCOUNT = "awx_account"
# Neither of the templates that it looks like may be evaluated.
CANARY = f"it's \" {{{{ 7 * 7 }}}} %s a\\n:{CORE} {{% end"
FAMILIES = {"postgresql": "postgresql", "mysql": "mariadb"}
NIGHTLY = """
- name: Use a login that a variable brings
  hosts: all
  gather_facts: false
  tasks:
    - name: Back up by a login of its own
      vya.backupdb.db_backup: &inline
        type: postgresql
        login_host: "{{ inline.host }}"
        login_port: "{{ inline.port }}"
        login_user: "{{ inline.user }}"
        login_password: "{{ inline.password }}"
        base_path: "{{ inline.store }}"
        databases: ["{{ inline.database }}"]

    - name: Back up by a wrong login
      vya.backupdb.db_backup:
        <<: *inline
        login_password: "{{ inline.password ~ 'x' }}"
      register: wrong
      ignore_errors: true

    - name: Check that it was refused
      ansible.builtin.assert:
        that: wrong is failed and wrong.error_code == 'credentials_error'

- name: Back up
  ansible.builtin.import_playbook: playbooks/backup.yml
"""
TELLING = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.debug:
        msg: "{{ backupdb_credentials }}"
"""


@pytest.fixture(scope="module")
def servers(postgresql: PrivateServer, mariadb: PrivateServer) -> Iterator[tuple[PrivateServer, ...]]:
    with filled(postgresql, mariadb) as both:
        for server in both:
            server.create_user(ACCOUNT, CANARY)
        postgresql.execute(f"ALTER ROLE {ACCOUNT} SUPERUSER")
        mariadb.execute(f"GRANT ALL PRIVILEGES ON *.* TO {ACCOUNT}@'%' WITH GRANT OPTION")
        yield both
        for server in both:
            server.execute(f"DROP USER {ACCOUNT}")


@pytest.fixture(scope="module")
def machine(servers: tuple[PrivateServer, ...], tmp_path_factory: pytest.TempPathFactory) -> Awx:
    host = Host(tmp_path_factory.mktemp("host"), servers)
    host.folder.joinpath("opt").mkdir()
    # The role install would make an environment with these packages.
    host.folder.joinpath("opt", "venv").symlink_to(sys.prefix)
    return Awx(tmp_path_factory.mktemp("awx"), host, {"nightly.yml": NIGHTLY, "telling.yml": TELLING})


@pytest.fixture(scope="module")
def credentials() -> tuple[str, ...]:
    """What the custom types of credentials make of a login for each family."""
    types = awx.load("credential_types.yml")["backupdb_awx_login_types"]
    return tuple(
        awx.injected(types[family]["injectors"], {"database_id": server, "username": ACCOUNT, "password": CANARY})
        for family, server in FAMILIES.items()
    )


@pytest.fixture(scope="module")
def setup(machine: Awx, credentials: tuple[str, ...]) -> Job:
    """The job that sets up the host with the logins of the credentials, and tells as much as it can."""
    return machine.launch_template("Set up hosts", *credentials, options="-vvv --diff -t configure")


@pytest.fixture(scope="module")
def nightly(machine: Awx, setup: Job) -> Job:
    """A job that gets a password by a variable, is refused once, and then runs the playbook."""
    server = machine.host.servers[0]
    inline = {
        "host": server.host,
        "port": server.port,
        "user": ACCOUNT,
        "password": CANARY,
        "store": str(machine.host.folder.joinpath("other")),
        "database": DATABASE,
    }
    variables = awx.untrusted({"target": HOST, "inline": inline})
    return machine.launch("nightly.yml", awx.text_of(variables), options="-vvv --diff")


def test_a_job_stores_the_logins_of_its_credentials_and_the_servers_take_them(setup: Job) -> None:
    assert setup.rc == 0, setup.stdout[-6000:]
    assert setup.stats["backupdb_setup"][HOST]["configured"] == {
        "instances": list(FAMILIES.values()),
        "databases": 2,
        "checked": True,
    }


def test_a_job_hands_its_results_on(nightly: Job, machine: Awx) -> None:
    assert nightly.rc == 0, nightly.stdout[-6000:]
    assert nightly.stats["backupdb_summary"] == {HOST: {"total": 2, "successful": 2, "failed": 0}}
    results = nightly.stats["backupdb_results"][HOST]
    assert [each["database_id"] for each in results] == list(FAMILIES.values())
    assert all(Path(each["backup_file"]).is_file() for each in results)
    assert len(nightly.stats["backupdb_saved_accounts"][HOST]) == 2
    assert list(machine.host.folder.joinpath("other").rglob("*_full.sql.gz"))


def test_no_event_of_a_job_and_nothing_that_it_leaves_tells_a_password(setup: Job, nightly: Job, machine: Awx) -> None:
    ended = {event.get("event_data", {}).get("task") for event in [*setup.events, *nightly.events]}
    assert {"credentials | Store each login", "Back up by a login of its own", "Back up by a wrong login"} <= ended
    assert nightly.artifacts.joinpath("fact_cache").is_dir()
    assert telling_files(machine.folder.joinpath("artifacts")) == []
    assert telling_files(machine.host.folder) == []


def test_an_event_that_tells_a_password_would_be_found(machine: Awx, credentials: tuple[str, ...]) -> None:
    job = machine.launch("telling.yml", awx.text_of({}), *credentials)
    told = [event for event in job.events if gives_away(json.dumps(event).encode())]
    artifacts = job.artifacts.rename(machine.host.folder.parent.joinpath("told"))
    assert job.rc == 0
    assert told
    assert {path.relative_to(artifacts).parts[0] for path in telling_files(artifacts)} == {"job_events", "stdout"}


def test_a_restore_asks_for_the_name_once_more_and_then_replaces_the_database(machine: Awx, nightly: Job) -> None:
    (newest,) = [each for each in nightly.stats["backupdb_results"][HOST] if each["database_id"] == "mariadb"]
    wanted = {"backupdb_database_id": "mariadb", "backupdb_database": DATABASE}
    refused = machine.launch_template("Restore a database", **wanted)
    assert refused.rc != 0
    assert f"backupdb_confirm={DATABASE}" in refused.stdout

    restore = machine.launch_template("Restore a database", **wanted, backupdb_confirm=DATABASE)
    assert restore.rc == 0, restore.stdout[-6000:]
    done = restore.stats["backupdb_restore"][HOST]
    assert done["backup_file"] == newest["backup_file"]
    assert done["comparison"]["differences"] == []
    server = machine.host.servers[1]
    assert done["previous_database"] in server.databases()
    server.drop_database(done["previous_database"])


def test_results_of_an_earlier_job_of_a_workflow_do_not_become_those_of_a_later_one(machine: Awx, nightly: Job) -> None:
    later = machine.launch_template("Back up databases", backupdb_database_ids="postgresql", **nightly.stats)
    assert later.rc == 0, later.stdout[-6000:]
    assert [each["database_id"] for each in later.stats["backupdb_results"][HOST]] == ["postgresql"]
    assert later.stats["backupdb_summary"] == {HOST: {"total": 1, "successful": 1, "failed": 0}}
    assert "1 of 1 backups are good" in later.stdout
