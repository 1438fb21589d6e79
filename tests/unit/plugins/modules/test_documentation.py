# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation of every module has agreed on, beyond what ansible-test and antsibull-docs look at."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.vya.backupdb.plugins.doc_fragments.requirements import ModuleDocFragment
from ansible_collections.vya.backupdb.plugins.module_utils import _arguments, _module
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import (
    AppConfig,
    CredentialsConfig,
    DatabaseConfig,
    LoggingConfig,
    MetricsConfig,
    RetentionConfig,
    StorageConfig,
)

REPOSITORY = Path(__file__).resolve().parents[4]
COLLECTION = "vya.backupdb."
FORGE = yaml.safe_load((REPOSITORY / "galaxy.yml").read_text(encoding="utf-8"))["repository"]
MODULES = {path.stem: path for path in sorted((REPOSITORY / "plugins" / "modules").glob("*.py"))}
DISTRIBUTIONS = {"yaml": "pyyaml", "pydantic_settings": "pydantic-settings", "psycopg2": "psycopg2-binary"}
FRAGMENT = COLLECTION + "requirements"


def block(module: str, name: str) -> dict[str, Any]:
    for statement in ast.parse(MODULES[module].read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == name:
            return dict(yaml.safe_load(ast.literal_eval(statement.value)))
    raise AssertionError(f"{module} has no {name}")


def requirements_of(module: str) -> list[str]:
    """Return what a module says that its host needs, its own and that of the fragments."""
    documentation = block(module, "DOCUMENTATION")
    found = list(documentation.get("requirements", []))
    for slug in documentation["extends_documentation_fragment"]:
        if slug.startswith(FRAGMENT):
            part = slug[len(FRAGMENT) :].lstrip(".").upper() or "DOCUMENTATION"
            found += yaml.safe_load(getattr(ModuleDocFragment, part))["requirements"]
    return found


def bounds() -> dict[str, str]:
    lines = (REPOSITORY / "requirements.txt").read_text(encoding="utf-8").splitlines()
    matches = [re.fullmatch(r"([\w-]+)>=([\d.]+),<.*", line) for line in lines if not line.startswith("#")]
    return {match[1].lower(): match[2] for match in matches if match}


def distribution(package: str) -> str:
    return DISTRIBUTIONS.get(package, package).lower()


def neighbours(module: str) -> set[str]:
    entries = [entry.get("module", "") for entry in block(module, "DOCUMENTATION")["seealso"]]
    return {name[len(COLLECTION) :] for name in entries if name.startswith(COLLECTION)}


@pytest.mark.parametrize("module", MODULES)
def test_what_a_module_points_to_points_back(module: str) -> None:
    assert neighbours(module)
    assert {name for name in neighbours(module) if module not in neighbours(name)} == set()


@pytest.mark.parametrize("module", MODULES)
def test_the_guides_that_a_module_points_to_are_there(module: str) -> None:
    links = [entry["link"] for entry in block(module, "DOCUMENTATION")["seealso"] if "link" in entry]
    own = [link.removeprefix(f"{FORGE}/blob/main/") for link in links if link.startswith(FORGE)]
    assert [path for path in own if not (REPOSITORY / path).is_file()] == []


@pytest.mark.parametrize("module", MODULES)
def test_the_documented_packages_are_those_of_the_requirements(module: str) -> None:
    matches = [re.match(r"([\w-]+) >= ([\d.]+)", requirement) for requirement in requirements_of(module)]
    documented = {distribution(match[1]): match[2] for match in matches if match}
    assert documented.items() <= bounds().items()


@pytest.mark.parametrize("module", MODULES)
def test_every_package_that_a_module_asks_for_is_documented(module: str) -> None:
    groups = re.findall(r"_module\.(\w+_PACKAGES)", MODULES[module].read_text(encoding="utf-8"))
    needed = {distribution(package) for group in groups for package in getattr(_module, group)}
    assert needed <= {distribution(requirement.partition(" ")[0]) for requirement in requirements_of(module)}


@pytest.mark.parametrize("module", MODULES)
def test_every_return_value_has_a_sample(module: str) -> None:
    returned = block(module, "RETURN")
    assert [name for name, value in returned.items() if "sample" not in value] == []


@pytest.mark.parametrize(
    "section",
    [
        ("databases", DatabaseConfig),
        ("storage", StorageConfig),
        ("retention", RetentionConfig),
        ("logging", LoggingConfig),
        ("credentials", CredentialsConfig),
        ("metrics", MetricsConfig),
    ],
    ids=lambda section: str(section[0]),
)
def test_every_key_of_the_configuration_is_documented(section: tuple[str, type]) -> None:
    name, model = section
    told = str(block("backup_config", "DOCUMENTATION")["options"][name]["description"])
    assert {key for key in model.model_fields if f"C({key})" not in told} == set()  # type: ignore[attr-defined]


def test_every_section_of_the_configuration_is_an_option() -> None:
    told = block("backup_config", "DOCUMENTATION")["options"]
    assert set(AppConfig.model_fields) - {"application_name", "version"} <= set(told)


def test_the_defaults_of_the_credential_store_are_those_of_the_configuration() -> None:
    for name, field in CredentialsConfig.model_fields.items():
        assert _arguments.CREDENTIALS[name]["default"] == str(field.default)
