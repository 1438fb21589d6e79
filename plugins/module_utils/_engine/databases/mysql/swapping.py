# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One database takes the place of another: all tables by one statement, which happens whole or not at all.

Before it, nothing that users see changes, and whatever fails is undone. After it, what has no place in a RENAME TABLE
follows: routines, views and events that differ, each by one statement, and the names of triggers. A table in the new
database tells how far a swap has come, so that one that was killed is finished or undone by the next restore.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Callable

from ... import errors
from ..base import rows_of
from ..values import Endpoint
from . import defaults, definitions, leftovers, routine_grants, swap_plan, undoing
from .connection import identifier, server_error, session
from .definitions import Definition
from .settling import Settling
from .swap_plan import DROPPING, JOURNAL, JOURNAL_AFTER, Plan, qualified

LOCK = "SELECT GET_LOCK(%s, %s)"
RELEASE = "SELECT RELEASE_LOCK(%s)"
# No user of the target waits longer for us than this.
LOCK_WAIT_SECONDS = 3
# How long a session of ours may go on after its client is gone.
ENDING_SECONDS = 60
LOCK_TIMEOUT = 1205
JOURNALS = "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_NAME IN (%s, %s)"
KEEPING_MARIADB = """
    SELECT DISTINCT p.ID, p.USER FROM information_schema.PROCESSLIST p
    LEFT JOIN information_schema.INNODB_TRX t ON t.trx_mysql_thread_id = p.ID
    WHERE p.ID <> CONNECTION_ID() AND p.COMMAND <> 'Daemon' AND (t.trx_id IS NOT NULL OR p.DB = %s) ORDER BY 1
"""
KEEPING_MYSQL = """
    SELECT DISTINCT t.PROCESSLIST_ID, t.PROCESSLIST_USER FROM performance_schema.metadata_locks m
    JOIN performance_schema.threads t ON t.THREAD_ID = m.OWNER_THREAD_ID
    WHERE m.OBJECT_SCHEMA = %s AND m.LOCK_STATUS = 'GRANTED' AND t.PROCESSLIST_ID <> CONNECTION_ID() ORDER BY 1
"""
CHUNK_CHARACTERS = 200_000


@contextlib.contextmanager
def exclusive(endpoint: Endpoint, target: str) -> Iterator[None]:
    """Keep any other restore to the same target out, from whichever host. Raise LockedError if one is under way."""
    with session(endpoint) as connection, connection.cursor() as cursor:
        if not rows_of(cursor, LOCK, [_lock_name("restore", target), 0])[0][0]:
            raise errors.LockedError(
                f"another restore to the database {target} on {endpoint} is under way", "Wait until it is done"
            )
        try:
            yield
        finally:
            # The end of the session frees it too, but not before the next restore may ask.
            with contextlib.suppress(connection.Error):
                rows_of(cursor, RELEASE, [_lock_name("restore", target)])


def hold_events(endpoint: Endpoint, database: str) -> list[Definition]:
    """Disable the events of a scratch database, lest they run; return them as they were, for ``swap``."""
    with session(endpoint, database) as connection, connection.cursor() as cursor:
        return definitions.disable_events(cursor, database)


def keep_tables(endpoint: Endpoint, database: str, names: Iterable[str]) -> None:
    """Drop all views and all tables of a scratch database but those named; its sequences stay."""
    with session(endpoint, database) as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION foreign_key_checks = 0")
        kept = {*names, leftovers.UNFINISHED, *(name for (name,) in rows_of(cursor, swap_plan.SEQUENCES, [database]))}
        for (view,) in rows_of(cursor, definitions.VIEWS, [database]):
            definitions.drop(cursor, "VIEW", view)
        for table in swap_plan.tables_of(cursor, database):
            if table not in kept:
                definitions.drop(cursor, "TABLE", table)


def swap(
    endpoint: Endpoint,
    new: str,
    target: str,
    previous: str | None,
    *,
    source: str | None = None,
    held_events: Sequence[Definition] = (),
    keep_previous: bool = True,
) -> list[str]:
    """Put the database ``new`` in the place of ``target``, whose content becomes that of a new database ``previous``.

    ``previous`` is None where there is no target yet. ``source`` is the name that the database had where it was
    dumped, and ``held_events`` are what ``hold_events`` returned. Without ``keep_previous`` the old database is noted
    as one that is to be dropped. Return what should be known, as sentences. Raise ValidationError when it cannot be
    done; then the target is as it was.
    """
    with _swapping_session(endpoint, target) as cursor:
        plan = _read_plan(cursor, (new, target, previous), source, held_events)
        plan = dataclasses.replace(plan, keep_previous=keep_previous)
        _refuse(endpoint, cursor, plan)
        _write_journal(cursor, plan)
    try:
        with _swapping_session(endpoint, target) as cursor, _told_who_keeps_it(endpoint, cursor, plan):
            _prepare(cursor, plan)
            _exchange(cursor, plan)
    except BaseException:
        with _swapping_session(endpoint, target) as cursor:
            if not _is_past(cursor, plan):
                undoing.undo(cursor, plan)
                raise
    return _finish(endpoint, plan)


def recover(endpoint: Endpoint, target: str, is_scratch: Callable[[str], bool]) -> list[str]:
    """Finish or undo what killed restores to a target left, and drop their scratch databases; say what was done.

    Call it under ``exclusive``. ``is_scratch`` tells which names are those of scratch databases for the target.
    """
    said = []
    # When the session is had, no statement of a killed restore is still at work.
    with _swapping_session(endpoint, target) as cursor:
        journals = rows_of(cursor, JOURNALS, [JOURNAL, JOURNAL_AFTER])
        plans = [plan for where in journals if (plan := _read_journal(cursor, *where)) and plan.target == target]
    for plan in plans:
        with _swapping_session(endpoint, target) as cursor:
            past = _is_past(cursor, plan)
            if not past:
                undoing.undo(cursor, plan)
        if past:
            said += [f"a restore to {target} that was broken off has been finished", *_finish(endpoint, plan)]
        else:
            said.append(f"a restore to {target} that was broken off before it had changed anything has been undone")
    with session(endpoint) as connection, connection.cursor() as cursor:
        said += leftovers.drop(cursor, target, _replaced(cursor))
        for (database,) in rows_of(cursor, swap_plan.DATABASES):
            if is_scratch(database):
                definitions.drop(cursor, "DATABASE", database)
                said.append(f"{database}, which a restore to {target} that was broken off had left, has been dropped")
    return said


def _replaced(cursor: Any) -> list[Plan]:
    """Return the plans of all swaps that are done but for the old database, which is to be dropped."""
    plans = []
    for where, _note in rows_of(cursor, leftovers.MARKED, [DROPPING]):
        # A server that still drops it for a client that is gone has it no more by now.
        with contextlib.suppress(cursor.connection.Error):
            plan = _read_journal(cursor, where, DROPPING)
            if plan is not None and plan.previous == where:
                plans.append(plan)
    return plans


@contextlib.contextmanager
def _swapping_session(endpoint: Endpoint, target: str) -> Iterator[Any]:
    """Yield the cursor of the one session that works on a swap: a statement of one that was lost may still run."""
    with session(endpoint) as connection, connection.cursor() as cursor:
        if not rows_of(cursor, LOCK, [_lock_name("swap", target), ENDING_SECONDS])[0][0]:
            raise errors.LockedError(
                f"an earlier session still works on the database {target} on {endpoint}", "Wait until it has ended"
            )
        cursor.execute(f"SET SESSION lock_wait_timeout = {LOCK_WAIT_SECONDS}, foreign_key_checks = 1")
        yield cursor


def _lock_name(purpose: str, target: str) -> str:
    # A name of a lock may have 64 characters.
    return f"vya.backupdb {purpose} {hashlib.sha256(target.encode('utf-8')).hexdigest()[:40]}"


def _read_plan(
    cursor: Any, names: tuple[str, str, str | None], source: str | None, held_events: Sequence[Definition]
) -> Plan:
    new, target, previous = names
    incoming = swap_plan.read_contents(cursor, new, held_events)
    outgoing = swap_plan.Contents(incoming.character_set, incoming.collation)
    if previous is not None:
        outgoing = swap_plan.read_contents(cursor, target)
    mariadb = "mariadb" in str(rows_of(cursor, "SELECT VERSION()")[0][0]).lower()
    changed = {one.key for one in incoming.definitions if one not in outgoing.definitions}
    routines = {one.key for one in outgoing.definitions if one.kind in ("FUNCTION", "PROCEDURE")} & changed
    # MariaDB replaces a routine without dropping it.
    grants = routine_grants.read(cursor, target, routines) if routines and not mariadb else []
    return Plan(mariadb, new, target, previous, source, incoming, outgoing, grants)


def _refuse(endpoint: Endpoint, cursor: Any, plan: Plan) -> None:
    """Raise ValidationError for what would be in the way."""
    present = {name for (name,) in rows_of(cursor, swap_plan.DATABASES)}
    unwanted = plan.target if plan.previous is None else plan.previous
    if unwanted in present:
        raise errors.ValidationError(f"the database {unwanted} exists on {endpoint}", "Rename it or drop it")
    keys = swap_plan.keys_of_others(cursor, plan.target, plan.new)
    if keys:
        raise errors.ValidationError(swap_plan.of_keys(endpoint, plan.target, keys), swap_plan.KEYS_REMEDY)


def _write_journal(cursor: Any, plan: Plan) -> None:
    name = qualified(plan.new, JOURNAL)
    cursor.execute(f"CREATE TABLE {name} (number int PRIMARY KEY, part longtext) ENGINE=InnoDB CHARACTER SET ascii")
    text = plan.as_json()
    cursor.execute("START TRANSACTION")
    for number, start in enumerate(range(0, len(text), CHUNK_CHARACTERS)):
        cursor.execute(f"INSERT INTO {name} VALUES (%s, %s)", [number, text[start : start + CHUNK_CHARACTERS]])
    cursor.execute("COMMIT")


def _read_journal(cursor: Any, database: str, name: str) -> Plan | None:
    text = "".join(part for (part,) in rows_of(cursor, f"SELECT part FROM {qualified(database, name)} ORDER BY number"))
    return Plan.from_json(text) if text else None


def _is_past(cursor: Any, plan: Plan) -> bool:
    """Say whether the tables have changed places."""
    return JOURNAL_AFTER in swap_plan.tables_of(cursor, plan.previous or plan.target)


def _prepare(cursor: Any, plan: Plan) -> None:
    """Do all that can be done before the tables change places."""
    incoming, outgoing = plan.incoming, plan.outgoing
    created = plan.previous if plan.previous is not None else plan.target
    cursor.execute(
        f"CREATE DATABASE {identifier(created)} CHARACTER SET {outgoing.character_set} COLLATE {outgoing.collation}"
    )
    undoing.set_collation(cursor, plan.target, incoming.collation)
    if not plan.mariadb:
        return
    for statement in defaults.alterations(cursor, plan.new, {plan.new, plan.source or plan.new}, plan.target):
        # Where the target has no such sequence yet, it is done when it has.
        with contextlib.suppress(cursor.connection.ProgrammingError):
            cursor.execute("SET SESSION system_versioning_alter_history = KEEP")
            cursor.execute(statement)
    cursor.execute(f"USE {identifier(plan.new)}")
    for trigger, _arriving in plan.arriving_triggers:
        definitions.drop(cursor, "TRIGGER", trigger.name)
    cursor.execute("SET SESSION foreign_key_checks = 0")
    for key, name in plan.arriving_keys:
        cursor.execute(key.renaming(plan.new, key.name, name))
    cursor.execute("SET SESSION foreign_key_checks = 1")
    for table, name in plan.arriving.items():
        cursor.execute(f"RENAME TABLE {qualified(plan.new, table)} TO {qualified(plan.target, name)}")
    cursor.execute(f"USE {identifier(plan.target)}")
    for _trigger, arriving in plan.arriving_triggers:
        definitions.create(cursor, arriving)


def _exchange(cursor: Any, plan: Plan) -> None:
    """Let the tables change places."""
    cursor.execute(f"USE {identifier(plan.target)}")
    for view in plan.hidden_views:
        definitions.drop(cursor, "VIEW", view)
    if not plan.mariadb:
        _lock_tables(cursor, plan)
        for trigger in plan.outgoing.of_kind("TRIGGER"):
            definitions.drop(cursor, "TRIGGER", trigger.name)
    cursor.execute(plan.renames)
    if not plan.mariadb:
        for trigger in plan.incoming.of_kind("TRIGGER"):
            # Whatever needs another default of the database cannot be made while tables are locked.
            if trigger.database_collation == plan.incoming.collation:
                definitions.create(cursor, trigger)
        cursor.execute("UNLOCK TABLES")


@contextlib.contextmanager
def _told_who_keeps_it(endpoint: Endpoint, cursor: Any, plan: Plan) -> Iterator[None]:
    """Raise ValidationError, with the users that are in the way, when a lock cannot be had in time."""
    try:
        yield
    except cursor.connection.Error as error:
        if error.args[0] != LOCK_TIMEOUT:
            raise
        raise _busy(endpoint, cursor, plan) from None


def _lock_tables(cursor: Any, plan: Plan) -> None:
    """Lock all tables that change places, for MySQL; the triggers of the new ones are not needed where they are."""
    cursor.execute(f"USE {identifier(plan.new)}")
    for trigger in plan.incoming.of_kind("TRIGGER"):
        definitions.drop(cursor, "TRIGGER", trigger.name)
    cursor.execute(f"USE {identifier(plan.target)}")
    names = [qualified(plan.target, table) for table in plan.outgoing.tables]
    names += [qualified(plan.new, table) for table in (*plan.incoming.tables, JOURNAL)]
    cursor.execute("LOCK TABLES " + ", ".join(f"{name} WRITE" for name in names))


def _busy(endpoint: Endpoint, cursor: Any, plan: Plan) -> errors.ValidationError:
    """Return the error that says who keeps the tables from changing places, as far as the account may see that."""
    users: list[str] = []
    with contextlib.suppress(cursor.connection.Error):
        query = KEEPING_MARIADB if plan.mariadb else KEEPING_MYSQL
        users = [f"{user} (session {number})" for number, user in rows_of(cursor, query, [plan.target])]
    keepers = f"; sessions there: {', '.join(users)}" if users else ""
    return errors.ValidationError(
        f"the tables of {plan.target} on {endpoint} are in use, and could not be replaced within"
        f" {LOCK_WAIT_SECONDS} seconds{keepers}",
        "End these sessions, or restore when they are done",
    )


def _finish(endpoint: Endpoint, plan: Plan) -> list[str]:
    """Do what is left when the tables have changed places; swap back where that cannot be done."""
    settled = _settled_at_last(endpoint, plan)
    if not settled.failures:
        return settled.warnings
    definition, failure = settled.failures[0]
    reason = server_error(endpoint, failure.args[0], str(failure.args[1])).message
    what = f"{definition.kind.lower()} {definition.name}"
    _swap_back(endpoint, plan, what, reason)
    raise errors.ValidationError(
        f"the {what} could not be created in {plan.target}: {reason}; the old content has been put back",
        "Remove the cause and restore once more",
    )


def _settled_at_last(endpoint: Endpoint, plan: Plan) -> Settling:
    try:
        with contextlib.suppress(errors.BackupDBError):
            return _settled(endpoint, plan, final=False)
        # Once more, on another session: it goes on where it was.
        return _settled(endpoint, plan, final=True)
    except errors.BackupDBError as error:
        raise errors.ValidationError(
            f"{plan.target} has been replaced, but not all of it is in its place yet: {error.message}",
            "Restore once more: what is left to do is done first",
        ) from error


def _settled(endpoint: Endpoint, plan: Plan, *, final: bool) -> Settling:
    """Do what is left to do. Raise ValidationError for a failure that is not the ``final`` one."""
    with _swapping_session(endpoint, plan.target) as cursor:
        settling = Settling(cursor, plan)
        settling.run()
        if (settling.failures or settling.missing) and not final:
            raise errors.ValidationError("not everything could be created")
        definitions.drop(cursor, "DATABASE", plan.new)
        # The last: nothing is left to do here.
        if plan.previous is None or plan.keep_previous or settling.failures:
            cursor.execute(f"DROP TABLE {qualified(plan.previous or plan.target, JOURNAL_AFTER)}")
        else:
            leftovers.mark_replaced(cursor, plan)
        return settling


def _swap_back(endpoint: Endpoint, plan: Plan, what: str, reason: str) -> None:
    if plan.previous is None:
        with _swapping_session(endpoint, plan.target) as cursor:
            definitions.drop(cursor, "DATABASE", plan.target)
        return
    try:
        events = plan.outgoing.of_kind("EVENT")
        swap(endpoint, plan.previous, plan.target, plan.new, held_events=events)
        with session(endpoint) as connection, connection.cursor() as cursor:
            routine_grants.give(cursor, plan.routine_grants)
            definitions.drop(cursor, "DATABASE", plan.new)
    except errors.BackupDBError as error:
        raise errors.ValidationError(
            f"{plan.target} has been replaced, but the {what} could not be created ({reason}), and the old content,"
            f" which is whole in {plan.previous}, could not be put back: {error.message}",
            f"Create the {what}, or restore once more",
        ) from error
