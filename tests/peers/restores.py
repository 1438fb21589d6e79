# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of restores, retention and dry runs: each does the same to every tool, and says what came of it."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from . import running, scenery
from .backups import BAD_NIGHTS, BIG_MEGABYTES, FIRST_NIGHT, GOOD_NIGHTS, SHOP
from .tools.base import FileTool, Tool
from .trial import WRONG_PASSWORD, Seen, Trial, at, bring_back, must_succeed

# What is named here has no other reason to be in an output.
NAMED = "orders_q7"


def refused(trial: Trial) -> Seen:
    """Restore over a database that has changed since, without saying that it may be replaced."""
    scenery.create_small(trial.server, SHOP)
    tool = trial.tool()
    must_succeed(running.run(tool.back_up([SHOP])))
    live = scenery.change(trial.server, SHOP)
    ended = running.run(tool.restore(SHOP))
    intact = trial.server.whole_dump(SHOP) == live
    what = "the database is as it was" if intact else "the database is changed"
    return Seen(ended.failed and intact, f"{ended}, {what}")


def half_way(trial: Trial) -> Seen:
    """Restore over a live database: once to the end, once with the loading program killed, once from damage."""
    scenery.create_big(trial.server, SHOP, BIG_MEGABYTES)
    backed_up = trial.server.whole_dump(SHOP)
    tool = trial.tool()
    must_succeed(running.run(tool.back_up([SHOP])))
    scenery.change(trial.server, SHOP)
    whole = running.run(tool.restore(SHOP, replace=True))
    if trial.server.whole_dump(SHOP) != backed_up:
        return Seen(False, f"a whole restore {whole} and does not bring back what was backed up")
    live = scenery.change(trial.server, SHOP)
    kill = running.kill_program(running.LOAD_PROGRAMS, "rchar", 4 * scenery.ROW_BYTES)
    running.run(tool.restore(SHOP, replace=True), kill)
    if not _is(trial, live):
        return Seen(False, "with the loading program killed, the live database is lost")
    tool.damage()
    ended = running.run(tool.restore(SHOP, replace=True))
    if not _is(trial, live):
        return Seen(False, f"from a damaged backup it {ended}, and the live database is lost")
    return Seen(ended.failed, f"the live database is as it was; from a damaged backup it {ended}")


def _is(trial: Trial, live: str) -> bool:
    return SHOP in trial.server.databases() and trial.server.whole_dump(SHOP) == live


def lost_row(trial: Trial) -> Seen:
    """Back up by a dump program that loses a row and says nothing, and bring the database back."""
    scenery.create_small(trial.server, SHOP)
    programs = scenery.with_dump_program(trial.server, trial.folder, scenery.lose_row())
    tool = trial.tool()
    backup = running.run(tool.elsewhere(programs=programs).back_up([SHOP]))
    if backup.failed:
        return Seen(True, "the backup fails")
    trial.server.drop_database(SHOP)
    restore = bring_back(tool, SHOP)
    if restore.failed:
        return Seen(True, "the restore fails")
    ((number,),) = trial.server.execute("SELECT count(*) FROM item", SHOP)
    if number != scenery.ITEMS - 1:
        raise AssertionError(f"one row was to be lost, and {number} of {scenery.ITEMS} are there")
    return Seen(False, f"both report success, and {number} of {scenery.ITEMS} rows are there")


def retention(trial: Trial) -> Seen:
    """Let six backups succeed and then six nights fail, and look for the newest good one."""
    scenery.create_small(trial.server, SHOP)
    tool = trial.tool()
    for night in GOOD_NIGHTS:
        must_succeed(_night(tool, trial, night))
    left = tool.backups()
    newest, content = left[-1], tool.content(left[-1])
    bad = tool.elsewhere(password=WRONG_PASSWORD)
    for night in BAD_NIGHTS:
        _night(bad, trial, night)
    kept = newest in tool.backups() and tool.content(newest) == content
    removed = len(left) < len(GOOD_NIGHTS)
    what = f"{len(left)} of {len(GOOD_NIGHTS)} good ones were kept; then the newest {'stays' if kept else 'is removed'}"
    return Seen(kept and removed, what)


def _night(tool: Tool, trial: Trial, night: int) -> running.Ended:
    """Do what is done every night, on that night; give new files its date."""
    day = FIRST_NIGHT + timedelta(days=night)
    before = {path.stat().st_ino for path in _files(tool)}
    then = at(tool, day, trial.libraries)
    ended = running.run(then.back_up([SHOP]))
    for path in _files(tool):
        if path.stat().st_ino not in before:
            os.utime(path, (day.timestamp(), day.timestamp()))
    if type(tool).clean_up is not Tool.clean_up:
        running.run(then.clean_up())
    return ended


def _files(tool: Tool) -> list[Path]:
    return tool.files() if isinstance(tool, FileTool) else []


def dry_run(trial: Trial) -> Seen:
    """Ask what a backup would do."""
    scenery.create_small(trial.server, NAMED)
    tool = trial.tool()
    ended = running.run(tool.dry_run([NAMED]))
    announced, changed = tool.announces(ended.output, NAMED), bool(tool.backups())
    told = (
        "tells that the database would be backed up" if announced else "does not tell that anything would be backed up"
    )
    return Seen(not ended.failed and announced and not changed, f"{ended}, {told}{', and writes' if changed else ''}")


def dry_login(trial: Trial) -> Seen:
    """Ask what a backup would do, with a wrong password."""
    scenery.create_small(trial.server, NAMED)
    ended = running.run(trial.tool().elsewhere(password=WRONG_PASSWORD).dry_run([NAMED]))
    return Seen(ended.failed, str(ended))
