# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which client programs are fit for a PostgreSQL server, and for a dump."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, stream
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.postgresql.server import PostgreSQLServer
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.values import Endpoint
from ansible_collections.vya.backupdb.plugins.module_utils._engine.secrets import Login

HEAD = b"--\n-- PostgreSQL database dump\n--\n\n"
RESTRICTED = HEAD + b"\\restrict AbC123\n\n"
TAIL = b"--\n-- PostgreSQL database dump complete\n--\n"


def server(folder: Path, server_version: str, program_version: str) -> PostgreSQLServer:
    """Return a server of a version, with a pg_dump and a psql of another one, which swallows what it is fed."""
    for name in ("pg_dump", "psql"):
        path = folder / name
        banner = f"{name} (PostgreSQL) {program_version} (Debian)"
        path.write_text(
            f'#!/bin/sh\ntest "$1" = --version && echo "{banner}" || cat > "{folder}/fed"\n', encoding="ascii"
        )
        path.chmod(0o700)
    one = PostgreSQLServer(Endpoint("postgresql", "127.0.0.1", 9, Login("nobody", ""), client_path=folder))
    # What the server would say.
    one.__dict__.update(version=server_version, is_superuser=False)
    return one


@pytest.mark.parametrize("program_version", ["15.18", "17.10", "15.1"])
def test_a_dump_program_of_the_same_or_a_newer_major_is_fit(tmp_path: Path, program_version: str) -> None:
    assert server(tmp_path, "15.18", program_version).dump_program().version == program_version


def test_an_older_dump_program_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigError, match=r"14\.20 and cannot dump") as caught:
        server(tmp_path, "16.1", "14.20").dump_program()
    assert "postgresql-client-16" in str(caught.value.hint)


@pytest.mark.parametrize("version", ["12.22", "13.21", "14.18", "15.13", "16.9", "17.5"])
def test_a_psql_that_does_not_know_a_restricted_dump_is_refused_before_it_is_fed(tmp_path: Path, version: str) -> None:
    text = stream.Text(1, RESTRICTED, TAIL)
    with pytest.raises(errors.ConfigError, match="restrict"):
        server(tmp_path, "15.18", version).load("shop", [b"x"], text, None)
    assert not (tmp_path / "fed").exists()


@pytest.mark.parametrize("version", ["13.22", "14.19", "15.14", "16.10", "17.6", "18.0"])
def test_a_psql_that_knows_it_is_fed(tmp_path: Path, version: str) -> None:
    server(tmp_path, "15.18", version).load("shop", [b"x"], stream.Text(1, RESTRICTED, TAIL), None)
    assert (tmp_path / "fed").read_bytes() == b"x"


def test_any_psql_is_fed_a_dump_that_is_not_restricted(tmp_path: Path) -> None:
    server(tmp_path, "15.18", "15.1").load("shop", [b"x"], stream.Text(1, HEAD, TAIL), None)
    assert (tmp_path / "fed").read_bytes() == b"x"


@pytest.mark.parametrize("head", [HEAD, RESTRICTED])
def test_the_text_of_a_whole_dump_is_known(tmp_path: Path, head: bytes) -> None:
    server(tmp_path, "15.18", "15.18").check_text(stream.Text(1, head, TAIL))


def test_the_text_of_mariadb_is_not(tmp_path: Path) -> None:
    with pytest.raises(errors.ValidationError, match="PostgreSQL"):
        server(tmp_path, "15.18", "15.18").check_text(stream.Text(1, b"-- MariaDB dump 10.19\n", b"-- Dump completed"))
