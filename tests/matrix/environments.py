# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interpreters of other versions, and virtual environments of them, kept between runs."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.matrix.products import RELEASES
from tools.server_roots.roots import alone, default_cache, ensure_root

REPOSITORY = Path(__file__).resolve().parents[2]
REQUIREMENTS = REPOSITORY / "requirements.txt"
# The releases whose Debian carries a version; the others must be on this machine.
PYTHONS: dict[str, str | None] = {
    "3.9": "bullseye",
    "3.10": None,
    "3.11": "bookworm",
    "3.12": None,
    "3.13": "trixie",
    "3.14": "sid",
}
# The versions of Python on which a version of ansible-core runs, the likeliest one to be had first.
CORES: dict[str, tuple[str, ...]] = {
    "2.17": ("3.11", "3.12"),
    "2.18": ("3.11", "3.13", "3.12"),
    "2.19": ("3.11", "3.13", "3.12"),
    "2.20": ("3.13", "3.14", "3.12"),
    "2.21": ("3.13", "3.14", "3.12"),
}
# The folder that keeps its versions, which need not be on PATH.
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"


class EnvironmentMissingError(Exception):
    """There is no interpreter of a version here."""


@dataclass(frozen=True)
class Interpreter:
    """An interpreter: its program, its whole version, and where it is from."""

    program: Path
    version: str
    origin: str


def find_interpreter(version: str) -> Interpreter:
    """Return an interpreter of a version such as 3.9: Debian's, or one that is on this machine.

    Raise EnvironmentMissingError if there is none.
    """
    suite = PYTHONS[version]
    if suite is not None:
        program = ensure_root(suite).client_path / f"python{version}"
        whole = version_of(program)
        if whole is not None:
            return Interpreter(program, whole, RELEASES[suite])
    named = [shutil.which(f"python{version}"), *sorted(PYENV.glob(f"{version}.*/bin/python{version}"), reverse=True)]
    for found in [Path(path) for path in named if path]:
        whole = version_of(found)
        if whole is not None and whole.startswith(f"{version}."):
            return Interpreter(found, whole, "this machine's own")
    raise EnvironmentMissingError(f"no release of Debian carries Python {version}, and this machine has none")


def version_of(program: Path) -> str | None:
    """Return the version of an interpreter, None if it does not work."""
    code = "import platform; print(platform.python_version())"
    try:
        done = subprocess.run([str(program), "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None


def ensure_environment(name: str, interpreter: Interpreter, requirements: Sequence[str]) -> Path:
    """Return the bin folder of a virtual environment that has these requirements and those of a host.

    It is made now unless the cache has it, by the interpreter, with a pip that fits it. ``name`` is for people.
    """
    wanted = [*REQUIREMENTS.read_text(encoding="utf-8").splitlines(), *requirements, interpreter.version]
    digest = hashlib.sha256("\n".join([str(interpreter.program), *wanted]).encode()).hexdigest()
    cache = default_cache().with_name("backupdb-matrix")
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"{name}-{digest[:8]}"
    complete = folder / "complete"
    with alone(cache / f"{name}.lock"):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            answer([str(interpreter.program), "-m", "venv", "--without-pip", str(folder)])
            wheel = fitting_pip(interpreter.version, folder)
            python = str(folder / "bin" / "python")
            pip = [python, f"{wheel}/pip", "--disable-pip-version-check", "install", "--quiet"]
            answer([*pip, "--requirement", str(REQUIREMENTS), *requirements])
            complete.touch()
    return folder / "bin"


def fitting_pip(version: str, folder: Path) -> Path:
    """Fetch the newest pip that runs on a version of Python; it works without being installed."""
    minor = ".".join(version.split(".")[:2])
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    answer([*pip, "--only-binary", ":all:", "--python-version", minor, "--dest", str(folder), "pip"])
    (wheel,) = folder.glob("pip-*.whl")
    return wheel


def answer(command: list[str]) -> str:
    """Return what a command prints. Raise RuntimeError with the end of all that it printed if it fails."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}")
    return done.stdout
