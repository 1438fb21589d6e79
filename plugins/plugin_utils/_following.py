# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module, and where somebody looks on, tell how far it has come. Private to this collection.

For modules with the options of doc_fragments/progress.py, whose action plugins are subclasses of the one here. The
module is started as Ansible starts a task with ``async``. Its result is what the task returns, unchanged. Where it
cannot be started so, it is run as any other module. That is decided before it has begun: it never runs twice.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import re
import secrets
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible_collections.vya.backupdb.plugins.module_utils._progress import VARIABLE

#: Set by ansible-runner, and so under AWX, which keeps what is said for those who look at the job.
RUNNER_VARIABLE = "AWX_ISOLATED_DATA_DIR"
# The process that loads this file first has the output which the user sees; the workers that it forks have none.
IS_WATCHED = sys.stdout.isatty() or RUNNER_VARIABLE in os.environ
#: For tests, how long a task has to take until something is told of it.
QUIET_VARIABLE = "BACKUPDB_PROGRESS_QUIET_SECONDS"

# Ansible's wrapper kills the module at the end of its time, and takes 0 for no time at all.
NO_LIMIT_SECONDS = 10 * 365 * 24 * 3600
# The wrapper says this of whatever goes wrong, also when it has started the module by then.
WRAPPER_BROKE = "FATAL ERROR"
SHORTEST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0
PAUSE_SHARE = 0.1
PATIENCE_SECONDS = 300.0
LOST = (
    "nothing has been heard of the {what} on the host for {seconds:.0f} seconds. It may be going on still: see there,"
    " and in the audit log for how it ended"
)


@dataclass(frozen=True)
class Job:
    """A module that runs in the background of the host: the file of its result, and that of its progress."""

    id: str
    result_file: str
    progress_file: str


class FollowedAction(NormalAction):  # type: ignore[misc]
    """The action of a task whose module tells how far it has come: what it does, and what is said of what has ended."""

    what = ""
    ended = ""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module; return its result."""
        variables = task_vars or {}
        if not self._is_told(variables):
            return self._plain(tmp, task_vars)
        started = self._start(variables)
        if started is None:
            return self._plain(tmp, task_vars)
        if not isinstance(started, Job):
            return started
        result = self._follow(started, variables)
        self._forget(started)
        return result

    def _plain(self, tmp: str | None, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        return result

    def _is_told(self, variables: dict[str, Any]) -> bool:
        """Say whether the progress of this task is wanted and can be had."""
        task, connection = self._task, self._connection
        wanted = task.args.get("progress")
        told = IS_WATCHED if wanted is None else boolean(wanted, strict=False)
        # A task with a time limit is to end with it.
        unfit = task.async_val or task.check_mode or task.no_log or task.timeout
        able = not connection.has_native_async and getattr(connection._shell, "SHELL_FAMILY", None) == "sh"
        # In the background Ansible does not quote the path of the interpreter.
        able = able and not re.search(r"\s", str(variables.get("ansible_python_interpreter", "")))
        return bool(told and able and not unfit)

    def _start(self, variables: dict[str, Any]) -> Job | dict[str, Any] | None:
        """Start the module in the background.

        Return None when it has surely not begun, and a failed result when nobody knows.
        """
        shell = self._connection._shell
        folder = self.get_shell_option("async_dir", default="~/.ansible_async")
        name = f"backupdb-progress-{secrets.token_hex(8)}.json"
        self._is_transferred = False
        try:
            if shell.tmpdir is None:
                self._make_tmp_path()
            folder_of_module = shell.tmpdir
            with self._background({VARIABLE: shell.join_path(folder, name)}):
                reply = self._execute_module(module_args=dict(self._task.args), task_vars=variables, wrap_async=True)
        except AnsibleError:
            if self._is_transferred:
                raise
            return None
        if "ansible_job_id" in reply and "results_file" in reply:
            result_file = reply["results_file"]
            progress_file = shell.join_path(posixpath.dirname(result_file), name)
            return Job(reply["ansible_job_id"], result_file, progress_file)
        # Ansible hands on as module_stdout what it could not read.
        if "module_stdout" in reply or str(reply.get("msg")).startswith(WRAPPER_BROKE):
            return dict(reply)
        # The wrapper itself says that it has started nothing.
        self._display.vvv(f"no progress is told, for the {self.what} cannot run in the background: {reply.get('msg')}")
        shell.tmpdir = folder_of_module
        return None

    @contextlib.contextmanager
    def _background(self, environment: dict[str, str]) -> Iterator[None]:
        """Let the task look as if it had ``async`` and more variables in its environment."""
        task = self._task
        count = len(task.environment)
        task.environment.append(environment)
        task.async_val = NO_LIMIT_SECONDS
        try:
            yield
        finally:
            task.async_val = 0
            del task.environment[count:]

    def _fixup_perms2(self, *args: Any, **kwargs: Any) -> Any:
        """Note when all that goes before the start is done, for this is the last of it."""
        fixed = super()._fixup_perms2(*args, **kwargs)
        self._is_transferred = True
        return fixed

    def _follow(self, job: Job, variables: dict[str, Any]) -> dict[str, Any]:
        """Tell how far the job has come until it has ended; return its result.

        Raise AnsibleActionFail, or what the connection raises, when for long nothing has been heard of it.
        """
        # Late, for these bring along much that a task which is not told of does not need.
        from ansible_collections.vya.backupdb.plugins.plugin_utils import _progress  # noqa: PLC0415

        quiet_seconds = float(os.environ.get(QUIET_VARIABLE, _progress.SHORTEST_SECONDS))
        teller = _progress.Teller(str(variables.get("inventory_hostname")), quiet_seconds, self.ended)
        started = heard = time.monotonic()
        beat = None
        while True:
            elapsed = time.monotonic() - started
            time.sleep(min(max(elapsed * PAUSE_SHARE, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS))
            try:
                report = _progress.read(self._text_of(job.progress_file))
                if report is not None and report.beat != beat:
                    beat, heard = report.beat, time.monotonic()
                    for line in teller.lines(report, heard - started):
                        self._display.display(line)
                    continue
                result = self._result_of(job, variables)
                if result is not None:
                    return result
            except AnsibleConnectionFailure:
                if time.monotonic() - heard > PATIENCE_SECONDS:
                    raise
                with contextlib.suppress(AttributeError):
                    self._connection.reset()
            if time.monotonic() - heard > PATIENCE_SECONDS:
                raise AnsibleActionFail(LOST.format(what=self.what, seconds=PATIENCE_SECONDS))

    def _text_of(self, file: str) -> str:
        shown = self._low_level_execute_command(shlex.join(["cat", file]))
        return str(shown["stdout"]) if shown["rc"] == 0 else ""

    def _result_of(self, job: Job, variables: dict[str, Any]) -> dict[str, Any] | None:
        """Return the result of a job as the module gave it, None while there is none."""
        options = {"jid": job.id, "mode": "status", "_async_dir": posixpath.dirname(job.result_file)}
        result: dict[str, Any] = self._execute_module(
            module_name="ansible.legacy.async_status", module_args=options, task_vars=variables
        )
        # Of a job that has not ended, or is not to be found, it says that it was started.
        if not result.pop("finished", False) or "started" in result:
            return None
        return _as_of_module(result)

    def _forget(self, job: Job) -> None:
        """Remove what the job has left in the folder of the background."""
        files = [job.result_file, job.progress_file, f"{job.progress_file}.new"]
        with contextlib.suppress(AnsibleConnectionFailure):
            self._low_level_execute_command(shlex.join(["rm", "-f", *files]))


def _as_of_module(result: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a job without what the wrapper has added."""
    if "cmd" in result:
        # It could not read what the module left, and tells that by a traceback of its own.
        shown = {"module_stdout": result.get("data", ""), "module_stderr": result.get("stderr", "")}
        return {"failed": True, "msg": "the module ended without a result", **shown}
    added = {"ansible_job_id", "stderr", "stderr_lines"}
    return {name: value for name, value in result.items() if name not in added}
