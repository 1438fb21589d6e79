# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What reports are made of, without a storage: artifacts, rows of an audit log, plans of retention."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engine import layout
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.catalog import Artifact
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import (
    BackupInfoModel,
    BackupMetadata,
    FileInfoModel,
    SchemaInfoModel,
    human_size,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.results import RemovalResult
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.verification import Verification
from ansible_collections.vya.backupdb.plugins.module_utils._engine.report.histories import Sources

NOW = datetime(2026, 1, 9, 8, 0, tzinfo=timezone(timedelta(hours=1)))
HOSTNAME = "db01"
INSTANCE = "prod-postgres-01"
CHECKSUM = "28bdec29d1dbd961746d72918db1308ff23430df34c0768fd3c20ebabf258df4"
KB = 1024
SCRIPT = "<script>alert(1)</script>"
RIGHT_TO_LEFT = "\u0645\u062a\u062c\u0631 \u202eshop"
HOSTILE_NAMES = (
    SCRIPT,
    '"><img src=x onerror=alert(2)>',
    RIGHT_TO_LEFT,
    "caf\u00e9 \U0001f418",
    "{{ 7 * 7 }}",
    "a\nb\x00c",
)


def artifact(database: str = "shop", hours_ago: float = 6, size_bytes: int = 180 * KB, **more: Any) -> Artifact:
    """Return an artifact; ``more`` are fields of its backup_info, and ``verification``."""
    verification = more.pop("verification", None)
    moment = NOW - timedelta(hours=hours_ago)
    info = {"database_id": INSTANCE, "hostname": HOSTNAME, "database_type": "postgresql", "status": "success", **more}
    if info["status"] != "success":
        info.setdefault("error_message", "the accounts could not be dumped")
    folder = Path("/srv/backups/db01", info["database_id"], layout.encode_name(database), f"{moment:%Y-%m-%d}")
    paths = layout.artifact_paths(folder, database, moment, "sha256")
    metadata = BackupMetadata(
        backup_info=BackupInfoModel(
            **{"database_name": database, "timestamp": moment, "duration_seconds": 0.0 + size_bytes / 2e6, **info}
        ),
        file_info=FileInfoModel(
            filename=paths.data.name,
            size_bytes=size_bytes,
            size_human=human_size(size_bytes),
            compression_level=6,
            checksum_algorithm="sha256",
            checksum=CHECKSUM,
        ),
        schema_info=SchemaInfoModel(tables_count=8, schema_hash=CHECKSUM),
    )
    return Artifact(paths, metadata, verification)


def drill(hours_ago: float = 3, level: Any = "restore", error: str | None = None) -> Verification:
    """Return what a drill found: good, unless there is an error."""
    return Verification(
        level=level,
        passed=error is None,
        verified_at=NOW - timedelta(hours=hours_ago),
        checksum=CHECKSUM,
        restore_seconds=12.5 if level == "restore" else None,
        error_message=error,
    )


def row(database: str | None = "shop", hours_ago: float = 6, status: str = "success", **more: Any) -> dict[str, Any]:
    """Return a row of the audit log as audit.find gives it."""
    return {
        "id": 1,
        "timestamp": (NOW - timedelta(hours=hours_ago)).astimezone(timezone.utc).isoformat(),  # noqa: UP017
        "operation": "backup",
        "status": status,
        "database_id": INSTANCE,
        "database_name": database,
        "duration_seconds": 4.0,
        "size_bytes": 180 * KB if status == "success" else None,
        "error_message": None if status == "success" else "the server cannot be reached",
        "hostname": HOSTNAME,
        "database_type": "postgresql",
        "error_code": None,
        "details": {},
        **more,
    }


def removal(one: Artifact, keep: bool, *reasons: str) -> RemovalResult:
    """Return what retention decides on an artifact."""
    info = one.metadata.backup_info
    return RemovalResult(
        backup_file=one.data,
        hostname=info.hostname,
        database_id=info.database_id,
        database_name=info.database_name,
        timestamp=info.timestamp,
        size_bytes=one.metadata.file_info.size_bytes,
        keep=keep,
        reasons=list(reasons) or ["newest good backup"],
    )


def sources(*artifacts: Artifact, **more: Any) -> Sources:
    """Return sources of a report with these artifacts; ``more`` are their other fields."""
    newest_first = sorted(artifacts, key=lambda one: one.moment, reverse=True)
    return Sources(HOSTNAME, "/srv/backups", newest_first, **more)


def days_of(database: str, days: int, size_bytes: int, growth: float = 1.004, **more: Any) -> Iterator[Artifact]:
    """Yield an artifact of each of the last days, a little larger than the one before it."""
    for day in range(days):
        wave = 1 + 0.03 * math.sin(day)
        yield artifact(database, day * 24 + 6, int(size_bytes * wave / growth**day), **more)


def fleet() -> Sources:
    """Return the sources of a host on which most is well, some is not, and names are anything."""
    shop = list(days_of("shop", 90, 740 * KB * KB, verification=drill(9)))
    billing = list(days_of("billing", 45, 96 * KB * KB, growth=1.02, verification=drill(40, "structure")))
    archive = [artifact("archive", 24 * 9 + 24 * day, 3 * KB * KB * KB) for day in range(14)]
    crm = list(days_of("crm", 30, 24 * KB * KB, database_id="prod-mariadb-01", database_type="mysql"))
    crm[0] = artifact("crm", 6, 9 * KB * KB, database_id="prod-mariadb-01", database_type="mysql")
    stock = list(days_of("stock", 20, 12 * KB * KB))
    stock[0] = artifact("stock", verification=drill(3, error="rows of public.item: 40 are 39"))
    names = [one for name in HOSTILE_NAMES for one in days_of(name, 3, 4 * KB * KB, verification=drill(5))]
    rows = [
        row("reports", 24 * day + 6, "failed", error_message="permission denied for schema &lt;") for day in range(12)
    ]
    rows += [
        row("crm", 3, "failed", database_id="prod-mariadb-01"),
        row("crm", 27, "failed", database_id="prod-mariadb-01"),
    ]
    rows += [row("shop", 24 * day + 6, size_bytes=500 * KB * KB) for day in range(100, 200, 2)]
    rows.append(row(None, 30, "failed", error_message=f"cannot log in {SCRIPT}"))
    every = [*shop, *billing, *archive, *crm, *stock, *names]
    planned = [
        removal(one, number < 20, *([] if number == 0 else ["newest of day 2026-01-08", "newest of week 2026-W02"]))
        for series in (shop, billing, crm)
        for number, one in enumerate(series)
    ]
    return sources(
        *every,
        audited=rows,
        planned=planned,
        configured=[INSTANCE, "prod-mariadb-01", "prod-postgres-02"],
        problems=[
            "/srv/backups/db01/x/y_20260101_020000_full.metadata.json is not valid metadata: backup_info: missing"
        ],
    )
