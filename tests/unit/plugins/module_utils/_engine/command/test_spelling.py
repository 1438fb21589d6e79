# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A message names what is typed for a command, not what is written in a task."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest
import yaml
from ansible_collections.vya.backupdb.plugins.module_utils import _arguments
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.command import app, output, spelling
from ansible_collections.vya.backupdb.plugins.module_utils._engine.command.answers import Answer

#: What a command has beside the options of its module: what Ansible has itself, and the parser.
OWN = {"ctx", "config", "as_json", "quiet", "verbose", "check", "yes"}
#: The module's name is too long to be typed.
OTHERWISE = {"live": "gather_databases"}
MODULES = {"status": "backup_info"}


def parameters() -> dict[str, list[inspect.Parameter]]:
    """Return the options of each command, as the parser is told of them."""
    callbacks = {str(command.name): command.callback for command in app.build().registered_commands}
    return {name: list(inspect.signature(call).parameters.values()) for name, call in callbacks.items() if call}


def manner(command: str) -> output.Manner:
    commands = {module: f"vya-backupdb {name}" for name, (_function, module) in app.COMMANDS.items() if module}
    return output.Manner(Path("config.yaml"), rules=spelling.rules_of(parameters()[command], commands))


@pytest.mark.parametrize("command", sorted(app.COMMANDS))
def test_a_parameter_has_the_name_of_the_option_of_the_module(command: str) -> None:
    name = app.COMMANDS[command][1] or MODULES[command]
    module = importlib.import_module(f"ansible_collections.vya.backupdb.plugins.modules.{name}")
    known = {*yaml.safe_load(module.DOCUMENTATION)["options"], *_arguments.LOGIN}
    own = {parameter.name for parameter in parameters()[command]} - OWN
    assert {OTHERWISE.get(name, name) for name in own} <= known


@pytest.mark.parametrize(
    ("command", "told", "said"),
    [
        ("backup", "if_older_than is '9', which is no length", "--if-older-than is '9', which is no length"),
        ("backup", "the location of if_older_than.yaml", "the location of if_older_than.yaml"),
        ("backup", "Raise dump_timeout, or take no fingerprints", "Raise dump_timeout, or take no fingerprints"),
        ("restore", "Set force to replace it, or name another target", "Give --force to replace it, or name another"),
        ("restore", "End these, or set terminate_sessions", "End these, or give --terminate-sessions"),
        ("restore", "accounts are named by backup_file or database_id", "are named by --file or --database-id"),
        ("restore", "keep_previous is for the strategy swap: no", "--keep-previous is for --strategy swap: no"),
        ("restore", "Restore with strategy in_place, or to a", "Restore with --strategy in_place, or to a"),
        ("restore", "Restore the accounts as well (scope: all)", "Restore the accounts as well (--scope all)"),
        ("restore", "point_in_time is not a moment", "--at is not a moment"),
        ("restore", "the database force is in use. Set tables", "the database force is in use. Set tables"),
        ("restore", "See it with vya.backupdb.backup_info", "See it with vya-backupdb list"),
        ("verify", "Name another folder in work_path, such as /x", "folder in --work-path, such as /x"),
        ("verify", "Give --server same, too", "Give --server same, too"),
        ("list", "since is not a moment", "--since is not a moment"),
        ("report", "mode is 'x', which is no mode", "--mode is 'x', which is no mode"),
    ],
)
def test_a_message_names_what_is_typed(capsys: pytest.CaptureFixture[str], command: str, told: str, said: str) -> None:
    output.give(Answer(failure=errors.ConfigError(told)), manner(command))
    assert said in capsys.readouterr().err


def test_a_warning_names_what_is_typed_and_the_document_is_that_of_the_module(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = Answer(warnings=["keep_previous has no effect"])
    output.give(answer, manner("restore"))
    assert capsys.readouterr().err == "vya-backupdb: warning: --keep-previous has no effect\n"
    assert answer.document()["warnings"] == ["keep_previous has no effect"]
