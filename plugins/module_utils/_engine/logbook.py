# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log: an event for each phase of the work, a line for each event, in JSON or as text.

All of it passes through one formatter, which takes out the secrets that ``hide`` was told of and the passwords of
URLs. A log that cannot be written is a warning, and never makes the work fail. Nothing goes to standard output.
"""

from __future__ import annotations

import contextlib
import contextvars
import io
import json
import logging
import logging.handlers
import os
import re
import sys
import traceback
import types
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from . import errors, ownership
from .models.config import LoggingConfig
from .redaction import redact, redact_urls

FOLDER_MODE = 0o750
FILE_MODE = 0o640
_CLOSED = logging.CRITICAL + 1
# In a line of text these values need no quotes.
_PLAIN = re.compile(r"[\w.:/+@%~-]+", re.ASCII)
# What could end a line, or do something to a terminal, beyond what JSON escapes.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")

_logger = logging.getLogger("vya_backupdb")
_logger.propagate = False
_logger.setLevel(_CLOSED)
_logger.addHandler(logging.NullHandler())
_hidden: set[str] = set()
_about: contextvars.ContextVar[Mapping[str, Any]] = contextvars.ContextVar("about", default=types.MappingProxyType({}))


@contextlib.contextmanager
def opened(
    config: LoggingConfig, warnings: list[str] | None = None, *, secrets: Iterable[str] = (), console: bool = False
) -> Iterator[list[str]]:
    """Log as the configuration says while the block runs, without the ``secrets``.

    Yield a list, the given one if there is one, to which a warning is added for each output that cannot be written.
    Without ``console`` standard error is left alone, whatever the configuration says: where that is also the way of
    a module's result to Ansible, a line of the log would be taken for a part of it.
    """
    for secret in secrets:
        hide(secret)
    told = [] if warnings is None else warnings
    before, level = _logger.handlers[:], _logger.level
    handlers = list(_handlers(config, told, console))
    _logger.handlers[:] = handlers or before
    _logger.setLevel(config.level if handlers else _CLOSED)
    try:
        yield told
    finally:
        _logger.handlers[:] = before
        _logger.setLevel(level)
        for handler in handlers:
            handler.close()


def hide(secret: str) -> None:
    """Keep a secret, in any quoted or escaped form, out of every log from now on."""
    if secret:
        _hidden.add(secret)


def hidden() -> frozenset[str]:
    """Return the secrets that are kept out of the logs, for others who tell of the same things."""
    return frozenset(_hidden)


@contextlib.contextmanager
def about(**fields: Any) -> Iterator[None]:
    """Add fields to all events of the block, as far as they come from its own thread."""
    token = _about.set({**_about.get(), **fields})
    try:
        yield
    finally:
        _about.reset(token)


def event(phase: str, *, level: str = "INFO", **fields: Any) -> None:
    """Log that a phase of the work was reached; fields that are None or an empty list are left out.

    Usual fields: database_id, database, bytes, seconds, error_code. While no log is open, nothing is done.
    """
    number = getattr(logging, level)
    if _logger.isEnabledFor(number):
        told = {"phase": phase, **_about.get(), **fields}
        known = {name: value for name, value in told.items() if value is not None and value != []}
        _logger.log(number, phase, extra={"fields": known})


def failed(phase: str, error: BaseException, **fields: Any) -> None:
    """Log that a phase of the work failed.

    Of an error that is not one of ours, only its kind and the places in our code are told: its message could hold
    anything.
    """
    if isinstance(error, errors.BackupDBError):
        event(
            phase,
            level="ERROR",
            error_code=error.error_code,
            error_message=error.message,
            hint=error.hint,
            **fields,
        )
        return
    event(
        phase,
        level="ERROR",
        error_code=errors.BackupDBError.error_code,
        error_message=type(error).__name__,
        traceback=[
            f"{os.path.basename(frame.filename)}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ],
        **fields,
    )


def _handlers(config: LoggingConfig, warnings: list[str], console: bool) -> Iterator[logging.Handler]:
    if config.output in ("console", "both") and console:
        yield _formatted(_Console(warnings), config)
    if config.output in ("file", "both"):
        try:
            config.file_path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            yield _formatted(_File(config.file_path, warnings), config)
        except OSError as error:
            _warn(warnings, str(config.file_path), error)


def _warn(warnings: list[str], output: str, error: BaseException | None) -> None:
    """Note that an output cannot be written; once is enough."""
    reason = getattr(error, "strerror", None) or type(error).__name__
    warning = f"the log cannot be written to {output}: {reason}"
    if warning not in warnings:
        warnings.append(warning)


def _formatted(handler: logging.Handler, config: LoggingConfig) -> logging.Handler:
    handler.setFormatter(_Formatter(as_text=config.format == "text"))
    return handler


class _Console(logging.StreamHandler):  # type: ignore[type-arg]
    """Standard error."""

    def __init__(self, warnings: list[str]) -> None:
        super().__init__()
        self._warnings = warnings

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Note what went wrong instead of printing it."""
        _warn(self._warnings, "standard error", sys.exc_info()[1])


class _File(logging.handlers.WatchedFileHandler):
    """A file that may be renamed at any time: the next line goes to a new one of its name.

    Each line is one write at the end of the file, without a buffer, so that several processes may share it.
    """

    def __init__(self, path: Path, warnings: list[str]) -> None:
        self._warnings = warnings
        super().__init__(path, encoding="utf-8", errors="backslashreplace")

    def _open(self) -> Any:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        ownership.give_to_owner(descriptor, Path(self.baseFilename).parent)
        return io.TextIOWrapper(io.FileIO(descriptor, "a"), encoding="utf-8", errors="backslashreplace")

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; opening a new file may fail, too."""
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Note what went wrong instead of printing it."""
        _warn(self._warnings, self.baseFilename, sys.exc_info()[1])


class _Formatter(logging.Formatter):
    """The one place where all that is logged passes."""

    def __init__(self, as_text: bool) -> None:
        super().__init__()
        self._as_text = as_text

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of an event, without its end."""
        moment = datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")
        told = {"timestamp": moment, "level": record.levelname, "process": record.process}
        told.update(_clean(getattr(record, "fields", {"message": record.getMessage()})))
        if not self._as_text:
            return _quoted(told)
        head = [str(told.pop(name)) for name in ("timestamp", "level", "process")]
        phase = told.pop("phase", None)
        return " ".join([*head, *([_word(phase)] if phase else []), *(f"{name}={_word(told[name])}" for name in told)])


def _clean(value: Any) -> Any:
    """Return plain data for JSON, without a secret in any text of it."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {_clean(str(name)): _clean(each) for name, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean(each) for each in value]
    return redact_urls(redact(str(value), _hidden.copy()))


def _word(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    return _quoted(value)


def _quoted(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
