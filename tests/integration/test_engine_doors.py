# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine has two doors: a task, and its own folder as a program. Both give the same artifacts."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils import _engine
from ansible_collections.vya.backupdb.plugins.module_utils._engine import catalog

from tests.integration.conftest import Zoos
from tests.integration.scenes import DATABASE_ID, write_config

ZOO = "plain_zoo"
# pg_dump's random token, the moment of mariadb-dump.
CHANGING_LINES = re.compile(rb"^(\\(un)?restrict |-- Dump completed on ).*\n", re.M)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder that holds a copy of the engine as the package backupdb, and no usable Ansible."""
    folder = tmp_path.joinpath("copy")
    shutil.copytree(
        Path(_engine.__path__[0]), folder.joinpath("backupdb"), ignore=shutil.ignore_patterns("__pycache__")
    )
    folder.joinpath("ansible.py").write_text('raise ImportError("Ansible is not here")\n', encoding="utf-8")
    return folder


def run_program(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "backupdb", *arguments],
        cwd=copy,
        env={"PATH": os.environ["PATH"], "HOME": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_program_explains_itself_without_ansible(copy: Path) -> None:
    done = run_program(copy, "--help")
    assert done.returncode == 0, done.stderr
    assert {"backup", "list", "restore"} <= set(done.stdout.split())
    probe = subprocess.run([sys.executable, "-c", "import ansible"], cwd=copy, capture_output=True, check=False)
    assert b"Ansible is not here" in probe.stderr


def test_the_program_gives_the_same_artifact_as_the_task_and_puts_it_back(
    zoos: Zoos, copy: Path, store: Path, tmp_path: Path, new_database: Callable[[], str]
) -> None:
    config = str(write_config(zoos.server, tmp_path, store))

    done = run_program(copy, "backup", "--config", config, "--database", ZOO, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["summary"] == {"total": 1, "successful": 1, "failed": 0}
    (artifact,) = catalog.list_artifacts(store).artifacts
    assert report["results"][0]["backup_file"] == str(artifact.paths.data)
    assert text_of(artifact) == text_of(zoos.artifact(ZOO))
    assert keys_of(metadata_of(artifact)) == keys_of(metadata_of(zoos.artifact(ZOO)))
    assert artifact.metadata.schema_info == zoos.artifact(ZOO).metadata.schema_info

    done = run_program(copy, "list", "--config", config, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [each["backup_file"] for each in json.loads(done.stdout)["backups"]] == [str(artifact.paths.data)]
    assert str(artifact.paths.data) in run_program(copy, "list", "--config", config).stdout

    target = new_database()
    restoring = ["restore", "--config", config, "--database-id", DATABASE_ID, "--database", ZOO]
    done = run_program(copy, *restoring, "--target-database", target, "--jobs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert zoos.server.whole_dump(target, create=True).replace(target, ZOO) == zoos.dumps[ZOO]

    done = run_program(copy, *restoring, "--json")
    assert done.returncode != 0
    assert json.loads(done.stdout)["error_code"] == "validation_error"


def test_the_program_ends_with_the_exit_code_of_its_error(copy: Path, tmp_path: Path) -> None:
    done = run_program(copy, "backup", "--config", str(tmp_path.joinpath("absent.yaml")))
    assert done.returncode == 7
    assert done.stdout == ""
    assert "absent.yaml does not exist" in done.stderr


def text_of(artifact: catalog.Artifact) -> bytes:
    with gzip.open(artifact.paths.data) as text:
        return CHANGING_LINES.sub(b"", text.read())


def metadata_of(artifact: catalog.Artifact) -> Any:
    return json.loads(artifact.paths.metadata.read_text(encoding="utf-8"))


def keys_of(value: Any) -> Any:
    """Return only the keys of nested data."""
    if isinstance(value, dict):
        return {key: keys_of(each) for key, each in value.items()}
    if isinstance(value, list):
        return [keys_of(each) for each in value]
    return None
