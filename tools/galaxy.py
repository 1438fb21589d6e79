# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have galaxy-importer look at the tarball, as Galaxy does before it takes a collection in.

It reads names and metadata, runs ansible-doc and ansible-lint, and renders the documentation. A warning fails here,
too. Its ansible-test runs in a container alone; ``python -m tools.sanity`` stands for that.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import sanity

CONFIGURATION = """\
[galaxy-importer]
check_required_tags = True
offline_ansible_lint = True
"""


def main() -> int:
    """Return 0 where there is nothing to complain of."""
    with tempfile.TemporaryDirectory(prefix="backupdb-galaxy-") as name:
        folder = Path(name)
        output = import_tarball(build(folder), folder)
    sys.stdout.write(output)
    found = complaints(output)
    if found:
        sys.stderr.write(f"galaxy-importer has {len(found)} complaints\n")
    return 1 if found else 0


def build(folder: Path) -> Path:
    """Build the tarball below a folder, of what git would track. Return its path."""
    source, target = folder / "source", folder / "built"
    sanity.copy_collection(source)
    command = ["ansible-galaxy", "collection", "build", str(source), "--output-path", str(target)]
    subprocess.run(command, env=environment(), stdout=subprocess.DEVNULL, check=True)
    (tarball,) = target.iterdir()
    return tarball


def import_tarball(tarball: Path, folder: Path) -> str:
    """Run galaxy-importer, which writes its result to the folder. Return what it printed."""
    configuration = folder / "galaxy-importer.cfg"
    configuration.write_text(CONFIGURATION, encoding="utf-8")
    finished = subprocess.run(
        [sys.executable, "-m", "galaxy_importer.main", str(tarball)],
        cwd=folder,
        env={**environment(), "GALAXY_IMPORTER_CONFIG": str(configuration)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    # It says so itself where it has found an error, but not where it could not run.
    failed = "" if finished.returncode == 0 else f"ERROR: galaxy-importer ended with code {finished.returncode}\n"
    return finished.stdout + failed


def environment() -> dict[str, str]:
    """Return an environment with the programs of this one first, and nothing that points Ansible to this folder."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return {**others, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def complaints(output: str) -> list[str]:
    """Return the lines that are warnings or errors."""
    return [line for line in output.splitlines() if line.startswith(("WARNING", "ERROR", "CRITICAL"))]


if __name__ == "__main__":
    sys.exit(main())
