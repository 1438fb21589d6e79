# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One artifact to one database: select -> preflight -> put in its place.

Nothing is done to the server before everything that can stand against the restore has been looked at, the artifact
read to its end. An existing database is replaced only after the artifact has been loaded beside it and compared with
its metadata.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from .. import accounts, errors, logbook
from ..artifacts.accounts_catalog import AccountsArtifact
from ..databases.base import Server
from ..models.results import RestoreResult
from . import object_grants, preflight, replacing
from .replacing import Request


def restore(
    server: Server,
    request: Request,
    moment: datetime,
    *,
    check: bool = False,
    accounts_plan: accounts.Plan | None = None,
    companion: AccountsArtifact | None = None,
) -> RestoreResult:
    """Restore an artifact; with ``check``, look at all that can be known before and change nothing.

    With ``accounts_plan`` the accounts of the same server are restored too, before the database is loaded; without, the
    ``companion`` of the artifact tells what accounts that exist had on single objects. Raise
    PreflightError, or the one error that there is, when something stands against it; ValidationError when it cannot be
    loaded, or what was loaded is not what was dumped; then the server is as it was, but for accounts that are new.
    Raise LockedError while another restore to the same target is under way.
    """
    info = request.artifact.metadata.backup_info if request.artifact.metadata else None
    with logbook.about(
        database_id=info.database_id if info else None,
        database=request.target,
        server=str(server.endpoint),
        check=check or None,
    ):
        logbook.event("restore_started", file=request.artifact.data)
        try:
            result = _restore(server, request, moment, check=check, accounts_plan=accounts_plan, companion=companion)
        except errors.BackupDBError as error:
            logbook.failed("restore_failed", error)
            raise
        logbook.event(
            "restored",
            bytes=result.bytes_read,
            seconds=result.duration_seconds,
            warnings=result.warnings,
        )
    return result


def _restore(
    server: Server,
    request: Request,
    moment: datetime,
    *,
    check: bool,
    accounts_plan: accounts.Plan | None,
    companion: AccountsArtifact | None,
) -> RestoreResult:
    started = time.monotonic()
    with server.exclusive(request.target):
        warnings = [] if check else server.recover(request.target)
        coming = accounts_plan.labels() if accounts_plan else ()
        cleared = preflight.examine(server, request, coming)
        existed = server.has_database(request.target)
        seconds = {"preflight": round(time.monotonic() - started, 3)}
        logbook.event("preflight_passed", seconds=seconds["preflight"], warnings=cleared.warnings)
        outcome = None
        applied = None
        if not check:
            applied = accounts.apply(server, accounts_plan) if accounts_plan else None
            if applied:
                logbook.event("accounts_restored", created=len(applied.created), updated=len(applied.updated))
            restored = [account.label for account in applied.restored] if applied else []
            outcome = replacing.put_in_place(server, request, cleared, f"{moment:%Y%m%d%H%M%S}", restored)
            seconds.update(outcome.seconds)
            if accounts_plan and applied:
                warnings += applied.warnings
                warnings += object_grants.of_restored(server, request, accounts_plan, applied, existed)
            else:
                warnings += object_grants.of_existing(server, request, companion, existed)
    info = request.artifact.metadata.backup_info if request.artifact.metadata else None
    return RestoreResult(
        success=True,
        database_id=info.database_id if info else None,
        database_name=info.database_name if info else request.target,
        target_server=str(server.endpoint),
        target_database=request.target,
        target_existed=existed,
        previous_database=outcome.previous if outcome else None,
        backup_file=request.artifact.data,
        backup_timestamp=info.timestamp if info else None,
        size_bytes=request.artifact.data.stat().st_size,
        bytes_read=outcome.loaded.bytes_read if outcome else 0,
        sections_loaded=outcome.loaded.sections_loaded if outcome else 0,
        duration_seconds=round(time.monotonic() - started, 3),
        seconds=seconds,
        warnings=[*warnings, *cleared.warnings, *(outcome.warnings if outcome else [])],
        comparison=outcome.comparison.as_dict() if outcome and outcome.comparison else None,
        accounts=_told(accounts_plan, applied),
        timestamp=moment,
    )


def _told(plan: accounts.Plan | None, applied: accounts.Applied | None) -> dict[str, Any] | None:
    if plan is None:
        return None
    return {**plan.as_dict(), **(applied.as_dict() if applied else {})}


__all__ = ["Request", "restore"]
