# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How messages are spelled for whoever typed a command: its options and commands for those of the modules.

The engine names an option as the modules do. The parameters of a command have these names, too, see app.py, so that
they say how each is typed. A key of the configuration is no option of a command and is called the same everywhere.
"""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

Rule = tuple[re.Pattern[str], str]
# Neither a part of a longer name or a path, nor an option that is spelled already.
_START = r"(?<![\w./-])"
_END = r"(?![\w/-]|\.\w)"


def rules_of(parameters: Iterable[inspect.Parameter], commands: Mapping[str, str]) -> list[Rule]:
    """Given the parameters of a command, annotated as in options.py, and the commands by module, return how options
    and modules are spelled.
    """
    modules = ((re.compile(rf"{_START}vya\.backupdb\.{name}{_END}"), typed) for name, typed in commands.items())
    return [*modules, *(rule for parameter in parameters for rule in _rules_of_option(parameter))]


def spelled(text: str, rules: Iterable[Rule]) -> str:
    """Return a message as the rules want it."""
    for pattern, typed in rules:
        text = pattern.sub(typed, text)
    return text


def _rules_of_option(parameter: inspect.Parameter) -> Iterator[Rule]:
    """Yield what a message may call an option. One word may be any word: it counts only where it must be an option."""
    kind, *option = get_args(parameter.annotation) or [None]
    typed = next((text for text in map(_typed, option) if text), "")
    if not typed:
        return
    name = parameter.name
    if kind is bool:
        yield re.compile(rf"\bSet {name}{_END}"), f"Give {typed}"
        yield re.compile(rf"\bset {name}{_END}"), f"give {typed}"
    choices = "|".join(re.escape(choice.value) for choice in _choices(kind))
    if choices:
        yield re.compile(rf"{_START}(?:the )?{name}:? (?=(?:{choices}){_END})"), f"{typed} "
    yield re.compile(rf"{_START}{name}{_END}" if "_" in name else rf"^{name}(?= is )"), typed


def _typed(option: Any) -> str:
    """Return how an option is typed. Typer has the first of its arguments for the default until it looks closer."""
    written = (getattr(option, "default", None), *(getattr(option, "param_decls", None) or ()))
    return next((text.split("/", 1)[0] for text in written if isinstance(text, str) and text.startswith("--")), "")


def _choices(kind: Any) -> list[enum.Enum]:
    return [
        choice
        for each in (kind, *get_args(kind))
        if isinstance(each, type) and issubclass(each, enum.Enum)
        for choice in each
    ]
