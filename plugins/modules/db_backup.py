#!/usr/bin/python
# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back up databases of MySQL, MariaDB and PostgreSQL servers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: db_backup
short_description: Back up databases of MySQL, MariaDB and PostgreSQL servers
version_added: 1.0.0
description:
  - Takes one ordinary C(.sql.gz) per database by the product's own dump program, with owners, grants, routines,
    triggers and events in it. A checksum file for C(sha256sum -c) and a metadata file are written beside it.
  - An artifact is published only when the dump program has exited well, the dump's last line is there and the file
    has been read back. Until then nothing has the name of a backup, and earlier artifacts are never touched.
  - Runs on the host that the artifacts are kept on. The text streams through memory; no raw dump is on the disk.
  - One database's failure does not stop the others, and any failure fails the task.
  - With O(config), retention follows. Of each database that has a new good artifact, those that the configuration's
    C(retention) does not keep are removed, as M(vya.backupdb.backup_retention) does it. The run is also logged,
    measured and notified of as the configuration says.
  - Each backup is recorded in the audit log, see M(vya.backupdb.audit_info). Neither this nor what follows a backup
    can make it fail.
  - On MySQL and MariaDB a global read lock is held for some milliseconds while the dump takes its snapshot, so that the
    row counts in the metadata are those of the dump. Without the privilege C(RELOAD) the dump is taken all the same.
options:
  database_ids:
    description: The ids of the configured instances to back up. Where it is omitted, all that are enabled.
    type: list
    elements: str
  databases:
    description:
      - The names of the databases to back up, or shell-style patterns of them.
      - Where it is omitted, those that are included and not excluded. System databases are always excluded, unless
        they are named here.
      - Those that a restore or a drill works on (C(NAME__restore_TIME), C(NAME__verify_TIME)), and those that a restore
        replaced and kept (C(NAME__before_TIME)), are left out unless they are named in full.
    type: list
    elements: str
    aliases: [name]
  include_databases:
    description: Names or patterns of the databases to back up. Where it is omitted, all. Only without O(config).
    type: list
    elements: str
  exclude_databases:
    description: Names or patterns of the databases to leave out. Only without O(config).
    type: list
    elements: str
  exclude_tables:
    description:
      - Names or patterns of the tables to leave out of every dump, with or without the schema (PostgreSQL) or the
        database (MySQL, MariaDB) before them. Only without O(config).
    type: list
    elements: str
  dump_timeout:
    description:
      - How long one dump may take, in seconds. Where it is omitted, there is no limit. Only without O(config).
      - The limit holds for each program of a dump, and for counting and hashing the rows beside it.
    type: int
  jobs:
    description:
      - How many dumps the whole run makes at a time, of all instances together, the biggest databases first, and how
        many threads compress at the most.
      - Where it is omitted, as many as the host has processors, or as the configuration's C(jobs) of an instance where
        that is more. That C(jobs) also limits the dumps of its instance, whatever is given here.
      - With more jobs than databases left, a large PostgreSQL database is dumped by several processes on one snapshot.
        Their parts wait in nameless temporary files in the storage, together never larger than the artifact.
      - The processes that dump one MySQL or MariaDB database share a snapshot, so all of them run from its beginning
        on, also while other databases wait. With V(1), one process dumps the rows.
    type: int
  accounts:
    description:
      - Whether the accounts of each instance are saved beside its databases, with the hashes of their passwords and
        their grants, as an artifact that M(vya.backupdb.db_restore) restores them from.
      - Where the account in use may not read them all, the databases' artifacts are C(partial) and the task fails.
        On PostgreSQL that takes C(SELECT) on C(pg_authid), which superusers and members of C(pg_read_all_data) have, on
        MySQL and MariaDB C(SELECT) on the database C(mysql).
      - Where it is omitted, as the configuration says, or V(true).
    type: bool
  fingerprint:
    description:
      - What of each table is recorded in the metadata, to be compared after a restore. The rows are always counted;
        with V(content) they are hashed too, which is about as much work for the server as the dump itself.
      - Only tables that are read in the snapshot are hashed, so none of MyISAM, Aria or MEMORY.
      - The large objects of PostgreSQL are counted and hashed likewise. Hashing them takes C(SELECT) on
        C(pg_largeobject); without it they are counted alone, and a warning says so.
      - Where it is omitted, as the configuration says, or V(rows).
    type: str
    choices: [rows, content]
  if_older_than:
    description:
      - Skip databases that have a good artifact which is not older than this, so that the task can be run again at
        will. A length of time, as in V(20h), V(90m), V(7d) or V(1h30m).
      - A good artifact is whole and was made on this host, its data file is there, and no drill has found it bad. Where
        O(keep_until) is given, only an artifact counts that is kept as long.
      - Where all databases of an instance are skipped, its accounts are not saved again.
    type: str
  keep_until:
    description:
      - Until when retention leaves the new artifacts alone, whatever its policy says. A date or moment in ISO 8601; a
        date is its first moment. Without an offset, in local time.
      - Artifacts that are there already are not changed.
    type: str
  notify:
    description: Whether the C(notifications) of the configuration are sent. Without O(config) there are none.
    type: bool
    default: true
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
    details: Connects, checks versions, privileges and free space, and returns the plan.
  diff_mode:
    support: none
seealso:
  - module: vya.backupdb.db_restore
  - module: vya.backupdb.backup_info
  - module: vya.backupdb.backup_verify
  - module: vya.backupdb.backup_retention
  - module: vya.backupdb.audit_info
  - module: vya.backupdb.backup_notify
  - module: vya.backupdb.backup_config
  - module: vya.backupdb.backup_account
  - module: vya.backupdb.credential_store
  - name: The account that backs up
    description: Which privileges a backup needs on each product.
    link: https://git.example.org/vya/backupdb/blob/main/docs/accounts.md
author:
  - Contributors to the vya.backupdb project (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Back up every enabled instance of the configuration
  vya.backupdb.db_backup:
    config: /etc/vya_backupdb/config.yaml

- name: Back up two databases of one configured instance
  vya.backupdb.db_backup:
    config: /etc/vya_backupdb/config.yaml
    database_ids: [prod-postgres-01]
    databases: [shop, billing]

- name: Back up a database before a deployment, without a configuration
  vya.backupdb.db_backup:
    type: mysql
    database_id: prod-mysql-01
    login_host: db.example.org
    login_user: backup
    login_password: "{{ vault_backup_password }}"
    ssl_mode: verify-full
    ca_cert: /etc/ssl/certs/internal-ca.pem
    databases: [shop]
    base_path: /srv/backups

- name: See to it that there is a backup of the last 20 hours, and keep it for the audit
  vya.backupdb.db_backup:
    config: /etc/vya_backupdb/config.yaml
    if_older_than: 20h
    keep_until: "2027-03-31"
"""

RETURN = r"""
results:
  description: How the backup of each database went.
  type: list
  elements: dict
  returned: always
  contains:
    success:
      description: Whether there is a new artifact, or was one that is new enough.
      type: bool
    database_id:
      description: The id of the instance.
      type: str
    database_name:
      description: The name of the database. Empty where the instance itself failed.
      type: str
    backup_file:
      description: The path of the artifact.
      type: str
      returned: when it went well
    metadata_file:
      description: The path of its metadata.
      type: str
      returned: when it went well
    checksum_file:
      description: The path of its checksum file.
      type: str
      returned: when it went well
    duration_seconds:
      description: How long it took.
      type: float
    size_bytes:
      description: The size of the artifact.
      type: int
    error_message:
      description: Why it failed.
      type: str
      returned: when it failed
    error_code:
      description: The kind of the failure.
      type: str
      returned: when it failed
    hint:
      description: What can be done about it.
      type: str
      returned: when it failed and something can
    warnings:
      description: What went well but should be known.
      type: list
      elements: str
    up_to_date:
      description:
        - Whether nothing was done since an artifact is new enough, which is the one that is named here. See
          O(if_older_than).
      type: bool
    drift:
      description:
        - Which objects of the database came, went or changed since the previous artifact. A renamed one went, and came.
        - Columns, constraints, indexes and policies belong to their table. Extensions and what belongs to them,
          schemas, rules and grants are not looked at.
        - After an upgrade to another release of the server no object counts as changed, for they cannot be compared.
      type: dict
      returned: when the schema is not that of the previous artifact, which names its objects
      contains:
        previous_backup:
          description: The path of the previous artifact.
          type: str
        came:
          description: Objects that the previous artifact does not have, by kind and name.
          type: list
          elements: str
        went:
          description: Objects that only the previous artifact has.
          type: list
          elements: str
        changed:
          description: Objects that have another definition now.
          type: list
          elements: str
    timestamp:
      description: When the artifact was taken.
      type: str
  sample:
    - backup_file: /srv/backups/db01/prod-postgres-01/shop/2026-01-09/shop_20260109_020006_full.sql.gz
      checksum_file: /srv/backups/db01/prod-postgres-01/shop/2026-01-09/shop_20260109_020006_full.sql.gz.sha256
      database_id: prod-postgres-01
      database_name: shop
      drift:
        came: [table public.invoice]
        changed: [table public.payments]
        previous_backup: /srv/backups/db01/prod-postgres-01/shop/2026-01-08/shop_20260108_020003_full.sql.gz
        went: [view public.best_customers]
      duration_seconds: 0.177
      error_code: null
      error_message: null
      hint: null
      metadata_file: /srv/backups/db01/prod-postgres-01/shop/2026-01-09/shop_20260109_020006_full.metadata.json
      size_bytes: 133035
      success: true
      timestamp: "2026-01-09T02:00:06.482884+01:00"
      up_to_date: false
      warnings: []
accounts:
  description: What was saved of the accounts of each instance.
  type: list
  elements: dict
  returned: always
  sample:
    - accounts_count: 3
      backup_file: /srv/backups/db01/prod-postgres-01/users_20260109_020006.sql.gz
      database_id: prod-postgres-01
      error_code: null
      error_message: null
      hint: null
      success: true
      warnings: []
summary:
  description: How many backups were tried, and how many of them went well.
  type: dict
  returned: always
  sample:
    failed: 0
    successful: 1
    total: 1
removals:
  description:
    - What retention removed afterwards, with the reasons. It looks at the databases that have a new good artifact, with
      O(config) alone, and unless C(retention.cleanup_enabled) is false there.
  type: list
  elements: dict
  returned: always
  sample:
    - backup_file: /srv/backups/db01/prod-postgres-01/shop/2026-01-08/shop_20260108_020005_full.sql.gz
      database_id: prod-postgres-01
      database_name: shop
      error_code: null
      error_message: null
      hostname: db01
      keep: false
      reasons: [older than the last 1]
      removed: true
      size_bytes: 14916971
      timestamp: "2026-01-08T02:00:05.380283+01:00"
plan:
  description: What would be backed up, with the space that it needs and the program that dumps.
  type: list
  elements: dict
  returned: in check mode, unless nothing would be
  sample:
    - database_bytes: 8961383
      database_id: prod-postgres-01
      database_name: shop
      estimated_bytes: 159698
      program: /usr/lib/postgresql/15/bin/pg_dump 15.18
swept:
  description: What dead runs had left behind, and what became of it.
  type: list
  elements: str
  returned: always
  sample:
    - removed /srv/backups/db01/prod-postgres-01/shop/2026-01-09/.shop_20260109_010008_full.sql.gz.partial, left behind
      by a run that died
error_code:
  description:
    - The kind of the failure. V(partial_failure) when some backups went well, V(complete_failure) when all failed for
      different reasons, else the reason that they share.
  type: str
  returned: failure
  sample: connection_error
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.vya.backupdb.plugins.module_utils import _arguments, _module, _progress, _targets
from ansible_collections.vya.backupdb.plugins.module_utils._engine import durations, moments, operations
from ansible_collections.vya.backupdb.plugins.module_utils._engine.backups import run


def back_up(module: AnsibleModule) -> tuple[bool, dict[str, Any], None]:
    """Back up what the options select."""
    options = module.params
    targets = _targets.find(options)
    request = run.Request(
        databases=options["databases"],
        jobs=options["jobs"],
        check=module.check_mode,
        if_older_than=durations.optional(options["if_older_than"], "if_older_than"),
        keep_until=moments.optional(options["keep_until"], "keep_until"),
    )
    wanted = targets.wanted(options["database_ids"])
    with _progress.told():
        report = operations.back_up(targets.setting(), wanted, request, tell=options["notify"])
    for warning in report.warnings():
        module.warn(warning)
    report.raise_for_failures()
    return report.changed, report.as_dict(), None


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=_arguments.argument_spec(
            "config",
            "login",
            "storage",
            "progress",
            database_ids={"type": "list", "elements": "str"},
            databases={"type": "list", "elements": "str", "aliases": ["name"]},
            include_databases={"type": "list", "elements": "str"},
            exclude_databases={"type": "list", "elements": "str"},
            exclude_tables={"type": "list", "elements": "str"},
            dump_timeout={"type": "int"},
            jobs={"type": "int"},
            fingerprint={"type": "str", "choices": ["rows", "content"]},
            accounts={"type": "bool"},
            if_older_than={"type": "str"},
            keep_until={"type": "str"},
            notify={"type": "bool", "default": True},
        ),
        mutually_exclusive=[*_arguments.LOGIN_OR_CONFIG_EXCLUSIVE, ("type", "database_ids")],
        required_one_of=_arguments.LOGIN_OR_CONFIG_REQUIRED,
        supports_check_mode=True,
    )
    _module.run(module, back_up, requires=_module.ENGINE_PACKAGES)


if __name__ == "__main__":
    main()
