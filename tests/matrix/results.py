# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plugin of pytest that gathers what the matrix comes to, shows it as tables, and writes these into the docs.

A run of some tests is added to what earlier runs came to. It counts for the cells of which no test was left out.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.matrix.environments import CORES, PYTHONS
from tests.matrix.products import PRODUCTS
from tools.compatibility_table import Cell, Place, Table, load, render, replace, save

FOLDER = Path(__file__).resolve().parent
REPOSITORY = FOLDER.parents[1]
PAGE = REPOSITORY / "docs" / "compatibility.md"
KEPT = REPOSITORY / ".cache" / "matrix.json"
TABLES = (
    Table(
        "Servers",
        "server",
        tuple(PRODUCTS),
        ("round trip", "several processes", "accounts", "drill", "swap", "into a newer one"),
    ),
    Table("Python on the host", "Python", tuple(PYTHONS), ("the engine's own tests", "playbooks", "command")),
    Table("ansible-core on the control node", "ansible-core", tuple(CORES), ("playbooks", "roles", "modules")),
)
# The parameter of a test that names its row, and the table.
PARAMETERS = {"product": TABLES[0], "python": TABLES[1], "core": TABLES[2]}
# Properties of a test: what it was run on, and how many it stands for.
DETAIL, TESTS = "matrix_detail", "matrix_tests"
PLACE = "matrix_place"


def place_of(item: pytest.Item) -> Place | None:
    """Return where a test belongs, None if that is nowhere."""
    mark, parameters = item.get_closest_marker("cell"), getattr(item, "callspec", None)
    if mark is not None and parameters is not None:
        for parameter, table in PARAMETERS.items():
            if parameter in parameters.params:
                return Place(table.name, str(parameters.params[parameter]), *mark.args)
    return None


class Results:
    """What has come of the tests so far."""

    def __init__(self) -> None:
        self.cells: dict[Place, Cell] = {}
        self.left: Counter[Place | None] = Counter()
        self.is_of_all = False

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Tell each test its place: what reports on it may be another process."""
        for item in items:
            place = place_of(item)
            if place is not None:
                item.user_properties.append((PLACE, list(place)))

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Remember of which cells tests are left out."""
        self.left.update(place_of(item) for item in items)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remember how many tests each cell has."""
        self.is_of_all = [Path(argument).resolve() for argument in session.config.args] == [FOLDER]
        self.left.update(place_of(item) for item in session.items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test."""
        told: dict[str, Any] = dict(report.user_properties)
        if PLACE not in told:
            return
        place = Place(*told[PLACE])
        cell = self.cells.setdefault(place, Cell(day=datetime.datetime.now().astimezone().date().isoformat()))
        cell.detail = told.get(DETAIL, cell.detail)
        if report.failed:
            cell.failed += 1
        elif report.skipped and isinstance(report.longrepr, tuple):
            cell.reasons.append(report.longrepr[2].removeprefix("Skipped: "))
        elif report.when == "call":
            cell.passed += told.get(TESTS, 1)
        if report.when == "teardown":
            self.left[place] -= 1
            if self.is_of_all and not self.left[place]:
                # At once, for a run may be broken off.
                save(KEPT, {**load(KEPT), place: cell})

    def pytest_terminal_summary(self, terminalreporter: Any, config: pytest.Config) -> None:
        """Show the tables, of this run and of earlier ones, and write them into the docs if that is wanted."""
        if not self.cells:
            return
        if not self.is_of_all:
            terminalreporter.section("of the cells below, not all tests were run")
            terminalreporter.write_line(render(TABLES, self.cells))
            return
        cells = load(KEPT)
        terminalreporter.section("compatibility")
        terminalreporter.write_line(render(TABLES, cells))
        if config.getoption("write_docs"):
            replace(PAGE, render(TABLES, cells))
            terminalreporter.write_line(f"{PAGE} has these tables now")
