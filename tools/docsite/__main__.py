# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the site of the documentation: the guides of this repository and the reference of antsibull-docs.

``python -m tools.docsite`` writes it to ``.cache/docs/html``. A warning of Sphinx fails it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.docsite import pages

FOLDER = pages.REPOSITORY / ".cache" / "docs"
SOURCE = FOLDER / "source"
SITE = FOLDER / "html"
PROGRAMS = Path(sys.executable).parent
ENVIRONMENT = {
    **os.environ,
    "ANSIBLE_COLLECTIONS_PATH": str(pages.REPOSITORY / ".collections"),
    "PATH": f"{PROGRAMS}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    # For the settings in docs/docsite/conf.py, which import from tools.
    "PYTHONPATH": str(pages.REPOSITORY),
}


def main() -> int:
    """Return the exit code of the first program that fails, else 0."""
    # From nothing each time: Sphinx is silent on pages that it has read before.
    shutil.rmtree(FOLDER, ignore_errors=True)
    reference = SOURCE / pages.REFERENCE
    reference.mkdir(parents=True, mode=0o700)
    pages.gather(SOURCE)
    for command in (reference_command(reference), site_command()):
        finished = subprocess.run(command, cwd=pages.REPOSITORY, env=ENVIRONMENT, check=False)
        if finished.returncode:
            return finished.returncode
    print(f"the site is in {(SITE / 'index.html').relative_to(pages.REPOSITORY)}")
    return 0


def reference_command(folder: Path) -> list[str]:
    """Return the command that writes a page for each module, filter and role."""
    return [
        str(PROGRAMS / "antsibull-docs"),
        f"--config-file={pages.SETTINGS / 'antsibull-docs.cfg'}",
        "collection",
        "--use-current",
        "--fail-on-error",
        "--squash-hierarchy",
        f"--dest-dir={folder}",
        pages.COLLECTION,
    ]


def site_command() -> list[str]:
    """Return the command that makes pages of HTML of them all."""
    options = ["--builder=html", "--fail-on-warning", "--quiet", f"--conf-dir={pages.SETTINGS}"]
    return [sys.executable, "-m", "sphinx", *options, f"--doctree-dir={FOLDER / 'doctrees'}", str(SOURCE), str(SITE)]


if __name__ == "__main__":
    sys.exit(main())
