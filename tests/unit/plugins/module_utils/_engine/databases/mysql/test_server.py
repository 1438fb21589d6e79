# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which product a server of the MySQL family is, and which client programs are fit for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, stream
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql.server import MySQLServer
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.values import Endpoint
from ansible_collections.vya.backupdb.plugins.module_utils._engine.secrets import Login

MARIADB = "10.11.14-MariaDB-0+deb12u2 Debian 12"
MYSQL = "9.7.4-2 (Debian)"
DUMPERS = {
    "mariadb-dump": "mariadb-dump from 11.8.3-MariaDB, client 10.19 for debian-linux-gnu (x86_64)",
    "mysqldump": "mysqldump  Ver 9.7.4-2 for Linux on x86_64 ((Debian))",
}
OLD_MARIADB_DUMPER = "mysqldump  Ver 10.19 Distrib 10.5.29-MariaDB, for debian-linux-gnu (x86_64)"


def server(folder: Path, banner: str, programs: dict[str, str]) -> MySQLServer:
    for name, program_banner in programs.items():
        path = folder / name
        path.write_text(f"#!/bin/sh\necho '{program_banner}'\n", encoding="ascii")
        path.chmod(0o700)
    one = MySQLServer(Endpoint("mysql", "127.0.0.1", 9, Login("nobody", ""), client_path=folder))
    # What the server would say.
    one.__dict__["_banner"] = banner
    return one


@pytest.mark.parametrize(
    ("banner", "flavour", "version"),
    [
        (MARIADB, "mariadb", "10.11.14"),
        (MYSQL, "mysql", "9.7.4"),
        ("8.0.44 MySQL Community Server - GPL", "mysql", "8.0.44"),
    ],
)
def test_a_server_tells_its_product_and_version(tmp_path: Path, banner: str, flavour: str, version: str) -> None:
    one = server(tmp_path, banner, {})
    assert (one.flavour, one.version) == (flavour, version)


@pytest.mark.parametrize(("banner", "expected"), [(MARIADB, "mariadb-dump"), (MYSQL, "mysqldump")])
def test_of_both_products_programs_the_servers_own_is_taken(tmp_path: Path, banner: str, expected: str) -> None:
    assert server(tmp_path, banner, DUMPERS).dump_program().name == expected


def test_the_old_name_of_mariadb_program_is_known_by_its_banner(tmp_path: Path) -> None:
    found = server(tmp_path, MARIADB, {"mysqldump": OLD_MARIADB_DUMPER}).dump_program()
    assert (found.name, found.version) == ("mysqldump", "10.5.29")


@pytest.mark.parametrize(
    ("banner", "program", "remedy"),
    [(MARIADB, DUMPERS["mysqldump"], "mariadb-client"), (MYSQL, OLD_MARIADB_DUMPER, "mysql-client")],
)
def test_a_program_of_the_other_product_is_refused_with_the_remedy(
    tmp_path: Path, banner: str, program: str, remedy: str
) -> None:
    with pytest.raises(errors.ConfigError, match="another product") as caught:
        server(tmp_path, banner, {"mysqldump": program}).dump_program()
    assert remedy in str(caught.value.hint)


@pytest.mark.parametrize(
    "first",
    [
        b"-- MariaDB dump 10.19  Distrib 10.11.14-MariaDB\n",
        b"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19-11.8.3-MariaDB\n",
        b"-- MySQL dump 10.13  Distrib 9.7.4, for Linux (x86_64)\n",
    ],
)
def test_the_text_of_either_product_is_known(tmp_path: Path, first: bytes) -> None:
    server(tmp_path, MARIADB, {}).check_text(stream.Text(1, first, b"-- Dump completed on 2026-01-09  2:00:00\n"))


@pytest.mark.parametrize(
    ("head", "tail"),
    [
        (b"-- PostgreSQL database dump\n", b"-- Dump completed\n"),
        (b"-- MariaDB dump 10.19\n", b"INSERT INTO a VALUES (1);\n"),
        (b"-- MariaDB dump 10.19\n\nUSE `shop`;\n", b"-- Dump completed\n"),
    ],
)
def test_any_other_text_is_refused(tmp_path: Path, head: bytes, tail: bytes) -> None:
    with pytest.raises(errors.ValidationError):
        server(tmp_path, MARIADB, {}).check_text(stream.Text(1, head, tail))
