# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of backups: each does the same to every tool, and says what came of it."""

from __future__ import annotations

import contextlib
import subprocess
import time
from datetime import datetime, timedelta

from tests.disks import MIB, small_disk
from tools.private_servers.base import PrivateServer

from . import running, scenery
from .tools.base import Tool
from .tools.borgmatic import turn_byte
from .trial import (
    WRONG_PASSWORD,
    CannotRunError,
    Seen,
    Trial,
    at,
    bring_back,
    contents,
    count,
    kill_dump,
    load_by_hand,
    lying_disk,
    must_succeed,
)

SHOP = "shop"
BIG_MEGABYTES = 32
SMALL_DISK_MEGABYTES = 8
BUSY_TABLES, BUSY_MEGABYTES = 4, 48
# The second busiest thread must have done this share of what the busiest did.
BUSY_SHARE = 0.5
NAMES = ("web shop", "o'clock", "-dash", "a=b")
APP, APP_PASSWORD = "shop_app", "App-Password-1"
FIRST_NIGHT = datetime(2026, 3, 3, 2, 0, 0)  # noqa: DTZ001 - the tool's own clock
GOOD_NIGHTS = (0, 7, 14, 21, 28, 35)
BAD_NIGHTS = (36, 42, 43, 60, 90, 135)


def wrong_password(trial: Trial) -> Seen:
    """Back up with a wrong password."""
    scenery.create_small(trial.server, SHOP)
    tool = trial.tool().elsewhere(password=WRONG_PASSWORD)
    ended = running.run(tool.back_up([SHOP]))
    return Seen(ended.failed, f"{ended}, {count(tool)}")


def cut_short(trial: Trial) -> Seen:
    """Kill the dump program, and then the server, in the middle of a dump."""
    scenery.create_big(trial.server, SHOP, BIG_MEGABYTES)
    killed = running.run(trial.tool().back_up([SHOP]), kill_dump())
    with type(trial.server)() as own:
        scenery.create_big(own, SHOP, BIG_MEGABYTES)
        tool = trial.on(own).tool()
        kill_server = running.call_when_moving(running.DUMP_PROGRAMS, "wchar", scenery.ROW_BYTES, own.kill)
        orphaned = running.run(tool.back_up([SHOP]), kill_server)
    what = f"program killed: {killed}; server killed: {orphaned}"
    return Seen(killed.failed and orphaned.failed, what)


def full_disk(trial: Trial) -> Seen:
    """Back up to a disk that is too small."""
    scenery.create_big(trial.server, SHOP, BIG_MEGABYTES)
    try:
        with small_disk(trial.folder.joinpath("disk"), SMALL_DISK_MEGABYTES * MIB) as disk:
            tool = trial.tool(store=disk.joinpath("store"))
            ended = running.run(tool.back_up([SHOP]))
            return Seen(ended.failed and not tool.backups(), f"{ended}, {count(tool)}")
    except OSError as error:
        raise CannotRunError(str(error)) from error


def previous_kept(trial: Trial) -> Seen:
    """Kill the dump program of the next night's backup, and look at the first one."""
    scenery.create_big(trial.server, SHOP, BIG_MEGABYTES)
    tool = trial.tool()
    must_succeed(running.run(tool.back_up([SHOP])))
    before = contents(tool)
    next_night = at(tool, datetime.now() + timedelta(days=1), trial.libraries)  # noqa: DTZ005 - the tool's own clock
    running.run(next_night.back_up([SHOP]), kill_dump())
    after = contents(tool)
    kept = all(after.get(name) == content for name, content in before.items())
    return Seen(kept, "the first backup is as it was" if kept else "the first backup is lost")


def wrong_byte(trial: Trial) -> Seen:
    """Write one byte of the backup wrong, without an error."""
    scenery.create_small(trial.server, SHOP)
    tool = trial.tool()
    # What is only checked once in a while has been checked then.
    must_succeed(running.run(tool.back_up([SHOP])))
    scenery.add_noise(trial.server, SHOP, BIG_MEGABYTES)
    liar, done = lying_disk(tool, trial)
    ended = running.run(liar.back_up([SHOP]))
    if not done.exists():
        raise AssertionError("no byte of the backup was written wrong")
    return Seen(ended.failed, str(ended))


def rot(trial: Trial) -> Seen:
    """Turn a byte in the middle of the largest stored file, and have the tool look at what it has stored."""
    scenery.create_big(trial.server, SHOP, BIG_MEGABYTES)
    tool = trial.tool()
    must_succeed(running.run(tool.back_up([SHOP])))
    must_succeed(running.run(tool.inspect()))
    turn_byte(
        max((path for path in tool.place.store.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    )
    ended = running.run(tool.inspect())
    return Seen(ended.failed, "its check fails" if ended.failed else "its check reports success")


def drill(trial: Trial) -> Seen:
    """Have the tool prove a good backup, and one with a statement that no server accepts."""
    scenery.create_small(trial.server, SHOP)
    tool = trial.tool()
    must_succeed(running.run(tool.back_up([SHOP])))
    must_succeed(running.run(tool.drill()))
    programs = scenery.with_dump_program(trial.server, trial.folder, scenery.break_statement())
    broken = running.run(tool.elsewhere(programs=programs).back_up([SHOP]))
    proof = running.run(tool.drill())
    what = "its proof fails" if proof.failed else "its proof reports success"
    return Seen(broken.failed or proof.failed, "the backup fails" if broken.failed else what)


def complete(trial: Trial) -> Seen:
    """Back up, drop, bring back and compare a database with an object of each common kind."""
    scenery.create_small(trial.server, SHOP)
    before = trial.server.whole_dump(SHOP)
    tool = trial.tool()
    must_succeed(running.run(tool.back_up([SHOP])))
    trial.server.drop_database(SHOP)
    must_succeed(bring_back(tool, SHOP))
    after = trial.server.whole_dump(SHOP)
    kinds = ("TRIGGER", "VIEW", "FUNCTION", "PROCEDURE", "EVENT")
    missing = [kind.lower() + "s" for kind in kinds if kind in before and before.count(kind) > after.count(kind)]
    return Seen(before == after, "all is back" if before == after else f"missing: {', '.join(missing) or 'rows'}")


def accounts(trial: Trial) -> Seen:
    """Bring a database to an empty server and log in as its application."""
    server = trial.server
    scenery.create_small(server, SHOP)
    try:
        server.create_user(APP, APP_PASSWORD)
        server.execute(f"GRANT SELECT ON item TO {APP}", SHOP)
        tool = trial.tool()
        must_succeed(running.run(tool.back_up([SHOP])))
        with type(server)(admin_password=server.admin_password) as second:
            scenery.complete_administrator(second)
            for command in tool.elsewhere(server=second, source=server).restore_all([SHOP]):
                running.run(command)
            return Seen(*_log_in(second))
    finally:
        scenery.drop_all(server)
        server.execute(f"DROP USER {APP}")


def _log_in(server: PrivateServer) -> tuple[bool, str]:
    """Say whether the application can work on a server, and how far it comes."""
    try:
        connection = server.connect_as(APP, APP_PASSWORD, SHOP)
    except Exception:  # noqa: BLE001 - each driver has errors of its own
        return False, "the application cannot log in"
    with contextlib.closing(connection), connection.cursor() as cursor:
        try:
            cursor.execute("SELECT count(*) FROM item")
            ((number,),) = cursor.fetchall()
        except Exception:  # noqa: BLE001 - as above
            return False, "the application logs in and cannot read its table"
    return number == scenery.ITEMS, f"the application logs in and reads {number} rows"


def names(trial: Trial) -> Seen:
    """Back up, drop, bring back and compare databases with names that are hard to get right."""
    failed = []
    for number, name in enumerate(NAMES):
        trial.server.create_database(name)
        trial.server.run_script("CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1), (2);", name)
        before = trial.server.whole_dump(name)
        folder = trial.folder.joinpath(str(number))
        folder.mkdir()
        tool = trial.tool(folder=folder, store=folder.joinpath("store"))
        running.run(tool.back_up([name]))
        trial.server.drop_database(name)
        if not _comes_back(tool, name, before):
            failed.append(name)
        scenery.drop_all(trial.server)
    return Seen(not failed, f"fails for {', '.join(f'`{name}`' for name in failed)}" if failed else "all come back")


def _comes_back(tool: Tool, name: str, before: str) -> bool:
    try:
        command = bring_back(tool, name)
    except IndexError:
        # There is no backup of it.
        return False
    return not command.failed and name in tool.server.databases() and tool.server.whole_dump(name) == before


def password(trial: Trial) -> Seen:
    """Look for the password among the arguments of all programs that a backup and a restore start."""
    scenery.create_small(trial.server, SHOP)
    tool, arguments = trial.tool(), running.Arguments(trial.folder)
    seen = []
    must_succeed(running.run(arguments.watched(tool.back_up([SHOP]))))
    if arguments.hold(trial.server.admin_password):
        seen.append("backup")
    if "refused" not in tool.lacks:
        running.run(arguments.watched(tool.restore(SHOP, replace=True)))
        if arguments.hold(trial.server.admin_password):
            seen.append("restore")
    return Seen(not seen, f"seen in the {' and the '.join(seen)}" if seen else "not seen")


def plain_file(trial: Trial) -> Seen:
    """Bring a database back from what is stored by gunzip and the vendor's client alone."""
    trial.server.create_database(SHOP)
    trial.server.run_script("CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1), (2);", SHOP)
    before = trial.server.whole_dump(SHOP)
    tool = trial.tool()
    must_succeed(running.run(tool.back_up([SHOP])))
    if not any(backup.endswith(".gz") for backup in tool.backups(SHOP)):
        return Seen(False, "what is stored is no file of one database")
    trial.server.drop_database(SHOP)
    must_succeed(load_by_hand(tool, SHOP))
    same = trial.server.whole_dump(SHOP) == before
    return Seen(same, "comes back" if same else "does not come back whole")


def processors(trial: Trial) -> Seen:
    """Compare the processor seconds of the two busiest threads of a backup of one database."""
    scenery.create_small(trial.server, SHOP)
    for number in range(BUSY_TABLES):
        scenery.add_noise(trial.server, SHOP, BUSY_MEGABYTES, f"noise_{number}")
    tool, threads = trial.tool(), running.Threads()
    with threads.beside() as begin:
        must_succeed(running.run(tool.back_up([SHOP]), begin))
    first, second = threads.busiest()
    return Seen(second >= BUSY_SHARE * first, f"the two busiest threads took {first:.1f} s and {second:.1f} s")


def small(trial: Trial) -> Seen:
    """Back the same data up twice, and compare what each takes."""
    scenery.create_big(trial.server, SHOP, BIG_MEGABYTES)
    tool = trial.tool()
    sizes = []
    for _time in range(2):
        must_succeed(running.run(tool.back_up([SHOP])))
        sizes.append(sum(path.stat().st_size for path in tool.place.store.rglob("*") if path.is_file()))
        # Some name their files by the second.
        time.sleep(1)
    first, both = sizes
    if len(tool.backups(SHOP)) == 1:
        return Seen(False, "the second backup takes the place of the first")
    return Seen(both - first < first / 10, f"{first / 1e6:.1f} MB, and {(both - first) / 1e6:.1f} MB more")


def encrypted(trial: Trial) -> Seen:
    """Try to read a backup without a secret."""
    scenery.create_small(trial.server, SHOP)
    tool = trial.tool()
    must_succeed(running.run(tool.back_up([SHOP])))
    try:
        tool.content(tool.backups()[-1])
    except subprocess.CalledProcessError:
        return Seen(True, "cannot be read without the passphrase")
    return Seen(False, "can be read")
