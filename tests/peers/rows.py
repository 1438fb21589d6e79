# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of the comparison: what each asks, and how it is found out.

The checks are in backups.py and restores.py, by the rows' ids.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A row: its id, what its first cell says, how it is checked, and whether README.md has it, too."""

    id: str
    title: str
    how: str
    in_readme: bool = False


ROWS = (
    Row(
        "wrong_password",
        "a wrong password fails the run",
        "The tool is given a wrong password for the server and backs up one database. It passes when its exit code says"
        " that it failed; what it prints or mails does not count.",
        True,
    ),
    Row(
        "cut_short",
        "a dump that is cut short fails the run",
        "A database of 32 MB is backed up twice. In the middle of the first dump the dump program is killed by SIGKILL,"
        " in the middle of the second one the whole server. The tool passes when both runs fail.",
        True,
    ),
    Row(
        "full_disk",
        "a full disk fails the run and leaves nothing that looks like a backup",
        "The same database is backed up to a file system of 8 MB, which is too small. The tool passes when the run"
        " fails and no file or archive of that run is there afterwards under the name of a backup.",
        True,
    ),
    Row(
        "wrong_byte",
        "a byte that the disk gets wrong fails the run",
        "After a first good backup, a table of 32 MB is added and backed up, and a library that is preloaded into the"
        " tool changes one byte of what is written to the file or repository. The tool passes when that run fails,"
        " which takes reading the backup again.",
    ),
    Row(
        "rot",
        "a byte that changes later is found by a check of its own",
        "A byte in the middle of the largest stored file is changed after a good backup. The tool passes when its own"
        " check of what it has stored went well before and fails now.",
    ),
    Row(
        "previous",
        "a backup that fails leaves the last good one as it was",
        "After a good backup the clock is set to the next night, by libfaketime, and the dump program of that night's"
        " backup is killed. The tool passes when the first backup is still there with the same bytes.",
        True,
    ),
    Row(
        "retention",
        "old backups are removed, but never the last good one",
        "On six nights, a week apart by libfaketime, a backup succeeds; on six more nights of the following hundred"
        " days the server refuses the login. The tool passes when it removed at least one of the six, and the newest is"
        " still there at the end.",
        True,
    ),
    Row(
        "drill",
        "a drill finds a backup that does not load",
        "A dump program is put in the way that misspells one statement. The tool passes when the strongest proof it"
        " has went well for a good backup, and fails for this one, or the backup itself fails.",
        True,
    ),
    Row(
        "lost_row",
        "rows that are missing after a restore are noticed",
        "A dump program is put in the way that leaves out one row of 200 and exits with 0. The database is dropped and"
        " restored. The tool passes when the backup or the restore fails.",
        True,
    ),
    Row(
        "half_way",
        "a restore that fails leaves the live database as it was",
        "A database of 32 MB is backed up, changed and restored, which must bring back what was backed up. Then it is"
        " changed and restored twice more: once the program that loads is killed in the middle, once the backup is cut"
        " to half its length, or has a byte in its middle changed where it is no file. The tool passes when a whole"
        " dump of the live database is the same before and after, both times.",
        True,
    ),
    Row(
        "refused",
        "an existing database is not replaced unasked",
        "A database is backed up and changed, and restored without any option that allows to replace it. The tool"
        " passes when the run fails and a whole dump of the database is the same before and after.",
        True,
    ),
    Row(
        "accounts",
        "the accounts come back on an empty server",
        "An account with a password that may read a table is created before the backup. On a second, empty server the"
        " database is restored with all that the tool has of accounts. The tool passes when the account can log in"
        " there with its password and read all rows.",
        True,
    ),
    Row(
        "complete",
        "routines, triggers and events come back",
        "A database with tables, a view, a trigger, a procedure, a function and, on MariaDB, an event is backed up,"
        " dropped and restored. The tool passes when whole dumps of before and after are the same.",
        True,
    ),
    Row(
        "names",
        "databases named `web shop`, `o'clock`, `-dash` and `a=b` come back",
        "Databases with these names are backed up, dropped and restored, one after the"
        " other. The tool passes when whole dumps of before and after are the same for each.",
        True,
    ),
    Row(
        "password",
        "the password is in no command line",
        "A backup and a restore over the same database run under `strace`, which records the arguments of every program"
        " that is started: what `/proc/*/cmdline` shows to everybody on the machine. The tool passes when the server's"
        " password is nowhere in them. Environments are not looked at.",
        True,
    ),
    Row(
        "plain_file",
        "`gunzip` and `psql` or `mysql` alone bring a database back",
        "A database is backed up and dropped, and what is stored is loaded into an empty one by `gunzip` and the"
        " vendor's client, without the tool. The tool passes when whole dumps of before and after are the same.",
        True,
    ),
    Row(
        "processors",
        "one database keeps several processors busy",
        "While a database with four tables of 48 MB is backed up, the processor seconds of each thread of the tool are"
        " watched. The tool passes when the second busiest did at least half of what the busiest did.",
    ),
    Row(
        "small",
        "a second backup of the same data takes little room",
        "A database of 32 MB is backed up twice without a change in between. The tool passes when the second backup"
        " adds less than a tenth of what the first one took.",
        True,
    ),
    Row(
        "encrypted",
        "backups can be encrypted",
        "A database is backed up. The tool passes when what is stored cannot be read without a secret, by"
        " `gunzip` or by `borg`.",
        True,
    ),
    Row(
        "dry_run",
        "a dry run tells what would be backed up",
        "The backup is run in check mode or as a dry run. The tool passes when the output tells that this"
        " database would be backed up, and nothing is stored.",
    ),
    Row(
        "dry_login",
        "a dry run finds a wrong password",
        "The same with a wrong password. The tool passes when the dry run fails.",
    ),
)
