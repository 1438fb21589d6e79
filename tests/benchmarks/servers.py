# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private servers with settings for a benchmark, and the databases in them."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tools.private_servers.base import PrivateServer
from tools.private_servers.mariadb import MariadbServer
from tools.private_servers.postgresql import PostgresqlServer

from . import data

DATABASE = "bench"
EMPTY_DATABASE = "nothing"


def create(family: str, size_mb: int) -> PrivateServer:
    """Return a server, not started, whose settings keep the disk out of what is measured.

    MariaDB reads past the system's cache, so its own has to hold the data; PostgreSQL reads through it.
    """
    if family == "postgresql":
        return PostgresqlServer(
            settings={
                "shared_buffers": "512MB",
                "maintenance_work_mem": "256MB",
                "max_wal_size": "4GB",
                "checkpoint_timeout": "1h",
                "autovacuum": "off",
            }
        )
    return MariadbServer(
        settings={
            "innodb_buffer_pool_size": f"{max(512, size_mb * 2)}M",
            "innodb_log_file_size": "512M",
            "innodb_max_dirty_pages_pct_lwm": "0",
        }
    )


def process_id(server: PrivateServer) -> int:
    """Return the process of a running server that all its others descend from."""
    file = "data/postmaster.pid" if server.family == "postgresql" else "tmp/server.pid"
    return int(server.folder.joinpath(file).read_text(encoding="ascii").split()[0])


def fill(
    servers: Sequence[PrivateServer],
    size_mb: int,
    say: Callable[[str], None],
    tables: Sequence[data.Table] = data.TABLES,
) -> None:
    """Create the databases on every server and fill one of them with tables of ``data``.

    The rows of a table are made once, by as many processes as there are processors, and loaded side by side.
    """
    for server in servers:
        server.create_database(DATABASE)
        server.create_database(EMPTY_DATABASE)
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(multiprocessing.Pool(os.cpu_count()))
        for table in tables:
            file = servers[0].folder.joinpath(f"{table.name}.tsv")
            with file.open("wb") as sink:
                for block in pool.imap(data.lines, data.chunks(table, size_mb)):
                    sink.write(block)
            # The server itself reads it.
            file.chmod(0o644)
            if not table.name.startswith("lookup"):
                say(f"{table.name}: {file.stat().st_size / 1e6:.0f} MB in {table.rows(size_mb)} rows")
            _side_by_side([functools.partial(_load, server, table, file) for server in servers])
            file.unlink()
    _side_by_side([functools.partial(_relate, server, tables) for server in servers])
    _side_by_side([functools.partial(_settle, server) for server in servers])


def _side_by_side(actions: Sequence[Callable[[], Any]]) -> None:
    failures: list[BaseException] = []

    def guarded(action: Callable[[], Any]) -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - raised below, in the thread that waits
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _load(server: PrivateServer, table: data.Table, file: Path) -> None:
    with contextlib.closing(server.connect(DATABASE)) as connection, connection.cursor() as cursor:
        for statement in _statements(server.family, table, str(file)):
            cursor.execute(statement)


def _statements(family: str, table: data.Table, file: str) -> Iterator[str]:
    columns = ", ".join(f"{each.name} {getattr(each, family)}" for each in table.columns)
    names = ["id", *(each.name for each in table.columns)]
    if family == "postgresql":
        yield f"CREATE TABLE {table.name} (id integer NOT NULL, {columns})"
        yield f"COPY {table.name} FROM '{file}'"
        yield f"ALTER TABLE {table.name} ADD PRIMARY KEY (id)"
    else:
        yield f"CREATE TABLE {table.name} (id integer NOT NULL PRIMARY KEY, {columns})"
        yield "SET unique_checks = 0, foreign_key_checks = 0"
        listed = ", ".join("@hex" if name == table.blob else name for name in names)
        # Hex as PostgreSQL wants it starts with \x.
        decoded = f" SET {table.blob} = UNHEX(SUBSTRING(@hex, 3))" if table.blob else ""
        yield f"LOAD DATA INFILE '{file}' INTO TABLE {table.name} CHARACTER SET utf8mb4 ({listed}){decoded}"
    for column in table.indexes:
        yield f"CREATE INDEX {table.name}_{column} ON {table.name} ({column})"


def _relate(server: PrivateServer, tables: Sequence[data.Table]) -> None:
    """Add the foreign keys between tables that are there."""
    present = {table.name for table in tables}
    with contextlib.closing(server.connect(DATABASE)) as connection, connection.cursor() as cursor:
        if server.family == "mysql":
            # Else MariaDB copies the table.
            cursor.execute("SET foreign_key_checks = 0")
        for table in tables:
            if table.parent in present:
                cursor.execute(f"ALTER TABLE {table.name} ADD FOREIGN KEY (id) REFERENCES {table.parent} (id)")


def _settle(server: PrivateServer) -> None:
    """Let the server finish what loading left to do, so that the first dump does not pay for it."""
    if server.family == "postgresql":
        server.execute("VACUUM (ANALYZE, FREEZE)", DATABASE)
        server.execute("CHECKPOINT")
    else:
        server.execute("FLUSH TABLES")
