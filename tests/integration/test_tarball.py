# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users install: the tarball holds all of it and nothing else, and backs up where nothing else is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.ansible import REPOSITORY, TIMEOUT_SECONDS
from tests.integration.hosts import DATABASE, Host, filled
from tools.private_servers.base import PrivateServer

CONTENT = ("docs", "meta", "playbooks", "plugins", "roles")
#: What else is at the top of the tarball. Galaxy lints the collection, by our own configuration if it is there.
OTHERS = {
    ".ansible-lint",
    "CHANGELOG.rst",
    "CONTRIBUTING.md",
    "FILES.json",
    "LICENSE",
    "LICENSES",
    "MANIFEST.json",
    "README.md",
    "REUSE.toml",
    "changelogs",
    "requirements.txt",
}
TEXTS = {"changelogs/changelog.yaml", "changelogs/config.yaml", "docs/restore.md", "meta/runtime.yml"}


@dataclass(frozen=True)
class Place:
    """An empty folder to work in, beside a collections path with nothing but what was installed."""

    collections: Path
    folder: Path

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of Ansible's programs as somebody who has no clone of the repository."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
        settings = {
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "HOME": str(self.folder),
        }
        return subprocess.run(
            [str(Path(sys.executable).with_name(program)), *arguments],
            env={**kept, **settings},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    place = Place(folder, tmp_path_factory.mktemp("builder"))
    done = place.run("ansible-galaxy", "collection", "build", str(REPOSITORY), "--output-path", str(folder))
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def place(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("collections"), tmp_path_factory.mktemp("somewhere"))
    target = ["--collections-path", str(place.collections)]
    done = place.run("ansible-galaxy", "collection", "install", str(tarball), "--offline", *target)
    assert done.returncode == 0, done.stdout
    return place


@pytest.fixture(scope="module")
def names(tarball: Path) -> set[str]:
    """The paths of the files in the tarball."""
    with tarfile.open(tarball) as archive:
        return {member.name.removeprefix("./") for member in archive if not member.isdir()}


@pytest.fixture
def host(postgresql: PrivateServer, mariadb: PrivateServer, tmp_path: Path) -> Iterator[Host]:
    with filled(postgresql, mariadb) as servers:
        host = Host(tmp_path, servers)
        host.configure()
        yield host


def files_below(folder: str) -> set[str]:
    """Return the paths of the files that the repository has in a folder."""
    found = (path for path in (REPOSITORY / folder).rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(REPOSITORY)) for path in found}


def test_the_tarball_is_named_by_its_version(tarball: Path) -> None:
    version = yaml.safe_load((REPOSITORY / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    assert tarball.name == f"vya-backupdb-{version}.tar.gz"


def test_the_tarball_holds_all_that_users_need(names: set[str]) -> None:
    assert names >= set().union(*map(files_below, CONTENT))
    assert names >= TEXTS


def test_the_tarball_holds_nothing_of_the_workshop(names: set[str]) -> None:
    assert {name.partition("/")[0] for name in names} == OTHERS | set(CONTENT)
    assert {name for name in names if "/." in name} == set()


@pytest.mark.slow
def test_a_backup_runs_where_nothing_but_the_tarball_is_installed(place: Place, host: Host) -> None:
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "backupdb_config": str(host.config),
    }
    given = ["--inventory", "localhost,", "--extra-vars", json.dumps(variables)]
    backup = place.run("ansible-playbook", "vya.backupdb.backup", *given)
    assert backup.returncode == 0, backup.stdout
    assert "2 of 2 backups are good" in backup.stdout

    options = json.dumps({"config": str(host.config)})
    info = place.run("ansible", "localhost", "-vvv", "-m", "vya.backupdb.backup_info", "-a", options, *given)
    assert info.returncode == 0, info.stdout
    modules = place.collections.joinpath("ansible_collections", "vya", "backupdb", "plugins", "modules")
    assert f"Using module file {modules.joinpath('backup_info.py')}" in info.stdout
    result: dict[str, Any]
    result, _end = json.JSONDecoder().raw_decode(info.stdout[info.stdout.index("{", info.stdout.index("SUCCESS =>")) :])
    assert [(one["name"], one["backup_status"]) for one in result["databases"]] == [(DATABASE, "success")] * 2
