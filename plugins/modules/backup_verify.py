#!/usr/bin/python
# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove that artifacts are good, by restoring them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_verify
short_description: Prove that backups restore
version_added: 1.0.0
description:
  - Verifies artifacts of M(vya.backupdb.db_backup), one after the other, and writes what was found beside each, in its
    C(.verification.json) file. M(vya.backupdb.backup_info) shows it, and retention counts it.
  - An artifact is restored to a throwaway server that the module starts for it, or under a name of its own to a server
    that is there, compared with its metadata and dropped. A database that anybody uses is never touched.
  - An artifact that is damaged, cannot be loaded, or is not what was dumped fails the task, and its record says so.
    What could not be verified for another reason, such as a server that cannot be reached or a program that is missing,
    fails the task too, but its record stays as it was.
  - A record of the same data file that shows more, for or against it, is kept when a weaker level finds nothing wrong.
  - One bad artifact does not stop the others. What a run that was killed left behind, the next one takes away.
options:
  level:
    description:
      - How much is proven. Each level includes those before it.
      - With V(checksum) the data file is read, and has the size and checksum that the metadata and the checksum file
        tell.
      - With V(structure) its gzip data are read to the end, hold the sections that the metadata tells of, and are a
        whole dump of one database.
      - With V(restore) it is restored, and objects, rows, sequences, definitions and, where the backup has them,
        fingerprints are compared.
    type: str
    choices: [checksum, structure, restore]
    default: restore
  select:
    description:
      - Which artifacts are verified, of those that O(hostname), O(database_id) and O(database) admit. Only good ones,
        except with V(list).
      - V(latest) is the newest of each database. First come the databases of which none was looked at for the longest
        time.
      - V(random) is O(count) of all.
      - V(unverified) is the oldest O(count) that O(level), or a stronger one, has not looked at.
      - V(list) is those of O(backup_files).
    type: str
    choices: [latest, random, unverified, list]
    default: latest
  backup_files:
    description: The paths of the C(.sql.gz) files to verify, on the host. Implies O(select=list).
    type: list
    elements: path
    default: []
  count:
    description:
      - How many artifacts are verified at the most.
      - Where it is omitted, one with V(random) and V(unverified), or with O(time_budget) as many as there is time for;
        all with the others.
    type: int
  time_budget:
    description:
      - For how long artifacts are begun with, as in V(2h) or V(90m). What was begun is brought to its end.
      - RV(left_out) tells for which the time did not suffice.
    type: str
  hostname:
    description: Only artifacts that were made on this host. Where it is omitted, on any.
    type: str
  database_id:
    description: Only artifacts of the instance with this id.
    type: str
  database:
    description: Only artifacts of the database with this name.
    type: str
    aliases: [name]
  server:
    description:
      - Where an artifact is restored to.
      - With V(throwaway), to a server that is started for it in a new folder below O(work_path), listens on a socket
        there alone, and is gone afterwards. The product's server programs must be installed on the host, of the
        version of the dump or a newer one. As root, it runs as C(postgres) or C(mysql), or else as C(nobody).
      - With V(same), to a scratch database on the server that the artifact is of, C(NAME__verify_TIME). With
        O(target_id) or the login options, on that server.
    type: str
    choices: [throwaway, same]
    default: throwaway
  target_id:
    description:
      - With O(server=same), the id of the configured instance to restore to.
      - Where it is omitted, the one that the artifact is of.
    type: str
  type:
    description:
      - The family of the server. MariaDB is V(mysql).
      - With O(server=same), it or O(config) is required.
    type: str
    choices: [mysql, postgresql]
  work_path:
    description:
      - The folder for the data of a throwaway server, with room for the largest database.
      - Its path must be short, for a socket is in it, and the account that the server runs as must be able to enter it.
    type: path
    default: /var/tmp
  server_path:
    description:
      - The folder of the server programs, C(postgres) and C(initdb), C(mariadbd) or C(mysqld).
      - Where it is omitted, they are looked for. Of PostgreSQL, those of the dump's major version come first.
    type: path
  jobs:
    description: How many programs load at a time. Where it is omitted, as many as there are processors.
    type: int
  load_timeout:
    description: How long one load may take, in seconds. Where it is omitted, there is no limit.
    type: int
  base_path:
    description:
      - The path of the storage. Where it and O(config) are omitted, C(/var/backups/vya_backupdb).
      - Mutually exclusive with O(config), which names it itself.
    type: path
extends_documentation_fragment:
  - vya.backupdb.attributes
  - vya.backupdb.requirements
  - vya.backupdb.requirements.servers
  - vya.backupdb.requirements.programs
  - vya.backupdb.config
  - vya.backupdb.login
attributes:
  check_mode:
    support: full
    details: Tells which artifacts would be verified, and looks at none of them.
  diff_mode:
    support: none
seealso:
  - module: vya.backupdb.db_backup
  - module: vya.backupdb.db_restore
  - module: vya.backupdb.backup_info
  - module: vya.backupdb.backup_report
  - module: vya.backupdb.backup_retention
  - name: The drill
    description: What is proven, where it is restored to, and how long it takes.
    link: https://git.example.org/vya/backupdb/blob/main/docs/drill.md
author:
  - Contributors to the vya.backupdb project (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Restore the newest backup of each database on a throwaway server, as far as two hours suffice
  vya.backupdb.backup_verify:
    config: /etc/vya_backupdb/config.yaml
    time_budget: 2h

- name: Restore one backup by chance beside the live database of its server
  vya.backupdb.backup_verify:
    config: /etc/vya_backupdb/config.yaml
    select: random
    server: same

- name: Read the ten oldest backups that nobody has looked at
  vya.backupdb.backup_verify:
    base_path: /srv/backups
    level: structure
    select: unverified
    count: 10

- name: Prove a backup on another server before the migration
  vya.backupdb.backup_verify:
    base_path: /srv/backups
    backup_files:
      - /srv/backups/db01/prod-postgres-01/shop/2026-01-09/shop_20260109_020000_full.sql.gz
    server: same
    type: postgresql
    login_host: staging.example.org
    login_user: postgres
    login_password: "{{ vault_postgres_password }}"
"""

RETURN = r"""
results:
  description:
    - How the drill of each artifact went, in the order in which they were looked at.
    - C(level) is the strongest one that was come to, and C(evidence) what was seen by each. C(recorded) is whether that
      was written beside the artifact, and C(restore_seconds) how long the load took.
  type: list
  elements: dict
  returned: success, or failure of an artifact
  sample:
    - backup_file: /srv/backups/db01/prod-postgres-01/shop/2026-01-09/shop_20260109_020006_full.sql.gz
      backup_timestamp: "2026-01-09T02:00:06.482884+01:00"
      database_id: prod-postgres-01
      database_name: shop
      database_type: postgresql
      duration_seconds: 1.322
      error_code: null
      error_message: null
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
      hint: null
      hostname: db01
      level: restore
      recorded: true
      restore_seconds: 0.132
      size_bytes: 133035
      success: true
      timestamp: "2026-01-09T03:18:05.919021+01:00"
      warnings: []
summary:
  description: How many artifacts were verified, how many of them are good, and for how many there was no time.
  type: dict
  returned: success, or failure of an artifact
  sample:
    failed: 0
    left_out: 0
    successful: 1
    total: 1
left_out:
  description: The data files of the artifacts for which O(time_budget) did not suffice.
  type: list
  elements: str
  returned: success, or failure of an artifact
  sample: []
swept:
  description: A sentence for each thing that a run which was killed had left, and that was taken away.
  type: list
  elements: str
  returned: success, or failure of an artifact
  sample:
    - removed /var/tmp/vya-backupdb-drill-postgresql-dku5jciw, a throwaway server that a drill which was killed had left
plan:
  description: The artifacts that would be verified.
  type: list
  elements: dict
  returned: success, in check mode
  sample:
    - backup_file: /srv/backups/db01/prod-postgres-01/shop/2026-01-09/shop_20260109_020006_full.sql.gz
      database_id: prod-postgres-01
      database_name: shop
      level: restore
error_code:
  description:
    - The kind of the failure. V(partial_failure) if some artifacts are good, V(complete_failure) if none is and they
      failed in different ways, else the kind that all failures share.
  type: str
  returned: failure
  sample: validation_error
"""

import os
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.vya.backupdb.plugins.module_utils import _arguments, _module, _targets
from ansible_collections.vya.backupdb.plugins.module_utils._engine import durations, errors, operations
from ansible_collections.vya.backupdb.plugins.module_utils._engine.drills import drill

OWN: _arguments.Spec = {
    "level": {"type": "str", "choices": ["checksum", "structure", "restore"], "default": "restore"},
    "select": {"type": "str", "choices": ["latest", "random", "unverified", "list"], "default": "latest"},
    "backup_files": {"type": "list", "elements": "path", "default": []},
    "count": {"type": "int"},
    "time_budget": {"type": "str"},
    "hostname": {"type": "str"},
    "database": {"type": "str", "aliases": ["name"]},
    "server": {"type": "str", "choices": ["throwaway", "same"], "default": "throwaway"},
    "target_id": {"type": "str"},
    "work_path": {"type": "path", "default": "/var/tmp"},
    "server_path": {"type": "path"},
    "jobs": {"type": "int"},
    "load_timeout": {"type": "int"},
    "base_path": {"type": "path"},
}


def verify(module: AnsibleModule) -> tuple[bool, dict[str, Any], None]:
    """Verify what the options select."""
    options, check = module.params, module.check_mode
    targets = _targets.find(options)
    setting, choice, where = targets.setting(), choice_of(options), where_of(options, targets)
    drilled = operations.verify(
        setting,
        lambda drilled: drill.verify(choice, options["level"], where, setting.store, check=check, drilled=drilled),
        check=check,
    )
    for warning in drilled.warnings:
        module.warn(warning)
    drilled.raise_for_failures()
    return bool(drilled.plan) or drilled.changed, drilled.as_dict(), None


def choice_of(options: dict[str, Any]) -> drill.Choice:
    """Return which artifacts the options select. Raise ConfigError when they make no sense."""
    budget = durations.optional(options["time_budget"], "time_budget")
    return drill.Choice(
        select="list" if options["backup_files"] else options["select"],
        files=[Path(file) for file in options["backup_files"]],
        hostname=options["hostname"],
        database_id=options["database_id"],
        database=options["database"],
        count=options["count"],
        time_budget=budget.total_seconds() if budget else None,
    )


def where_of(options: dict[str, Any], targets: _targets.Targets) -> drill.Where:
    """Return where artifacts are to be restored to. Raise ConfigError when it is not said whole."""
    same = options["server"] == "same"
    if options["target_id"] and not same:
        raise errors.ConfigError("target_id names a server, but artifacts go to a throwaway one", "Set server: same")
    if same and options["level"] == "restore" and not (options["config"] or options["type"]):
        raise errors.ConfigError("with server: same, config or the login options must name the server")
    return drill.Where(
        find_instance=(lambda its_id: targets.instance(options["target_id"] or its_id)) if same else None,
        work_path=Path(options["work_path"]),
        server_path=Path(options["server_path"]) if options["server_path"] else None,
        jobs=options["jobs"] or os.cpu_count() or 1,
        timeout=options["load_timeout"],
    )


def main() -> None:
    """Run the module."""
    spec = _arguments.argument_spec("config", "login", **OWN)
    module = AnsibleModule(
        argument_spec=spec,
        mutually_exclusive=[
            *(pair for pair in _arguments.LOGIN_OR_CONFIG_EXCLUSIVE if pair[1] in spec),
            ("type", "target_id"),
        ],
        supports_check_mode=True,
    )
    _module.run(module, verify, requires=_module.ENGINE_PACKAGES)


if __name__ == "__main__":
    main()
