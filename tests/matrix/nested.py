# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of this repository, run by other interpreters and with other versions of ansible-core."""

from __future__ import annotations

import os
import subprocess
import tomllib
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from tests.matrix.environments import REPOSITORY

# The last release of pytest for Python 3.9 is one of 8.
REQUIREMENTS = ("pytest>=8.4,<10", "hypothesis>=6.100,<7")
TIMEOUT_SECONDS = 3600
# What is about the pytest or the tests of the repository itself.
LEFT_OUT = {"minversion", "testpaths", "cache_dir", "pythonpath"}


def write_settings(folder: Path) -> Path:
    """Write the settings that pyproject.toml has for pytest, without those that an older one does not meet."""
    project = tomllib.loads(REPOSITORY.joinpath("pyproject.toml").read_text(encoding="utf-8"))
    settings = {name: value for name, value in project["tool"]["pytest"]["ini_options"].items() if name not in LEFT_OUT}
    settings["pythonpath"] = [str(REPOSITORY), str(REPOSITORY / ".collections")]
    lines = ["[pytest]"]
    for name, value in settings.items():
        values = value if isinstance(value, list) else [str(value).lower()]
        lines += [f"{name} =", *(f"    {each}" for each in values)]
    path = folder / "pytest.ini"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run_tests(programs: Path, paths: Sequence[str], folder: Path) -> int:
    """Run tests by the interpreter in a folder of programs; return how many passed.

    Raise AssertionError with the end of what was printed if one fails, or none passes.
    """
    report = folder / "report.xml"
    command = [str(programs / "python"), "-m", "pytest", "-c", str(write_settings(folder)), f"--rootdir={REPOSITORY}"]
    options = ["-q", "-p", "no:cacheprovider", f"--basetemp={folder / 'temporary'}", f"--junitxml={report}"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [*command, *options, *paths],
        cwd=REPOSITORY,
        env={**inherited, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    counts = [suite.attrib for suite in ElementTree.parse(report).iter("testsuite")]
    passed = sum(int(one["tests"]) - int(one["skipped"]) for one in counts)
    assert passed > 0, done.stdout[-2000:]
    return passed
