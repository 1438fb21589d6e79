# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine as a program on a host: its folder as the package backupdb, a configuration, and ways to run it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.vya.backupdb.plugins.module_utils import _engine
from ansible_collections.vya.backupdb.plugins.module_utils._engine import secrets
from ansible_collections.vya.backupdb.plugins.module_utils._engine.audit import log as audit_log
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import AuditConfig

from tests.integration.scenes import HOSTNAME

PATIENCE_SECONDS = 120
COLUMNS = 160
Done = subprocess.CompletedProcess[str]


def install(folder: Path) -> Path:
    """Put a copy of the engine into a folder as the package backupdb, and no usable Ansible; return the folder."""
    shutil.copytree(
        Path(_engine.__path__[0]), folder.joinpath("backupdb"), ignore=shutil.ignore_patterns("__pycache__")
    )
    folder.joinpath("ansible.py").write_text('raise ImportError("Ansible is not here")\n', encoding="utf-8")
    return folder


def environment_of(folder: Path, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), **more}


def argv(*arguments: str, options: Sequence[str] = ()) -> list[str]:
    return [sys.executable, *options, "-m", "backupdb.program", *arguments]


@contextlib.contextmanager
def started(arguments: Sequence[str], folder: Path, variables: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Start a program with nobody to answer; it is killed where it still runs after the block."""
    with subprocess.Popen(
        arguments,
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            yield program
        finally:
            program.kill()


def run_program(folder: Path, *arguments: str, options: Sequence[str] = ()) -> Done:
    """Run the program as cron does: without a terminal, and with nobody to answer."""
    return subprocess.run(
        argv(*arguments, options=options),
        cwd=folder,
        env=environment_of(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def run_on_terminal(folder: Path, *arguments: str, question: str = "", answer: str = "") -> tuple[int, str]:
    """Run the program on a terminal; when it has asked the question, type the answer.

    Return its exit code and all that was on the screen, with whatever moves the cursor.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        try:
            os.chdir(folder)
            os.execve(sys.executable, argv(*arguments), environment_of(folder, TERM="xterm", COLUMNS=str(COLUMNS)))
        finally:
            os._exit(127)
    shown, is_asked = b"", not question
    deadline = time.monotonic() + PATIENCE_SECONDS
    while select.select([terminal], [], [], deadline - time.monotonic())[0]:
        try:
            shown += os.read(terminal, 65536)
        except OSError:
            break
        if not is_asked and question.encode() in shown:
            is_asked = True
            os.write(terminal, answer.encode())
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode("utf-8", "replace")


@dataclass(frozen=True)
class Host:
    """A host with the program, its configuration and its storage."""

    folder: Path
    config: Path
    store: Path

    def run(self, command: str, *arguments: str) -> Done:
        """Run a command by the configuration, as cron does."""
        return run_program(self.folder, command, *arguments, "--config", str(self.config))

    def json(self, command: str, *arguments: str) -> dict[str, Any]:
        """Run a command that is to go well, and return its document."""
        done = self.run(command, *arguments, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def on_terminal(self, command: str, *arguments: str, question: str = "", answer: str = "") -> tuple[int, str]:
        """Run a command by the configuration on a terminal."""
        given = (command, *arguments, "--config", str(self.config))
        return run_on_terminal(self.folder, *given, question=question, answer=answer)

    def settings(self) -> dict[str, Any]:
        """Return what the configuration says."""
        loaded: dict[str, Any] = yaml.safe_load(self.config.read_text(encoding="utf-8"))
        return loaded

    def change(self, **settings: Any) -> None:
        """Change settings of the configuration."""
        self.config.write_text(yaml.safe_dump({**self.settings(), **settings}), encoding="utf-8")

    def add_instance(self, database_id: str, login: secrets.Login | None, **changes: Any) -> None:
        """Add an instance that is the first one but for the changes, and log in to it like this."""
        settings = self.settings()
        self.change(databases=[*settings["databases"], {**settings["databases"][0], "id": database_id, **changes}])
        if login is not None:
            self.change_logins({database_id: login})

    def change_logins(self, logins: dict[str, secrets.Login]) -> None:
        """Change logins of the credential store."""
        path = Path(self.settings()["credentials"]["path"])
        secrets.update_store(
            path,
            secrets.KeySource(path.with_name("key")),
            lambda before: secrets.Store(secrets.HOSTNAME_BASED, {**(before.logins if before else {}), **logins}),
        )

    def audited(self) -> list[dict[str, Any]]:
        """Return what the audit log has, the oldest first."""
        return audit_log.find(AuditConfig(), audit_log.Filters(), base_path=self.store, hostname=HOSTNAME)[::-1]
