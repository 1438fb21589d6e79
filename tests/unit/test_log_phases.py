# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The phases that the engine logs are those that docs/logging.md tells of."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
ENGINE = REPOSITORY / "plugins" / "module_utils" / "_engine"


def logged_phases() -> Iterator[str]:
    for path in ENGINE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"logbook.event", "logbook.failed"}:
                assert isinstance(node.args[0], ast.Constant), f"a phase in {path.name} has no fixed name"
                yield str(node.args[0].value)


def documented_phases() -> set[str]:
    text = (REPOSITORY / "docs" / "logging.md").read_text(encoding="utf-8")
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {phase for cell in cells for phase in re.findall(r"`(\w+)`", cell)}


def test_the_documentation_tells_of_every_phase_and_no_other() -> None:
    assert set(logged_phases()) == documented_phases()
