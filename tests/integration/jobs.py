# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs as AWX launches them: by ansible-runner, with its inventory, its files of variables and of credentials."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import awx
from tests.integration.ansible import REPOSITORY, TIMEOUT_SECONDS, environment
from tests.integration.hosts import DATABASE, Host

HOST = "db01"


@dataclass(frozen=True)
class Job:
    """A job that has ended: exit code, and the folder in which ansible-runner has left what AWX takes."""

    rc: int
    artifacts: Path

    @property
    def events(self) -> list[dict[str, Any]]:
        files = self.artifacts.joinpath("job_events").glob("*.json")
        return sorted((json.loads(path.read_bytes()) for path in files), key=lambda event: int(event["counter"]))

    @property
    def stdout(self) -> str:
        return self.artifacts.joinpath("stdout").read_text(encoding="utf-8")

    @property
    def stats(self) -> dict[str, Any]:
        """What AWX hands to the next job of a workflow, as extra variables."""
        (event,) = [event for event in self.events if event["event"] == "playbook_on_stats"]
        stats: dict[str, Any] = event["event_data"]["artifact_data"]
        return stats


@dataclass(frozen=True)
class Awx:
    """A machine that launches jobs on a host, as an instance of AWX does.

    ``playbooks`` are those of the project, beside the ones of the collection. ``inventory`` has the variables of each
    of its hosts, all of which are that one.
    """

    folder: Path
    host: Host
    playbooks: Mapping[str, str] = field(default_factory=dict)
    inventory: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {HOST: {}})

    @property
    def settings(self) -> dict[str, Any]:
        """The variables of the roles, such that everything is below the folder of the host."""
        servers = [
            {"id": server.flavour, "type": server.family, "host": server.host, "port": server.port}
            for server in self.host.servers
        ]
        return {
            "backupdb_install_path": str(self.host.folder.joinpath("opt")),
            "backupdb_user": "root",
            "backupdb_config": str(self.host.config),
            "backupdb_base_path": str(self.host.store),
            "backupdb_log_path": str(self.host.folder.joinpath("log")),
            "backupdb_secrets_path": str(self.host.folder.joinpath("secrets")),
            "backupdb_instances": [{**server, "include_databases": [DATABASE]} for server in servers],
        }

    def write(self, path: str, text: str, mode: int = 0o600) -> Path:
        file = self.folder.joinpath(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)
        return file

    def launch(self, playbook: str, variables: str, *more: str, options: str = "") -> Job:
        """Run a playbook of the project with a file of extra variables; ``more`` are those of credentials."""
        self._prepare()
        self.write("env/extravars", variables)
        files = [self.write(f"env/credential{number}", text, 0o400) for number, text in enumerate(more)]
        self.write("env/cmdline", " ".join(["-u root", options, *(f"-e @{file}" for file in files)]))
        ident = f"job{len(list(self.folder.joinpath('artifacts').glob('*')))}"
        program = str(Path(sys.executable).with_name("ansible-runner"))
        done = subprocess.run(
            [program, "run", str(self.folder), "--playbook", playbook, "--ident", ident, "--omit-env-files"],
            env=environment(
                PATH=f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin",
                HOME=str(self.folder),
                TMPDIR=str(self.host.folder),
                ANSIBLE_STDOUT_CALLBACK="ansible.builtin.default",
                ANSIBLE_HOME=str(self.host.folder.joinpath("home")),
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        assert self.folder.joinpath("artifacts", ident).is_dir(), done.stdout.decode()
        for file in files:
            file.unlink()
        return Job(done.returncode, self.folder.joinpath("artifacts", ident))

    def launch_template(self, name: str, *more: str, options: str = "", **answers: Any) -> Job:
        template = awx.job_templates()[name]
        variables = awx.variables_of(template, {"target": HOST, **answers})
        return self.launch(template["playbook"], variables, *more, options=options)

    def _prepare(self) -> None:
        shared = awx.load("credential_types.yml")["backupdb_awx_inventory_variables"]
        own = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, **self.settings}
        inventory = {
            "all": {"vars": shared},
            "databases": {"hosts": list(self.inventory), "vars": own},
            "_meta": {"hostvars": self.inventory},
        }
        self.write("inventory/hosts", f"#! /usr/bin/env python3\nprint({json.dumps(inventory)!r})\n", 0o700)
        self.write("env/settings", json.dumps({"suppress_ansible_output": True, "fact_cache_type": "jsonfile"}))
        for name, text in self.playbooks.items():
            self.write(f"project/{name}", text)
        playbooks = self.folder.joinpath("project", "playbooks")
        if not playbooks.is_symlink():
            playbooks.parent.mkdir(exist_ok=True)
            playbooks.symlink_to(REPOSITORY / "playbooks")
