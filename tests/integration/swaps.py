# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two small databases of MySQL or MariaDB of which one takes the place of the other, and ways to disturb that."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import pymysql
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql import swapping
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.values import Endpoint
from ansible_collections.vya.backupdb.plugins.module_utils._engine.secrets import Login

from tools.private_servers.base import PrivateServer

STAMP = "20260109020000"
PLANTED = "Wilhelmine-4711-Planted"
# Whatever else a session says does not change a thing.
QUIET = ("SELECT", "SHOW", "SET", "USE", "START", "COMMIT")
# ``{version}`` is another one in the new database; foreign keys and triggers have the same names in both. MariaDB puts
# the table of a trigger in quotes when it takes a rename back after a crash, so they are there from the beginning.
SCRIPT = f"""
    CREATE TABLE person (id int PRIMARY KEY AUTO_INCREMENT, name varchar(100), version int DEFAULT {{version}});
    INSERT INTO person (name) VALUES ('{PLANTED}'), ('{{version}}');
    CREATE TABLE note (id int PRIMARY KEY AUTO_INCREMENT, person int, what text,
        CONSTRAINT of_person FOREIGN KEY (person) REFERENCES person (id) ON DELETE CASCADE);
    CREATE TABLE audit (id int PRIMARY KEY AUTO_INCREMENT, what text) COMMENT='{{version}}';
    CREATE TABLE only_{{version}} (id int);
    CREATE TABLE unchanged (id int PRIMARY KEY);
    CREATE TRIGGER noted AFTER INSERT ON `note` FOR EACH ROW INSERT INTO audit (what) VALUES ('{{version}}');
    CREATE TRIGGER noted_too AFTER INSERT ON `note` FOR EACH ROW SET @noted = {{version}};
    CREATE TRIGGER `only "{{version}}"` BEFORE INSERT ON `only_{{version}}` FOR EACH ROW SET NEW.id = {{version}};
    CREATE FUNCTION version_of() RETURNS int DETERMINISTIC RETURN {{version}};
    CREATE FUNCTION same() RETURNS int DETERMINISTIC RETURN 5;
    CREATE VIEW z_names AS SELECT name, version_of() AS version FROM person;
    CREATE VIEW a_names AS SELECT name FROM z_names WHERE version = {{version}};
    CREATE VIEW view_{{version}} AS SELECT 1 AS one;
    CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2035-01-01 00:00:00'
        DO DELETE FROM audit WHERE id < {{version}};
"""
MARIADB_SCRIPT = """
    CREATE SEQUENCE numbers START WITH {version}00;
    CREATE TABLE takes (id int PRIMARY KEY DEFAULT nextval(numbers), twice int DEFAULT (nextval(numbers) * 2), t text);
"""


@dataclass(frozen=True)
class Pair:
    """A target and a scratch database on a server, and what each of them is as a whole."""

    server: PrivateServer
    target: str
    old: str = field(default="", repr=False)
    new: str = field(default="", repr=False)

    @property
    def scratch(self) -> str:
        return f"{self.target}__restore_{STAMP}"

    @property
    def previous(self) -> str:
        return f"{self.target}__before_{STAMP}"

    @property
    def endpoint(self) -> Endpoint:
        login = Login(self.server.admin_user, self.server.admin_password)
        return Endpoint("mysql", self.server.host, self.server.port, login)

    def swap(self) -> list[str]:
        return swapping.swap(self.endpoint, self.scratch, self.target, self.previous)

    def recover(self) -> list[str]:
        return swapping.recover(self.endpoint, self.target, self.is_scratch)

    def is_scratch(self, name: str) -> bool:
        return name.startswith(f"{self.target}__restore_")

    def databases(self) -> set[str]:
        """Return which of the three databases there are."""
        return set(self.server.databases()) & {self.target, self.scratch, self.previous}

    def dump(self, database: str) -> str:
        """Return all of a database, with one name for whichever of the three it is."""
        text = self.server.whole_dump(database)
        for name in (self.target, self.scratch, self.previous):
            text = text.replace(self.server.quote(name), "`it`")
        return text

    def fill(self) -> Pair:
        """Make both databases, and know them."""
        self.make()
        return Pair(self.server, self.target, self.dump(self.target), self.dump(self.scratch))

    def make_anew(self) -> None:
        """Make both databases again, whatever is there of the three."""
        self.clear()
        self.make()

    def make(self) -> None:
        """Make both databases."""
        for database, version in ((self.target, 1), (self.scratch, 2)):
            self.server.create_database(database)
            script = SCRIPT + (MARIADB_SCRIPT if self.server.flavour == "mariadb" else "")
            self.server.run_script(script.format(version=version), database)

    def clear(self) -> None:
        """Drop what there is of the three databases."""
        for database in self.databases():
            self.server.drop_database(database)

    def assert_old(self) -> None:
        """See that the target is as it was and nothing else is there."""
        assert self.databases() == {self.target}
        assert self.dump(self.target) == self.old

    def assert_swapped(self) -> None:
        """See that the target is the new database, and the old one is whole beside it."""
        assert self.databases() == {self.target, self.previous}
        assert self.dump(self.target) == self.new
        assert self.dump(self.previous) == with_events_disabled(self.old)


def with_events_disabled(dump: str) -> str:
    """Return a dump as it would be if its events were disabled."""
    return dump.replace(" ON COMPLETION NOT PRESERVE ENABLE ", " ON COMPLETION NOT PRESERVE DISABLE ").replace(
        " ON COMPLETION PRESERVE ENABLE ", " ON COMPLETION PRESERVE DISABLE "
    )


@contextlib.contextmanager
def disturbed(at: int, disturb: Callable[[Any], None]) -> Iterator[list[str]]:
    """Call something, with the connection, before the statement of that number (from 0) that changes a thing.

    Yield a list to which each such statement is added.
    """
    said: list[str] = []
    execute = pymysql.cursors.Cursor.execute

    def counted(self: Any, query: Any, args: Any = None) -> int:
        text = query.decode("utf-8", "replace") if isinstance(query, bytes) else query
        if not text.strip().startswith(QUIET):
            said.append(text)
            if len(said) == at + 1:
                disturb(self.connection)
        return int(execute(self, query, args))

    with mock.patch.object(pymysql.cursors.Cursor, "execute", counted):
        yield said


def refuse(_connection: Any) -> None:
    """Fail as a server does that has a fault."""
    raise pymysql.err.OperationalError(1030, "injected")


def lose(connection: Any) -> None:
    """Let the server end the session."""
    connection.kill(connection.thread_id())


def swap_and_die(pair: Pair, at: int) -> bool:
    """Swap in a process that dies before a statement; say whether it died, and did not end before."""
    pid = os.fork()
    if pid == 0:
        # As by SIGKILL: nothing is tidied up.
        try:
            with disturbed(at, lambda _connection: os._exit(9)):
                pair.swap()
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status in (0, 9)
    return status == 9


def swap_and_be_killed(pair: Pair, seconds: float) -> None:
    """Swap in a process that gets a SIGKILL after a while."""
    pid = os.fork()
    if pid == 0:
        try:
            pair.swap()
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@contextlib.contextmanager
def users(pair: Pair, number: int, work: Callable[[Any, int], None]) -> Iterator[list[Exception]]:
    """Let sessions on the target do some work over and over while the block runs; yield what goes wrong for them."""
    stop = threading.Event()
    troubles: list[Exception] = []

    def run() -> None:
        with contextlib.closing(pair.server.connect(pair.target)) as connection, connection.cursor() as cursor:
            for count in itertools.count():
                if stop.is_set():
                    return
                try:
                    work(cursor, count)
                except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
                    troubles.append(error)
                    return

    threads = [threading.Thread(target=run) for _number in range(number)]
    for thread in threads:
        thread.start()
    try:
        yield troubles
    finally:
        stop.set()
        for thread in threads:
            thread.join()
