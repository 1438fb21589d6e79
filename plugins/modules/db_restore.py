#!/usr/bin/python
# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put a database back from an artifact."""

from __future__ import annotations

DOCUMENTATION = r"""
module: db_restore
short_description: Put a database back from an artifact
version_added: 1.0.0
description:
  - Restores an artifact of M(vya.backupdb.db_backup) to a database of the same or another name and server.
  - First all that can stand against it is looked at, and told in one error, before anything is touched. The artifact
    is read to its end, its checksum, its gzip data and both ends of the dump must be right; programs, encoding,
    extensions, accounts, privileges, room and open sessions are checked.
  - Then the dump is loaded into a scratch database with stop at the first error, and objects, rows and, where the
    backup has them, fingerprints are compared with the metadata. A difference fails the task, and the target is as it
    was.
  - Only then the scratch database takes the place of the target, in one step. Unless O(force=true), an existing target
    is refused.
  - A restore that was killed leaves the target as it was, or as it was to become. The next one to the same target takes
    away the scratch database that was left, or finishes what was begun.
  - Plain C(.sql) and C(.sql.gz) files of C(pg_dump) and C(mysqldump) are restored too. What cannot be verified of them
    is told as a warning.
options:
  backup_file:
    description:
      - The path of the C(.sql.gz) file of the artifact, on the host.
      - Also of a dump that another program made. That needs O(target_database), and O(target_id) with O(config).
      - Mutually exclusive with O(database).
    type: path
  database:
    description:
      - The name of the database whose artifact is wanted.
      - Needs O(database_id), and either O(latest) or O(point_in_time).
    type: str
    aliases: [name]
  latest:
    description: Restore the newest good artifact of O(database).
    type: bool
    default: false
  point_in_time:
    description:
      - Restore the newest good artifact of O(database) that was taken at or before this moment, in ISO 8601.
      - Without an offset it is in the host's local time.
    type: str
  scope:
    description:
      - What is restored.
      - V(database) is the database alone. Accounts that exist on a MySQL or MariaDB server get the privileges on single
        tables, columns and routines that were saved in the same run, if the database did not exist and has the name
        that it had. Otherwise, and for accounts that do not exist, a warning counts them. A dump of PostgreSQL brings
        them itself.
      - V(accounts) is the accounts that were saved in the run of the database's artifact, or where no database is
        named, the newest whole ones of O(database_id). O(backup_file) may name a C(users_*.sql.gz) file, too.
      - V(all) is the accounts that were saved in the run of the database's artifact, and then the database.
    type: str
    choices: [database, accounts, all]
    default: database
  accounts:
    description:
      - What becomes of accounts that exist. With V(create) they are left alone. With V(update) they get the passwords,
        attributes and grants back that they had; nothing is taken from them.
      - The bootstrap superuser and the account in use are never touched.
    type: str
    choices: [create, update]
    default: create
  hostname:
    description: Only artifacts that were made on this host. Where it is omitted, on any.
    type: str
  target_id:
    description: The id of the configured instance to restore to. Where it is omitted, the one of the artifact.
    type: str
  target_database:
    description: The name of the database to restore to. Where it is omitted, the name it had.
    type: str
  force:
    description: Whether an existing database may be replaced.
    type: bool
    default: false
  strategy:
    description:
      - How an existing database is replaced.
      - With V(swap) it is replaced by a loaded and compared copy, for which there must be room beside it.
      - With V(in_place) it is dropped and loaded anew, for those short of room. When that fails, the database is not
        there until a restore succeeds.
    type: str
    choices: [swap, in_place]
    default: swap
  keep_previous:
    description:
      - Whether the database that is replaced is kept, under the name C(previous_database) of RV(restore).
      - Only with O(strategy=swap).
    type: bool
    default: false
  terminate_sessions:
    description: Whether the sessions of others in an existing database are ended. Otherwise they make the restore fail.
    type: bool
    default: false
  tables:
    description:
      - Restore these tables alone, to a database that does not exist yet. Named as V(table) or V(schema.table), or by
        shell-style patterns. A partition is a table of its own.
      - Of a large artifact, only the sections that hold them are read. Where these cannot be loaded without others, all
        of it is loaded first, and a warning says so.
      - Foreign keys to other tables and views of other tables are left out.
    type: list
    elements: str
    default: []
  jobs:
    description:
      - How many programs load at a time. Where it is omitted, as many as there are processors.
      - More than one help where the artifact has several sections, that is, was made of a large database.
    type: int
  load_timeout:
    description: How long one load may take, in seconds. Where it is omitted, there is no limit.
    type: int
extends_documentation_fragment:
  - vya.backupdb.attributes
  - vya.backupdb.requirements
  - vya.backupdb.requirements.servers
  - vya.backupdb.requirements.programs
  - vya.backupdb.config
  - vya.backupdb.login
  - vya.backupdb.storage
  - vya.backupdb.progress
attributes:
  check_mode:
    support: full
    details: Verifies the artifact and the target as a real run does, and changes nothing.
  diff_mode:
    support: none
seealso:
  - module: vya.backupdb.db_backup
  - module: vya.backupdb.backup_info
  - module: vya.backupdb.backup_verify
  - module: vya.backupdb.audit_info
  - module: vya.backupdb.backup_notify
  - module: vya.backupdb.credential_store
  - name: Restore
    description: The steps, what is atomic, and how to finish or undo a restore by hand.
    link: https://git.example.org/vya/backupdb/blob/main/docs/restore.md
author:
  - Contributors to the vya.backupdb project (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Put back the newest good backup of a database that is gone
  vya.backupdb.db_restore:
    config: /etc/vya_backupdb/config.yaml
    database_id: prod-postgres-01
    database: shop
    latest: true

- name: Look at yesterday evening's state beside the live database
  vya.backupdb.db_restore:
    config: /etc/vya_backupdb/config.yaml
    database_id: prod-mysql-01
    database: shop
    point_in_time: "2026-01-08T20:00:00+01:00"
    target_database: shop_yesterday

- name: Replace a database on another server by a given artifact
  vya.backupdb.db_restore:
    type: postgresql
    login_host: staging.example.org
    login_user: postgres
    login_password: "{{ vault_postgres_password }}"
    backup_file: /srv/backups/db01/prod-postgres-01/shop/2026-01-09/shop_20260109_020000_full.sql.gz
    force: true
    terminate_sessions: true
    keep_previous: true

- name: Bring an empty server back, the accounts first
  vya.backupdb.db_restore:
    config: /etc/vya_backupdb/config.yaml
    database_id: prod-postgres-01
    database: "{{ item }}"
    latest: true
    scope: all
  loop: [shop, crm]

- name: Bring two tables back beside the live database
  vya.backupdb.db_restore:
    config: /etc/vya_backupdb/config.yaml
    database_id: prod-postgres-01
    database: shop
    latest: true
    target_database: shop_two_tables
    tables:
      - public.orders
      - public.order_lines

- name: Load a dump that somebody else made into a new database
  vya.backupdb.db_restore:
    config: /etc/vya_backupdb/config.yaml
    backup_file: /srv/incoming/shop.sql.gz
    target_id: prod-mysql-01
    target_database: shop_imported
"""

RETURN = r"""
restore:
  description:
    - What was restored, to where, and how it compares with the metadata.
    - C(seconds) is how long each phase took, and C(previous_database) the name of the one that was replaced, where it
      is kept.
  type: dict
  returned: success, unless O(scope=accounts)
  sample:
    backup_file: /srv/backups/db01/prod-postgres-01/shop/2026-01-09/shop_20260109_020006_full.sql.gz
    backup_timestamp: "2026-01-09T02:00:06.482884+01:00"
    bytes_read: 133035
    comparison:
      differences: []
      fingerprints_compared: 8
      large_objects_compared: 0
      objects_compared: 13
      rows_compared: 6357
      schema_hash_equal: true
      sequences_compared: 6
      tables_compared: 8
    database_id: prod-postgres-01
    database_name: shop
    duration_seconds: 0.826
    error_code: null
    error_message: null
    hint: null
    previous_database: shop__before_20260109081252
    seconds:
      compare: 0.22
      load: 0.215
      preflight: 0.18
      swap: 0.016
    sections_loaded: 1
    size_bytes: 133035
    success: true
    target_database: shop
    target_existed: true
    target_server: the postgresql server at 127.0.0.1:5432
    timestamp: "2026-01-09T08:12:52.780017+01:00"
    warnings: []
accounts:
  description:
    - What became of each account and of the memberships among them. In check mode, what would.
    - C(target_server) is there with O(scope=accounts).
  type: dict
  returned: success, with O(scope=accounts) or O(scope=all)
  sample:
    accounts:
      - account: backup
        action: exists
        kind: login
        reason: it exists and is left alone
      - account: shop_application
        action: create
        kind: login
        reason: it does not exist
    accounts_file: /srv/backups/db01/prod-postgres-01/users_20260109_020006.sql.gz
    created: [shop_application]
    left_alone:
      - 'backup: it exists and is left alone'
      - 'pg_read_all_data to backup is left out: of backup, it exists and is left alone'
    left_out:
      - 'pg_read_all_data to backup is left out: of backup, it exists and is left alone'
    memberships: []
    updated: []
    warnings: []
error_code:
  description: The kind of the failure.
  type: str
  returned: failure
  sample: validation_error
"""

import os
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.vya.backupdb.plugins.module_utils import _arguments, _module, _progress, _targets
from ansible_collections.vya.backupdb.plugins.module_utils._engine import moments, operations
from ansible_collections.vya.backupdb.plugins.module_utils._engine.restores import recovery, selection


def put_back(module: AnsibleModule) -> tuple[bool, dict[str, Any], None]:
    """Restore what the options select: accounts, a database, or first the ones and then the other."""
    options = module.params
    # Of the same name as what says whether a backup saves them.
    targets = _targets.find({**options, "accounts": None})
    wanted = selection.Selection(
        backup_file=Path(options["backup_file"]) if options["backup_file"] else None,
        database_id=options["database_id"],
        database=options["database"],
        hostname=options["hostname"],
        until=moments.optional(options["point_in_time"], "point_in_time"),
    )
    order = recovery.Order(
        wanted,
        targets.instance,
        scope=options["scope"],
        target_id=options["target_id"] or targets.own_id(),
        target_database=options["target_database"],
        update_accounts=options["accounts"] == "update",
        force=options["force"],
        strategy=options["strategy"],
        keep_previous=options["keep_previous"],
        terminate_sessions=options["terminate_sessions"],
        tables=options["tables"],
        jobs=options["jobs"] or os.cpu_count() or 1,
        timeout=options["load_timeout"],
    )
    with _progress.told():
        recovered = operations.restore(targets.setting(), order, check=module.check_mode)
    for warning in recovered.warnings:
        module.warn(warning)
    return recovered.changed, recovered.as_dict(), None


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=_arguments.argument_spec(
            "config",
            "login",
            "storage",
            "progress",
            backup_file={"type": "path"},
            database={"type": "str", "aliases": ["name"]},
            latest={"type": "bool", "default": False},
            point_in_time={"type": "str"},
            hostname={"type": "str"},
            scope={"type": "str", "choices": ["database", "accounts", "all"], "default": "database"},
            accounts={"type": "str", "choices": ["create", "update"], "default": "create"},
            target_id={"type": "str"},
            target_database={"type": "str"},
            force={"type": "bool", "default": False},
            strategy={"type": "str", "choices": ["swap", "in_place"], "default": "swap"},
            keep_previous={"type": "bool", "default": False},
            terminate_sessions={"type": "bool", "default": False},
            tables={"type": "list", "elements": "str", "default": []},
            jobs={"type": "int"},
            load_timeout={"type": "int"},
        ),
        mutually_exclusive=[
            *_arguments.LOGIN_OR_CONFIG_EXCLUSIVE,
            ("type", "target_id"),
            ("backup_file", "database"),
            ("backup_file", "point_in_time"),
        ],
        required_one_of=[*_arguments.LOGIN_OR_CONFIG_REQUIRED, ("backup_file", "database", "database_id")],
        required_if=[
            ("latest", True, ("database_id",)),
            ("scope", "database", ("backup_file", "database"), True),
            ("scope", "all", ("backup_file", "database"), True),
        ],
        required_by={"database": ("database_id",), "point_in_time": ("database",)},
        supports_check_mode=True,
    )
    if module.params["database"] and module.params["latest"] == bool(module.params["point_in_time"]):
        module.fail_json(
            msg="with database, exactly one of latest and point_in_time is needed", error_code="config_error"
        )
    _module.run(module, put_back, requires=_module.ENGINE_PACKAGES)


if __name__ == "__main__":
    main()
