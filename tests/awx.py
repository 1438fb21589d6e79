# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What docs/awx defines, read as it stands, and what AWX makes of it when it launches a job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2.sandbox
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDER = REPOSITORY / "docs" / "awx"


class Unsafe(str):
    """A text that Ansible must not take for a template."""

    __slots__ = ()


class Loader(yaml.SafeLoader):
    """Reads what Ansible reads."""


class _Dumper(yaml.SafeDumper):
    """Writes what AWX writes."""


Loader.add_constructor("!unsafe", lambda _loader, node: Unsafe(node.value))
_Dumper.add_representer(Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text)))


def load(name: str) -> Any:
    """Return a file of docs/awx; templates are left as they are."""
    return yaml.load((FOLDER / name).read_text(encoding="utf-8"), Loader)


def job_templates() -> dict[str, dict[str, Any]]:
    """Return the job templates by name, their defaults filled in from the settings."""
    settings = {"{{ " + name + " }}": value for name, value in load("settings.yml").items()}
    templates = load("templates.yml")["backupdb_awx_templates"]
    for question in (question for template in templates for question in template["questions"]):
        if "default" in question:
            question["default"] = settings.get(question["default"], question["default"])
    return {template["name"]: template for template in templates}


def modules(name: str) -> list[dict[str, Any]]:
    """Return the options of each task of a file of docs/awx/tasks, with its module."""
    return [
        {"module": key, **options}
        for task in load(f"tasks/{name}.yml")
        for key, options in task.items()
        if key.startswith("awx.awx.")
    ]


def text_of(variables: dict[str, Any]) -> str:
    """Return the YAML of a file of extra variables."""
    text: str = yaml.dump(variables, Dumper=_Dumper)
    return text


def untrusted(value: Any) -> Any:
    """Return a value of which no text is a template, as AWX hands on what it is not sure of."""
    if isinstance(value, dict):
        return {untrusted(name): untrusted(each) for name, each in value.items()}
    if isinstance(value, list):
        return [untrusted(each) for each in value]
    return Unsafe(value) if isinstance(value, str) else value


def variables_of(template: dict[str, Any], answers: dict[str, Any]) -> str:
    """Return the file of extra variables of a job: the template's own are trusted, what people answer is not."""
    defaults = {each["variable"]: each["default"] for each in template["questions"] if "default" in each}
    # In the file that AWX writes, the template's are what Ansible evaluates.
    trusted = {name: str(value) for name, value in template.get("extra_vars", {}).items()}
    return text_of({**trusted, **untrusted({**defaults, **answers})})


def injected(injectors: dict[str, Any], inputs: dict[str, str]) -> str:
    """Return the file of extra variables that the injectors of a credential make of what it holds."""
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment()

    def fill(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: fill(each) for name, each in value.items()}
        return environment.from_string(value).render(**inputs)

    return text_of(untrusted(fill(injectors["extra_vars"])))
