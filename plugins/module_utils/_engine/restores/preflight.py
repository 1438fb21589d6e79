# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that can be known to stand against a restore, looked at before anything is touched."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

from .. import errors, stream, verification
from ..databases.base import Server
from ..databases.values import Finding, TableKey
from ..models.metadata import TableInfo
from . import foreign, loading
from .foreign import ForeignDump
from .replacing import Cleared, Request


def examine(
    server: Server, request: Request, accounts: Iterable[str] = (), *, text: stream.Text | None = None
) -> Cleared:
    """Look at the artifact, the programs, the server and the target of a restore, and change nothing.

    ``accounts`` are those that will have been restored when the database is loaded. ``text`` is the artifact's, where
    that has been read to its end already. Raise what stands against the restore: one error that lists all of it.
    """
    metadata = request.artifact.metadata
    restore_info = metadata.restore_info if metadata else None
    findings: list[Finding] = []
    keys: list[TableKey] = []
    try:
        if text is None:
            text, warnings = _verified(server, request)
            findings += [Finding(None, warning) for warning in warnings]
    except errors.BackupDBError as error:
        findings.append(Finding.of(error))
    try:
        keys = find_tables(request)
    except errors.BackupDBError as error:
        findings.append(Finding.of(error))
    findings += _on_target(server, request)
    in_place = request.strategy == "in_place"
    findings += server.restore_findings(request.target, restore_info, text, frozenset(accounts), in_place=in_place)
    fatal = [finding for finding in findings if finding.error_code is not None]
    if fatal or text is None:
        raise _error(request, fatal)
    sections = restore_info.sections if restore_info else ()
    return Cleared(
        loading.Source(request.artifact.data, text, sections), keys, [finding.message for finding in findings]
    )


def _verified(server: Server, request: Request) -> tuple[stream.Text, list[str]]:
    if isinstance(request.artifact, ForeignDump):
        return foreign.examine(request.artifact, server)
    return verification.verify_artifact(request.artifact, server), []


def _on_target(server: Server, request: Request) -> list[Finding]:
    """Return what stands against the target: that it exists, or is in use."""
    target = request.target
    if not server.has_database(target):
        return []
    if request.tables:
        return [
            Finding(
                "validation_error",
                f"the database {target} exists on {server.endpoint}, and some tables alone never replace a database",
                "Name a new target, and copy from there what is wanted",
            )
        ]
    if not request.force:
        return [
            Finding(
                "validation_error",
                f"the database {target} exists on {server.endpoint}",
                "Set force to replace it, or name another target",
            )
        ]
    sessions = server.open_sessions(target)
    if sessions and not request.terminate_sessions:
        return [
            Finding(
                "validation_error",
                f"the database {target} is in use on {server.endpoint} by {', '.join(sessions)}",
                "End these sessions, or set terminate_sessions",
            )
        ]
    return []


def find_tables(request: Request) -> list[TableKey]:
    """Return the tables that are wanted, by name or shell-style pattern; none where all are.

    Raise NotFoundError for what matches no table of the artifact.
    """
    metadata = request.artifact.metadata
    tables = metadata.restore_info.tables if metadata and metadata.restore_info else []
    found = {wanted: [table for table in tables if _is_named(table, wanted)] for wanted in request.tables}
    missing = [wanted for wanted, matches in found.items() if not matches]
    if missing:
        raise errors.NotFoundError(
            f"{request.artifact.data} has no table {', '.join(missing)} that its metadata tells of",
            "Look there for their names",
        )
    return list(dict.fromkeys((table.schema_name, table.name) for matches in found.values() for table in matches))


def _is_named(table: TableInfo, wanted: str) -> bool:
    names = [table.name, *([f"{table.schema_name}.{table.name}"] if table.schema_name else [])]
    return any(name == wanted or fnmatch.fnmatchcase(name, wanted) for name in names)


def _error(request: Request, findings: list[Finding]) -> errors.BackupDBError:
    if len(findings) == 1:
        return findings[0].as_error()
    hints = list(dict.fromkeys(finding.hint for finding in findings if finding.hint))
    return errors.PreflightError(
        f"{len(findings)} things stand against the restore of {request.target}:"
        f" {'; '.join(finding.message for finding in findings)}",
        ". ".join(hints) or None,
        [{"error_code": each.error_code, "message": each.message, "hint": each.hint} for each in findings],
    )
