# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the commands, each in its one place. What they mean is the same as in the modules."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Optional

from ..version import ENGINE_VERSION
from . import output
from ._typer import Exit, Option

DEFAULT_CONFIG = Path("/etc/vya_backupdb/config.yaml")
LENGTH = "A length of time, as in 20h, 90m, 7d or 1h30m."
MOMENT = "In ISO 8601, without an offset in local time."


class Status(str, enum.Enum):
    """What an artifact is like."""

    success = "success"
    failed = "failed"
    partial = "partial"


class Scope(str, enum.Enum):
    """What is restored."""

    database = "database"
    accounts = "accounts"
    all = "all"


class Strategy(str, enum.Enum):
    """How an existing database is replaced."""

    swap = "swap"
    in_place = "in_place"


class Accounts(str, enum.Enum):
    """What becomes of accounts that exist."""

    create = "create"
    update = "update"


class Level(str, enum.Enum):
    """How much a drill proves."""

    checksum = "checksum"
    structure = "structure"
    restore = "restore"


class Select(str, enum.Enum):
    """Which artifacts a drill is about."""

    latest = "latest"
    random = "random"
    unverified = "unverified"


class Place(str, enum.Enum):
    """Where a drill restores to."""

    throwaway = "throwaway"
    same = "same"


def _tell_version(wanted: bool) -> None:
    if wanted:
        output.write_version(ENGINE_VERSION)
        raise Exit


Config = Annotated[
    Optional[Path], Option("--config", metavar="FILE", help=f"The configuration. Default: {DEFAULT_CONFIG}")
]
Json = Annotated[bool, Option("--json", help="Write the result as one JSON document, as the module returns it.")]
Quiet = Annotated[bool, Option("--quiet", "-q", help="Write errors only.")]
Verbose = Annotated[bool, Option("--verbose", "-v", help="Write tables also where standard output is no terminal.")]
Version = Annotated[bool, Option("--version", callback=_tell_version, is_eager=True, help="Show the version and exit.")]

Check = Annotated[bool, Option("--check", help="Look at everything, say what would be done, and change nothing.")]
DatabaseId = Annotated[Optional[str], Option("--database-id", metavar="ID", help="Only the instance with this id.")]
Database = Annotated[Optional[str], Option("--database", metavar="NAME", help="Only the database with this name.")]
Hostname = Annotated[Optional[str], Option("--hostname", metavar="NAME", help="Only what was made on this host.")]
Jobs = Annotated[
    Optional[int], Option("--jobs", min=1, help="Programs that load at a time. Default: as many as processors.")
]
LoadTimeout = Annotated[Optional[int], Option("--load-timeout", min=1, help="Seconds that one load may take.")]

BackupIds = Annotated[
    Optional[list[str]],
    Option("--database-id", metavar="ID", help="Only this instance. May be repeated. Default: all that are enabled."),
]
BackupDatabases = Annotated[
    Optional[list[str]],
    Option("--database", metavar="NAME", help="Only this database, or a shell-style pattern. May be repeated."),
]
BackupJobs = Annotated[Optional[int], Option("--jobs", min=1, help="Dumps at a time, of all instances together.")]
IfOlderThan = Annotated[
    Optional[str],
    Option("--if-older-than", metavar="LENGTH", help=f"Skip databases with a good backup no older than this. {LENGTH}"),
]
KeepUntil = Annotated[
    Optional[str],
    Option("--keep-until", metavar="MOMENT", help=f"Retention leaves the new artifacts alone until then. {MOMENT}"),
]
Notify = Annotated[bool, Option("--notify/--no-notify", help="Tell those whom the configuration names how it went.")]

File = Annotated[Optional[Path], Option("--file", metavar="FILE", help="The .sql.gz file to restore.")]
FromId = Annotated[Optional[str], Option("--database-id", metavar="ID", help="The instance that the artifact is of.")]
FromDatabase = Annotated[
    Optional[str], Option("--database", metavar="NAME", help="The database whose artifact is wanted.")
]
Latest = Annotated[bool, Option("--latest", help="Its newest good artifact, which is the default.")]
At = Annotated[
    Optional[str], Option("--at", metavar="MOMENT", help=f"Its newest good artifact at or before then. {MOMENT}")
]
TargetId = Annotated[
    Optional[str], Option("--target-id", metavar="ID", help="The instance to restore to. Default: the artifact's.")
]
TargetDatabase = Annotated[
    Optional[str],
    Option("--target-database", metavar="NAME", help="The name to restore to. Default: the artifact's."),
]
RestoreScope = Annotated[Scope, Option("--scope", help="What is restored.")]
RestoreAccounts = Annotated[
    Accounts, Option("--accounts", help="Whether accounts that exist are left alone, or get back what they had.")
]
Force = Annotated[
    bool, Option("--force", help="An existing database may be replaced. Needed where nobody can be asked.")
]
Yes = Annotated[bool, Option("--yes", help="Do not ask for the name of the database that is replaced.")]
KeepPrevious = Annotated[bool, Option("--keep-previous", help="Keep what is replaced, under another name.")]
TerminateSessions = Annotated[bool, Option("--terminate-sessions", help="End the sessions of others in the database.")]
RestoreStrategy = Annotated[
    Strategy, Option("--strategy", help="Replace by a loaded and compared copy, or drop first, where room is short.")
]
Tables = Annotated[
    Optional[list[str]],
    Option("--table", metavar="NAME", help="Restore only this table, to a new database. May be repeated."),
]

VerifyFiles = Annotated[
    Optional[list[Path]], Option("--file", metavar="FILE", help="Verify this .sql.gz file. May be repeated.")
]
VerifyLevel = Annotated[Level, Option("--level", help="How much is proven. Each level includes those before it.")]
VerifySelect = Annotated[
    Select, Option("--select", help="The newest of each database, some by chance, or the oldest unverified.")
]
Count = Annotated[Optional[int], Option("--count", min=1, help="How many artifacts are verified at the most.")]
TimeBudget = Annotated[
    Optional[str], Option("--time-budget", metavar="LENGTH", help=f"How long artifacts are begun with. {LENGTH}")
]
VerifyPlace = Annotated[
    Place, Option("--server", help="A server that is started for it, or the one that the artifact is of.")
]
VerifyTarget = Annotated[
    Optional[str], Option("--target-id", metavar="ID", help="With --server same, another instance to restore to.")
]
WorkPath = Annotated[Path, Option("--work-path", metavar="FOLDER", help="Where a throwaway server has its data.")]
ServerPath = Annotated[
    Optional[Path], Option("--server-path", metavar="FOLDER", help="Where its programs are. Default: looked for.")
]

ArtifactStatus = Annotated[Optional[Status], Option("--status", help="Only artifacts with this status.")]
Since = Annotated[Optional[str], Option("--since", metavar="MOMENT", help=f"Only artifacts from then on. {MOMENT}")]
Until = Annotated[Optional[str], Option("--until", metavar="MOMENT", help=f"Only artifacts up to then. {MOMENT}")]
Limit = Annotated[Optional[int], Option("--limit", min=0, help="How many artifacts are listed, the newest ones.")]
Details = Annotated[bool, Option("--details", help="With --json, also the rows of every table.")]

MaxAge = Annotated[
    Optional[str],
    Option("--max-age", metavar="LENGTH", help=f"Fail when the last good backup is older than this. {LENGTH}"),
]
VerifiedWithin = Annotated[
    Optional[str],
    Option("--min-verified-within", metavar="LENGTH", help=f"Fail when no drill found one good for longer. {LENGTH}"),
]
VerifiedLevel = Annotated[Level, Option("--min-verified-level", help="Which level of a drill counts at least.")]
Live = Annotated[bool, Option("--live", help="Ask the servers, so that databases without any backup are there too.")]

ReportPath = Annotated[
    Optional[Path],
    Option(
        "--path", metavar="FILE", help="The page of HTML. Default: report.html in the storage, if nothing is named."
    ),
]
CsvPath = Annotated[Optional[Path], Option("--csv", metavar="FILE", help="A table with a line for each database.")]
JsonPath = Annotated[Optional[Path], Option("--json-path", metavar="FILE", help="All that the page says, as JSON.")]
Title = Annotated[Optional[str], Option("--title", help="The title of the page.")]
ReportMaxAge = Annotated[
    str, Option("--max-age", metavar="LENGTH", help=f"How old the last good backup may be. {LENGTH}")
]
ReportVerifiedWithin = Annotated[
    str, Option("--min-verified-within", metavar="LENGTH", help=f"How long ago a drill may have been. {LENGTH}")
]
Mode = Annotated[str, Option("--mode", help="The mode of the files, in octal.")]
Connect = Annotated[bool, Option("--connect", help="Also log in to every server.")]
