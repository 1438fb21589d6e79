# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only file of the engine that writes to standard output and standard error, and reads an answer.

Standard output has the result. Errors, warnings and questions go to standard error, so that cron mails them and a pipe
does not swallow them.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..report.wording import sentence, visible
from .answers import Answer
from .spelling import Rule, spelled

NAME = "vya-backupdb"


@dataclass(frozen=True)
class Manner:
    """How a command is run and heard, whatever it does; ``rules`` say how its options are spelled in messages."""

    config: Path
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    rules: Sequence[Rule] = ()

    @property
    def shows_progress(self) -> bool:
        """Whether somebody looks at standard error while the work goes on."""
        return not self.quiet and sys.stderr.isatty()


def prepare() -> None:
    """Let every name be written, whatever the locale can express."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def give(answer: Answer, manner: Manner) -> None:
    """Write all that an answer has to say, as far as somebody wants to hear it."""
    for warning in () if manner.quiet else answer.warnings:
        say(f"warning: {spelled(warning, manner.rules)}")
    try:
        if manner.as_json:
            _write(json.dumps(answer.document(), indent=2 if is_on_terminal() else None))
        elif not manner.quiet:
            _show(answer, manner)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has seen enough; the interpreter must not stumble over it once more when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if answer.failure is not None:
        say(spelled(str(answer.failure), manner.rules))


def is_on_terminal() -> bool:
    """Say whether the result is read by a person."""
    return sys.stdout.isatty()


def _show(answer: Answer, manner: Manner) -> None:
    on_terminal = is_on_terminal()
    if not (on_terminal or manner.verbose or answer.asked or answer.failure):
        return
    for sheet in answer.sheets:
        if on_terminal:
            from . import tables

            tables.show(sheet)
        else:
            _write("\n".join(sheet.lines()))
    if answer.closing:
        _write(visible(answer.closing))


def _write(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def write_version(version: str) -> None:
    """Write what ``--version`` asks for."""
    _write(f"{NAME} {version}")


def say(message: str) -> None:
    """Write a message to standard error, as one line."""
    sys.stderr.write(f"{NAME}: {sentence(message)}\n")
    sys.stderr.flush()


def can_ask() -> bool:
    """Say whether there is a person who could answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str) -> str:
    """Return what a person answers, an empty text at the end of the input."""
    sys.stderr.write(f"{visible(question)} ")
    sys.stderr.flush()
    answer = ""
    try:
        answer = sys.stdin.readline()
    finally:
        if not answer.endswith("\n"):
            sys.stderr.write("\n")
    return answer.rstrip("\n")
