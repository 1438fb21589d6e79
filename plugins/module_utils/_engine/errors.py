# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong, named after what is wrong for the user.

Each kind carries a stable ``error_code``. A message starts in lower case, says what was
attempted on what and why it failed, and has no full stop; the remedy is a sentence of its own.
No message may hold a secret or a row of data: text that comes from a server or a client
program passes through ``redaction.redact`` first.
"""

from __future__ import annotations

from typing import Any


class BackupDBError(Exception):
    """The base of every error that the engine raises on purpose."""

    error_code = "other_error"

    def __init__(self, message: str, hint: str | None = None, **context: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.context = context

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}. {self.hint}"

    def details(self) -> dict[str, Any]:
        """Return what a caller may act on: ``error_code``, ``hint`` when there is one, and the context."""
        described: dict[str, Any] = {"error_code": self.error_code, **self.context}
        if self.hint is not None:
            described["hint"] = self.hint
        return described


class ConfigError(BackupDBError):
    """The configuration, an option, or the host's own set-up (a missing client program) is wrong."""

    error_code = "config_error"


class CredentialsError(BackupDBError):
    """A credential is missing, cannot be decrypted, or is refused by the server."""

    error_code = "credentials_error"


class StorageError(BackupDBError):
    """The backup storage cannot be read or written, or has no room."""

    error_code = "storage_error"


class ServerConnectionError(BackupDBError):
    """The server cannot be reached, or not in the way that was asked for (TLS)."""

    error_code = "connection_error"


class NotFoundError(BackupDBError):
    """A named file, artifact or database does not exist."""

    error_code = "file_not_found"


class ValidationError(BackupDBError):
    """Something is not what it must be: a broken artifact, an incomplete dump, an unfit target."""

    error_code = "validation_error"


class FaultyArtifactError(ValidationError):
    """An artifact itself is at fault, and no server, program or option: damaged, incomplete, not what was dumped."""


class BrokenOffError(ValidationError):
    """Work was ended by what has nothing to do with it: a signal, a limit, a server that could not go on."""


class PermissionDeniedError(BackupDBError):
    """The operating system or the server denies what is needed."""

    error_code = "permission_error"


class LockedError(BackupDBError):
    """Another run is working on the same instance or file."""

    error_code = "locked"


class EndedError(BackupDBError):
    """A signal, or a defect elsewhere in the run, ended the work before it was done, or before it had begun."""

    error_code = "interrupted"


class RunError(BackupDBError):
    """Parts of a run failed; its code is partial_failure, complete_failure, or the one that all failures share."""

    def __init__(self, message: str, error_code: str, **context: Any) -> None:
        super().__init__(message, **context)
        self.error_code = error_code


class PreflightError(BackupDBError):
    """Several things stand against a restore, all in ``findings``; its code is the one that they share, if they do."""

    error_code = ValidationError.error_code

    def __init__(self, message: str, hint: str | None, findings: list[dict[str, Any]]) -> None:
        super().__init__(message, hint, findings=findings)
        codes = {finding["error_code"] for finding in findings}
        if len(codes) == 1:
            self.error_code = codes.pop()
