# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret that is found in whatever form it is left behind, and a place that keeps all that a run leaves behind."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.ansible import REPOSITORY, environment

# In every quoted or escaped form these letters stay as they are, so a form that nobody thought of is found too.
CORE = "kQzcanary7Xw"


def needles() -> list[bytes]:
    """Return what gives the password away: its core, as text or in base64 at each of its three alignments."""
    encoded = [base64.b64encode(b"\0" * shift + CORE.encode()) for shift in range(3)]
    # The ends depend on the neighbours.
    return [CORE.encode(), CORE.encode("utf-16-le"), *(text[4:-4] for text in encoded)]


NEEDLES = needles()


def gives_away(content: bytes) -> bool:
    return any(needle in content for needle in NEEDLES)


def telling_files(folder: Path) -> list[Path]:
    """Return the files below a folder whose name, or whose content, compressed or not, gives the password away."""
    return [path for path in folder.rglob("*") if gives_away(str(path).encode()) or gives_away(content_of(path))]


def content_of(path: Path) -> bytes:
    if not path.is_file():
        return b""
    content = path.read_bytes()
    return gzip.decompress(content) if path.name.endswith(".gz") else content


@dataclass(frozen=True)
class Workplace:
    """The folder that everything which a run leaves behind is in, and beside it what the run is given."""

    folder: Path
    given: Path

    @property
    def store(self) -> Path:
        return self.folder.joinpath("store")

    def play(self, tasks: list[dict[str, Any]], variables: dict[str, Any]) -> subprocess.CompletedProcess[bytes]:
        """Run tasks at the highest verbosity, with every temporary folder, log and home inside of the workplace."""
        playbook, secret = self.given.joinpath("play.json"), self.given.joinpath("variables.json")
        playbook.write_text(
            json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]), encoding="utf-8"
        )
        secret.write_text(json.dumps(variables), encoding="utf-8")
        folders = {name: str(self.folder.joinpath(name)) for name in ("home", "tmp", "local", "remote")}
        for path in folders.values():
            Path(path).mkdir(exist_ok=True)
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-vvvv", "--extra-vars", f"@{secret}"]
        interpreter = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        return subprocess.run(
            [*command, "--extra-vars", json.dumps(interpreter), str(playbook)],
            env=environment(
                HOME=folders["home"],
                TMPDIR=folders["tmp"],
                ANSIBLE_LOCAL_TEMP=folders["local"],
                ANSIBLE_REMOTE_TEMP=folders["remote"],
                ANSIBLE_LOG_PATH=str(self.folder.joinpath("ansible.log")),
                ANSIBLE_STDOUT_CALLBACK="ansible.builtin.default",
            ),
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
