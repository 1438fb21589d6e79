# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run modules as a person does, with Ansible and its connection."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration import preloaded

REPOSITORY = Path(__file__).resolve().parent.parent.parent
TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class Result:
    """How a task ended: exit code of Ansible, result of the module, and everything that was printed."""

    rc: int
    result: dict[str, Any]
    stdout: str


def environment(**more: str) -> dict[str, str]:
    """Return the environment in which Ansible finds the collection and prints results as JSON."""
    return {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".collections"),
        "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
        **more,
    }


def run_module(
    module: str,
    args: dict[str, Any],
    check: bool = False,
    diff: bool = False,
    verbosity: int = 0,
    **variables: str,
) -> Result:
    """Run one module of the collection on this machine; ``variables`` are added to the environment."""
    arguments = [
        "localhost",
        "--module-name",
        f"vya.backupdb.{module}",
        "--args",
        json.dumps(args),
        "--extra-vars",
        json.dumps({"ansible_connection": "local", "ansible_python_interpreter": sys.executable}),
        *(["--check"] if check else []),
        *(["--diff"] if diff else []),
        *([f"-{'v' * verbosity}"] if verbosity else []),
    ]
    rc, stdout = preloaded.run("ansible", arguments, environment(**variables), REPOSITORY, TIMEOUT_SECONDS)
    return Result(rc, _result(stdout), stdout)


def _result(stdout: str) -> dict[str, Any]:
    """Return the JSON object after ``localhost | CHANGED =>`` (or SUCCESS, or FAILED!, which says ``failed``)."""
    start = stdout.find("{", max(stdout.rfind("localhost | "), 0))
    if start < 0 or "localhost | " not in stdout:
        raise AssertionError(f"no result of a module is in the output:\n{stdout}")
    result, _end = json.JSONDecoder().raw_decode(stdout[start:])
    status = stdout[:start].rpartition("localhost | ")[2]
    return {**result, "failed": status.startswith(("FAILED", "UNREACHABLE"))}
