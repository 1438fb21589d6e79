# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each module that tells how far it has come has an action for it, and no other has one."""

from __future__ import annotations

import importlib
from pathlib import Path

import ansible_collections.vya.backupdb.plugins.action as actions
import pytest
from ansible_collections.vya.backupdb.plugins import modules
from ansible_collections.vya.backupdb.plugins.plugin_utils import _following

FOLLOWED = ("db_backup", "db_restore")


def names_in(package: object) -> list[Path]:
    # Ansible's own importer may have found the folder by another way, too.
    (folder,) = {Path(path).resolve() for path in package.__path__}  # type: ignore[attr-defined]
    return sorted(path for path in folder.glob("*.py") if path.stem != "__init__")


def test_the_modules_with_the_option_are_those_with_an_action() -> None:
    told = [path.stem for path in names_in(modules) if "- vya.backupdb.progress" in path.read_text(encoding="utf-8")]
    assert tuple(told) == tuple(path.stem for path in names_in(actions)) == FOLLOWED


@pytest.mark.parametrize("name", FOLLOWED)
def test_an_action_says_what_its_module_does(name: str) -> None:
    module = importlib.import_module(f"{actions.__name__}.{name}")
    assert issubclass(module.ActionModule, _following.FollowedAction)
    assert module.ActionModule.what in name
    assert module.ActionModule.ended
