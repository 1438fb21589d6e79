# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of the site: which files they are, and what there is to link to."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
SETTINGS = REPOSITORY / "docs" / "docsite"
COLLECTION = "vya.backupdb"
REFERENCE = "reference"
# What is a page of the site and a file of the repository, and what lies beside it.
PAGES = ("README.md", "CONTRIBUTING.md", "docs/*.md", "roles/*/README.md")
COMPANIONS = "docs/*/**/*"


def galaxy() -> dict[str, Any]:
    """Return what the collection says of itself."""
    return dict(yaml.safe_load((REPOSITORY / "galaxy.yml").read_text(encoding="utf-8")))


def version() -> str:
    """Return the version of the collection."""
    return str(galaxy()["version"])


def files(*patterns: str) -> Iterator[Path]:
    """Return the files of the repository that match a pattern, without those of the site alone."""
    for pattern in patterns:
        for path in sorted(REPOSITORY.glob(pattern)):
            if path.is_file() and not path.is_relative_to(SETTINGS):
                yield path.relative_to(REPOSITORY)


def names() -> set[str]:
    """Return the names of the pages, as Sphinx has them: paths without a suffix."""
    return {str(path.with_suffix("")) for path in files(*PAGES)}


def gather(folder: Path) -> None:
    """Copy the pages and what lies beside them to a folder, laid out as in the repository."""
    for path in files(*PAGES, COMPANIONS):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REPOSITORY / path, target)
    shutil.copyfile(SETTINGS / "index.md", folder / "index.md")


def documented() -> dict[str, str]:
    """Return the kind of all that has a page in the reference, by its name.

    A playbook has none, so a name that is a playbook's, too, is left out.
    """
    kinds = {
        "module": (REPOSITORY / "plugins" / "modules").glob("*.py"),
        "filter": (REPOSITORY / "plugins" / "filter").glob("*.yml"),
        "role": (REPOSITORY / "roles").iterdir(),
    }
    playbooks = {path.stem for path in (REPOSITORY / "playbooks").glob("*.yml")}
    found = {path.stem: kind for kind, paths in kinds.items() for path in paths}
    return {name: kind for name, kind in sorted(found.items()) if name not in {*playbooks, "__init__"}}
