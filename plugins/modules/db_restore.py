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
  - The artifact is read to its end first. Its checksum, its gzip data and the first and last line of the dump must be
    right before anything is done to the server.
  - The dump is loaded with stop at the first error, then objects and rows are counted and compared with the metadata.
    A difference fails the task.
  - An existing database is refused unless O(force=true). It is replaced only after the artifact has been loaded into a
    scratch database beside it and found equal to its metadata.
  - On PostgreSQL every restore is loaded into a scratch database, which then takes the name of the target in one
    transaction. MySQL and MariaDB cannot rename a database. There, a new target is loaded in place and dropped again
    when that fails, and an existing one is dropped and loaded once more after the scratch database has been
    found right. The scratch database stays until the target is whole.
options:
  backup_file:
    description: The path of the C(.sql.gz) file of the artifact, on the host.
    type: path
  database:
    description: The name of the database whose artifact is wanted. With O(latest) or O(point_in_time).
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
  load_timeout:
    description: How long one load may take, in seconds. Where it is omitted, there is no limit.
    type: int
extends_documentation_fragment:
  - vya.backupdb.attributes
  - vya.backupdb.engine
  - vya.backupdb.config
  - vya.backupdb.login
  - vya.backupdb.storage
attributes:
  check_mode:
    support: full
    details: Verifies the artifact and the target as a real run does, and changes nothing.
  diff_mode:
    support: none
  platform:
    support: full
    platforms: posix
seealso:
  - module: vya.backupdb.db_backup
  - module: vya.backupdb.backup_info
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
"""

RETURN = r"""
restore:
  description: What was restored, to where, and how it compares with the metadata.
  type: dict
  returned: success
  sample:
    backup_file: /srv/backups/db01/prod-postgres-01/shop/2026-01-09/shop_20260109_020000_full.sql.gz
    comparison:
      differences: []
      objects_compared: 14
      rows_compared: 4213
      schema_hash_equal: true
      tables_compared: 8
    database_id: prod-postgres-01
    database_name: shop
    duration_seconds: 1.318
    error_code: null
    error_message: null
    hint: null
    success: true
    target_database: shop
    timestamp: "2026-01-09T08:12:44.501223+01:00"
    warnings: []
error_code:
  description: The kind of the failure.
  type: str
  returned: failure
  sample: validation_error
"""

import contextlib
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.vya.backupdb.plugins.module_utils import _arguments, _module, _targets
from ansible_collections.vya.backupdb.plugins.module_utils._engine import restore


def put_back(module: AnsibleModule) -> tuple[bool, dict[str, Any], None]:
    """Restore the artifact that the options select."""
    options = module.params
    targets = _targets.find(options)
    base_path = targets.storage.base_path
    selection = restore.Selection(
        backup_file=Path(options["backup_file"]) if options["backup_file"] else None,
        database_id=options["database_id"],
        database=options["database"],
        hostname=options["hostname"],
        until=_targets.moment(options["point_in_time"], "point_in_time"),
    )
    artifact = restore.select_artifact(base_path, selection)
    info = artifact.metadata.backup_info
    instance = targets.instance(options["target_id"] or options["database_id"] or info.database_id)
    request = restore.Request(
        artifact=artifact,
        target=options["target_database"] or info.database_name,
        force=options["force"],
        timeout=options["load_timeout"],
    )
    store = targets.store()
    with contextlib.nullcontext() if module.check_mode else store.locked(instance.id):
        result = restore.restore(instance.server(), request, store.clock(), check=module.check_mode)
    for warning in result.warnings:
        module.warn(warning)
    return True, {"restore": result.as_dict()}, None


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=_arguments.argument_spec(
            "config",
            "login",
            "storage",
            backup_file={"type": "path"},
            database={"type": "str", "aliases": ["name"]},
            latest={"type": "bool", "default": False},
            point_in_time={"type": "str"},
            hostname={"type": "str"},
            target_id={"type": "str"},
            target_database={"type": "str"},
            force={"type": "bool", "default": False},
            load_timeout={"type": "int"},
        ),
        mutually_exclusive=[
            *_arguments.LOGIN_OR_CONFIG_EXCLUSIVE,
            ("type", "target_id"),
            ("backup_file", "database"),
            ("backup_file", "point_in_time"),
        ],
        required_one_of=[*_arguments.LOGIN_OR_CONFIG_REQUIRED, ("backup_file", "database")],
        required_if=[("latest", True, ("database", "database_id"))],
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
