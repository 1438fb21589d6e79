# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roots are reused, refused where they cannot be made, and their clients run from outside."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.server_roots import roots


def fake_root(folder: Path) -> Path:
    """Return a root that has this machine's own loader, libraries and one client program."""
    root = folder / "sid"
    (root / "usr/bin").mkdir(parents=True)
    machine_loader = next(Path("/usr").glob("lib*/ld-linux*.so.*"))
    (root / "usr" / machine_loader.parent.name).mkdir(exist_ok=True)
    (root / "usr" / machine_loader.parent.name / machine_loader.name).symlink_to(machine_loader)
    machine_libraries = next(Path("/usr/lib").glob("*-linux-gnu"))
    (root / "usr/lib").mkdir(exist_ok=True)
    (root / "usr/lib" / machine_libraries.name).symlink_to(machine_libraries)
    shutil.copyfile("/bin/cat", root / "usr/bin/mysqldump")
    (root / "usr/bin/mysqldump").chmod(0o755)
    (root / "usr/bin/mariadb-dump").symlink_to("mysqldump")
    return root


def test_a_root_that_is_there_is_reused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = fake_root(tmp_path)
    monkeypatch.setenv("PATH", "")
    assert roots.ensure_root("sid", tmp_path) == roots.ServerRoot(root, root / "clients")


def test_its_clients_run_outside_it_and_keep_inherited_descriptors(tmp_path: Path) -> None:
    fake_root(tmp_path)
    clients = roots.ensure_root("sid", tmp_path).client_path
    descriptor = os.memfd_create("password")
    os.write(descriptor, b"a password")
    try:
        answer = subprocess.run(
            [clients / "mysqldump", f"/dev/fd/{descriptor}"], pass_fds=[descriptor], capture_output=True, check=True
        )
    finally:
        os.close(descriptor)
    assert answer.stdout == b"a password"


def test_names_that_only_link_to_another_client_get_no_starter(tmp_path: Path) -> None:
    fake_root(tmp_path)
    assert [path.name for path in roots.ensure_root("sid", tmp_path).client_path.iterdir()] == ["mysqldump"]


def test_an_unknown_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(roots.ServerRootError, match="no root is defined for buster"):
        roots.ensure_root("buster", tmp_path)


def test_a_build_that_fails_leaves_no_root_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gets as far")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "debootstrap").write_text("#!/bin/sh\necho no such mirror\nexit 1\n", encoding="ascii")
    (programs / "debootstrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(roots.ServerRootError, match="no such mirror"):
        roots.ensure_root("sid", tmp_path / "cache")
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["sid.lock", "sid.log"]


def test_the_cache_follows_the_users_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert roots.default_cache() == Path("/somewhere/backupdb-server-roots")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert roots.default_cache() == Path("/home/someone/.cache/backupdb-server-roots")
