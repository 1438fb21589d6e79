# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that are started, fed, read, stopped and given secrets."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, logbook, process
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import LoggingConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.redaction import MASK

SECRET = 'it\'s a "secret" $7'
MIB = 1024 * 1024


def shell(script: str, *words: str, **fields: object) -> process.Command:
    return process.Command(("/bin/sh", "-c", script, "sh", *words), **fields)  # type: ignore[arg-type]


def python(script: str, *words: str) -> process.Command:
    return process.Command((sys.executable, "-I", "-c", script, *words))


def is_alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def wait_for_end(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_alive(pid)


def test_the_output_of_a_command_is_text() -> None:
    assert process.output(shell("printf 'caf\\303\\251 \\377'")) == "café �"


def test_the_log_has_each_program_with_its_arguments_and_its_end_and_no_secret(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    failing = shell("exit 7", SECRET, "--table", secrets=(SECRET,))
    with logbook.opened(LoggingConfig(file_path=log, level="DEBUG")), pytest.raises(process.ProgramError):
        process.output(failing)
    started, ended = (json.loads(line) for line in log.read_text(encoding="utf-8").splitlines())
    assert (started["phase"], ended["phase"]) == ("program_started", "program_ended")
    assert started["arguments"] == ["-c", "exit 7", "sh", MASK, "--table"]
    assert started["program"] == ended["program"] == "sh"
    assert started["process_id"] == ended["process_id"]
    assert ended["exit_status"] == 7
    assert 0 <= ended["seconds"] < 30


def test_the_log_has_by_which_signal_a_program_was_killed(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    with logbook.opened(LoggingConfig(file_path=log, level="DEBUG")), pytest.raises(process.ProgramError):
        process.output(shell("sleep 60"), timeout=0.1)
    assert json.loads(log.read_text(encoding="utf-8").splitlines()[-1])["exit_status"] == -signal.SIGKILL


def test_a_command_is_its_list_of_words_and_no_shell_reads_them() -> None:
    words = ("$HOME; true", "a b", "*", '"')
    assert process.output(process.Command(("/usr/bin/printf", "%s\n", *words))) == "".join(f"{w}\n" for w in words)


def test_a_program_runs_in_a_small_environment_of_its_own_at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "another.example.org")
    monkeypatch.setenv("LC_ALL", "tr_TR.UTF-8")
    found = process.output(shell("pwd; env", environment={"ADDED": "yes", "LC_ALL": "de_DE.UTF-8"})).splitlines()
    assert found[0] == "/"
    assert {"ADDED=yes", "LC_ALL=C"} <= set(found)
    names = {line.partition("=")[0] for line in found[1:]}
    # The shell itself sets the last three.
    assert names <= {*process.INHERITED_VARIABLES, "ADDED", "LC_ALL", "PWD", "OLDPWD", "_", "SHLVL"}


def test_a_failed_program_is_an_error_with_its_status_and_its_own_words_without_secrets() -> None:
    script = "printf '%s\\n' \"cannot log in with $1\" >&2; exit 3"
    with pytest.raises(process.ProgramError) as caught:
        process.output(shell(script, SECRET, secrets=(SECRET,)))
    assert caught.value.message == "sh ended with exit status 3"
    assert caught.value.stderr == "cannot log in with ********"


def test_a_killed_program_is_an_error_with_its_signal() -> None:
    with pytest.raises(process.ProgramError, match="killed by signal 9"):
        process.output(shell("kill -9 $$"))


def test_a_program_that_fails_after_its_last_output_is_an_error_all_the_same() -> None:
    blocks = process.stream_out(shell("echo whole; exit 1"))
    assert next(blocks) == b"whole\n"
    with pytest.raises(process.ProgramError, match="exit status 1"):
        next(blocks)


def test_a_program_that_is_not_there_is_a_config_error() -> None:
    with pytest.raises(errors.ConfigError, match="/nowhere/pg_dump cannot be started"):
        process.output(process.Command(("/nowhere/pg_dump",)))


def test_output_of_any_size_comes_in_blocks_of_at_most_a_mebibyte() -> None:
    sizes = [len(block) for block in process.stream_out(shell("head -c 10000000 /dev/zero"))]
    assert sum(sizes) == 10_000_000
    assert max(sizes) <= MIB


def test_a_flood_of_complaints_does_not_stop_the_output_and_its_end_is_kept() -> None:
    script = "import sys; sys.stderr.write('x\\n' * 100000 + 'the end\\n'); sys.stdout.write('out'); sys.exit(1)"
    blocks = process.stream_out(python(script))
    assert next(blocks) == b"out"
    with pytest.raises(process.ProgramError) as caught:
        next(blocks)
    assert caught.value.stderr.endswith("the end")
    assert len(caught.value.stderr) <= process.STDERR_TAIL_BYTES


def test_a_program_whose_time_runs_out_is_stopped_with_all_its_children(tmp_path: Path) -> None:
    started = tmp_path / "pid"
    with pytest.raises(process.ProgramError, match="its time ran out"):
        process.output(shell('sleep 60 & echo $! > "$1"; wait', str(started)), timeout=0.5)
    assert wait_for_end(int(started.read_text(encoding="ascii")))


def test_a_reader_that_stops_early_ends_the_program() -> None:
    blocks = process.stream_out(shell("echo $$; exec sleep 60"))
    pid = int(next(blocks))
    assert is_alive(pid)
    blocks.close()  # type: ignore[attr-defined]
    assert wait_for_end(pid)


def test_a_program_is_in_a_session_of_its_own() -> None:
    """So that Ctrl-C at the terminal reaches us alone, and we end it in order."""
    session = int(process.output(shell("cut -d' ' -f6 /proc/$$/stat")))
    assert session != os.getsid(0)


def test_what_is_fed_arrives_whole(tmp_path: Path) -> None:
    target = tmp_path / "received"
    blocks = [bytes([number]) * (MIB + number) for number in range(8)]
    process.stream_in(shell('cat > "$1"', str(target)), blocks)
    assert target.read_bytes() == b"".join(blocks)


def test_a_program_that_stops_reading_says_why() -> None:
    with pytest.raises(process.ProgramError) as caught:
        process.stream_in(shell("head -c 10 > /dev/null; echo 'bad line' >&2; exit 3"), [b"x" * MIB] * 10)
    assert caught.value.message == "sh ended with exit status 3"
    assert caught.value.stderr == "bad line"


def test_a_program_that_ends_well_before_it_has_read_all_is_an_error() -> None:
    with pytest.raises(process.ProgramError, match="did not read all"):
        process.stream_in(shell("head -c 10 > /dev/null"), [b"x" * MIB] * 10)


def test_a_source_that_breaks_off_is_never_taken_for_the_end(tmp_path: Path) -> None:
    committed = tmp_path / "committed"

    def blocks() -> Iterator[bytes]:
        yield b"half"
        raise errors.ValidationError("the artifact is damaged")

    with pytest.raises(errors.ValidationError, match="damaged"):
        process.stream_in(shell('cat > /dev/null; touch "$1"', str(committed)), blocks())
    time.sleep(0.1)
    assert not committed.exists()


def test_a_load_whose_time_runs_out_is_stopped() -> None:
    with pytest.raises(process.ProgramError, match="its time ran out"):
        process.stream_in(shell("sleep 60"), [b"x" * MIB] * 10, timeout=0.3)


PRINT_FILE = 'cat "$FILE"; cat "$FILE"; stat -L -c %a "$FILE"; tr "\\0" " " < /proc/$$/cmdline'


def test_a_private_file_is_named_by_a_variable_and_can_be_read_again_and_only_by_its_owner() -> None:
    file = process.PrivateFile(SECRET.encode(), variable="FILE")
    found = process.output(shell(PRINT_FILE, private_files=(file,)))
    assert found.startswith(f"{SECRET}{SECRET}600\n")
    assert SECRET not in found.replace(SECRET, "", 2)


def test_a_private_file_is_named_by_the_first_option(tmp_path: Path) -> None:
    program = tmp_path / "client"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"; cat "${1#--defaults-file=}"\n', encoding="ascii")
    program.chmod(0o700)
    file = process.PrivateFile(SECRET.encode(), option="--defaults-file=")
    lines = process.output(process.Command((str(program), "--quick"), private_files=(file,))).splitlines()
    assert lines[0].startswith("--defaults-file=/dev/fd/")
    assert lines[1:] == ["--quick", SECRET]


def test_private_files_can_be_an_option_and_the_last_argument_of_one_program() -> None:
    files = (process.PrivateFile(b"list", option="--squeeze-blank="), process.PrivateFile(b"text", last_argument=True))
    command = process.Command(("/bin/echo", "-n"), private_files=files)
    option, dash, path = process.output(command).split(" ")
    assert (option.split("=", 1)[0], dash) == ("--squeeze-blank", "-n")
    assert path.startswith("/dev/fd/")
    assert path != option.split("=", 1)[1]


def test_nothing_of_a_private_file_stays_open() -> None:
    before = set(os.listdir("/proc/self/fd"))
    process.output(shell("true", private_files=(process.PrivateFile(b"x", variable="FILE"),)))
    assert set(os.listdir("/proc/self/fd")) == before


def test_nothing_shows_a_secret_by_its_representation() -> None:
    command = shell("true", private_files=(process.PrivateFile(SECRET.encode()),), secrets=(SECRET,))
    assert "secret" not in repr(command).replace("secrets", "")


def test_an_earlier_folder_wins_over_an_earlier_name(tmp_path: Path) -> None:
    for folder, name in (("first", "mysqldump"), ("second", "mariadb-dump")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).touch(mode=0o700)
    folders = [str(tmp_path / "none"), str(tmp_path / "first"), str(tmp_path / "second")]
    assert process.find_program(["mariadb-dump", "mysqldump"], folders) == str(tmp_path / "first" / "mysqldump")
    assert process.find_program(["pg_dump"], folders) is None


def test_a_file_that_cannot_be_executed_is_no_program(tmp_path: Path) -> None:
    (tmp_path / "pg_dump").touch(mode=0o600)
    assert process.find_program(["pg_dump"], [str(tmp_path)]) is None


def test_an_end_by_a_signal_from_outside_is_seen_while_output_is_read() -> None:
    blocks = process.stream_out(shell("echo $$; exec sleep 60"))
    os.kill(int(next(blocks)), signal.SIGTERM)
    with pytest.raises(process.ProgramError, match="killed by signal 15"):
        list(blocks)


def test_all_programs_that_run_can_be_ended_at_once() -> None:
    running = [process.stream_out(shell("echo $$; exec sleep 60")) for _number in range(2)]
    pids = [int(next(blocks)) for blocks in running]
    process.end_all()
    for blocks in running:
        with pytest.raises(process.ProgramError, match="killed by signal 9"):
            list(blocks)
    assert all(wait_for_end(pid) for pid in pids)


def test_a_program_that_says_nothing_can_be_stopped_by_another_thread() -> None:
    stop = threading.Event()
    blocks = process.stream_out(shell("echo $$; exec sleep 60"), stop=stop)
    pid = int(next(blocks))
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(process.ProgramError, match="sh was stopped"):
        next(blocks)
    assert wait_for_end(pid)


def test_a_program_that_is_not_stopped_is_read_to_its_end() -> None:
    blocks = process.stream_out(shell("echo begin; sleep 0.5; echo end"), stop=threading.Event())
    assert b"".join(blocks) == b"begin\nend\n"
