# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role configure: from variables to a host that can back up, and what it refuses."""

from __future__ import annotations

import getpass
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import secrets

from tests.integration.hosts import DATABASE, Host, Outcome, drop_account, filled
from tools.private_servers.base import PrivateServer

PLAYBOOK = """
- hosts: all
  gather_facts: false
  roles: [vya.backupdb.configure]
  post_tasks:
    - ansible.builtin.set_stats:
        data: {configured: "{{ backupdb_configured }}"}
"""
ACCOUNT = "configured_backup"
CANARY = "canary 'pass\"word"
TOKEN = "canary-token"


class Configured(Host):
    """This machine with the role install behind it, as far as the role configure can see."""

    @property
    def etc(self) -> Path:
        """The folder of the configuration."""
        return self.folder / "etc"

    @property
    def config(self) -> Path:
        """The path of config.yaml."""
        return self.etc / "config.yaml"

    @property
    def credentials(self) -> Path:
        """The path of the credential store."""
        return self.etc / ".secrets" / "credentials.json"

    def install(self) -> None:
        """Have a virtual environment be where the role looks for it."""
        self.folder.joinpath("opt").mkdir()
        self.folder.joinpath("opt", "venv").symlink_to(sys.prefix)

    def apply(self, *more: str, playbook: str = "", **variables: Any) -> Outcome:
        """Run the role, or a playbook with its variables."""
        own = self.folder / "configure.yml"
        own.write_text(PLAYBOOK, encoding="utf-8")
        given = {
            "backupdb_user": getpass.getuser(),
            "backupdb_install_path": str(self.folder / "opt"),
            "backupdb_secrets_path": str(self.credentials.parent),
            "backupdb_base_path": str(self.store),
            "backupdb_log_path": str(self.folder / "log"),
            "backupdb_instances": [
                {
                    "id": server.flavour,
                    "type": server.family,
                    "host": server.host,
                    "port": server.port,
                    "include_databases": [DATABASE],
                }
                for server in self.servers
            ],
            "backupdb_credentials": logins(*self.servers),
        }
        return self.run(playbook or str(own), *more, **{**given, **variables})

    def stored(self) -> dict[str, secrets.Login]:
        """Return the logins in the store."""
        store = secrets.read_store(self.credentials, secrets.KeySource(self.credentials.parent / "key"))
        assert store is not None
        assert store.key_derivation == "key-file"
        return store.logins


def logins(*servers: PrivateServer, **changes: str) -> list[dict[str, str]]:
    """Return the administrators' logins as the role wants them."""
    return [
        {"id": server.flavour, "username": server.admin_user, "password": server.admin_password, **changes}
        for server in servers
    ]


@pytest.fixture
def both(postgresql: PrivateServer, mariadb: PrivateServer, tmp_path: Path) -> Configured:
    host = Configured(tmp_path, (postgresql, mariadb))
    host.install()
    return host


@pytest.fixture
def host(postgresql: PrivateServer, tmp_path: Path) -> Configured:
    host = Configured(tmp_path, (postgresql,))
    host.install()
    return host


def test_a_host_with_its_own_accounts_backs_up_and_a_second_run_changes_nothing(both: Configured) -> None:
    variables: dict[str, Any] = {
        "backupdb_credentials": logins(*both.servers, username=ACCOUNT, password=CANARY),
        "backupdb_admin_credentials": logins(*both.servers),
        "backupdb_manage_accounts": True,
        "backupdb_notifications": {"failure": [f"json://127.0.0.1:9/{TOKEN}"]},
    }
    with filled(*both.servers):
        try:
            first = both.apply("--diff", "-vvv", **variables)
            assert first.rc == 0, first.stdout
            assert first.stats["configured"] == {
                "instances": ["postgresql", "mariadb"],
                "databases": 2,
                "checked": True,
            }
            assert f"ok      mariadb/{DATABASE}: about " in first.stdout
            assert [text for text in ("canary", both.servers[0].admin_password) if text in first.stdout] == []
            assert both.stored() == {
                "postgresql": secrets.Login(ACCOUNT, CANARY),
                "mariadb": secrets.Login(ACCOUNT, CANARY),
            }
            second = both.apply(**variables)
            assert second.rc == 0, second.stdout
            assert "changed=0 " in second.stdout
            backup = both.back_up()
            assert backup.rc == 0, backup.stdout
            assert backup.stats["backupdb_summary"] == {"localhost": {"total": 2, "successful": 2, "failed": 0}}
        finally:
            for server in both.servers:
                drop_account(server, ACCOUNT)
    modes = {str(path.relative_to(both.etc)): stat.S_IMODE(path.stat().st_mode) for path in both.etc.rglob("*")}
    assert modes.pop("config.yaml") == 0o640
    assert modes.pop(".secrets") == 0o700
    assert {"credentials.json", "key"} <= {Path(name).name for name in modes}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(both.etc.stat().st_mode) == 0o750


def test_a_server_that_refuses_the_login_is_named_and_no_log_is_begun(host: Configured) -> None:
    outcome = host.apply(backupdb_credentials=logins(*host.servers, password=CANARY))
    assert outcome.rc != 0
    assert "postgresql: the postgresql server at " in outcome.stdout
    assert "refuses the login of " in outcome.stdout
    assert CANARY not in outcome.stdout
    # The service account, which is to write it, could not write to one of somebody else.
    assert list(host.folder.joinpath("log").iterdir()) == []


def test_a_wrong_configuration_is_told_by_its_paths_and_changes_nothing(host: Configured) -> None:
    host.etc.mkdir()
    host.config.write_text("databases: []\n", encoding="utf-8")
    outcome = host.apply(backupdb_retention={"dayly_keep": 7}, backupdb_storage={"base_path": "here"})
    assert outcome.rc != 0
    assert "retention.dayly_keep: " in outcome.stdout
    assert "storage.base_path: must be an absolute path" in outcome.stdout
    assert host.config.read_text(encoding="utf-8") == "databases: []\n"
    assert not host.credentials.exists()


def test_a_server_without_a_login_is_refused_and_logins_that_are_not_needed_go_when_told(host: Configured) -> None:
    gone = {"id": "gone", "username": "backup", "password": CANARY}
    outcome = host.apply(backupdb_check_connections=False, backupdb_credentials=[gone])
    assert outcome.rc != 0
    assert "No login is stored for postgresql. Put it into backupdb_credentials" in outcome.stdout
    outcome = host.apply(backupdb_check_connections=False)
    assert outcome.rc == 0, outcome.stdout
    assert set(host.stored()) == {"gone", "postgresql"}
    outcome = host.apply(backupdb_check_connections=False, backupdb_purge_credentials=True, backupdb_credentials=[])
    assert outcome.rc == 0, outcome.stdout
    assert "configured, not asked: postgresql" in outcome.stdout
    assert set(host.stored()) == {"postgresql"}


def test_the_store_of_a_renamed_host_is_an_error_until_the_old_name_is_said(host: Configured) -> None:
    before = {"postgresql": secrets.Login(host.servers[0].admin_user, host.servers[0].admin_password)}
    source = secrets.KeySource(host.credentials.parent / "key", "old-name")
    secrets.update_store(host.credentials, source, lambda _before: secrets.Store("hostname-based", before))
    refused = host.apply(backupdb_check_connections=False)
    assert refused.rc != 0
    assert "cannot be decrypted with the key of the hostname" in refused.stdout
    assert '"error_code": "credentials_error"' in refused.stdout
    healed = host.apply(
        backupdb_check_connections=False, backupdb_rekey_credentials=True, backupdb_key_hostname="old-name"
    )
    assert healed.rc == 0, healed.stdout
    assert host.stored() == before


def test_check_mode_on_an_empty_host_tells_the_changes_and_makes_none(host: Configured) -> None:
    outcome = host.apply("--check", "--diff")
    assert outcome.rc == 0, outcome.stdout
    assert "+  port: " in outcome.stdout
    assert not host.etc.exists()
    assert not host.store.exists()


def test_a_host_without_the_role_install_is_refused(postgresql: PrivateServer, tmp_path: Path) -> None:
    empty = Configured(tmp_path, (postgresql,))
    outcome = empty.apply()
    assert outcome.rc != 0
    assert "run the role vya.backupdb.install on this host first" in outcome.stdout
    planned = empty.apply("--check")
    assert planned.rc == 0, planned.stdout
    assert "nothing to configure yet" in planned.stdout


def test_the_playbook_configures_and_schedules_by_its_tags_and_hands_both_on(host: Configured) -> None:
    host.folder.joinpath("cron.d").mkdir()
    outcome = host.apply(
        "--tags",
        "configure,schedule",
        playbook="vya.backupdb.setup",
        backupdb_check_connections=False,
        backupdb_schedule_start=False,
        backupdb_schedule_cron_file=str(host.folder / "cron.d" / "vya-backupdb"),
        backupdb_schedule_unit_path=str(host.folder / "units"),
    )
    assert outcome.rc == 0, outcome.stdout
    assert outcome.stats["backupdb_setup"] == {
        "localhost": {
            "state": "present",
            "configured": {"instances": ["postgresql"], "databases": 0, "checked": False},
            "scheduled": {"method": "cron", "jobs": {"backup": "0 2 * * *"}},
        }
    }
    assert f"backup --config {host.config}\n" in host.folder.joinpath("cron.d", "vya-backupdb").read_text("utf-8")
