# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at everything that a report is made of, and change nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from .. import errors
from ..artifacts import catalog
from ..artifacts.store import Store
from ..audit import log as audit_log
from ..models.config import AppConfig, AuditConfig
from ..models.results import RemovalResult
from ..retention import pruning
from .histories import Sources

#: How far back the audit log is asked for what became of backups that are not there any more.
HISTORY = timedelta(days=400)
NO_AUDIT = "There is no audit log, so failed backups and backups that were removed are not shown."
NO_POLICY = "Without a configuration there is no retention policy, so no plan is shown."


def collect(store: Store, config: AppConfig | None, now: datetime) -> Sources:
    """Return what is in the storage, the audit log and the plan of the retention, all as of ``now``.

    What cannot be seen becomes a note. Raise StorageError when the storage itself cannot be read.
    """
    base_path = store.config.base_path
    listing = catalog.list_artifacts(base_path)
    notes: list[str] = []
    audited = _audited(store, config.audit if config else AuditConfig(), now, notes)
    planned = _planned(store, config, notes)
    return Sources(
        hostname=store.hostname,
        base_path=str(base_path),
        artifacts=listing.artifacts,
        problems=listing.problems,
        audited=audited,
        planned=planned,
        configured=[one.id for one in config.databases if one.enabled] if config else [],
        cleanup_enabled=config.retention.cleanup_enabled if config else False,
        notes=notes,
    )


def _audited(store: Store, config: AuditConfig, now: datetime, notes: list[str]) -> Sequence[Mapping[str, Any]] | None:
    filters = audit_log.Filters(since=now - HISTORY)
    try:
        rows = audit_log.find(config, filters, base_path=store.config.base_path, hostname=store.hostname)
    except errors.BackupDBError as error:
        notes.append(f"The audit log could not be read: {error}.")
        return None
    if not rows:
        notes.append(NO_AUDIT)
        return None
    return rows


def _planned(store: Store, config: AppConfig | None, notes: list[str]) -> list[RemovalResult] | None:
    if config is None:
        notes.append(NO_POLICY)
        return None
    try:
        return pruning.clean_up(store, config.retention, check=True).results
    except errors.BackupDBError as error:
        notes.append(f"What the retention would remove is not known: {error}.")
        return None
