#!/usr/bin/python
# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List the artifacts of a backup storage, and the state of each database's backups."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_info
short_description: List the artifacts of a backup storage
version_added: 1.0.0
description:
  - Lists the artifacts of M(vya.backupdb.db_backup), newest first, and each database with the state of its backups.
  - Reads the metadata files of the storage. No server is asked, unless O(gather_databases=true).
options:
  hostname:
    description: Only artifacts that were made on this host.
    type: str
  database_id:
    description: Only artifacts of the instance with this id.
    type: str
  database:
    description: Only artifacts of the database with this name.
    type: str
    aliases: [name]
  status:
    description: Only artifacts with this status.
    type: str
    choices: [success, failed, partial]
  since:
    description: Only artifacts taken at or after this moment, in ISO 8601. Without an offset, in local time.
    type: str
  until:
    description: Only artifacts taken at or before this moment, in ISO 8601. Without an offset, in local time.
    type: str
  limit:
    description: How many artifacts are returned at the most, the newest ones.
    type: int
  details:
    description: Whether RV(backups) also holds C(restore_info), with the rows of every table.
    type: bool
    default: false
  gather_databases:
    description:
      - Whether the servers of the configuration are asked for their databases, so that RV(databases) also has those
        that were never backed up, and present sizes. Needs O(config).
    type: bool
    default: false
  config:
    description: The path of C(config.yaml) on the host, which names the storage. Mutually exclusive with O(base_path).
    type: path
  base_path:
    description: The path of the storage. Where it and O(config) are omitted, C(/var/backups/vya_backupdb).
    type: path
requirements:
  - pydantic >= 2
  - pydantic-settings >= 2
  - PyYAML
  - cryptography (with O(gather_databases=true))
  - PyMySQL >= 1.2 (with O(gather_databases=true), for MySQL and MariaDB)
  - psycopg2 (with O(gather_databases=true), for PostgreSQL)
extends_documentation_fragment:
  - vya.backupdb.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  platform:
    support: full
    platforms: posix
seealso:
  - module: vya.backupdb.db_backup
  - module: vya.backupdb.db_restore
author:
  - Contributors to the vya.backupdb project (!UNKNOWN)
"""

EXAMPLES = r"""
- name: List all artifacts of the configured storage
  vya.backupdb.backup_info:
    config: /etc/vya_backupdb/config.yaml
  register: catalogue

- name: Find the newest good artifact of a database
  vya.backupdb.backup_info:
    base_path: /srv/backups
    database_id: prod-postgres-01
    database: shop
    status: success
    limit: 1

- name: See which databases were never backed up
  vya.backupdb.backup_info:
    config: /etc/vya_backupdb/config.yaml
    gather_databases: true
  register: catalogue
  failed_when: catalogue.databases | selectattr('backup_status', 'equalto', 'never') | length > 0
"""

RETURN = r"""
backups:
  description: The artifacts, newest first.
  type: list
  elements: dict
  returned: success
  sample:
    - backup_file: /srv/backups/db01/prod-postgres-01/shop/2026-01-09/shop_20260109_020000_full.sql.gz
      backup_info:
        backup_type: full
        database_id: prod-postgres-01
        database_name: shop
        database_type: postgresql
        duration_seconds: 0.203
        hostname: db01
        status: success
        timestamp: "2026-01-09T02:00:00.118204+01:00"
      checksum_file: /srv/backups/db01/prod-postgres-01/shop/2026-01-09/shop_20260109_020000_full.sql.gz.sha256
      file_info:
        checksum: 28bdec29d1dbd961746d72918db1308ff23430df34c0768fd3c20ebabf258df4
        checksum_algorithm: sha256
        compression_level: 6
        filename: shop_20260109_020000_full.sql.gz
        size_bytes: 184213
        size_human: 179.9 KB
      metadata_file: /srv/backups/db01/prod-postgres-01/shop/2026-01-09/shop_20260109_020000_full.metadata.json
      schema_info:
        functions_count: 2
        procedures_count: 1
        schema_hash: a052881f5fa674cfe68f9948cf28f24d6399691c30cacc0c42b93c45558bd802
        tables_count: 8
        triggers_count: 2
        views_count: 2
      version: 2.0.0
databases:
  description: The databases and the state of their backups, by id and name.
  type: list
  elements: dict
  returned: success
  sample:
    - backup_status: success
      database_id: prod-postgres-01
      last_backup: "2026-01-09T02:00:00.118204+01:00"
      name: shop
      size_bytes: 0
      tables_count: 8
problems:
  description: A sentence for each file that could not be taken for an artifact.
  type: list
  elements: str
  returned: success
  sample: []
total:
  description: How many artifacts match, also beyond O(limit).
  type: int
  returned: success
  sample: 1
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.vya.backupdb.plugins.module_utils import _arguments, _module, _targets
from ansible_collections.vya.backupdb.plugins.module_utils._engine import catalog, information


def describe(module: AnsibleModule) -> tuple[bool, dict[str, Any], None]:
    """Return what is in the storage."""
    options = module.params
    targets = _targets.find(options)
    filters = catalog.Filters(
        hostname=options["hostname"],
        database_id=options["database_id"],
        database=options["database"],
        status=options["status"],
        since=_targets.moment(options["since"], "since"),
        until=_targets.moment(options["until"], "until"),
    )
    listing = catalog.list_artifacts(targets.storage.base_path, filters, options["details"])
    listed = []
    if options["gather_databases"]:
        for one in targets.wanted([options["database_id"]] if options["database_id"] else None):
            listed += information.list_live(one.provide(), options["database"])
    return (
        False,
        {
            "backups": [
                information.describe_artifact(artifact, options["details"])
                for artifact in listing.artifacts[: options["limit"]]
            ],
            "databases": [each.as_dict() for each in information.describe_databases(listing, listed)],
            "problems": listing.problems,
            "total": len(listing.artifacts),
        },
        None,
    )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=_arguments.argument_spec(
            hostname={"type": "str"},
            database_id={"type": "str"},
            database={"type": "str", "aliases": ["name"]},
            status={"type": "str", "choices": ["success", "failed", "partial"]},
            since={"type": "str"},
            until={"type": "str"},
            limit={"type": "int"},
            details={"type": "bool", "default": False},
            gather_databases={"type": "bool", "default": False},
            config={"type": "path"},
            base_path={"type": "path"},
        ),
        mutually_exclusive=[("config", "base_path")],
        required_if=[("gather_databases", True, ("config",))],
        supports_check_mode=True,
    )
    _module.run(module, describe, requires=_module.CATALOGUE_PACKAGES)


if __name__ == "__main__":
    main()
