# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``ansible-test sanity`` on a copy of the collection, where ansible-test wants it to be.

ansible-test works only below a folder ``ansible_collections/vya/backupdb`` and sees through symlinks.
Arguments are handed on: ``python -m tools.sanity --test import``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
HOME = REPOSITORY / ".cache" / "ansible-test"
# The release that ansible-test 2.19 puts into its virtual environments.
PIP_VERSION = "24.2"

# Read by ansible-test's quiet_pip.py in place of the get-pip script, with the same arguments.
GET_PIP = """\
import sys

sys.path.insert(0, {wheel!r})

from pip._internal.cli.main import main

options = [option for option in sys.argv[1:] if option not in ("--no-setuptools", "--no-wheel")]
sys.exit(main(["install", "--find-links", {folder!r}, *options]))
"""


def main() -> int:
    """Return the exit code of ansible-test."""
    prepare_home()
    # --requirements would also install into our own environment; ansible-test makes its own ones anyway.
    return run_ansible_test("sanity", sys.argv[1:])


def run_ansible_test(name: str, arguments: Sequence[str]) -> int:
    """Run a command of ansible-test on a copy of the collection. Return its exit code."""
    HOME.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="backupdb-ansible-test-") as folder:
        copy = Path(folder) / "ansible_collections" / "vya" / "backupdb"
        copy_collection(copy)
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        command = ["ansible-test", name, "--color", "no", "--python", version, *arguments]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return subprocess.run(
            command, cwd=copy, env={**os.environ, "HOME": str(HOME), "PATH": path}, check=False
        ).returncode


def prepare_home() -> None:
    """Make the home folder in which ansible-test keeps its environments between runs.

    ansible-test fetches pip from a server of its own; here it comes from the package index, so that a
    machine that reaches only a mirror of the index can run this too.
    """
    script = HOME / ".ansible" / "test" / "cache" / f"get_pip_{PIP_VERSION.replace('.', '_')}.py"
    if script.exists():
        return
    wheels = HOME / "wheels"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download"]
    subprocess.run([*pip, "--no-deps", "--dest", str(wheels), f"pip=={PIP_VERSION}"], check=True)
    wheel = next(wheels.glob(f"pip-{PIP_VERSION}-*.whl"))
    link_pip_settings()
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(GET_PIP.format(wheel=str(wheel), folder=str(wheels)), encoding="utf-8")


def link_pip_settings() -> None:
    """Let pip find the caller's own settings in the other home folder too."""
    for settings in (Path(".config", "pip"), Path(".pip")):
        link = HOME / settings
        if (Path.home() / settings).is_dir() and not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(Path.home() / settings)


def copy_collection(target: Path) -> None:
    """Copy what git would track, also what is not committed yet, and also where git is not at hand."""
    target.mkdir(parents=True)
    # A filter in rsync's own words: the excludes of each folder's .gitignore hold below that folder.
    command = ["rsync", "--archive", "--exclude=/.git", "--filter=:- .gitignore", f"{REPOSITORY}/", f"{target}/"]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    sys.exit(main())
