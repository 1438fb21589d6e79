# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log: its lines, what they never show, and what happens when it cannot be written."""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, logbook, secrets
from ansible_collections.vya.backupdb.plugins.module_utils._engine.instances import endpoint_of
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import DatabaseConfig, LoggingConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.redaction import MASK
from hypothesis import given, settings
from hypothesis import strategies as st

COLLECTIONS = Path(__file__).resolve().parents[5] / ".collections"
CORE = "kQzcanary7Xw"
CANARY = f"it's \" $HOME %s a\\n#;:b{CORE}ü€ `x` end"
FORMS = {
    "raw": CANARY,
    "repr": repr(CANARY),
    "json": json.dumps(CANARY),
    "json with unicode": json.dumps(CANARY, ensure_ascii=False),
    "shell": shlex.quote(CANARY),
    "url": quote(CANARY, safe=""),
    "sql": CANARY.replace("'", "''"),
    "option file": CANARY.replace("\\", "\\\\").replace('"', '\\"'),
}


@pytest.fixture(autouse=True)
def nothing_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no secret of another test mask anything."""
    monkeypatch.setattr(logbook, "_hidden", set())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "app.log"


Configure = Callable[..., LoggingConfig]


@pytest.fixture
def config(path: Path) -> Configure:
    return lambda **changes: LoggingConfig(**{"file_path": path, **changes})


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def test_an_event_is_one_object_on_one_line(config: Configure, path: Path) -> None:
    with logbook.opened(config()):
        logbook.event("dumped", database_id="prod", database="shop", bytes=1024, seconds=0.5, nothing=None, warnings=[])
    (event,) = events(path)
    moment = datetime.fromisoformat(event.pop("timestamp"))
    assert moment.utcoffset() is not None
    assert event == {
        "level": "INFO",
        "process": os.getpid(),
        "phase": "dumped",
        "database_id": "prod",
        "database": "shop",
        "bytes": 1024,
        "seconds": 0.5,
    }


def test_as_text_an_event_is_one_line_that_a_person_can_read(config: Configure, path: Path) -> None:
    with logbook.opened(config(format="text")):
        logbook.event("dumped", database_id="prod", database="my shop", bytes=1024, file=Path("/srv/a.sql.gz"))
    line = path.read_text(encoding="utf-8")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d INFO \d+ dumped"
        r' database_id=prod database="my shop" bytes=1024 file=/srv/a\.sql\.gz\n',
        line,
    )


@pytest.mark.parametrize("form", ["json", "text"])
@settings(max_examples=100, deadline=None)
@given(name=st.text(alphabet=st.characters(exclude_categories=())))
def test_no_name_makes_more_than_one_line(tmp_path_factory: pytest.TempPathFactory, form: Any, name: str) -> None:
    path = tmp_path_factory.mktemp("log") / "app.log"
    with logbook.opened(LoggingConfig(file_path=path, format=form)) as warnings:
        logbook.event("dumped", database=name)
    (line,) = path.read_bytes().decode("utf-8").splitlines()
    assert warnings == []
    if form == "json":
        assert json.loads(line)["database"] == name


@pytest.mark.parametrize("character", ["\x1b", "\x9b", "\u202e", "\u2028", "\x7f", "\r"])
def test_nothing_in_a_line_steers_a_terminal(config: Configure, path: Path, character: str) -> None:
    with logbook.opened(config(format="text")):
        logbook.event("dumped", database=f"a{character}b")
    assert character not in path.read_bytes().decode("utf-8")


@pytest.mark.parametrize("output", ["json", "text"])
@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_a_secret_gets_into_the_log(
    config: Configure, path: Path, capfd: pytest.CaptureFixture[str], output: str, form: str
) -> None:
    error = errors.CredentialsError(f"refused: {FORMS[form]} is wrong", f"it is not {FORMS[form]}")
    with (
        logbook.opened(config(format=output, output="both"), secrets=[CANARY], console=True),
        logbook.about(database=FORMS[form]),
    ):
        logbook.failed("backup_failed", error, warnings=[FORMS[form]], details={FORMS[form]: {"x": FORMS[form]}})
        logbook.event("published", file=Path("/srv", FORMS[form]))
        logging.getLogger("vya_backupdb").error("it says %s", FORMS[form])
    shown = capfd.readouterr()
    content = path.read_text(encoding="utf-8")
    assert content == shown.err
    assert CORE not in content
    assert content.count(MASK) >= 6
    assert shown.out == ""


def test_the_password_of_a_login_in_use_is_hidden(config: Configure, path: Path) -> None:
    instance = DatabaseConfig(id="prod", type="mysql", host="127.0.0.1", port=3306)
    with logbook.opened(config()):
        logbook.event("before", message=CANARY)
        endpoint_of(instance, secrets.Login("root", CANARY))
        logbook.event("after", message=CANARY)
    before, after = events(path)
    assert before["message"] == CANARY
    assert after["message"] == MASK


def test_the_password_of_a_url_is_hidden(config: Configure, path: Path) -> None:
    with logbook.opened(config()):
        logbook.event(
            "audit", message="cannot reach postgresql://audit:p@ss/w:rd@db01/audit", url="https://example.org/x"
        )
    (event,) = events(path)
    assert event["message"] == f"cannot reach postgresql://audit:{MASK}@db01/audit"
    assert event["url"] == "https://example.org/x"


def test_an_error_tells_its_code_and_what_to_do(config: Configure, path: Path) -> None:
    with logbook.opened(config()):
        logbook.failed("backup_failed", errors.StorageError("no room", "Make room"), database="shop")
    (event,) = events(path)
    assert event["level"] == "ERROR"
    assert event["error_code"] == "storage_error"
    assert event["error_message"] == "no room"
    assert event["hint"] == "Make room"


def test_of_an_unforeseen_error_only_its_kind_and_its_place_are_told(config: Configure, path: Path) -> None:
    with logbook.opened(config()):
        try:
            raise ValueError("a row of data")
        except ValueError as error:
            logbook.failed("run_failed", error)
    (event,) = events(path)
    assert event["error_code"] == "other_error"
    assert event["error_message"] == "ValueError"
    assert len(event["traceback"]) == 1
    assert event["traceback"][0].startswith("test_logbook.py:")
    assert "a row of data" not in path.read_text(encoding="utf-8")


def test_what_the_work_is_about_is_in_each_of_its_events(config: Configure, path: Path) -> None:
    with logbook.opened(config()):
        with logbook.about(database_id="prod", database="shop"), logbook.about(database="copy"):
            logbook.event("loaded")
        logbook.event("run_ended")
    inside, outside = events(path)
    assert (inside["database_id"], inside["database"]) == ("prod", "copy")
    assert "database" not in outside


def test_threads_do_not_mix_up_what_they_work_on(config: Configure, path: Path) -> None:
    barrier = threading.Barrier(4)

    def work(number: int) -> None:
        with logbook.about(database=f"database_{number}"):
            barrier.wait()
            for _time in range(50):
                logbook.event("dumped", bytes=number)

    with logbook.opened(config()), ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    told = events(path)
    assert len(told) == 200
    assert all(event["database"] == f"database_{event['bytes']}" for event in told)


def test_what_is_below_the_level_is_left_out(config: Configure, path: Path) -> None:
    with logbook.opened(config(level="WARNING")):
        logbook.event("dumped")
        logbook.event("swept", level="WARNING")
        logbook.failed("backup_failed", errors.StorageError("no room"))
    assert [event["phase"] for event in events(path)] == ["swept", "backup_failed"]


@pytest.mark.parametrize(("output", "lines"), [("console", (1, 0)), ("file", (0, 1)), ("both", (1, 1))])
def test_each_output_gets_what_is_meant_for_it(
    config: Configure, path: Path, capfd: pytest.CaptureFixture[str], output: str, lines: tuple[int, int]
) -> None:
    with logbook.opened(config(output=output), console=True):
        logbook.event("dumped")
    shown = capfd.readouterr()
    in_file = len(events(path)) if path.exists() else 0
    assert (shown.err.count("\n"), in_file) == lines
    assert shown.out == ""


@pytest.mark.parametrize("output", ["console", "both"])
def test_a_module_leaves_standard_error_alone(
    config: Configure, path: Path, capfd: pytest.CaptureFixture[str], output: str
) -> None:
    with logbook.opened(config(output=output)) as warnings:
        logbook.failed("backup_failed", errors.StorageError("no room"))
    assert capfd.readouterr() == ("", "")
    assert path.exists() == (output == "both")
    assert warnings == []


def test_while_no_log_is_open_nothing_is_written(
    config: Configure, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with logbook.opened(config()):
        pass
    logbook.failed("backup_failed", errors.StorageError("no room"))
    assert path.read_bytes() == b""
    assert capfd.readouterr() == ("", "")


def test_a_log_within_a_log_gives_way_to_the_outer_one_again(config: Configure, path: Path, tmp_path: Path) -> None:
    inner = tmp_path / "inner.log"
    with logbook.opened(config()):
        with logbook.opened(LoggingConfig(file_path=inner)):
            logbook.event("inside")
        logbook.event("outside")
    assert [event["phase"] for event in events(inner)] == ["inside"]
    assert [event["phase"] for event in events(path)] == ["outside"]


def test_the_file_and_its_folder_are_for_the_owner_and_the_group(config: Configure, path: Path) -> None:
    before = os.umask(0)
    try:
        with logbook.opened(config()):
            logbook.event("dumped")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_file_that_was_renamed_is_left_alone_from_then_on(config: Configure, path: Path) -> None:
    rotated = path.with_name("app.log.1")
    with logbook.opened(config()):
        logbook.event("before")
        path.rename(rotated)
        logbook.event("after")
    assert [event["phase"] for event in events(rotated)] == ["before"]
    assert [event["phase"] for event in events(path)] == ["after"]


@pytest.fixture
def full_device() -> Path:
    path = Path("/dev/full")
    if not path.exists():
        pytest.skip("this system has no device that is always full")
    return path


def test_a_full_disk_is_one_warning(full_device: Path) -> None:
    with logbook.opened(LoggingConfig(file_path=full_device)) as warnings:
        logbook.event("dumped")
        logbook.event("published")
    assert warnings == ["the log cannot be written to /dev/full: No space left on device"]


def test_a_file_that_cannot_be_made_is_a_warning_and_the_console_gets_its_lines(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    obstacle = tmp_path / "file"
    obstacle.write_bytes(b"")
    path = obstacle / "logs" / "app.log"
    with logbook.opened(LoggingConfig(file_path=path, output="both"), console=True) as warnings:
        logbook.event("dumped")
    assert warnings == [f"the log cannot be written to {path}: Not a directory"]
    assert capfd.readouterr().err.count("\n") == 1


def test_a_folder_that_goes_away_is_a_warning(config: Configure, path: Path) -> None:
    with logbook.opened(config()) as warnings:
        logbook.event("before")
        path.unlink()
        path.parent.rmdir()
        logbook.event("after")
        path.parent.mkdir()
        logbook.event("again")
    assert warnings == [f"the log cannot be written to {path}: No such file or directory"]
    assert [event["phase"] for event in events(path)] == ["again"]


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, {collections!r})
from ansible_collections.vya.backupdb.plugins.module_utils._engine import logbook
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import LoggingConfig
with logbook.opened(LoggingConfig(file_path=Path({path!r}))):
    for number in range(200):
        logbook.event("dumped", database={name!r}, number=number, message={name!r} * 20_000)
"""


def test_two_processes_share_a_file_without_breaking_lines(path: Path) -> None:
    scripts = [WRITER.format(collections=str(COLLECTIONS), path=str(path), name=name) for name in "ab"]
    writers = [subprocess.Popen([sys.executable, "-c", script]) for script in scripts]
    assert [writer.wait() for writer in writers] == [0, 0]
    told = events(path)
    for name in "ab":
        own = [event for event in told if event["database"] == name]
        assert [event["number"] for event in own] == list(range(200))
        assert {event["message"] for event in own} == {name * 20_000}
