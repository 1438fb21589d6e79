# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks, roles and modules with other versions of ansible-core on the control node."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.matrix import nested
from tests.matrix.environments import (
    CORES,
    EnvironmentMissingError,
    answer,
    ensure_environment,
    find_interpreter,
)
from tests.matrix.results import DETAIL, TESTS

# The tests that come closest to what differs between versions: templates, arguments, results, what is displayed.
SUITES = {
    "playbooks": ("test_playbooks", "test_playbooks_verify"),
    "roles": ("test_configure",),
    "modules": ("test_credential_store", "test_backup_info", "test_progress"),
}
pytestmark = [pytest.mark.matrix, pytest.mark.parametrize("core", CORES)]


@pytest.fixture
def programs(core: str, request: pytest.FixtureRequest) -> Path:
    """The programs of an environment that has that ansible-core."""
    reasons = []
    for version in CORES[core]:
        try:
            interpreter = find_interpreter(version)
        except EnvironmentMissingError as error:
            reasons.append(str(error))
            continue
        wanted = [f"ansible-core=={core}.*", *nested.REQUIREMENTS]
        found = ensure_environment(f"ansible-core-{core}", interpreter, wanted)
        first = answer([str(found / "ansible"), "--version"]).splitlines()[0]
        version = first.partition("core ")[2].rstrip("]")
        request.node.user_properties.append((DETAIL, f"{version}, on Python {interpreter.version}"))
        return found
    pytest.skip("; ".join(reasons))


@pytest.mark.parametrize("suite", [pytest.param(name, marks=pytest.mark.cell(name)) for name in SUITES])
def test_the_tests_of_tasks_pass(
    programs: Path, suite: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    paths = [f"tests/integration/{name}.py" for name in SUITES[suite]]
    record_property(TESTS, nested.run_tests(programs, paths, tmp_path))
