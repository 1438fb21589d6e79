# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of MySQL and MariaDB databases by several processes, with other programs and accounts than usual."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engine import instances, secrets
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.store import Store
from ansible_collections.vya.backupdb.plugins.module_utils._engine.backups import run
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import DatabaseConfig, StorageConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import RestoreInfo

from tests.integration.scenes import DATABASE_ID, HOSTNAME, now
from tools.private_servers.base import PrivateServer

LANES = 4
PATIENCE_SECONDS = 60
# Of a program that dumps rows alone: the beginning of a command that others do not come to.
IS_DATA = 'case " $* " in *" --no-data "*) ;; *" --no-create-info "*)'


def with_program(server: PrivateServer, folder: Path, script: str) -> Path:
    """Return a folder of client programs whose mariadb-dump runs ``script`` first, and then, if it gets there, is real.

    It leaves a line in the file ``calls`` for each dump.
    """
    real = shutil.which("mariadb-dump", path=f"{server.client_path}:{os.defpath}")
    clients = folder.joinpath("clients")
    clients.mkdir()
    program = clients.joinpath("mariadb-dump")
    calls = folder.joinpath("calls")
    program.write_text(
        f'#!/bin/sh\ncase "$1" in --version) exec {real} "$@";; esac\n'
        f'echo "$*" >> {calls}\n{script}\nexec {real} "$@"\n',
        encoding="ascii",
    )
    program.chmod(0o755)
    return clients


def instance_with(
    server: PrivateServer, login: secrets.Login | None = None, clients: Path | None = None
) -> instances.Instance:
    """Return a server as the engine sees it, to be used by another account or other programs."""
    settings: dict[str, Any] = {"id": DATABASE_ID, "type": "mysql", "host": server.host, "port": server.port}
    if clients:
        settings["client_path"] = clients
    config = DatabaseConfig.model_validate(settings)
    used = login or secrets.Login(server.admin_user, server.admin_password)
    return instances.Instance(config, instances.endpoint_of(config, used))


def report_of(
    server: PrivateServer,
    store: Path,
    database: str,
    *,
    login: secrets.Login | None = None,
    clients: Path | None = None,
) -> run.Report:
    """Back up a database by ``LANES`` jobs, as another account or by other programs, and return what came of it."""
    instance = instance_with(server, login, clients)
    engine_store = Store(StorageConfig(base_path=store), HOSTNAME, now)
    return run.back_up([run.Wanted(instance.id, lambda: instance)], engine_store, run.Request([database], LANES))


def artifact_of(store: Path, database: str) -> catalog.Artifact:
    return catalog.find_latest(store, database_id=DATABASE_ID, database=database)


def restore_info_of(store: Path, database: str) -> RestoreInfo:
    restore_info = artifact_of(store, database).metadata.restore_info
    assert restore_info is not None
    return restore_info


def dump_programs() -> list[str]:
    """Return the command lines of the dump programs that this process has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = folder.joinpath("stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1]
            if int(parent) == os.getpid():
                found.append(folder.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode())
    return [line for line in found if "mariadb-dump" in line]


def assert_one_process(report: run.Report, store: Path, database: str, why: str) -> None:
    """See that a backup went well by one process and says why in its result and in its metadata."""
    report.raise_for_failures()
    warning = f"{database}: {why}; it was dumped by one process and its row counts may differ from the dump"
    assert [list(result.warnings) for result in report.results] == [[warning]]
    restore_info = restore_info_of(store, database)
    assert restore_info.warnings == [warning]
    assert [section.kind for section in restore_info.sections] == ["full"]
    assert restore_info.lanes == 1
    assert not any(table.exact for table in restore_info.tables)


def state_of(server: PrivateServer, session: list[int]) -> str | None:
    """Return what a session does, None if it is not there yet."""
    if not session:
        return None
    rows = server.execute("SELECT command FROM information_schema.processlist WHERE id = %s", params=session)
    return str(rows[0][0]) if rows else None


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextlib.contextmanager
def one_more_writer(server: PrivateServer, database: str) -> Iterator[list[int]]:
    """Write a row again and again while the block runs; the list that is yielded grows with each."""
    stop = threading.Event()
    written: list[int] = []

    def write() -> None:
        with contextlib.closing(server.connect(database)) as connection, connection.cursor() as cursor:
            while not stop.wait(0.01):
                cursor.execute(f"INSERT INTO t5 VALUES ({10_000 + len(written)}, 'x')")
                written.append(1)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield written
    finally:
        stop.set()
        thread.join()
