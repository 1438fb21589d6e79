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
  - Takes one ordinary C(.sql.gz) per database by the product's own dump program, with the owners, grants, routines,
    triggers and events in it, and beside it a checksum file for C(sha256sum -c) and a metadata file.
  - An artifact is published only when the dump program has exited well, the dump's last line is there and the file
    has been read back; until then nothing has the name of a backup, and earlier artifacts are never touched.
  - Runs on the host that the artifacts are kept on. The text streams through memory; no raw dump is on the disk.
  - One database's failure does not stop the others, and any failure fails the task.
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
    description: How long one dump may take, in seconds. Where it is omitted, there is no limit. Only without O(config).
    type: int
  jobs:
    description:
      - How many dumps the whole run makes at a time, of all instances together, the biggest databases first, and how
        many threads compress at the most. Where it is omitted, as many as the host has processors, or as the
        configuration's C(jobs) of an instance where that is more.
      - The C(jobs) that an instance has in the configuration is how many of these dumps may be of that instance. It
        holds beside this option.
      - With more jobs than databases left, a PostgreSQL database of some size is dumped by several processes on one
        snapshot. Until the slowest is done, the others' parts are in nameless temporary files in the storage, which
        together are never larger than the artifact.
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
        with V(content) all of their content is hashed too, in the snapshot of the dump and while it runs. That is about
        as much work for the server as the dump itself.
      - Only tables that are read in the snapshot are hashed, so none of MyISAM, Aria or MEMORY.
      - Where it is omitted, as the configuration says, or V(rows).
    type: str
    choices: [rows, content]
extends_documentation_fragment:
  - vya.backupdb.attributes
  - vya.backupdb.engine
  - vya.backupdb.config
  - vya.backupdb.login
  - vya.backupdb.storage
attributes:
  check_mode:
    support: full
    details: Connects, checks versions, privileges and free space, and returns the plan.
  diff_mode:
    support: none
  platform:
    support: full
    platforms: posix
seealso:
  - module: vya.backupdb.db_restore
  - module: vya.backupdb.backup_info
  - module: vya.backupdb.credential_store
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
"""

RETURN = r"""
results:
  description: How the backup of each database went.
  type: list
  elements: dict
  returned: always
  contains:
    success:
      description: Whether there is a new artifact.
      type: bool
      returned: always
    database_id:
      description: The id of the instance.
      type: str
      returned: always
    database_name:
      description: The name of the database. Empty where the instance itself failed.
      type: str
      returned: always
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
      returned: always
    size_bytes:
      description: The size of the artifact.
      type: int
      returned: always
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
      returned: always
    timestamp:
      description: When the artifact was taken.
      type: str
      returned: always
  sample:
    - backup_file: /srv/backups/db01/prod-postgres-01/shop/2026-01-09/shop_20260109_020000_full.sql.gz
      checksum_file: /srv/backups/db01/prod-postgres-01/shop/2026-01-09/shop_20260109_020000_full.sql.gz.sha256
      database_id: prod-postgres-01
      database_name: shop
      duration_seconds: 0.203
      error_code: null
      error_message: null
      hint: null
      metadata_file: /srv/backups/db01/prod-postgres-01/shop/2026-01-09/shop_20260109_020000_full.metadata.json
      size_bytes: 184213
      success: true
      timestamp: "2026-01-09T02:00:00.118204+01:00"
      warnings: []
accounts:
  description: What was saved of the accounts of each instance.
  type: list
  elements: dict
  returned: always
  sample:
    - accounts_count: 4
      backup_file: /srv/backups/db01/prod-postgres-01/users_20260109_020000.sql.gz
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
plan:
  description: What would be backed up, with the space that it needs and the program that dumps.
  type: list
  elements: dict
  returned: in check mode
  sample:
    - database_bytes: 9437184
      database_id: prod-postgres-01
      database_name: shop
      estimated_bytes: 221055
      program: /usr/lib/postgresql/15/bin/pg_dump 15.18
swept:
  description: What dead runs had left behind, and what became of it.
  type: list
  elements: str
  returned: always
  sample: []
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
from ansible_collections.vya.backupdb.plugins.module_utils import _arguments, _module, _targets
from ansible_collections.vya.backupdb.plugins.module_utils._engine import run


def back_up(module: AnsibleModule) -> tuple[bool, dict[str, Any], None]:
    """Back up what the options select."""
    options = module.params
    targets = _targets.find(options)
    report = run.back_up(
        targets.wanted(options["database_ids"]),
        targets.store(),
        databases=options["databases"],
        jobs=options["jobs"],
        check=module.check_mode,
    )
    report.raise_for_failures()
    for warning in report.warnings():
        module.warn(warning)
    return True, report.as_dict(), None


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=_arguments.argument_spec(
            "config",
            "login",
            "storage",
            database_ids={"type": "list", "elements": "str"},
            databases={"type": "list", "elements": "str", "aliases": ["name"]},
            include_databases={"type": "list", "elements": "str"},
            exclude_databases={"type": "list", "elements": "str"},
            exclude_tables={"type": "list", "elements": "str"},
            dump_timeout={"type": "int"},
            jobs={"type": "int"},
            fingerprint={"type": "str", "choices": ["rows", "content"]},
            accounts={"type": "bool"},
        ),
        mutually_exclusive=[*_arguments.LOGIN_OR_CONFIG_EXCLUSIVE, ("type", "database_ids")],
        required_one_of=_arguments.LOGIN_OR_CONFIG_REQUIRED,
        supports_check_mode=True,
    )
    _module.run(module, back_up, requires=_module.ENGINE_PACKAGES)


if __name__ == "__main__":
    main()
