# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run playbooks for the demo, with nothing of this machine's own Ansible settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
# The collection modules run with the interpreter that has their requirements.
INVENTORY = {
    "all": {
        "hosts": {
            "localhost": {
                "ansible_connection": "local",
                "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            }
        }
    }
}


class PlaybookError(Exception):
    """A playbook failed; its output said why."""


class Playbooks:
    """Runs playbooks against this machine; their inventory and temporary files are in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inventory = folder / "inventory.yml"
        self.inventory.write_text(yaml.safe_dump(INVENTORY), encoding="utf-8")
        # Empty, so that no other one is looked for.
        self.settings = folder / "ansible.cfg"
        self.settings.touch()

    def run(self, playbook: str, **variables: Any) -> None:
        """Run a playbook of the repository. Raise PlaybookError if it fails."""
        # A file, because command lines can be read by everybody.
        values = self.folder / "variables.json"
        values.touch(mode=0o600)
        values.write_text(json.dumps(variables), encoding="utf-8")
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        command = [
            program,
            "--inventory",
            str(self.inventory),
            "--extra-vars",
            f"@{values}",
            str(REPOSITORY / playbook),
        ]
        try:
            finished = subprocess.run(command, env=self.environment(), cwd=self.folder, check=False)
        finally:
            values.unlink()
        if finished.returncode != 0:
            raise PlaybookError(f"{playbook} failed")

    def environment(self) -> dict[str, str]:
        """Return the environment of ansible-playbook."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        return {
            **inherited,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "ANSIBLE_CONFIG": str(self.settings),
            "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".collections"),
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_REMOTE_TEMP": str(self.folder / "ansible" / "tmp"),
            "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false",
            "PYTHONUTF8": "1",
        }
