# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of an operation: its outcome, and the subject and body that the templates make of it.

Names and messages come from servers, so each is put on one line of bounded length: none can add a header to a mail or
a line to the text. The text is plain; whatever looks like markup is shown as it is.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from .. import durations, errors, redaction
from ..models.config import NotificationsConfig
from ..models.metadata import human_size

if TYPE_CHECKING:
    from ..backups import run

PLURALS = {"backup": "backups", "restore": "restores", "cleanup": "cleanups", "verify": "verifications"}
SINGULARS = {**{operation: operation for operation in PLURALS}, "verify": "verification"}
MAXIMUM_FAILURES = 10
MAXIMUM_HINTS = 5
MAXIMUM_WARNINGS = 5
NAME_LENGTH = 100
MESSAGE_LENGTH = 400
SUBJECT_LENGTH = 160
BODY_LENGTH = 10_000


@dataclass(frozen=True)
class Failure:
    """What failed and why: a database, an instance where it has no name, or all where there is no id either."""

    error_message: str
    database_id: str = ""
    database_name: str = ""
    error_code: str | None = None
    hint: str | None = None

    @property
    def subject(self) -> str:
        """What failed, as ``prod-postgres-01/shop``; empty where it is the operation as a whole."""
        return "/".join(filter(None, (self.database_id, self.database_name)))


@dataclass(frozen=True)
class Outcome:
    """How an operation went. ``duration_seconds`` and ``size_bytes`` are those of its databases together.

    ``failed`` may be more than there are ``failures``, where only their number is known.
    """

    operation: str
    hostname: str
    moment: datetime
    total: int = 0
    successful: int = 0
    failed: int = 0
    failures: Sequence[Failure] = ()
    warnings: Sequence[str] = ()
    duration_seconds: float = 0.0
    size_bytes: int = 0

    @classmethod
    def of_report(cls, report: run.Report, operation: str, hostname: str, moment: datetime) -> Outcome:
        """Return the outcome of a run of backups."""
        results = [result.as_dict() for result in report.results]
        return cls.of_results(results, operation, hostname, moment, warnings=report.warnings())

    @classmethod
    def of_results(
        cls,
        results: Iterable[Mapping[str, Any]],
        operation: str,
        hostname: str,
        moment: datetime,
        *,
        error: Failure | None = None,
        warnings: Sequence[str] = (),
    ) -> Outcome:
        """Given results as backups, restores and verifications have them, return the outcome.

        ``error`` is why the operation failed as a whole; it counts where no result tells of a failure. No result at
        all is a failure too. Raise ConfigError where a result does not say whether it is a success.
        """
        everything = list(results)
        for position, result in enumerate(everything):
            if not isinstance(result.get("success"), bool):
                raise errors.ConfigError(f"results.{position} does not say whether it is a success")
        failures = [_failure(result) for result in everything if not result["success"]]
        if not everything and error is None:
            error = Failure("there is no result, so nothing was done")
        return cls(
            operation,
            hostname,
            moment,
            total=len(everything),
            successful=len(everything) - len(failures),
            failed=len(failures),
            failures=failures or ([error] if error else []),
            warnings=warnings,
            duration_seconds=sum(_number(result.get("duration_seconds")) for result in everything),
            size_bytes=int(sum(_number(result.get("size_bytes")) for result in everything)),
        )

    @classmethod
    def of_summary(
        cls,
        summary: Mapping[str, Any],
        operation: str,
        hostname: str,
        moment: datetime,
        *,
        error: Failure | None = None,
    ) -> Outcome:
        """Given ``total``, ``successful`` and ``failed`` of a run, return the outcome.

        Raise ConfigError where they are no numbers, are all zero or do not add up.
        """
        try:
            total, successful, failed = (int(summary[name]) for name in ("total", "successful", "failed"))
        except (KeyError, TypeError, ValueError):
            raise errors.ConfigError("summary does not say how many are total, successful and failed") from None
        if total < 1 or min(successful, failed) < 0 or total != successful + failed:
            raise errors.ConfigError(f"summary does not add up: {successful} and {failed} are not {total}")
        return cls(operation, hostname, moment, total, successful, failed, [error] if error else [])

    @classmethod
    def of_error(cls, error: errors.BackupDBError, operation: str, hostname: str, moment: datetime) -> Outcome:
        """Return the outcome of an operation that failed before it came to any database."""
        failure = Failure(error.message, error_code=error.error_code, hint=error.hint)
        return cls.of_results([], operation, hostname, moment, error=failure)

    @property
    def status(self) -> Literal["success", "partial", "failed"]:
        """Whether all went well, some, or nothing."""
        if not (self.failed or self.failures):
            return "success"
        return "partial" if self.successful else "failed"

    @property
    def summary(self) -> str:
        """The outcome in some words: ``2 of 7 backups failed``."""
        many, one = PLURALS[self.operation], SINGULARS[self.operation]
        if self.failed:
            return f"{self.failed} of {self.total} {many} failed"
        if self.failures:
            return f"the {one} failed"
        return f"{self.total} {one if self.total == 1 else many} succeeded"


@dataclass(frozen=True)
class Message:
    """What is sent."""

    subject: str
    body: str


def render(config: NotificationsConfig, outcome: Outcome, secrets: Iterable[str] = ()) -> Message:
    """Return the message that the configuration's templates make of an outcome, with all ``secrets`` masked."""
    good = outcome.status == "success"
    subject = config.success_subject if good else config.failure_subject
    body = config.success_body if good else config.failure_body
    texts = values(outcome, list(secrets))
    rendered = string.Template(body).substitute(texts)
    # An empty block leaves no gap.
    blocks = [block.strip("\n") for block in rendered.split("\n\n")]
    return Message(
        _one_line(string.Template(subject).substitute(texts), SUBJECT_LENGTH),
        _cut("\n\n".join(block for block in blocks if block.strip()), BODY_LENGTH),
    )


def values(outcome: Outcome, secrets: Sequence[str] = ()) -> dict[str, str]:
    """Return what each name in a template stands for."""

    def told(text: str, length: int = MESSAGE_LENGTH) -> str:
        return _one_line(redaction.redact(text, secrets), length)

    hints = dict.fromkeys(failure.hint for failure in outcome.failures if failure.hint)
    return {
        "databases": ", ".join(
            _first(MAXIMUM_FAILURES, [told(each.subject, NAME_LENGTH) for each in outcome.failures if each.subject])
        ),
        "duration": durations.written(timedelta(seconds=round(outcome.duration_seconds))),
        "failed": str(outcome.failed),
        "failures": _block("", MAXIMUM_FAILURES, [told(_describe(failure)) for failure in outcome.failures]),
        "hints": _block("What to do:", MAXIMUM_HINTS, [told(hint) for hint in hints]),
        "hostname": told(outcome.hostname, NAME_LENGTH),
        "moment": outcome.moment.isoformat(" ", "seconds"),
        "operation": outcome.operation,
        "size": human_size(outcome.size_bytes),
        "status": outcome.status,
        "successful": str(outcome.successful),
        "summary": outcome.summary,
        "total": str(outcome.total),
        "warnings": _block("Warnings:", MAXIMUM_WARNINGS, [told(warning) for warning in outcome.warnings]),
    }


def _failure(result: Mapping[str, Any]) -> Failure:
    def text(name: str) -> str:
        return str(result.get(name) or "")

    return Failure(
        text("error_message") or "no reason is given",
        text("database_id"),
        text("database_name"),
        text("error_code") or None,
        text("hint") or None,
    )


def _number(value: object) -> float:
    return value if isinstance(value, (int, float)) else 0


def _describe(failure: Failure) -> str:
    subject = f"{failure.subject}: " if failure.subject else ""
    code = f" ({failure.error_code})" if failure.error_code else ""
    return f"{subject}{failure.error_message}{code}"


def _block(heading: str, maximum: int, texts: Sequence[str]) -> str:
    """Return a list under its heading, nothing where the list is empty."""
    lines = [f"- {text}" for text in texts]
    return "\n".join([*([heading] if heading and lines else []), *_first(maximum, lines)])


def _first(maximum: int, texts: Sequence[str]) -> list[str]:
    more = len(texts) - maximum
    return [*texts[:maximum], *([f"and {more} more"] if more > 0 else [])]


def _one_line(text: str, length: int) -> str:
    """Put text on one line: what cannot be printed, such as a line's end or a turn of direction, becomes a space."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return _cut(" ".join(printable.split()), length)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
