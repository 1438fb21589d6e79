# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client programs: found, and asked for their version."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases import programs
from hypothesis import given
from hypothesis import strategies as st

# As the programs, and the servers, print them.
BANNERS = {
    "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)": "15.18",
    "psql (PostgreSQL) 17.10 (Debian 17.10-0+deb13u1)": "17.10",
    "pg_dump (PostgreSQL) 18beta1": "18",
    "mysqldump  Ver 10.19 Distrib 10.11.14-MariaDB, for debian-linux-gnu (x86_64)": "10.11.14",
    "mariadb from 11.8.3-MariaDB, client 15.2 for debian-linux-gnu (x86_64) using  EditLine wrapper": "11.8.3",
    "mariadb-dump from 11.8.3-MariaDB, client 10.19 for debian-linux-gnu (x86_64)": "11.8.3",
    "mariadb  Ver 15.1 Distrib 10.11.14-MariaDB, for debian-linux-gnu (x86_64) using  EditLine wrapper": "10.11.14",
    "mysqldump  Ver 9.7.4-2 for Linux on x86_64 ((Debian))": "9.7.4",
    "mysql  Ver 8.0.44 for Linux on x86_64 (MySQL Community Server - GPL)": "8.0.44",
    "mysqldump  Ver 10.13 Distrib 5.7.44, for Linux (x86_64)": "5.7.44",
    "10.11.14-MariaDB-0+deb12u2 Debian 12": "10.11.14",
    "9.7.4-2 (Debian)": "9.7.4",
    "no number in it": "0",
    "": "0",
}


def program(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    path.chmod(0o700)
    return path


@pytest.mark.parametrize(("banner", "version"), BANNERS.items())
def test_the_version_of_a_banner_is_that_of_the_distribution(banner: str, version: str) -> None:
    assert programs.find_version(banner) == version


@given(version=st.lists(st.integers(0, 9999), min_size=1, max_size=4))
def test_a_version_becomes_its_numbers(version: list[int]) -> None:
    text = ".".join(map(str, version))
    assert programs.numbers(text) == tuple(version)
    assert programs.find_version(f"pg_dump (PostgreSQL) {text} (Debian)") == text


@given(
    first=st.tuples(st.integers(0, 50), st.integers(0, 50)), second=st.tuples(st.integers(0, 50), st.integers(0, 50))
)
def test_versions_compare_as_numbers_and_not_as_text(first: tuple[int, int], second: tuple[int, int]) -> None:
    texts = [".".join(map(str, version)) for version in (first, second)]
    assert (programs.numbers(texts[0]) < programs.numbers(texts[1])) == (first < second)


def test_a_program_tells_its_banner_and_version(tmp_path: Path) -> None:
    path = program(tmp_path, "pg_dump", 'echo "pg_dump (PostgreSQL) 15.18"; test "$1" = --version')
    found = programs.examine(str(path))
    assert found == programs.Program(str(path), "pg_dump (PostgreSQL) 15.18", "15.18")
    assert found.name == "pg_dump"


def test_a_program_is_asked_once_until_another_takes_its_place(tmp_path: Path) -> None:
    path = program(tmp_path, "pg_dump", f'echo asked >> "{tmp_path}/asked"; echo "pg_dump (PostgreSQL) 15.18"')
    assert [programs.examine(str(path)).version for _time in range(3)] == ["15.18"] * 3
    assert (tmp_path / "asked").read_text(encoding="ascii") == "asked\n"
    path.unlink()
    program(tmp_path, "pg_dump", 'echo "pg_dump (PostgreSQL) 17.10"')
    assert programs.examine(str(path)).version == "17.10"
    path.unlink()
    with pytest.raises(errors.ConfigError, match="cannot be looked at: No such file"):
        programs.examine(str(path))


def test_a_program_that_does_not_tell_its_version_is_a_config_error(tmp_path: Path) -> None:
    path = program(tmp_path, "pg_dump", "exit 127")
    with pytest.raises(errors.ConfigError, match="does not tell its version"):
        programs.examine(str(path))


def test_client_path_is_the_only_place_that_is_looked_at(tmp_path: Path) -> None:
    program(tmp_path / "path", "psql", "echo psql 15.18")
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    with pytest.raises(errors.ConfigError) as caught:
        programs.find(["psql"], chosen, [str(tmp_path / "path")], what="loading", package="postgresql-client")
    assert caught.value.message == f"loading needs the program psql, which is not in {chosen}"
    assert caught.value.hint == "Install postgresql-client, or name its folder in client_path"
    program(chosen, "psql", "echo psql 16.10")
    found = programs.find(["psql"], chosen, [str(tmp_path / "path")], what="loading", package="postgresql-client")
    assert found.version == "16.10"


def test_without_client_path_the_folders_are_searched(tmp_path: Path) -> None:
    program(tmp_path / "path", "mysqldump", "echo mysqldump Ver 9.7.4")
    found = programs.find(
        ["mariadb-dump", "mysqldump"], None, [str(tmp_path / "path")], what="dumping", package="mariadb-client"
    )
    assert (found.name, found.version) == ("mysqldump", "9.7.4")
    with pytest.raises(errors.ConfigError, match="which is not on this host"):
        programs.find(["mariadb-dump"], None, [str(tmp_path / "path")], what="dumping", package="mariadb-client")
