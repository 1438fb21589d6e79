# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit logs of every kind, and processes that write to one at once; run as a program, this is such a process."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ansible_collections.vya.backupdb.plugins.module_utils._engine import layout, records
from ansible_collections.vya.backupdb.plugins.module_utils._engine.audit import log as audit_log
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import AuditConfig

from tests.integration.ansible import REPOSITORY
from tools.private_servers.base import PrivateServer

HOST = "db01"
SCHEMES = {"postgresql": "postgresql", "mysql": "mariadb"}
MOMENT = datetime(2026, 1, 9, 1, 0, 0, 118204, tzinfo=UTC)


@dataclasses.dataclass(frozen=True)
class Log:
    """An audit log, and a way past the engine to what is in its database."""

    kind: str
    config: AuditConfig
    base_path: Path
    sql: Callable[[str], list[Any]]

    def record(self, *entries: records.Entry) -> list[str]:
        return audit_log.record(self.config, entries, base_path=self.base_path, hostname=HOST)

    def find(self, **filters: Any) -> list[dict[str, Any]]:
        return audit_log.find(self.config, audit_log.Filters(**filters), base_path=self.base_path, hostname=HOST)

    def count(self, **filters: Any) -> int:
        return audit_log.count(self.config, audit_log.Filters(**filters), base_path=self.base_path, hostname=HOST)

    def summarize(self, period: Any, **filters: Any) -> list[dict[str, Any]]:
        wanted = audit_log.Filters(**filters)
        return audit_log.summarize(self.config, wanted, period, base_path=self.base_path, hostname=HOST)

    @property
    def file(self) -> Path:
        """The file of a log in SQLite."""
        return layout.audit_file(self.base_path, HOST)


def log_in_storage(base_path: Path) -> Log:
    """Return the log that is in a storage unless it is configured."""
    file = layout.audit_file(base_path, HOST)

    def sql(statement: str) -> list[Any]:
        file.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(file)) as connection:
            rows = connection.execute(statement).fetchall()
            connection.commit()
        return rows

    return Log("sqlite", AuditConfig(), base_path, sql)


def log_on(server: PrivateServer, database: str, base_path: Path) -> Log:
    """Return a log in a database of a server."""
    config = AuditConfig(url=url_of(server, database))
    return Log(server.family, config, base_path, lambda statement: server.execute(statement, database))


def url_of(server: PrivateServer, database: str, user: str | None = None, password: str | None = None) -> str:
    """Return the URL of a database, with the administrator's login unless another is given."""
    login = (server.admin_user, server.admin_password) if user is None else (user, password or "")
    told = ":".join(quote(each, safe="") for each in login)
    return f"{SCHEMES[server.family]}://{told}@{server.host}:{server.port}/{database}"


def entry(**fields: Any) -> records.Entry:
    """Return an entry of a good backup, with some fields changed."""
    given = {
        "timestamp": MOMENT,
        "operation": "backup",
        "database_id": "prod-1",
        "database_name": "shop",
        "database_type": "postgresql",
        "status": "success",
        "duration_seconds": 1.5,
        "hostname": HOST,
    }
    return records.Entry(**{**given, **fields})


def write_at_once(log: Log, writers: int, rows: int) -> list[str]:
    """Let processes write rows, each row by itself, all starting at the same time; return what went wrong.

    A row has the number of its process as database_id and its own number as size.
    """
    done = subprocess.run(
        [sys.executable, "-m", __name__, log.config.url or "", str(log.base_path), str(writers), str(rows)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY}/.collections"},
        stdout=subprocess.PIPE,
        text=True,
        timeout=240,
        check=True,
    )
    return done.stdout.splitlines()


def main(url: str, base_path: str, writers: str, rows: str) -> None:
    """Start the processes from one that has loaded everything, and let them go together."""
    log = Log("", AuditConfig(url=url or None), Path(base_path), lambda _statement: [])
    gate, signal = os.pipe()
    children = []
    for number in range(int(writers)):
        child = os.fork()
        if child == 0:
            os.close(signal)
            os.read(gate, 1)
            _write(log, str(number), int(rows))
            os._exit(0)
        children.append(child)
    os.close(signal)
    sys.exit(any(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))


def _write(log: Log, database_id: str, rows: int) -> None:
    for row in range(rows):
        for warning in log.record(entry(database_id=database_id, size_bytes=row)):
            print(warning, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
