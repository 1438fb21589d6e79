# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An action that tells how far its module has come never starts it a second time, whatever comes of the first."""

from __future__ import annotations

import shlex
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible_collections.vya.backupdb.plugins.plugin_utils import _following

STARTED = {
    "_ansible_parsed": True,
    "started": True,
    "finished": False,
    "ansible_job_id": "j1.23",
    "results_file": "/home/a/.ansible_async/j1.23",
}
OUTCOME = {"_ansible_parsed": True, "changed": True, "results": []}
ENDED = {**OUTCOME, "finished": True, "ansible_job_id": "j1.23", "stderr": "", "stderr_lines": []}
NOT_FOUND = {
    "_ansible_parsed": True,
    "failed": True,
    "msg": "could not find job",
    "started": True,
    "finished": True,
    "ansible_job_id": "j1.23",
}


class Action(_following.FollowedAction):
    """The action on a host that gives the answers it is told to, one after the other."""

    what = "backup"
    ended = "done"

    def __init__(self, *answers: dict[str, Any] | Exception, before: Exception | None = None, **task: Any) -> None:
        values = {"async_val": 0, "check_mode": False, "no_log": False, "timeout": 0, "environment": [{}], **task}
        shell = SimpleNamespace(SHELL_FAMILY="sh", tmpdir=None, join_path=lambda *parts: "/".join(parts))
        connection = SimpleNamespace(has_native_async=False, become=None, _shell=shell, reset=Mock())
        super().__init__(
            SimpleNamespace(action="db_backup", args={"progress": True}, diff=False, **values),
            connection,
            play_context=None,
            loader=None,
            templar=None,
            shared_loader_obj=None,
        )
        self.answers = list(answers)
        self.before = before
        self.started: list[str] = []
        self.commands: list[list[str]] = []

    def _make_tmp_path(self, *_args: Any, **_options: Any) -> str:
        self._connection._shell.tmpdir = "/tmp/ansible-tmp-1"
        return "/tmp/ansible-tmp-1"

    def _execute_module(self, module_name: str | None = None, wrap_async: bool = False, **_options: Any) -> Any:
        if module_name is None:
            assert bool(self._task.async_val) == bool(wrap_async)
            if wrap_async and self.before is not None:
                raise self.before
            self._is_transferred = True
            self.started.append("background" if wrap_async else "plain")
            if wrap_async:
                self._connection._shell.tmpdir = None
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    def _low_level_execute_command(self, cmd: str, **_options: Any) -> dict[str, Any]:
        self.commands.append(shlex.split(cmd))
        return {"rc": 1, "stdout": ""}

    def _remove_tmp_path(self, *_args: Any, **_options: Any) -> None:
        self._connection._shell.tmpdir = None


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that only sleeping moves on."""
    moment = SimpleNamespace(now=0.0)

    def sleep(seconds: float) -> None:
        moment.now += seconds

    monkeypatch.setattr(_following, "time", SimpleNamespace(monotonic=lambda: moment.now, sleep=sleep))
    return moment


def test_the_result_is_what_the_module_gave() -> None:
    action = Action(STARTED, {**STARTED, "finished": False}, ENDED)
    assert action.run(task_vars={}) == OUTCOME
    assert action.started == ["background"]
    (removed,) = [command for command in action.commands if command[0] == "rm"]
    assert STARTED["results_file"] in removed
    assert any("backupdb-progress-" in path for path in removed)


def test_the_task_is_afterwards_what_it_was() -> None:
    action = Action(STARTED, ENDED)
    action.run(task_vars={})
    assert action._task.async_val == 0
    assert action._task.environment == [{}]


def test_a_wrapper_that_could_start_nothing_leaves_it_to_the_plain_module() -> None:
    action = Action({"_ansible_parsed": True, "failed": True, "msg": "could not create directory"}, OUTCOME)
    assert action.run(task_vars={}) == OUTCOME
    assert action.started == ["background", "plain"]


def test_trouble_before_the_start_leaves_it_to_the_plain_module() -> None:
    action = Action(OUTCOME, before=AnsibleError("the permissions cannot be set"))
    assert action.run(task_vars={}) == OUTCOME
    assert action.started == ["plain"]
    assert action._task.environment == [{}]


@pytest.mark.parametrize(
    "answer",
    [
        {"_ansible_parsed": False, "failed": True, "msg": "deserialization failed", "module_stdout": "Killed"},
        {"_ansible_parsed": True, "failed": True, "msg": "FATAL ERROR: broken pipe"},
    ],
    ids=str,
)
def test_an_answer_that_does_not_say_whether_it_has_begun_is_a_failure(answer: dict[str, Any]) -> None:
    action = Action(answer)
    assert action.run(task_vars={})["failed"] is True
    assert action.started == ["background"]


def test_a_connection_that_breaks_at_the_start_is_a_failure() -> None:
    action = Action(AnsibleConnectionFailure("broken"))
    with pytest.raises(AnsibleConnectionFailure):
        action.run(task_vars={})
    assert action.started == ["background"]


def test_a_connection_that_breaks_later_is_made_again() -> None:
    action = Action(STARTED, AnsibleConnectionFailure("broken"), ENDED)
    assert action.run(task_vars={}) == OUTCOME
    action._connection.reset.assert_called_once_with()


@pytest.mark.parametrize("answer", [NOT_FOUND, STARTED, {"_ansible_parsed": False, "failed": True}], ids=str)
def test_a_backup_of_which_nothing_is_heard_is_given_up_and_left_alone(
    answer: dict[str, Any], clock: SimpleNamespace
) -> None:
    action = Action(STARTED, *[answer] * 1000)
    with pytest.raises(AnsibleActionFail, match="It may be going on still"):
        action.run(task_vars={})
    assert action.started == ["background"]
    assert _following.PATIENCE_SECONDS < clock.now < _following.PATIENCE_SECONDS + 60
    assert not [command for command in action.commands if command[0] == "rm"]


def test_a_host_that_stays_away_is_unreachable() -> None:
    action = Action(STARTED, *[AnsibleConnectionFailure("away")] * 1000)
    with pytest.raises(AnsibleConnectionFailure, match="away"):
        action.run(task_vars={})
    assert action.started == ["background"]


@pytest.mark.parametrize("keyword", [{"check_mode": True}, {"no_log": True}, {"timeout": 60}], ids=str)
def test_some_tasks_are_not_followed(keyword: dict[str, Any]) -> None:
    action = Action(OUTCOME, **keyword)
    assert action.run(task_vars={}) == OUTCOME
    assert action.started == ["plain"]


def test_an_interpreter_with_a_space_in_its_path_is_not_run_in_the_background() -> None:
    action = Action(OUTCOME)
    assert action.run(task_vars={"ansible_python_interpreter": "/opt/two words/bin/python"}) == OUTCOME
    assert action.started == ["plain"]
