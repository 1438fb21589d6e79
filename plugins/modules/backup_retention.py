#!/usr/bin/python
# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the artifacts of a backup storage that a policy wants, and remove the others."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_retention
short_description: Keep the backups that a policy wants, and remove the others
version_added: 1.0.0
description:
  - Decides on every artifact that M(vya.backupdb.db_backup) made on one host, each database by itself, and removes what
    neither the policy keeps nor a hold. Each decision comes with all its reasons, also in check mode.
  - Counts backups and does not age them. Where backups have stopped, nothing is removed.
  - Never removes the newest good backup of a database, nor goes below O(min_keep) good and O(min_verified) verified
    ones. Good is what is complete, as large as it was, and not found bad by its newest drill.
  - An artifact is held by C(keep_until) in its metadata, or by a file beside it that is named as its data file, with
    C(.hold) instead of C(.sql.gz). The first line of the file is shown as the reason.
  - Accounts artifacts live as long as a backup of a database names them; the newest good ones always stay.
  - Finishes removals that a dead run had begun, removes other leftovers of dead runs and empty folders of past dates.
    Files that are not of this collection are left alone. It may run beside a backup.
  - M(vya.backupdb.db_backup) with O(vya.backupdb.db_backup#module:config) does the same by itself after each good
    backup, unless the configuration has C(cleanup_enabled) off.
options:
  strategy:
    description:
      - V(gfs) keeps the newest backup of each of the last O(daily_keep) days, O(weekly_keep) ISO weeks and
        O(monthly_keep) months that have one. V(simple) keeps the last O(daily_keep) backups.
      - Where it is omitted, as the configuration says, or V(gfs).
    type: str
    choices: [simple, gfs]
  daily_keep:
    description:
      - How many days with a backup keep their newest one, or with O(strategy=simple), how many backups stay.
      - Where it is omitted, as the configuration says, or V(7).
    type: int
  weekly_keep:
    description:
      - How many ISO weeks with a backup keep their newest one.
      - Where it is omitted, as the configuration says, or V(4).
    type: int
  monthly_keep:
    description:
      - How many months with a backup keep their newest one.
      - Where it is omitted, as the configuration says, or V(12).
    type: int
  min_keep:
    description:
      - How many of the newest good backups of a database always stay; at least one.
      - Where it is omitted, as the configuration says, or V(1).
    type: int
  min_verified:
    description:
      - How many of the newest backups of a database always stay that M(vya.backupdb.backup_verify) has found good, by
        the level V(structure) or V(restore). May be V(0).
      - Where it is omitted, as the configuration says, or V(1).
    type: int
  hostname:
    description:
      - The host whose artifacts are decided on, such as one that is gone. Where it is omitted, the host of the task.
      - There is no way to name all at once. A host that lives cleans up by its own clock and its own policy.
    type: str
  database_id:
    description: Only artifacts of the instance with this id, and its accounts.
    type: str
  database:
    description: Only artifacts of the database with this name, and the accounts of the instances that have it.
    type: str
    aliases: [name]
extends_documentation_fragment:
  - vya.backupdb.attributes
  - vya.backupdb.requirements
  - vya.backupdb.catalogue
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Each artifact is listed with what becomes of it and why.
seealso:
  - module: vya.backupdb.db_backup
  - module: vya.backupdb.backup_verify
  - module: vya.backupdb.backup_info
  - module: vya.backupdb.backup_report
  - name: Retention
    description: Which backups stay and which go, with a picture.
    link: https://git.example.org/vya/backupdb/blob/main/docs/retention.md
author:
  - Contributors to the vya.backupdb project (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Keep what the configuration wants
  vya.backupdb.backup_retention:
    config: /etc/vya_backupdb/config.yaml

- name: Show what another policy would remove
  vya.backupdb.backup_retention:
    config: /etc/vya_backupdb/config.yaml
    daily_keep: 14
    monthly_keep: 24
  check_mode: true
  diff: true

- name: Keep the last three backups of one database
  vya.backupdb.backup_retention:
    base_path: /srv/backups
    database_id: prod-postgres-01
    database: shop
    strategy: simple
    daily_keep: 3

- name: Clean up after a host that is gone, on a storage that it shared
  vya.backupdb.backup_retention:
    base_path: /srv/backups
    hostname: db07
    monthly_keep: 3
"""

RETURN = r"""
results:
  description:
    - Every artifact that was decided on, by instance and database, newest first; accounts, of no database, are last.
    - C(reasons) are all that it is kept or removed for. C(removed) is false in check mode.
  type: list
  elements: dict
  returned: success, or when some could not be removed
  sample:
    - backup_file: /srv/backups/db01/prod-postgres-01/shop/2026-01-09/shop_20260109_020006_full.sql.gz
      database_id: prod-postgres-01
      database_name: shop
      error_code: null
      error_message: null
      hostname: db01
      keep: true
      reasons:
        - newest good backup
        - number 1 of the last 1
        - held until 2027-03-31T00:00:00+02:00
      removed: false
      size_bytes: 133035
      timestamp: "2026-01-09T02:00:06.482884+01:00"
    - backup_file: /srv/backups/db01/prod-postgres-01/shop/2026-01-08/shop_20260108_020003_full.sql.gz
      database_id: prod-postgres-01
      database_name: shop
      error_code: null
      error_message: null
      hostname: db01
      keep: false
      reasons: [older than the last 1]
      removed: true
      size_bytes: 133082
      timestamp: "2026-01-08T02:00:03.655515+01:00"
    - backup_file: /srv/backups/db01/prod-postgres-01/users_20260108_020003.sql.gz
      database_id: prod-postgres-01
      database_name: null
      error_code: null
      error_message: null
      hostname: db01
      keep: false
      reasons: [no backup of a database names it any more]
      removed: true
      size_bytes: 1057
      timestamp: "2026-01-08T02:00:03.592914+01:00"
summary:
  description:
    - How many artifacts there were, were kept, were removed and could not be removed, and how large the removed were.
    - In check mode, what would be removed counts as removed.
  type: dict
  returned: success, or when some could not be removed
  sample:
    failed: 0
    freed_bytes: 134139
    kept: 4
    removed: 2
    total: 6
resumed:
  description: A sentence for each removal that a dead run had begun, and that is finished now.
  type: list
  elements: str
  returned: success, or when some could not be removed
  sample:
    - >-
      finished the removal that
      /srv/backups/db01/prod-postgres-01/shop/2026-01-03/.shop_20260103_020000_full.metadata.json.removed tells of
swept:
  description: A sentence for each other leftover of a dead run. Check mode does not foresee them.
  type: list
  elements: str
  returned: success, or when some could not be removed
  sample: []
error_code:
  description:
    - The kind of the failure. Where artifacts could not be removed, V(partial_failure) when others were, else the
      reason that they share, or V(complete_failure).
  type: str
  returned: failure
  sample: validation_error
"""

import dataclasses
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.vya.backupdb.plugins.module_utils import _arguments, _module, _targets
from ansible_collections.vya.backupdb.plugins.module_utils._engine import configuration, operations
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models._pydantic import PydanticError
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import AppConfig, RetentionConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.retention import pruning

POLICY: _arguments.Spec = {
    "strategy": {"type": "str", "choices": ["simple", "gfs"]},
    **{name: {"type": "int"} for name in ("daily_keep", "weekly_keep", "monthly_keep", "min_keep", "min_verified")},
}
NARROWING: _arguments.Spec = {
    "hostname": {"type": "str"},
    "database_id": {"type": "str"},
    "database": {"type": "str", "aliases": ["name"]},
}


def policy_of(config: AppConfig | None, options: dict[str, Any]) -> RetentionConfig:
    """Return the policy of the configuration with the options on top. Raise ConfigError when it is not valid."""
    configured = config.retention.model_dump() if config else {}
    given = {name: options[name] for name in POLICY if options[name] is not None}
    try:
        return RetentionConfig(**{**configured, **given})
    except PydanticError as error:
        raise configuration.config_error(error, "the policy of the task") from None


def clean_up(module: AnsibleModule) -> tuple[bool, dict[str, Any], dict[str, Any] | None]:
    """Clean up what the options select."""
    options, check = module.params, module.check_mode
    targets = _targets.find(options)
    setting = targets.setting()
    store = dataclasses.replace(setting.store, hostname=options["hostname"] or setting.store.hostname)
    policy = policy_of(targets.config, options)
    only = {name: options[name] for name in ("database_id", "database")}
    cleanup = operations.clean_up(setting, lambda: pruning.clean_up(store, policy, check=check, **only), check=check)
    for warning in cleanup.warnings:
        module.warn(warning)
    cleanup.raise_for_failures()
    cleanup.require_something(setting.store.config.base_path, **{name: options[name] for name in NARROWING})
    return cleanup.changed, cleanup.as_dict(), {"prepared": cleanup.text()} if module._diff else None


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=_arguments.argument_spec(
            "catalogue",
            **POLICY,
            **NARROWING,
        ),
        mutually_exclusive=[("config", "base_path")],
        supports_check_mode=True,
    )
    _module.run(module, clean_up, requires=_module.CATALOGUE_PACKAGES)


if __name__ == "__main__":
    main()
