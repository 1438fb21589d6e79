# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every role has agreed on: its variables are documented, equal in both places, and prefixed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
ROLES = sorted(path for path in (REPOSITORY / "roles").iterdir() if path.is_dir())
PUBLIC = re.compile(r"backupdb_[a-z0-9_]+")
INTERNAL = re.compile(r"__backupdb_[a-z0-9_]+")


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def defaults_of(role: Path) -> dict[str, Any]:
    return dict(load(role / "defaults" / "main.yml"))


def entry_points_of(role: Path) -> dict[str, dict[str, Any]]:
    specs: dict[str, dict[str, Any]] = load(role / "meta" / "argument_specs.yml")["argument_specs"]
    return specs


def options_of(role: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return each option of each entry point, by name."""
    return [pair for point in entry_points_of(role).values() for pair in point["options"].items()]


def tasks_of(role: Path) -> list[dict[str, Any]]:
    """Return the tasks of all files of a role, those in blocks too."""
    waiting = [task for path in sorted((role / "tasks").glob("*.yml")) for task in load(path)]
    found = []
    while waiting:
        task = waiting.pop(0)
        found.append(task)
        waiting += [each for part in ("block", "rescue", "always") for each in task.get(part, [])]
    return found


def name_of(role: Path) -> str:
    return role.name


@pytest.mark.parametrize("role", ROLES, ids=name_of)
def test_every_default_is_documented_with_the_same_value(role: Path) -> None:
    documented = {name: option.get("default") for name, option in options_of(role) if not option.get("required")}
    assert defaults_of(role) == documented


@pytest.mark.parametrize("role", ROLES, ids=name_of)
def test_a_variable_is_the_same_in_every_entry_point(role: Path) -> None:
    options: dict[str, dict[str, Any]] = {}
    for name, option in options_of(role):
        assert options.setdefault(name, option) == option


@pytest.mark.parametrize("role", ROLES, ids=name_of)
def test_every_entry_point_is_a_file_of_tasks_and_says_what_it_does(role: Path) -> None:
    for name, point in entry_points_of(role).items():
        assert (role / "tasks" / f"{name}.yml").is_file()
        assert point["short_description"]
        assert all(option["description"] for option in point["options"].values())


@pytest.mark.parametrize("role", ROLES, ids=name_of)
def test_the_variables_of_a_user_have_the_public_prefix(role: Path) -> None:
    assert [name for name in defaults_of(role) if not PUBLIC.fullmatch(name)] == []


@pytest.mark.parametrize("role", ROLES, ids=name_of)
def test_what_a_role_keeps_to_itself_has_the_internal_prefix(role: Path) -> None:
    registered = [task["register"] for task in tasks_of(role) if "register" in task]
    own = [name for path in sorted((role / "vars").glob("*.yml")) for name in load(path)]
    assert [name for name in registered + own if not INTERNAL.fullmatch(name)] == []


@pytest.mark.parametrize("role", ROLES, ids=name_of)
def test_the_facts_that_a_role_sets_are_told_in_its_documentation(role: Path) -> None:
    facts = {name for task in tasks_of(role) for name in task.get("ansible.builtin.set_fact", {})}
    told = str([point.get("description") for point in entry_points_of(role).values()])
    assert {name for name in facts if f"C({name})" not in told} == set()


@pytest.mark.parametrize("role", ROLES, ids=name_of)
def test_every_task_of_a_role_is_a_module_and_none_is_a_command(role: Path) -> None:
    modules = {key for task in tasks_of(role) for key in task if "." in key}
    assert {module for module in modules if re.search(r"\.(command|shell|raw|script|expect)$", module)} == set()
    assert all(module.startswith(("ansible.builtin.", "vya.backupdb.")) for module in modules)


@pytest.mark.parametrize("role", ROLES, ids=name_of)
def test_the_readme_of_a_role_names_all_its_variables_and_facts(role: Path) -> None:
    text = (role / "README.md").read_text(encoding="utf-8")
    facts = {name for task in tasks_of(role) for name in task.get("ansible.builtin.set_fact", {})}
    assert {name for name in {*defaults_of(role), *facts} if f"`{name}`" not in text} == set()


@pytest.mark.parametrize("role", ROLES, ids=name_of)
def test_every_file_that_a_role_writes_says_that_it_is_managed(role: Path) -> None:
    # Those that end in .txt.j2 are shown, not written.
    templates = [path for path in sorted((role / "templates").glob("*.j2")) if not path.name.endswith(".txt.j2")]
    heads = {path.name: path.read_text(encoding="utf-8").splitlines()[:2] for path in templates}
    assert {name for name, head in heads.items() if "{{ ansible_managed | comment }}" not in head} == set()
