# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks as a person writes them, with the password in a file of variables that only its owner can read."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.commands import Command
from tests.integration.ansible import environment

from .base import Place, write_private

PASSWORD = "{{ login_password }}"


def announces(output: str, database: str) -> bool:
    """Say whether Ansible's output has a task that would change something and names a database."""
    return any("| CHANGED =>" in line for line in output.splitlines()) and database in output


def play(place: Place, tasks: Sequence[dict[str, Any]], collections: Path, check: bool = False) -> Command:
    """Return the command that runs tasks on this machine, which say ``PASSWORD`` where they need the password."""
    playbook = [{"hosts": "localhost", "gather_facts": False, "tasks": list(tasks)}]
    file = write_private(place.folder.joinpath("playbook.json"), json.dumps(playbook))
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "login_password": place.login_password,
    }
    secret = write_private(place.folder.joinpath("variables.json"), json.dumps(variables))
    argv = [str(Path(sys.executable).with_name("ansible-playbook")), "--extra-vars", f"@{secret}", str(file)]
    own = environment(ANSIBLE_COLLECTIONS_PATH=str(collections), ANSIBLE_HOME=str(place.folder.joinpath("ansible")))
    variables_of_ansible = {name: value for name, value in own.items() if name.startswith("ANSIBLE_")}
    return Command([*argv, *(["--check"] if check else [])], place.environment(**variables_of_ansible), place.folder)
