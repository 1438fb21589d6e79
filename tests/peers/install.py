# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch the tools that are compared into a cache of their own; none of them is installed on the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import peers

BORGMATIC = "borgmatic==2.1.10"
AUTOMYSQLBACKUP = "automysqlbackup"


def cache() -> Path:
    """Return the folder that holds what was fetched; it exists."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home().joinpath(".cache"))
    folder = base.joinpath("vya-backupdb-peers")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def community(say: Callable[[str], None]) -> Path:
    """Return a folder with the community's collections, shared with the benchmark."""
    return peers.install(say)


def borgmatic(say: Callable[[str], None]) -> Path:
    """Return the program borgmatic, in an environment of its own."""
    folder = cache().joinpath(BORGMATIC.replace("==", "-"))
    program = folder.joinpath("bin", "borgmatic")
    whole = folder.joinpath(".whole")
    if not whole.exists():
        say(f"installing {BORGMATIC} into {folder}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(folder.joinpath("bin", "python")), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        subprocess.run([*pip, BORGMATIC], check=True)
        whole.touch()
    return program


def borg() -> Path | None:
    """Return the program borg of this machine."""
    found = shutil.which("borg")
    return Path(found) if found else None


def debian(package: str, say: Callable[[str], None]) -> Path | None:
    """Return the unpacked files of a Debian package, or None where apt cannot get it."""
    folder = cache().joinpath(package)
    whole = folder.joinpath(".whole")
    if whole.exists():
        return folder
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return None
    say(f"unpacking the Debian package {package} into {folder}")
    folder.mkdir(exist_ok=True)
    # As root apt gets files as an account of its own, which may not write here.
    get = ["apt-get", "--quiet=2", "--option=APT::Sandbox::User=root", "download", package]
    if subprocess.run(get, cwd=folder, check=False).returncode != 0:
        return None
    for archive in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "--extract", str(archive), str(folder)], check=True)
        version = subprocess.run(
            ["dpkg-deb", "--field", str(archive), "Version"], check=True, capture_output=True, text=True
        )
        folder.joinpath("version").write_text(version.stdout.strip(), encoding="ascii")
        archive.unlink()
    whole.touch()
    return folder
