# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throwaway servers as far as none has to run: which programs are fit, as whom they run, and where."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, layout, locking
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases import registry, throwaway
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.throwaway import Throwaway
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.values import Flavour

from tests.integration.drills import throwaway_folders, work_folder

FAMILIES: dict[Flavour, str] = {"postgresql": "postgresql", "mariadb": "mysql", "mysql": "mysql"}
BANNERS = {
    "postgres": "postgres (PostgreSQL) 13.4",
    "mariadbd": "mariadbd  Ver 10.11.14-MariaDB for debian-linux-gnu on x86_64",
    "mysqld": "/usr/sbin/mysqld  Ver 8.4.3 for Linux on x86_64",
}


@pytest.fixture
def work_path() -> Iterator[Path]:
    with work_folder() as folder:
        yield folder


def kind(flavour: Flavour, version: str, server_path: Path | None = None) -> Throwaway:
    return registry.throwaway_for(FAMILIES[flavour], flavour, version, server_path)


def program(folder: Path, name: str) -> Path:
    """Write a program that tells a version and fails at anything else; return its folder."""
    file = folder / name
    file.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "{BANNERS[name]}"\n', encoding="ascii")
    file.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("flavour", "version", "package"),
    [("postgresql", "15.3", "postgresql-15"), ("mariadb", "10.11.2", "mariadb-server"), ("mysql", "8", "mysql-server")],
)
def test_a_program_that_is_missing_is_named_with_its_package(
    tmp_path: Path, flavour: Flavour, version: str, package: str
) -> None:
    with pytest.raises(errors.ConfigError) as failure:
        kind(flavour, version, tmp_path).find_program()
    assert f"Install {package}" in str(failure.value)
    assert "server_path" in str(failure.value)


@pytest.mark.parametrize(("version", "is_fit"), [("13.9", True), ("12.1", True), ("14.0", False)])
def test_a_postgresql_older_than_the_dump_is_not_fit(tmp_path: Path, version: str, is_fit: bool) -> None:
    one = kind("postgresql", version, program(tmp_path, "postgres"))
    if is_fit:
        assert one.find_program().version == "13.4"
    else:
        with pytest.raises(errors.ConfigError, match=r"13\.4, but the dump is of version 14\.0"):
            one.find_program()


@pytest.mark.parametrize(
    ("flavour", "name", "is_fit"),
    [("mariadb", "mariadbd", True), ("mysql", "mysqld", True), ("mariadb", "mysqld", False)],
)
def test_mariadb_and_mysql_are_not_mixed(tmp_path: Path, flavour: Flavour, name: str, is_fit: bool) -> None:
    one = kind(flavour, "8.0.1", program(tmp_path, name))
    if is_fit:
        assert one.find_program().name == name
    else:
        with pytest.raises(errors.ConfigError, match="belongs to another product"):
            one.find_program()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as another account")
@pytest.mark.parametrize("flavour", FAMILIES)
def test_as_root_it_runs_as_another_account(flavour: Flavour) -> None:
    account = kind(flavour, "1").account()
    assert account is not None
    assert account.uid != 0
    assert account.gid != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as another account")
def test_a_folder_that_its_account_cannot_enter_is_refused(tmp_path: Path) -> None:
    server_path = program(tmp_path, "postgres")
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    with (
        pytest.raises(errors.ConfigError, match="may not enter"),
        kind("postgresql", "13", server_path).started(private),
    ):
        pass
    assert list(private.iterdir()) == []


def test_a_folder_with_too_long_a_path_is_refused(tmp_path: Path, work_path: Path) -> None:
    deep = work_path / ("d" * 100)
    deep.mkdir(mode=0o755)
    try:
        with (
            pytest.raises(errors.ConfigError, match="too long"),
            kind("postgresql", "13", program(tmp_path, "postgres")).started(deep),
        ):
            pass
        assert list(deep.iterdir()) == []
    finally:
        deep.rmdir()


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    one = kind("postgresql", "13", program(tmp_path, "postgres"))
    with pytest.raises(errors.ConfigError, match="does not exist"), one.started(Path("/no/such/folder")):
        pass


def test_a_server_that_cannot_be_prepared_leaves_nothing(tmp_path: Path, work_path: Path) -> None:
    folder = work_path / "programs"
    folder.mkdir(mode=0o755)
    program(folder, "postgres")
    (folder / "initdb").write_text("#!/bin/sh\necho 'no locale' >&2; exit 1\n", encoding="ascii")
    (folder / "initdb").chmod(0o755)
    try:
        with (
            pytest.raises(errors.ConfigError, match=r"could not be prepared.*no locale"),
            kind("postgresql", "13", folder).started(work_path),
        ):
            pass
        assert throwaway_folders(work_path) == []
    finally:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


def test_folders_that_somebody_holds_and_those_of_others_are_not_swept(work_path: Path) -> None:
    names = ("held", "left", "foreign")
    folders = {name: work_path / f"{layout.throwaway_prefix('mariadb')}{name}" for name in names}
    for folder in folders.values():
        folder.mkdir(mode=0o700)
        (folder / "data").touch()
    link = work_path / f"{layout.throwaway_prefix('mysql')}link"
    link.symlink_to(folders["held"])
    if os.geteuid() == 0:
        os.chown(folders["foreign"], 4711, 4711)
    descriptor = os.open(folders["held"], os.O_RDONLY)
    try:
        assert locking.try_lock(descriptor)
        said = throwaway.sweep(registry.THROWAWAYS.values(), work_path)
        assert not folders["left"].exists()
        assert folders["held"].exists()
        assert link.is_symlink()
        assert any("left" in sentence for sentence in said)
        if os.geteuid() == 0:
            assert folders["foreign"].exists()
            os.chown(folders["foreign"], 0, 0)
    finally:
        os.close(descriptor)
    link.unlink()
    throwaway.sweep(registry.THROWAWAYS.values(), work_path)
