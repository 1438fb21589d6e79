# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's second door: the same folder as a program on the host, without Ansible.

The text on standard output is for a person, or with ``--json`` for a program; errors go to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import backup, catalog, configuration, errors, information, instances, restore, run
from .models.config import AppConfig
from .models.metadata import human_size

DEFAULT_CONFIG = "/etc/vya_backupdb/config.yaml"
EXIT_OK = 0
EXIT_CODES = {
    "partial_failure": 1,
    "complete_failure": 2,
    "config_error": 3,
    "credentials_error": 4,
    "storage_error": 5,
    "connection_error": 6,
    "file_not_found": 7,
    "validation_error": 8,
    "permission_error": 9,
}
EXIT_OTHER = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; return its exit code."""
    options = parser().parse_args(arguments)
    try:
        config = configuration.load_config(options.config)
        result, lines = options.action(config, options)
    except errors.BackupDBError as error:
        if options.json:
            sys.stdout.write(json.dumps({"failed": True, "msg": str(error), **error.details()}) + "\n")
        else:
            sys.stderr.write(f"vya-backupdb: {error}\n")
        return EXIT_CODES.get(error.error_code, EXIT_OTHER)
    sys.stdout.write((json.dumps(result) if options.json else "\n".join(lines)) + "\n")
    return EXIT_OK


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--config", type=Path, default=Path(DEFAULT_CONFIG), help="default: %(default)s")
    shared.add_argument("--json", action="store_true", help="print the result as JSON")
    whole = argparse.ArgumentParser(prog="vya-backupdb", description="Back up databases, and put them back.")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser("backup", parents=[shared], help="back up the databases of the configuration")
    one.add_argument("--database-id", action="append", metavar="ID", help="only this instance; may be repeated")
    one.add_argument("--database", action="append", metavar="NAME", help="only this database; may be repeated")
    one.add_argument("--jobs", type=int, help="databases that are dumped at a time")
    one.set_defaults(action=_back_up)

    one = commands.add_parser("list", parents=[shared], help="list the artifacts, newest first")
    one.add_argument("--database-id", metavar="ID")
    one.add_argument("--database", metavar="NAME")
    one.set_defaults(action=_list)

    one = commands.add_parser("restore", parents=[shared], help="put the newest good backup of a database back")
    one.add_argument("--database-id", metavar="ID", required=True)
    one.add_argument("--database", metavar="NAME", required=True)
    one.add_argument("--target-database", metavar="NAME", help="default: the name it had")
    one.add_argument("--force", action="store_true", help="replace the database if it exists")
    one.add_argument("--jobs", type=int, help="programs that load at a time (default: as many as processors)")
    one.set_defaults(action=_restore)

    one = commands.add_parser("config", parents=[shared], help="check the configuration")
    one.set_defaults(action=_check_config)
    return whole


def _back_up(config: AppConfig, options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    report = run.back_up(
        run.configured(config, options.database_id),
        backup.Store.of_this_host(config.storage),
        databases=options.database,
        jobs=options.jobs,
    )
    report.raise_for_failures()
    lines = [
        f"{result.database_id}/{result.database_name}: {human_size(result.size_bytes)} in"
        f" {result.duration_seconds:.1f} s: {result.backup_file}"
        for result in report.results
    ]
    return {"failed": False, **report.as_dict()}, [*report.warnings(), *lines]


def _list(config: AppConfig, options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    filters = catalog.Filters(database_id=options.database_id, database=options.database)
    listing = catalog.list_artifacts(config.storage.base_path, filters)
    lines = [
        f"{artifact.moment.isoformat(timespec='seconds')}  {artifact.metadata.file_info.size_human:>10}"
        f"  {artifact.metadata.backup_info.status}  {artifact.paths.data}"
        for artifact in listing.artifacts
    ]
    described = [information.describe_artifact(artifact) for artifact in listing.artifacts]
    return {"backups": described, "problems": listing.problems}, [*lines, *listing.problems]


def _restore(config: AppConfig, options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    artifact = catalog.find_latest(config.storage.base_path, database_id=options.database_id, database=options.database)
    entry = instances.find_config(config, options.database_id)
    server = instances.with_stored_login(entry, config.credentials).server()
    target = options.target_database or options.database
    request = restore.Request(artifact, target, options.force, jobs=options.jobs or os.cpu_count() or 1)
    store = backup.Store.of_this_host(config.storage)
    with store.locked(entry.id):
        result = restore.restore(server, request, store.clock())
    line = f"{result.target_database}: restored {result.backup_file} in {result.duration_seconds:.1f} s"
    return {"restore": result.as_dict()}, [*result.warnings, line]


def _check_config(config: AppConfig, options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    ids = [entry.id for entry in instances.select_configs(config, None)]
    return {"valid": True, "database_ids": ids}, [f"{options.config} is valid: {', '.join(ids)}"]


if __name__ == "__main__":
    raise SystemExit(main())
