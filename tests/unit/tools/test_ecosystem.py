# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ecosystem's own checks are given: a target for each module, the packages, a tarball without complaints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tools import galaxy

REPOSITORY = Path(__file__).resolve().parents[3]
MODULES = sorted(path.stem for path in (REPOSITORY / "plugins" / "modules").glob("*.py") if path.stem != "__init__")
TARGETS = REPOSITORY / "tests" / "integration" / "targets"


def lines_of(name: str) -> set[str]:
    lines = (REPOSITORY / name).read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def test_every_module_has_a_target_of_its_name_and_every_other_target_is_a_part_of_one() -> None:
    targets = sorted(path.name for path in TARGETS.iterdir())
    assert [name for name in targets if not name.startswith("setup_")] == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_a_target_runs_its_module_checked_for_real_and_again_and_has_it_fail(module: str) -> None:
    files = sorted((TARGETS / module / "tasks").glob("*.yml"))
    tasks = [task for file in files for task in all_tasks(yaml.safe_load(file.read_text(encoding="utf-8")))]
    own = [task for task in tasks if f"vya.backupdb.{module}" in task]
    assert len([task for task in own if not task.get("check_mode") and not task.get("ignore_errors")]) > 1
    assert [task for task in own if task.get("check_mode")] != []
    assert [task for task in own if task.get("ignore_errors")] != []
    asserted = str([task["ansible.builtin.assert"]["that"] for task in tasks if "ansible.builtin.assert" in task])
    assert ".error_code == " in asserted


def all_tasks(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return tasks and those of their blocks."""
    blocks = [block for task in tasks if isinstance(block := task.get("block"), list)]
    return [*tasks, *(inner for block in blocks for inner in all_tasks(block))]


@pytest.mark.parametrize("kind", ["unit", "integration"])
def test_ansible_test_installs_what_the_collection_requires(kind: str) -> None:
    assert lines_of("requirements.txt") <= lines_of(f"tests/{kind}/requirements.txt")


def test_warnings_and_errors_of_the_importer_are_complaints() -> None:
    output = "Loading module db_backup\nWARNING: no changelog\nERROR: no name\nnot an ERROR\n"
    assert galaxy.complaints(output) == ["WARNING: no changelog", "ERROR: no name"]
