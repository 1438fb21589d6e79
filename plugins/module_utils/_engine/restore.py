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

from . import accounts, preflight, replacing
from .databases.base import Server
from .models.results import RestoreResult
from .replacing import Request


def restore(
    server: Server,
    request: Request,
    moment: datetime,
    *,
    check: bool = False,
    accounts_plan: accounts.Plan | None = None,
) -> RestoreResult:
    """Restore an artifact; with ``check``, look at all that can be known before and change nothing.

    With ``accounts_plan`` the accounts of the same server are restored too, before the database is loaded. Raise
    PreflightError, or the one error that there is, when something stands against it; ValidationError when it cannot be
    loaded, or what was loaded is not what was dumped; then the server is as it was, but for accounts that are new.
    Raise LockedError while another restore to the same target is under way.
    """
    started = time.monotonic()
    with server.exclusive(request.target):
        warnings = [] if check else server.recover(request.target)
        coming = accounts_plan.labels() if accounts_plan else ()
        cleared = preflight.examine(server, request, coming)
        existed = server.has_database(request.target)
        seconds = {"preflight": round(time.monotonic() - started, 3)}
        outcome = None
        applied = None
        if not check:
            applied = accounts.apply(server, accounts_plan) if accounts_plan else None
            outcome = replacing.put_in_place(server, request, cleared, f"{moment:%Y%m%d%H%M%S}")
            seconds.update(outcome.seconds)
            if accounts_plan and applied:
                warnings += applied.warnings + _grant_on_objects(server, request, accounts_plan, applied, existed)
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


def _grant_on_objects(
    server: Server, request: Request, plan: accounts.Plan, applied: accounts.Applied, existed: bool
) -> list[str]:
    """Grant accounts what they had on objects of the database; return what should be known.

    These are the restored accounts, and those that exist too unless the database ``existed``: an earlier restore to the
    same server may have brought them.
    """
    if request.artifact.metadata is None:
        return []
    source = request.artifact.metadata.backup_info.database_name
    if source != request.target:
        # The grants are on the source's name.
        return []
    granted = [decision.account for decision in plan.decisions if decision.action != "skipped"]
    return accounts.apply_object_grants(server, plan.artifact, source, applied.restored if existed else granted)


def _told(plan: accounts.Plan | None, applied: accounts.Applied | None) -> dict[str, Any] | None:
    if plan is None:
        return None
    return {**plan.as_dict(), **(applied.as_dict() if applied else {})}


__all__ = ["Request", "restore"]
