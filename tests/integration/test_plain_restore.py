# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every artifact is an ordinary .sql.gz: the system's own tools read, check and restore it."""

from __future__ import annotations

import gzip
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import ZOOS, Zoos
from tools.private_servers.base import PrivateServer
from tools.private_servers.mariadb import MariadbServer
from tools.private_servers.postgresql import PostgresqlServer


@pytest.mark.parametrize("name", ZOOS)
def test_gunzip_and_the_plain_client_restore_an_artifact(
    zoos: Zoos, name: str, new_database: Callable[[], str]
) -> None:
    # Only of two names that both have quotes, or both none, are the dumps comparable.
    target = f'{new_database()} "ü"' if '"' in name else new_database()
    zoos.server.create_database(target)
    pipe_into_client(zoos.artifact(name).paths.data, zoos.server, target)
    assert zoos.server.whole_dump(target) == zoos.server.whole_dump(name)


@pytest.mark.parametrize("name", ZOOS)
def test_sha256sum_and_gzip_find_an_artifact_right(zoos: Zoos, name: str) -> None:
    paths = zoos.artifact(name).paths
    subprocess.run(["sha256sum", "--check", "--strict", paths.checksum.name], cwd=paths.data.parent, check=True)
    subprocess.run(["gzip", "--test", paths.data.name], cwd=paths.data.parent, check=True)


@pytest.mark.parametrize("name", ZOOS)
def test_gzip_of_python_reads_the_text_that_the_metadata_tells_of(zoos: Zoos, name: str) -> None:
    artifact = zoos.artifact(name)
    with gzip.open(artifact.paths.data) as text:
        content = text.read()
    restore_info = artifact.metadata.restore_info
    assert restore_info is not None
    assert len(content) == restore_info.raw_size_bytes
    assert artifact.paths.data.stat().st_size == artifact.metadata.file_info.size_bytes


def test_files_of_an_artifact_are_for_their_owner_alone(zoos: Zoos) -> None:
    paths = zoos.artifact("plain_zoo").paths
    assert {path.stat().st_mode & 0o777 for path in (paths.data, paths.checksum, paths.metadata)} == {0o600}
    below = [folder for folder in paths.data.parents if folder.is_relative_to(zoos.store) and folder != zoos.store]
    assert {folder.stat().st_mode & 0o777 for folder in below} == {0o700}
    assert zoos.store.stat().st_mode & 0o777 == 0o755


def pipe_into_client(data: Path, server: PrivateServer, database: str) -> None:
    """Do what a person does: gunzip -c FILE | CLIENT."""
    with subprocess.Popen(["gunzip", "-c", str(data)], stdout=subprocess.PIPE) as gunzip:
        client = subprocess.run(
            client_command(server, database),
            stdin=gunzip.stdout,
            capture_output=True,
            env={"PATH": os.defpath, **client_environment(server)},
            check=False,
        )
    assert gunzip.returncode == 0
    assert client.returncode == 0, client.stderr.decode()


def client_command(server: PrivateServer, database: str) -> list[str]:
    if isinstance(server, PostgresqlServer):
        address = f"host={server.host} port={server.port} user={server.admin_user} dbname='{database}'"
        return [
            str(server.client_path.joinpath("psql")),
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-o",
            "/dev/null",
            address,
        ]
    assert isinstance(server, MariadbServer)
    # Without --comments this client takes the comments out of the bodies of routines.
    return ["mariadb", f"--defaults-file={server.client_file}", "--comments", database]


def client_environment(server: PrivateServer) -> dict[str, str]:
    return {"PGPASSFILE": str(server.password_file)} if isinstance(server, PostgresqlServer) else {}
