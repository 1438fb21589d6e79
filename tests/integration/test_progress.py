# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup or a restore tells how far it has come, and apart from that is the task that it would be without."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.integration import processes
from tests.integration.ansible import TIMEOUT_SECONDS, environment
from tests.integration.canary import CORE, gives_away
from tests.integration.scenes import DATABASE_ID
from tools.private_servers.base import PrivateServer

PATIENCE_SECONDS = 90
# How the result of one run differs from that of the next.
MOMENTS = re.compile(
    r'"(duration_seconds|size_bytes|progress|compare|load|preflight|swap)": [^,}]+'
    r"|\d{4}-\d\d-\d\d[T\d:.+-]*|_\d{8}_\d{6}\w*"
)


@dataclass(frozen=True)
class Stage:
    """A playbook of tasks against one server, and the folders that it leaves something in."""

    folder: Path
    server: PrivateServer
    database: str
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def jobs(self) -> Path:
        """Where Ansible keeps what runs in the background."""
        return self.folder / "async"

    @property
    def output(self) -> Path:
        """What Ansible has printed so far."""
        return self.folder / "output"

    def artifacts(self) -> list[Path]:
        return sorted(self.folder.joinpath("store").rglob("*_full.metadata.json"))

    def task(self, keywords: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        wanted = {"databases": [self.database], "jobs": 1, "compression_level": 9, "progress": True}
        return {
            "vya.backupdb.db_backup": {**self.common, **wanted, **options},
            "ignore_errors": True,
            **(keywords or {}),
        }

    def restoring(self, target: str, **options: Any) -> dict[str, Any]:
        """Return a task that puts the database back under another name, where there may be one already."""
        wanted = {"database": self.database, "latest": True, "target_database": target, "force": True, "progress": True}
        return {"vya.backupdb.db_restore": {**self.common, **wanted, **options}}

    @property
    def common(self) -> dict[str, Any]:
        return {**self.server.login_options(), "database_id": DATABASE_ID, "base_path": str(self.folder / "store")}

    def interpreter(self) -> str:
        """Return a path of this Python without a space, with which nothing is followed."""
        link = self.folder / "python"
        if not link.is_symlink():
            link.symlink_to(sys.prefix)
        return str(link / "bin" / "python")

    @contextlib.contextmanager
    def started(self, *tasks: dict[str, Any], stdout: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
        """Start a playbook that puts the results of its tasks into a file; it is over after the block."""
        named = [{**task, "register": f"result_{number}"} for number, task in enumerate(tasks)]
        everything = "{{ [" + ", ".join(task["register"] for task in named) + "] | to_json }}"
        kept = {"ansible.builtin.copy": {"content": everything, "dest": str(self.folder / "results"), "mode": "0600"}}
        play = {"hosts": "localhost", "gather_facts": False, "tasks": [*named, {**kept, "check_mode": False}]}
        playbook = self.folder / "play.json"
        playbook.write_text(json.dumps([play]), encoding="utf-8")
        connection = {"ansible_connection": "local", "ansible_python_interpreter": self.interpreter()}
        with self.output.open("wb") as output:
            playing = subprocess.Popen(
                [
                    str(Path(sys.executable).with_name("ansible-playbook")),
                    "--extra-vars",
                    json.dumps(connection),
                    str(playbook),
                ],
                env=environment(
                    ANSIBLE_STDOUT_CALLBACK="ansible.builtin.default",
                    ANSIBLE_REMOTE_TEMP=str(self.folder / "remote"),
                    BACKUPDB_PROGRESS_QUIET_SECONDS="0",
                    **{"ANSIBLE_ASYNC_DIR": str(self.jobs), **self.variables},
                ),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output if stdout is None else stdout,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                yield playing
                playing.wait(TIMEOUT_SECONDS)
            finally:
                playing.kill()
                playing.wait()

    def play(self, *tasks: dict[str, Any]) -> list[dict[str, Any]]:
        """Run a playbook; return the results of its tasks."""
        with self.started(*tasks):
            pass
        return self.results()

    def results(self) -> list[dict[str, Any]]:
        results = self.folder / "results"
        assert results.exists(), self.text()
        found: list[dict[str, Any]] = json.loads(results.read_text(encoding="utf-8"))
        return found

    def text(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def told(self) -> list[str]:
        """Return the lines that tell of the database, so far."""
        return [line for line in self.text().splitlines() if f"{DATABASE_ID}/{self.database}: " in line]


ONE_SERVER = pytest.mark.parametrize("server", ["postgresql"], indirect=True)


@pytest.fixture
def stage(server: PrivateServer, big: str, tmp_path: Path) -> Stage:
    return Stage(tmp_path, server, big)


def awaited(condition: Callable[[], Any], stage: Stage) -> Any:
    """Return what a condition gives as soon as that is something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.005)
    raise AssertionError(f"nothing came of it:\n{stage.text()}")


def dump_program(stage: Stage) -> int | None:
    """Return the process of the dump of the stage's database, if it runs."""
    return program_on(stage.database, processes.DUMP_PROGRAMS)


def program_on(database: str, names: Sequence[str]) -> int | None:
    """Return the process of a program that works on a database, if it runs."""
    for pid in processes.with_argument(database):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if Path(os.fsdecode(words[0])).name in names:
                return pid
    return None


@contextlib.contextmanager
def slowed_down(stage: Stage, program: Callable[[], int | None] | None = None) -> Iterator[Callable[[], None]]:
    """Stop the dump of the stage, or another program, as soon as it runs; give what lets it go on for a moment.

    Afterwards it goes on.
    """
    pid = awaited(program or (lambda: dump_program(stage)), stage)
    os.kill(pid, signal.SIGSTOP)

    def go_on() -> None:
        os.kill(pid, signal.SIGCONT)
        time.sleep(processes.SLICE_SECONDS)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.3)

    try:
        yield go_on
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def tell_so_often(stage: Stage, number: int, program: Callable[[], int | None] | None = None) -> None:
    """Slow the dump, or another program, down until so many lines have been told."""
    with slowed_down(stage, program) as go_on:

        def told() -> bool:
            go_on()
            return len(stage.told()) >= number

        awaited(told, stage)


def without_moments(result: dict[str, Any]) -> str:
    return MOMENTS.sub("", json.dumps(result, sort_keys=True))


@pytest.mark.slow
@pytest.mark.parametrize(("server", "pipelining"), [("postgresql", "0"), ("mariadb", "1")], indirect=["server"])
def test_lines_come_while_the_dump_runs_and_the_result_is_that_of_the_plain_module(
    stage: Stage, pipelining: str
) -> None:
    stage.variables["ANSIBLE_PIPELINING"] = pipelining
    with stage.started(stage.task(), stage.task(progress=False)):
        tell_so_often(stage, 2)
    followed, plain = stage.results()
    assert followed["changed"] is True
    assert followed["failed"] is False
    assert without_moments(followed) == without_moments(plain)
    told = stage.told()
    shares = [int(share) for share in re.findall(r": (\d+) %, [\d.]+ MB of [\d.]+ MB, [\d.]+ [KM]?B/s", stage.text())]
    assert shares == sorted(set(shares))
    assert len(told) >= 2
    assert all(line.startswith("localhost: ") for line in told)
    # All of them before the second task, which tells nothing.
    assert stage.text().rindex(told[-1]) < stage.text().rindex("TASK [")
    assert list(stage.jobs.iterdir()) == []
    # Ansible's wrapper takes the module away a few seconds later.
    awaited(lambda: not list(stage.folder.joinpath("remote").iterdir()), stage)
    assert len(stage.artifacts()) == 2


@pytest.mark.slow
def test_a_restore_is_told_of_likewise(stage: Stage, new_database: Callable[[], str]) -> None:
    stage.play(stage.task(progress=False, accounts=False))
    target = new_database()
    stage.server.create_database(target)
    with stage.started(stage.restoring(target), stage.restoring(target, progress=False)):
        tell_so_often(stage, 2, lambda: program_on(f"{target}__restore_", processes.LOAD_PROGRAMS))
    followed, plain = stage.results()
    assert followed["restore"]["success"] is True
    assert without_moments(followed) == without_moments(plain)
    told = stage.told()
    assert len(told) >= 2
    shares = [int(share) for share in re.findall(r": (\d+) %, [\d.]+ MB of [\d.]+ MB, [\d.]+ [KM]?B/s", stage.text())]
    assert shares == sorted(set(shares))
    assert stage.text().rindex(told[-1]) < stage.text().rindex("TASK [")
    assert list(stage.jobs.iterdir()) == []


@ONE_SERVER
@pytest.mark.slow
def test_a_failure_is_that_of_the_plain_module(stage: Stage) -> None:
    wrongs: list[dict[str, Any]] = [{"login_password": "wrong"}, {"databases": ["no such database"]}]
    results = stage.play(*(stage.task(progress=wanted, **wrong) for wrong in wrongs for wanted in (True, False)))
    codes = []
    for followed, plain in zip(results[::2], results[1::2], strict=True):
        assert followed["failed"] is True
        assert without_moments(followed) == without_moments(plain)
        codes.append(followed["error_code"])
    assert codes == ["credentials_error", "file_not_found"]
    assert stage.told() == []
    assert list(stage.jobs.iterdir()) == []


@ONE_SERVER
@pytest.mark.slow
def test_what_is_not_to_be_followed_does_not_run_in_the_background(stage: Stage) -> None:
    planned, limited, secret = stage.play(
        stage.task({"check_mode": True}), stage.task({"timeout": 300}), stage.task({"no_log": True})
    )
    assert planned["plan"][0]["database_name"] == stage.database
    assert limited["results"][0]["success"]
    assert secret["results"][0]["success"]
    assert len(stage.artifacts()) == 2
    assert not stage.jobs.exists()


@ONE_SERVER
@pytest.mark.slow
def test_a_loop_and_a_task_with_async_go_as_of_any_other_module(stage: Stage) -> None:
    looped, in_background = stage.play(
        stage.task({"loop": [stage.database, "no such database"]}, databases=["{{ item }}"]),
        stage.task({"async": 300, "poll": 1}),
    )
    assert [result["failed"] for result in looped["results"]] == [False, True]
    assert looped["results"][0]["results"][0]["success"]
    assert looped["results"][1]["error_code"] == "file_not_found"
    assert in_background["results"][0]["success"]
    assert in_background["finished"]
    assert len(stage.artifacts()) == 2
    assert list(stage.jobs.iterdir()) == []


def test_where_nothing_can_run_in_the_background_the_module_runs_once_as_any_other(
    postgresql: PrivateServer, tmp_path: Path
) -> None:
    stage = Stage(tmp_path, postgresql, "postgres")
    stage.jobs.write_text("in the way", encoding="ascii")
    # Below it: before ansible-core 2.19 a file was taken for the folder itself, and the job lost.
    stage.variables["ANSIBLE_ASYNC_DIR"] = str(stage.jobs / "below")
    (result,) = stage.play(stage.task())
    assert result["results"][0]["success"], result
    assert len(stage.artifacts()) == 1
    assert list(tmp_path.joinpath("remote").iterdir()) == []


@pytest.mark.parametrize("watched", ["terminal", "runner", "nobody"])
def test_unless_told_a_task_is_followed_where_somebody_looks_on(
    postgresql: PrivateServer, tmp_path: Path, watched: str
) -> None:
    stage = Stage(tmp_path, postgresql, "postgres")
    terminal, end = pty.openpty()
    if watched == "runner":
        stage.variables["AWX_ISOLATED_DATA_DIR"] = str(tmp_path)
    with stage.started(stage.task(progress=None), stdout=end if watched == "terminal" else None):
        pass
    os.close(end)
    os.close(terminal)
    assert stage.results()[0]["results"][0]["success"]
    assert stage.jobs.exists() is (watched != "nobody")


@ONE_SERVER
@pytest.mark.slow
def test_a_module_that_is_killed_fails_the_task(stage: Stage) -> None:
    with stage.started(stage.task()), slowed_down(stage):
        os.kill(processes.parent_of(dump_program(stage) or 0), signal.SIGKILL)
    (result,) = stage.results()
    assert result["failed"] is True
    assert result["msg"] == "the module ended without a result"
    assert stage.artifacts() == []
    assert list(stage.jobs.iterdir()) == []


@ONE_SERVER
@pytest.mark.slow
def test_a_backup_goes_on_without_the_ansible_that_started_it(stage: Stage) -> None:
    with stage.started(stage.task()) as playing, slowed_down(stage):
        os.killpg(playing.pid, signal.SIGKILL)
        playing.wait()
    awaited(stage.artifacts, stage)
    awaited(lambda: not [job for job in stage.jobs.iterdir() if "progress" in job.name], stage)


@ONE_SERVER
@pytest.mark.slow
def test_no_password_is_where_the_progress_is(stage: Stage) -> None:
    account, password = "followed_account", f'{CORE}\'s "password"'
    stage.server.create_user(account, password)
    try:
        stage.server.execute(f"ALTER ROLE {account} SUPERUSER")
        kept: list[bytes] = []
        with stage.started(stage.task(login_user=account, login_password=password)), slowed_down(stage) as go_on:

            def told() -> bool:
                go_on()
                for job in stage.jobs.iterdir():
                    with contextlib.suppress(OSError):
                        kept.append(job.read_bytes())
                return bool(stage.told())

            awaited(told, stage)
        assert stage.results()[0]["failed"] is False
    finally:
        stage.server.execute(f"DROP USER {account}")
    assert any(b"under_way" in content and stage.database.encode() in content for content in kept)
    assert not any(map(gives_away, kept))
    assert not gives_away(stage.output.read_bytes())
