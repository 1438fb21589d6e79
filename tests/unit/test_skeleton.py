# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of the tree have agreed on."""

from __future__ import annotations

import ast
import graphlib
import importlib.metadata
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.unit import source_rules

REPOSITORY = Path(__file__).resolve().parents[2]
ENGINE = REPOSITORY / "plugins" / "module_utils" / "_engine"
HEADER = (ENGINE / "errors.py").read_text(encoding="utf-8").splitlines()[:3]
MAXIMUM_LINES = 400


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (REPOSITORY / folder).rglob("*.py"))


ALL_FILES = python_files("plugins", "tools", "demo", "tests")
PLUGIN_FILES = [path for path in python_files("plugins") if path.stat().st_size]
ENGINE_FILES = [path for path in PLUGIN_FILES if path.is_relative_to(ENGINE)]


def name_of(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def distribution_name(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-")


def load_yaml(name: str) -> dict[str, object]:
    loaded: dict[str, object] = yaml.safe_load((REPOSITORY / name).read_text(encoding="utf-8"))
    return loaded


def test_the_action_group_holds_every_module_and_nothing_else() -> None:
    modules = [path.stem for path in python_files("plugins/modules") if path.name != "__init__.py"]
    assert load_yaml("meta/runtime.yml")["action_groups"] == {"backupdb": sorted(modules)}


def test_the_changelog_ends_with_the_version_of_the_collection() -> None:
    version = str(load_yaml("galaxy.yml")["version"])
    releases = load_yaml("changelogs/changelog.yaml")["releases"]
    assert isinstance(releases, dict)
    assert version in releases
    headings = re.findall(r"^v(\S+)\n=+$", (REPOSITORY / "CHANGELOG.rst").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == version


@pytest.mark.parametrize("path", [path for path in ALL_FILES if path.name != "__init__.py"], ids=name_of)
def test_every_python_file_states_its_licence(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    first = 1 if lines and lines[0].startswith("#!") else 0
    assert lines[first : first + 3] == HEADER
    assert HEADER[2].split(": ") == ["# SPDX-License-Identifier", "GPL-3.0-or-later"]


def test_package_files_are_empty() -> None:
    assert [name_of(path) for path in ALL_FILES if path.name == "__init__.py" and path.stat().st_size] == []


def test_no_python_file_is_too_long_to_read() -> None:
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in ALL_FILES}
    assert {name: length for name, length in lengths.items() if length > MAXIMUM_LINES} == {}


@pytest.mark.parametrize("path", ENGINE_FILES, ids=name_of)
def test_the_engine_uses_nothing_of_ansible(path: Path) -> None:
    assert {"ansible", "ansible_collections"}.isdisjoint(source_rules.imported_packages(parse(path)))


def test_the_parts_of_the_engine_depend_on_each_other_one_way() -> None:
    needs: dict[str, set[str]] = {}
    for path in ENGINE_FILES:
        names = path.relative_to(ENGINE).with_suffix("").parts
        needs.setdefault(names[0], set()).update(source_rules.imported_parts(parse(path), names) - {names[0]})
    assert "operations" in needs["command"]
    assert list(graphlib.TopologicalSorter(needs).static_order())[-1] == "program"


@pytest.mark.parametrize("path", ENGINE_FILES, ids=name_of)
def test_only_one_file_of_the_engine_starts_processes(path: Path) -> None:
    assert source_rules.process_starts(parse(path)) == [] or path == ENGINE / "process.py"


@pytest.mark.parametrize("path", [path for path in ENGINE_FILES if path != ENGINE / "layout.py"], ids=name_of)
def test_only_one_file_of_the_engine_joins_paths(path: Path) -> None:
    assert source_rules.path_joins(parse(path)) == []


@pytest.mark.parametrize("path", ENGINE_FILES, ids=name_of)
def test_only_the_program_on_the_host_prints_and_in_one_file(path: Path) -> None:
    printing = {ENGINE / "program.py", ENGINE / "command" / "output.py"}
    assert source_rules.prints(parse(path)) == [] or path in printing


@pytest.mark.parametrize("path", PLUGIN_FILES, ids=name_of)
def test_every_third_party_import_of_a_plugin_is_guarded(path: Path) -> None:
    assert source_rules.unguarded_imports(parse(path)) == []


def test_every_third_party_package_of_the_plugins_is_in_the_requirements() -> None:
    lines = (REPOSITORY / "requirements.txt").read_text(encoding="utf-8").splitlines()
    required = {distribution_name(line) for line in lines if not line.startswith("#")}
    # What a requirement pins to one release comes with it, as pydantic-core with pydantic.
    needs = [need for name in required for need in importlib.metadata.requires(name) or []]
    required |= {distribution_name(need) for need in needs if "==" in need.partition(";")[0]}
    distributions = importlib.metadata.packages_distributions()
    packages = {package for path in PLUGIN_FILES for package in source_rules.third_party_packages(parse(path))}
    assert {
        package for package in packages if required.isdisjoint(map(distribution_name, distributions[package]))
    } == set()


def test_the_engine_alone_is_a_package_that_needs_no_ansible(tmp_path: Path) -> None:
    shutil.copytree(ENGINE, tmp_path / "backupdb", ignore=shutil.ignore_patterns("__pycache__"))
    modules = [".".join(path.relative_to(ENGINE).with_suffix("").parts) for path in python_files(str(ENGINE))]
    names = ["backupdb." + name for name in modules if not name.endswith("__init__")]
    assert "backupdb.errors" in names
    script = f"""
import importlib, sys

class NoAnsible:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("ansible", "ansible_collections"):
            raise ImportError(f"{{name}} is not to be had here")

sys.meta_path.insert(0, NoAnsible())
sys.path.insert(0, {str(tmp_path)!r})
for name in {names!r}:
    importlib.import_module(name)
"""
    finished = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (finished.returncode, finished.stderr) == (0, "")
