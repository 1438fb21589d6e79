# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What docs/awx defines fits the playbooks and roles, and what AWX demands; what an execution environment is given."""

from __future__ import annotations

import re
import subprocess
import sys
import zoneinfo
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import awx

TEMPLATES = awx.job_templates()
KINDS: dict[str, type] = {
    "text": str,
    "textarea": str,
    "multiplechoice": str,
    "multiselect": list,
    "integer": int,
    "float": float,
}
# What a survey can ask for an option of a role; the roles read text as what it says.
FITTING = {
    "str": {"text", "multiplechoice"},
    "path": {"text"},
    "raw": {"text", "multiplechoice"},
    "list": {"text", "multiselect"},
    "int": {"integer"},
    "bool": {"multiplechoice"},
}
CONTROLLER = yaml.safe_load((awx.FOLDER / "controller.yml").read_text(encoding="utf-8"))
TASK_FILES = [task["ansible.builtin.import_tasks"] for task in CONTROLLER[0]["tasks"]]


def playbook_of(name: str) -> str:
    return (awx.REPOSITORY / str(TEMPLATES[name]["playbook"])).read_text(encoding="utf-8")


def options_of(name: str) -> dict[str, dict[str, Any]]:
    """Return the options of all roles that the playbook of a job template includes, as far as it includes them."""
    options: dict[str, dict[str, Any]] = {}
    including = re.findall(r"name: vya\.backupdb\.(\w+)(?:\n\s+tasks_from: (\w+))?", playbook_of(name))
    for role, entry_point in including:
        path = awx.REPOSITORY / "roles" / role / "meta" / "argument_specs.yml"
        specs = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]
        options.update(specs[entry_point or "main"]["options"])
    return options


def questions_of(name: str) -> list[dict[str, Any]]:
    questions: list[dict[str, Any]] = TEMPLATES[name]["questions"]
    return questions


ALL_QUESTIONS = [(name, question) for name in TEMPLATES for question in questions_of(name)]


def title_of(value: object) -> str:
    return str(value["variable"] if isinstance(value, dict) else value)


def test_there_is_a_job_template_for_every_playbook() -> None:
    playbooks = {str(path.relative_to(awx.REPOSITORY)) for path in (awx.REPOSITORY / "playbooks").glob("*.yml")}
    assert {template["playbook"] for template in TEMPLATES.values()} == playbooks


@pytest.mark.parametrize(("name", "question"), ALL_QUESTIONS, ids=title_of)
def test_a_question_asks_for_what_a_role_of_its_playbook_takes(name: str, question: dict[str, Any]) -> None:
    if question["variable"] == "target":
        assert "target | default" in playbook_of(name)
        return
    option = options_of(name)[question["variable"]]
    assert question["type"] in FITTING[option["type"]]
    if option["type"] == "bool":
        assert set(question["choices"]) == {"true", "false"}
    elif "choices" in question:
        assert set(question["choices"]) <= set(option["choices"])


@pytest.mark.parametrize(("name", "question"), ALL_QUESTIONS, ids=title_of)
def test_a_question_is_one_that_awx_accepts(name: str, question: dict[str, Any]) -> None:
    assert {"variable", "question_name", "type", "required"} <= set(question)
    assert isinstance(question["required"], bool)
    assert ("choices" in question) == question["type"].startswith("multi")
    assert all(isinstance(choice, str) for choice in question.get("choices", []))
    if "default" in question:
        assert isinstance(question["default"], KINDS[question["type"]])
        assert question["default"] in question.get("choices", [question["default"]])


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_variable_is_asked_for_twice_or_set_and_asked_for(name: str) -> None:
    variables = [question["variable"] for question in questions_of(name)] + list(TEMPLATES[name].get("extra_vars", {}))
    assert len(variables) == len(set(variables))


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_variable_that_a_job_template_sets_is_one_that_a_role_of_its_playbook_takes(name: str) -> None:
    assert set(TEMPLATES[name].get("extra_vars", {})) <= set(options_of(name))


def test_a_restore_asks_for_everything_that_the_role_must_have_and_for_the_confirmation() -> None:
    required = {question["variable"] for question in questions_of("Restore a database") if question["required"]}
    asked = {question["variable"] for question in questions_of("Restore a database")}
    assert {"target", "backupdb_database_id", "backupdb_database"} <= required
    assert {"backupdb_confirm", "backupdb_target_database"} <= asked
    assert not [
        each for each in questions_of("Restore a database") if each["variable"] == "target" and "default" in each
    ]


def test_no_survey_asks_for_a_secret() -> None:
    asked = {question["variable"] for _name, question in ALL_QUESTIONS}
    assert [variable for variable in asked if re.search("password|credential|login", variable)] == []


def test_what_a_playbook_hands_on_in_a_workflow_is_no_option_of_a_later_job() -> None:
    options = {option for name in TEMPLATES for option in options_of(name)}
    handed = {
        key
        for name in TEMPLATES
        for key in re.findall(r"^ +(backupdb_\w+): .*\{inventory_hostname: ", playbook_of(name), re.MULTILINE)
    }
    assert handed >= {"backupdb_summary", "backupdb_verify_summary", "backupdb_report", "backupdb_restore"}
    assert handed & options == set()


def test_the_credentials_of_a_job_become_the_logins_that_the_role_configure_takes() -> None:
    definitions = awx.load("credential_types.yml")
    fields = {field["id"]: field for field in definitions["backupdb_awx_login_inputs"]["fields"]}
    assert set(fields) == set(definitions["backupdb_awx_login_inputs"]["required"])
    assert fields["password"]["secret"] is True
    option = options_of("Set up hosts")["backupdb_credentials"]["options"]
    collected = definitions["backupdb_awx_inventory_variables"]["backupdb_credentials"]
    for definition in definitions["backupdb_awx_login_types"].values():
        assert set(definition["injectors"]) == {"extra_vars"}
        ((variable, login),) = definition["injectors"]["extra_vars"].items()
        assert isinstance(collected, awx.Unsafe)
        assert f"{variable} | default({{}})" in collected
        assert set(login) == set(option)
        assert {value for value in login.values() if isinstance(value, awx.Unsafe)} == set(login.values())
        assert {value.strip("{ }") for value in login.values()} == set(fields)


def test_a_password_with_braces_stays_as_it_is_on_its_way_from_a_credential_to_ansible() -> None:
    injectors = awx.load("credential_types.yml")["backupdb_awx_login_types"]["mysql"]["injectors"]
    password = "it's {{ 7 * 7 }} \"{% end"
    text = awx.injected(injectors, {"database_id": "a", "username": "b", "password": password})
    (login,) = yaml.load(text, awx.Loader).values()
    assert login == {"id": "a", "username": "b", "password": password}
    assert isinstance(login["password"], awx.Unsafe)


def test_every_file_of_tasks_is_used_and_consists_of_modules_of_awx_by_their_full_names() -> None:
    assert sorted(TASK_FILES) == sorted(f"tasks/{path.name}" for path in (awx.FOLDER / "tasks").glob("*.yml"))
    for file in TASK_FILES:
        tasks = awx.load(file)
        assert len(tasks) == len(awx.modules(Path(file).stem))


def test_what_is_scheduled_or_in_the_workflow_is_defined() -> None:
    jobs = {each["module"]: each for each in awx.modules("jobs")}
    workflow = jobs["awx.awx.workflow_job_template"]
    nodes = {node["identifier"]: node for node in workflow["workflow_nodes"]}
    assert {node["unified_job_template"]["name"] for node in nodes.values()} <= set(TEMPLATES)
    following = {
        each["identifier"] for node in nodes.values() for each in node.get("related", {}).get("success_nodes", [])
    }
    assert following == set(nodes) - {"backup"}
    scheduled = {each["unified_job_template"] for each in awx.modules("schedules")}
    assert scheduled <= {*TEMPLATES, workflow["name"]}
    for name in scheduled - {workflow["name"]} | {node["unified_job_template"]["name"] for node in nodes.values()}:
        # Nobody is there to answer.
        assert [each["variable"] for each in questions_of(name) if each["required"] and "default" not in each] == []


def test_a_failed_job_is_told_to_somebody() -> None:
    jobs = {each["module"]: each for each in awx.modules("jobs")}
    assert jobs["awx.awx.job_template"]["notification_templates_error"] == [
        jobs["awx.awx.notification_template"]["name"]
    ]


def test_the_schedules_are_rules_that_awx_accepts_and_no_day_has_two() -> None:
    zone = awx.load("settings.yml")["backupdb_awx_timezone"]
    assert zone in zoneinfo.available_timezones()
    days: list[str] = []
    for schedule in awx.modules("schedules"):
        rule = schedule["rrule"].replace("{{ backupdb_awx_timezone }}", zone)
        found = re.fullmatch(rf"DTSTART;TZID={zone}:\d{{8}}T\d{{6}} RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=([A-Z,]+)", rule)
        assert found, rule
        days += found.group(1).split(",")
    assert sorted(days) == sorted(["MO", "TU", "WE", "TH", "FR", "SA", "SU"])


def run_builder(*arguments: str, folder: Path) -> str:
    program = str(Path(sys.executable).with_name("ansible-builder"))
    finished = subprocess.run(
        [program, *arguments], cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def test_ansible_builder_finds_what_the_collection_needs(tmp_path: Path) -> None:
    output = run_builder("introspect", str(awx.REPOSITORY / ".collections"), folder=tmp_path)
    found = {
        kind: [line.partition("#")[0].strip() for line in lines]
        for kind, lines in yaml.safe_load(output[output.index("---") :]).items()
    }
    lines = (awx.REPOSITORY / "requirements.txt").read_text(encoding="utf-8").splitlines()
    # ansible-core brings PyYAML along.
    assert found["python"] == [line for line in lines if line and not line.startswith(("#", "PyYAML"))]
    assert found["system"] == ["openssh-client [platform:dpkg]", "openssh-clients [platform:rpm]"]


def test_ansible_builder_makes_a_build_context_that_brings_the_collection(tmp_path: Path) -> None:
    definition = awx.FOLDER / "execution-environment.yml"
    # Without it, the name depends on which runtime is installed.
    names = ("--output-filename", "Containerfile")
    run_builder("create", "--file", str(definition), "--context", "context", *names, folder=tmp_path)
    build = tmp_path / "context" / "_build"
    (collection,) = yaml.safe_load((build / "requirements.yml").read_text(encoding="utf-8"))["collections"]
    settings = awx.load("settings.yml")
    assert collection["name"] == settings["backupdb_awx_repository"]
    assert collection["version"] == settings["backupdb_awx_version"]
    containerfile = (tmp_path / "context" / "Containerfile").read_text(encoding="utf-8")
    assert "ansible-galaxy collection install" in containerfile
    assert containerfile.index("dnf install -y git-core") < containerfile.index("ansible-galaxy collection install")
