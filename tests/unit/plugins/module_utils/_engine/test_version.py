# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The versions that the engine knows."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.vya.backupdb.plugins.module_utils._engine import version
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import AppConfig

REPOSITORY = Path(__file__).resolve().parents[5]


def test_the_engine_has_the_version_of_the_collection() -> None:
    galaxy = yaml.safe_load((REPOSITORY / "galaxy.yml").read_text(encoding="utf-8"))
    assert galaxy["version"] == version.ENGINE_VERSION


def test_a_configuration_that_does_not_say_has_the_newest_version() -> None:
    assert AppConfig.model_fields["version"].default == version.CONFIG_VERSION


@pytest.mark.parametrize(
    ("given", "newer"), [("2.0.0", False), ("1.99.99", False), ("2.0.1", True), ("2.10.0", True), ("10.0.0", True)]
)
def test_versions_are_compared_by_their_numbers(given: str, newer: bool) -> None:
    assert version.is_newer(given, "2.0.0") is newer


@pytest.mark.parametrize("given", ["2", "2.0", "2.0.0.0", "2.0.0-beta", "v2.0.0", "", " 2.0.0", "2.0.0\n", "٢.0.0"])
def test_what_is_not_three_numbers_is_no_version(given: str) -> None:
    with pytest.raises(ValueError, match="three numbers"):
        version.is_newer(given)
