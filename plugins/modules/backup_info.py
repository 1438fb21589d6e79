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
  - With O(max_age) or O(min_verified_within) it is a monitor, which fails when a database has no new enough backup.
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
  max_age:
    description:
      - Fail when the last good backup of a database is older than this, or there is none. A length of time, as in
        V(26h), V(90m), V(7d) or V(1h30m). A good backup is whole, and no drill has found it bad.
      - With O(config), the databases of its enabled instances are looked at, those that it names and those that have
        backups. With O(gather_databases=true) too, those that the servers have now, and no others. An instance without
        any backup fails as well.
      - Without O(config), the databases that have backups, and the one that O(database_id) and O(database) name.
      - O(status), O(since), O(until) and O(limit) make no difference to this.
    type: str
  min_verified_within:
    description:
      - Fail when a drill has not found a backup of a database good for longer than this. A length of time, and the same
        databases, as for O(max_age).
    type: str
  min_verified_level:
    description:
      - The level that a drill must have had at least to count for O(min_verified_within) and in RV(databases), as
        M(vya.backupdb.backup_verify) has it.
    type: str
    choices: [checksum, structure, restore]
    default: structure
requirements:
  - cryptography >= 41 (with O(gather_databases=true))
  - PyMySQL >= 1.2 (with O(gather_databases=true), for MySQL and MariaDB)
  - psycopg2 >= 2.9.9 (with O(gather_databases=true), for PostgreSQL)
extends_documentation_fragment:
  - vya.backupdb.attributes
  - vya.backupdb.requirements
  - vya.backupdb.catalogue
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: vya.backupdb.db_backup
  - module: vya.backupdb.db_restore
  - module: vya.backupdb.backup_verify
  - module: vya.backupdb.backup_retention
  - module: vya.backupdb.backup_report
  - module: vya.backupdb.audit_info
  - name: Monitoring
    description: How to learn in time that backups are missing, old or unproven.
    link: https://git.example.org/vya/backupdb/blob/main/docs/monitoring.md
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

- name: Raise the alarm when a database has no backup of the last day, or none that was proven this week
  vya.backupdb.backup_info:
    config: /etc/vya_backupdb/config.yaml
    gather_databases: true
    max_age: 26h
    min_verified_within: 8d
"""

RETURN = r"""
backups:
  description:
    - The artifacts, newest first. C(verification) is what the newest drill found, and C(held) why retention leaves the
      artifact alone; each is there where there is something to tell.
  type: list
  elements: dict
  returned: always
  sample:
    - backup_file: /srv/backups/db01/prod-postgres-01/shop/2026-01-09/shop_20260109_020006_full.sql.gz
      backup_info:
        backup_type: full
        database_id: prod-postgres-01
        database_name: shop
        database_type: postgresql
        duration_seconds: 0.177
        hostname: db01
        keep_until: "2027-03-31T00:00:00+02:00"
        status: success
        timestamp: "2026-01-09T02:00:06.482884+01:00"
      checksum_file: /srv/backups/db01/prod-postgres-01/shop/2026-01-09/shop_20260109_020006_full.sql.gz.sha256
      file_info:
        checksum: 9f0bfb8244fd923198de7301f07a1f697efcf5697c4cb691cf54e374a98f4ee8
        checksum_algorithm: sha256
        compression_level: 6
        filename: shop_20260109_020006_full.sql.gz
        size_bytes: 133035
        size_human: 129.9 KB
      held: held until 2027-03-31T00:00:00+02:00
      metadata_file: /srv/backups/db01/prod-postgres-01/shop/2026-01-09/shop_20260109_020006_full.metadata.json
      schema_info:
        functions_count: 2
        procedures_count: 1
        schema_hash: b76d46bbff860bcd14e28f016c8bc1a5b1f99d81b71ba54462950ddfaa3f5215
        tables_count: 8
        triggers_count: 1
        views_count: 1
      verification:
        checksum: 9f0bfb8244fd923198de7301f07a1f697efcf5697c4cb691cf54e374a98f4ee8
        evidence:
          checksum:
            checksum_algorithm: sha256
            size_bytes: 133035
          restore:
            bytes_read: 133035
            compare_seconds: 0.086
            differences: []
            fingerprints_compared: 8
            large_objects_compared: 0
            objects_compared: 13
            rows_compared: 6357
            schema_hash_equal: true
            sections_loaded: 1
            sequences_compared: 6
            server: postgresql 15.18
            tables_compared: 8
          structure:
            raw_size_bytes: 359446
            sections: 1
        level: restore
        passed: true
        restore_seconds: 0.132
        server_version: '15.18'
        verified_at: "2026-01-09T03:18:05.919021+01:00"
        version: 2.0.0
      version: 2.0.0
databases:
  description:
    - The databases and the state of their backups, by id and name, whatever O(status), O(since) and O(until) leave out.
  type: list
  elements: dict
  returned: always
  sample:
    - backup_status: success
      database_id: prod-postgres-01
      last_backup: "2026-01-09T02:00:06.482884+01:00"
      last_good_backup: "2026-01-09T02:00:06.482884+01:00"
      last_verified: "2026-01-09T03:18:05.919021+01:00"
      name: shop
      size_bytes: 0
      tables_count: 8
      verified_level: restore
stale:
  description: The databases that do not keep O(max_age) or O(min_verified_within), with every reason.
  type: list
  elements: dict
  returned: always
  sample:
    - database_id: prod-mariadb-01
      name: shop
      reasons:
        - its last good backup is 2d7h12m old, more than 1d2h
        - it has no passed drill
problems:
  description: A sentence for each file that could not be taken for an artifact.
  type: list
  elements: str
  returned: always
  sample:
    - '/srv/backups/db01/prod-postgres-01/shop/2026-01-09/shop_20260109_010000_full.metadata.json is not valid metadata:
      Invalid JSON: EOF while parsing an object at line 1 column 1'
total:
  description: How many artifacts match, also beyond O(limit).
  type: int
  returned: always
  sample: 2
error_code:
  description: V(validation_error) when a database is stale.
  type: str
  returned: failure
  sample: validation_error
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.vya.backupdb.plugins.module_utils import _arguments, _module, _targets
from ansible_collections.vya.backupdb.plugins.module_utils._engine import durations, moments
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog, freshness
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import now
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.verification import LEVELS
from ansible_collections.vya.backupdb.plugins.module_utils._engine.status import inquiry


def describe(module: AnsibleModule) -> tuple[bool, dict[str, Any], None]:
    """Return what is in the storage. Raise ValidationError, with all of it, when a database is stale."""
    options = module.params
    limits = freshness.Limits(*(durations.optional(options[name], name) for name in ("max_age", "min_verified_within")))
    targets = _targets.find(options)
    question = inquiry.Question(
        catalog.Filters(*(options[name] for name in ("hostname", "database_id", "database"))),
        status=options["status"],
        since=moments.optional(options["since"], "since"),
        until=moments.optional(options["until"], "until"),
        limit=options["limit"],
        details=options["details"],
        live=options["gather_databases"],
        limits=limits,
        level=options["min_verified_level"],
    )
    answer = inquiry.ask(question, targets.storage.base_path, targets.config, now())
    return False, inquiry.result_of(question, answer), None


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=_arguments.argument_spec(
            "catalogue",
            hostname={"type": "str"},
            database_id={"type": "str"},
            database={"type": "str", "aliases": ["name"]},
            status={"type": "str", "choices": ["success", "failed", "partial"]},
            since={"type": "str"},
            until={"type": "str"},
            limit={"type": "int"},
            details={"type": "bool", "default": False},
            gather_databases={"type": "bool", "default": False},
            max_age={"type": "str"},
            min_verified_within={"type": "str"},
            min_verified_level={"type": "str", "choices": list(LEVELS), "default": "structure"},
        ),
        mutually_exclusive=[("config", "base_path")],
        required_if=[("gather_databases", True, ("config",))],
        supports_check_mode=True,
    )
    _module.run(module, describe, requires=_module.CATALOGUE_PACKAGES)


if __name__ == "__main__":
    main()
