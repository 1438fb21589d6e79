# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands and their options. Each imports what it needs when it is called, so that help comes at once.

A parameter has the name of the module's option that it is, whatever is typed for it: see spelling.py.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable, get_type_hints

from . import exits, options, output, spelling
from ._typer import Context, Typer, UsageError

DESCRIPTION = "Back up MySQL, MariaDB and PostgreSQL databases, prove that the backups restore, and put them back."
EPILOG = (
    "Exit codes: 0 all went well, 1 some failed, 2 all failed, 3 configuration, 4 credentials, 5 storage, 6 connection,"
    " 7 not found, 8 validation, 9 permission, 10 other."
)


def run(arguments: Sequence[str]) -> int:
    """Run the command that the arguments name; return its exit code."""
    try:
        code = build()(list(arguments), prog_name=output.NAME, standalone_mode=False)
    except UsageError as error:
        path = error.ctx.command_path if error.ctx else output.NAME
        output.say(f"{error.format_message().rstrip('.')}; see {path} --help")
        return exits.USAGE
    return code if isinstance(code, int) else exits.OK


def build() -> Typer:
    """Return the whole application."""
    shape: dict[str, Any] = {
        # Boxes and colours are for a terminal alone.
        "rich_markup_mode": "rich" if output.is_on_terminal() else None,
        "context_settings": {"help_option_names": ["-h", "--help"]},
    }
    app = Typer(add_completion=False, pretty_exceptions_enable=False, help=DESCRIPTION, epilog=EPILOG, **shape)
    app.callback()(_annotated(_root))
    for name, (command, _module) in COMMANDS.items():
        app.command(name)(_command(command))
    config = Typer(help="Look at the configuration.", **shape)
    config.callback()(_config)
    config.command("check")(_command(check_config))
    app.add_typer(config, name="config")
    return app


def _command(function: Callable[..., int]) -> Callable[..., int]:
    """Return a function that is given how to run as a command of typer, with the options that say so behind its own."""

    def command(
        ctx: Context,
        *,
        config: options.Config = None,
        as_json: options.Json = False,
        quiet: options.Quiet = False,
        verbose: options.Verbose = False,
        **own: Any,
    ) -> int:
        before: output.Manner = ctx.obj
        manner = output.Manner(
            config or before.config,
            as_json or before.as_json,
            quiet or before.quiet,
            verbose or before.verbose,
            spelling.rules_of(shown, _typed_for_modules()),
        )
        return function(manner, **own)

    ctx, *common, _rest = inspect.signature(command).parameters.values()
    own = list(inspect.signature(function).parameters.values())[1:]
    command.__doc__ = function.__doc__
    command.__annotations__.update({parameter.name: parameter.annotation for parameter in own})
    hints = _annotated(command).__annotations__
    shown = [parameter.replace(annotation=hints[parameter.name]) for parameter in (ctx, *own, *common)]
    command.__dict__["__signature__"] = inspect.Signature(shown)
    return command


def _annotated(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command with its annotations evaluated.

    On Python 3.9 typer would not see what they are annotated with. Taken from the function itself they would be
    wrapped as optional there, which hides it too.
    """
    holder = types.SimpleNamespace(__annotations__=command.__annotations__)
    command.__annotations__ = get_type_hints(holder, command.__globals__, include_extras=True)
    return command


def _root(
    ctx: Context,
    *,
    _version: options.Version = False,
    config: options.Config = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    ctx.obj = output.Manner(config or options.DEFAULT_CONFIG, as_json, quiet, verbose)


def _config() -> None:
    pass


def back_up(
    manner: output.Manner,
    *,
    database_ids: options.BackupIds = None,
    databases: options.BackupDatabases = None,
    jobs: options.BackupJobs = None,
    if_older_than: options.IfOlderThan = None,
    keep_until: options.KeepUntil = None,
    notify: options.Notify = True,
    check: options.Check = False,
) -> int:
    """Back up the databases of the configuration, then remove what its retention does not keep."""
    from . import backing_up, performing

    wanted = backing_up.Options(database_ids or None, databases or None, jobs, if_older_than, keep_until, notify, check)
    return performing.perform(manner, backing_up.act, wanted)


def restore(
    manner: output.Manner,
    *,
    database_id: options.FromId = None,
    database: options.FromDatabase = None,
    latest: options.Latest = False,
    point_in_time: options.At = None,
    backup_file: options.File = None,
    hostname: options.Hostname = None,
    scope: options.RestoreScope = options.Scope.database,
    accounts: options.RestoreAccounts = options.Accounts.create,
    target_id: options.TargetId = None,
    target_database: options.TargetDatabase = None,
    tables: options.Tables = None,
    force: options.Force = False,
    yes: options.Yes = False,
    strategy: options.RestoreStrategy = options.Strategy.swap,
    keep_previous: options.KeepPrevious = False,
    terminate_sessions: options.TerminateSessions = False,
    jobs: options.Jobs = None,
    load_timeout: options.LoadTimeout = None,
    check: options.Check = False,
) -> int:
    """Put a database back, or the accounts of an instance.

    On a terminal you are asked for the name of a database that is to be replaced.
    """
    from . import performing, restoring

    wanted = restoring.Options(
        file=backup_file,
        database_id=database_id,
        database=database,
        hostname=hostname,
        latest=latest,
        at=point_in_time,
        scope=scope.value,
        accounts=accounts.value,
        target_id=target_id,
        target_database=target_database,
        tables=tables or [],
        force=force,
        yes=yes,
        strategy=strategy.value,
        keep_previous=keep_previous,
        terminate_sessions=terminate_sessions,
        jobs=jobs,
        load_timeout=load_timeout,
        check=check,
    )
    return performing.perform(manner, restoring.act, wanted)


def verify(
    manner: output.Manner,
    *,
    level: options.VerifyLevel = options.Level.restore,
    select: options.VerifySelect = options.Select.latest,
    backup_files: options.VerifyFiles = None,
    count: options.Count = None,
    time_budget: options.TimeBudget = None,
    hostname: options.Hostname = None,
    database_id: options.DatabaseId = None,
    database: options.Database = None,
    server: options.VerifyPlace = options.Place.throwaway,
    target_id: options.VerifyTarget = None,
    work_path: options.WorkPath = Path("/var/tmp"),
    server_path: options.ServerPath = None,
    jobs: options.Jobs = None,
    load_timeout: options.LoadTimeout = None,
    check: options.Check = False,
) -> int:
    """Prove that artifacts are good, by restoring them to a server that is thrown away afterwards."""
    from . import performing, verifying

    wanted = verifying.Options(
        level=level.value,
        select="list" if backup_files else select.value,
        files=backup_files or [],
        count=count,
        time_budget=time_budget,
        hostname=hostname,
        database_id=database_id,
        database=database,
        on_same=server is options.Place.same,
        target_id=target_id,
        work_path=work_path,
        server_path=server_path,
        jobs=jobs,
        load_timeout=load_timeout,
        check=check,
    )
    return performing.perform(manner, verifying.act, wanted)


def list_artifacts(
    manner: output.Manner,
    *,
    hostname: options.Hostname = None,
    database_id: options.DatabaseId = None,
    database: options.Database = None,
    status: options.ArtifactStatus = None,
    since: options.Since = None,
    until: options.Until = None,
    limit: options.Limit = None,
    details: options.Details = False,
) -> int:
    """List the artifacts, the newest first."""
    from . import listing, performing

    found = status.value if status else None
    wanted = listing.Options(hostname, database_id, database, found, since, until, limit, details)
    return performing.perform(manner, listing.act, wanted)


def status(
    manner: output.Manner,
    *,
    hostname: options.Hostname = None,
    database_id: options.DatabaseId = None,
    database: options.Database = None,
    max_age: options.MaxAge = None,
    min_verified_within: options.VerifiedWithin = None,
    min_verified_level: options.VerifiedLevel = options.Level.structure,
    live: options.Live = False,
) -> int:
    """Show each database and the state of its backups. Exit with 8 when one is stale."""
    from . import performing, states

    wanted = states.Options(
        hostname, database_id, database, max_age, min_verified_within, min_verified_level.value, live
    )
    return performing.perform(manner, states.act, wanted)


def clean_up(
    manner: output.Manner,
    *,
    hostname: options.Hostname = None,
    database_id: options.DatabaseId = None,
    database: options.Database = None,
    check: options.Check = False,
) -> int:
    """Remove the artifacts that the configuration's policy does not keep. See what that is with --check."""
    from . import cleaning_up, performing

    wanted = cleaning_up.Options(hostname, database_id, database, check)
    return performing.perform(manner, cleaning_up.act, wanted)


def report(
    manner: output.Manner,
    *,
    path: options.ReportPath = None,
    csv_path: options.CsvPath = None,
    json_path: options.JsonPath = None,
    title: options.Title = None,
    max_age: options.ReportMaxAge = "26h",
    min_verified_within: options.ReportVerifiedWithin = "30d",
    mode: options.Mode = "0640",
    check: options.Check = False,
) -> int:
    """Write a report on the backups, as a page of HTML, CSV or JSON."""
    from . import performing, reporting

    wanted = reporting.Options(path, csv_path, json_path, title, max_age, min_verified_within, mode, check)
    return performing.perform(manner, reporting.act, wanted)


def check_config(
    manner: output.Manner,
    *,
    connect: options.Connect = False,
) -> int:
    """See that the configuration is valid and that each enabled instance has its credentials."""
    from . import checking, performing

    wanted = checking.Options(connect)
    return performing.perform(manner, checking.act, wanted)


#: The commands by name, and the module that each does the work of, where it is the one to name for that.
COMMANDS: dict[str, tuple[Callable[..., int], str]] = {
    "backup": (back_up, "db_backup"),
    "restore": (restore, "db_restore"),
    "verify": (verify, "backup_verify"),
    "list": (list_artifacts, "backup_info"),
    "status": (status, ""),
    "retention": (clean_up, "backup_retention"),
    "report": (report, "backup_report"),
}


def _typed_for_modules() -> dict[str, str]:
    return {module: f"{output.NAME} {name}" for name, (_function, module) in COMMANDS.items() if module}
