# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line, up to the point where the engine is asked."""

from __future__ import annotations

import importlib.util
import signal
from typing import Any, get_args

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, program, signals
from ansible_collections.vya.backupdb.plugins.module_utils._engine.command import app, exits, front, options
from ansible_collections.vya.backupdb.plugins.module_utils._engine.drills import choosing
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.verification import LEVELS
from ansible_collections.vya.backupdb.plugins.module_utils._engine.restores import recovery, replacing
from ansible_collections.vya.backupdb.plugins.module_utils._engine.version import ENGINE_VERSION

COMMANDS = ("backup", "restore", "verify", "list", "status", "retention", "report")


def error_codes(kind: type[errors.BackupDBError] = errors.BackupDBError) -> set[str]:
    return {kind.error_code}.union(*(error_codes(child) for child in kind.__subclasses__()))


def test_every_kind_of_error_has_its_exit_code() -> None:
    assert exits.CODES == {
        "partial_failure": 1,
        "complete_failure": 2,
        "config_error": 3,
        "credentials_error": 4,
        "storage_error": 5,
        "connection_error": 6,
        "file_not_found": 7,
        "validation_error": 8,
        "permission_error": 9,
    }
    assert error_codes() - set(exits.CODES) == {"other_error", "locked", "interrupted"}
    assert exits.code_of(errors.LockedError("it is locked")) == 10
    assert exits.code_of(errors.RunError("all failed", "credentials_error")) == 4
    assert exits.code_of(None) == 0


@pytest.mark.parametrize("arguments", [["--version"], ["--config", "x", "--version"]])
def test_the_version_is_told(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert program.main(arguments) == 0
    assert capsys.readouterr().out == f"vya-backupdb {ENGINE_VERSION}\n"


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS), ("config",), ("config", "check")])
def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str], command: tuple[str, ...]) -> None:
    assert program.main([*command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: {' '.join(['vya-backupdb', *command])}")
    assert "\x1b" not in shown


@pytest.mark.parametrize(("package", "name"), [("typer", "typer"), ("yaml", "PyYAML")])
def test_a_missing_package_is_named_in_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, package: str, name: str
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda asked: None if asked == package else find(asked))
    assert program.main(["backup"]) == 3
    said = capsys.readouterr().err
    assert f"the Python package {name} cannot be imported by" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("choices", "known"),
    [
        (options.Level, LEVELS),
        (options.Scope, get_args(recovery.Scope)),
        (options.Strategy, get_args(replacing.Strategy)),
        (options.Select, [name for name in get_args(choosing.Select) if name != "list"]),
    ],
)
def test_the_choices_are_those_of_the_engine(choices: Any, known: Any) -> None:
    assert [choice.value for choice in choices] == list(known)


def test_a_defect_is_told_without_its_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_arguments: Any) -> int:
        raise RuntimeError("the password is canary")

    monkeypatch.setattr(app, "run", fail)
    assert front.run([]) == exits.OTHER
    said = capsys.readouterr().err
    assert said.startswith("vya-backupdb: RuntimeError in test_front.py:")
    assert "canary" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_the_exit_code_that_shells_know(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def be_told(_arguments: Any) -> int:
        signal.raise_signal(number)
        return 0

    monkeypatch.setattr(app, "run", be_told)
    # Whoever runs the tests may have told them to ignore it, as nohup does.
    outer = signal.signal(number, signal.SIG_DFL)
    try:
        assert front.run([]) == 128 + number
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, outer)
    assert f"ended by {number.name}" in capsys.readouterr().err


def test_a_second_signal_does_not_disturb_the_tidying_up() -> None:
    tidied = []

    def work() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGINT)
            tidied.append(True)

    with pytest.raises(signals.Ended, match="SIGTERM"), signals.raised():
        work()
    assert tidied


def test_a_signal_that_is_to_be_ignored_is_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.raised():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
