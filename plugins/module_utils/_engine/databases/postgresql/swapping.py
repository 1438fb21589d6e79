# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One database takes the name of another: both are renamed in one transaction, which happens whole or not at all."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Callable

from ... import errors
from ..base import rows_of
from ..values import Endpoint, Swap, TableKey
from . import marks
from .connection import identifier, maintenance_session, telling

# A lock of ours, by the name of the database that is restored; it ends with the session that holds it.
TRY_LOCK = "SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended('vya.backupdb restore ' || %s, 0))"
UNLOCK = "SELECT pg_catalog.pg_advisory_unlock(pg_catalog.hashtextextended('vya.backupdb restore ' || %s, 0))"
TERMINATE = """
    SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
    WHERE datname = %s AND pid <> pg_catalog.pg_backend_pid() AND backend_type = 'client backend'
"""
TERMINATE_EVERY_SECONDS = 0.1
# All tables but those named and what they are partitions or children of; those go with their parent.
OTHER_TABLES = """
    WITH RECURSIVE kept(oid) AS (
        SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN unnest(%s::text[], %s::text[]) AS wanted(schema_name, name)
            ON wanted.schema_name = n.nspname AND wanted.name = c.relname
        UNION SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN kept ON kept.oid = i.inhrelid
    )
    SELECT CASE c.relkind WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, n.nspname, c.relname
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        AND NOT EXISTS (SELECT 1 FROM kept WHERE kept.oid = c.oid)
        AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e'
            AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass)
    ORDER BY 2, 3
"""
EVENT_TRIGGERS = "SELECT evtname FROM pg_catalog.pg_event_trigger WHERE evtenabled <> 'D' ORDER BY 1"


@contextlib.contextmanager
def exclusive(endpoint: Endpoint, target: str) -> Iterator[None]:
    """Keep any other restore to the same target out, from whichever host. Raise LockedError if one is under way."""
    with maintenance_session(endpoint) as connection, connection.cursor() as cursor:
        if not rows_of(cursor, TRY_LOCK, [target])[0][0]:
            raise errors.LockedError(
                f"another restore to the database {target} on {endpoint} is under way", "Wait until it is done"
            )
        try:
            yield
        finally:
            # The server may notice only later that the session has ended, and keep the next restore out until then.
            with contextlib.suppress(connection.Error):
                rows_of(cursor, UNLOCK, [target])


def swap(endpoint: Endpoint, wanted: Swap) -> None:
    """Rename the target out of the way, if there is one, and the scratch database to its name.

    Raise ValidationError when that cannot be done; then nothing has changed.
    """
    new, target, previous = wanted.new, wanted.target, wanted.previous
    try:
        with maintenance_session(endpoint) as connection, _ended_sessions(endpoint, target, wanted.terminate_sessions):
            connection.autocommit = False
            with connection, connection.cursor() as cursor:
                if previous is not None:
                    _rename(cursor, target, previous)
                    if not wanted.keep_previous:
                        marks.mark(cursor, previous, marks.REPLACED)
                _rename(cursor, new, target)
    except errors.ServerConnectionError:
        # The answer to the COMMIT may be all that is lost.
        if not _is_done(endpoint, new, target):
            raise


@contextlib.contextmanager
def _ended_sessions(endpoint: Endpoint, database: str, wanted: bool) -> Iterator[None]:
    """End all sessions of a database again and again while the block runs.

    ALTER DATABASE RENAME first locks the database against new sessions and then waits up to 5 seconds for those that
    are there, so they are ended just then; a database is never closed to its users by a setting that could stay
    (RenameDatabase and CountOtherDBBackends in PostgreSQL's sources).
    """
    if not wanted:
        yield
        return
    stop = threading.Event()

    def end() -> None:
        with contextlib.suppress(errors.BackupDBError), maintenance_session(endpoint) as connection:
            while not stop.is_set():
                with connection.cursor() as cursor:
                    rows_of(cursor, TERMINATE, [database])
                stop.wait(TERMINATE_EVERY_SECONDS)

    thread = threading.Thread(target=end, name="terminate", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def drop_leftovers(
    endpoint: Endpoint, target: str, is_scratch: Callable[[str], bool], is_previous: Callable[[str], bool]
) -> list[str]:
    """Drop what a killed restore to a target left; return a sentence for each database.

    ``is_scratch`` and ``is_previous`` tell by their names what databases are to the target.
    """
    said = []
    with maintenance_session(endpoint) as connection, connection.cursor() as cursor:
        for name, comment in rows_of(cursor, marks.COMMENTS):
            if is_scratch(name):
                cursor.execute(f"DROP DATABASE {identifier(name)} WITH (FORCE)")
                said.append(f"the scratch database {name} of a restore that was killed was dropped")
            elif is_previous(name) and marks.is_marked(name, comment, marks.REPLACED):
                said.append(_drop_gently(cursor, name, f"which was to be dropped when {target} had been replaced"))
            elif name == target and marks.is_marked(name, comment, marks.UNFINISHED):
                said.append(_drop_gently(cursor, name, "which was not whole, for the restore to it was killed"))
    return said


def _drop_gently(cursor: Any, name: str, why: str) -> str:
    """Drop a database unless somebody uses it; return what became of it."""
    try:
        cursor.execute(f"DROP DATABASE {identifier(name)}")
    except cursor.connection.Error as error:
        reason = telling(error.pgcode or "", error.diag.message_primary or "")
        return f"the database {name}, {why}, could not be dropped: {reason}"
    return f"the database {name}, {why}, was dropped"


def keep_tables(cursor: Any, keys: Sequence[TableKey]) -> None:
    """Drop every table of the cursor's database but those, with the views and constraints that need it."""
    for (name,) in rows_of(cursor, EVENT_TRIGGERS):
        # Of a scratch database that is to hold some tables alone, and that they would watch being emptied.
        cursor.execute(f"ALTER EVENT TRIGGER {identifier(name)} DISABLE")
    wanted = [[schema for schema, _name in keys], [name for _schema, name in keys]]
    for kind, schema, name in rows_of(cursor, OTHER_TABLES, wanted):
        cursor.execute(f"DROP {kind} IF EXISTS {identifier(schema)}.{identifier(name)} CASCADE")


def _is_done(endpoint: Endpoint, new: str, target: str) -> bool:
    query = "SELECT datname FROM pg_catalog.pg_database WHERE datname IN (%s, %s)"
    try:
        with maintenance_session(endpoint) as connection, connection.cursor() as cursor:
            return [name for (name,) in rows_of(cursor, query, [new, target])] == [target]
    except errors.BackupDBError:
        return False


def _rename(cursor: Any, old: str, new: str) -> None:
    cursor.execute(f"ALTER DATABASE {identifier(old)} RENAME TO {identifier(new)}")
