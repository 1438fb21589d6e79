#!/usr/bin/python
# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell what the audit log has of backups, restores, cleanups and drills."""

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_info
short_description: List and summarize what was done to databases
version_added: 1.0.0
description:
  - Lists the entries of the audit log, newest first. Each backup, restore, cleanup and drill of a database leaves one,
    whether it went well or not.
  - Summarizes them per day, week or month, by host, database and operation.
  - Where there is no log yet, there are no entries. Reading makes no log.
options:
  operation:
    description: Only entries of this operation.
    type: str
    choices: [backup, restore, cleanup, verify]
  status:
    description: Only entries with this status.
    type: str
    choices: [success, failed, partial]
  database_id:
    description: Only entries of the instance with this id.
    type: str
  database:
    description: Only entries of the database with this name.
    type: str
    aliases: [name]
  hostname:
    description: Only entries of this host. A log of one host in its storage has no others.
    type: str
  since:
    description: Only entries from this moment on, in ISO 8601. Without an offset, in local time.
    type: str
  until:
    description: Only entries up to this moment, in ISO 8601. Without an offset, in local time.
    type: str
  limit:
    description: How many entries are returned at the most, the newest ones. RV(summary) and RV(total) know no limit.
    type: int
  summary_by:
    description:
      - Also return a RV(summary) of all entries that match, for each of these periods, or V(all) of them in one.
      - Days, ISO weeks and months are those of the local time of the host.
    type: str
    choices: [day, week, month, all]
  url:
    description:
      - The URL of the log, as in C(audit.url) of the configuration, such as C(sqlite:////srv/audit/backups.db) or
        C(postgresql://auditor:secret@db01/audit).
      - Where it is omitted, the log is where O(config) says, or else in the storage O(base_path).
      - Mutually exclusive with O(config) and O(base_path).
    type: str
requirements:
  - SQLAlchemy >= 2.0.20
  - PyMySQL >= 1.2 (for a log in MySQL or MariaDB)
  - psycopg2 >= 2.9.9 (for a log in PostgreSQL)
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
  - module: vya.backupdb.backup_info
  - module: vya.backupdb.backup_report
  - name: Audit log
    description: Where the log is, what an entry has, and how a fleet shares one.
    link: https://git.example.org/vya/backupdb/blob/main/docs/audit.md
author:
  - Contributors to the vya.backupdb project (!UNKNOWN)
"""

EXAMPLES = r"""
- name: List the last failures
  vya.backupdb.audit_info:
    config: /etc/vya_backupdb/config.yaml
    status: failed
    limit: 10
  register: failures

- name: Summarize the backups of a year by month
  vya.backupdb.audit_info:
    config: /etc/vya_backupdb/config.yaml
    operation: backup
    since: "2026-01-01"
    until: "2026-12-31T23:59:59"
    limit: 1
    summary_by: month
  register: year

- name: See what became of one database on all hosts that share a log
  vya.backupdb.audit_info:
    url: "postgresql://auditor:{{ vault_auditor_password | urlencode }}@db01/audit"
    database_id: prod-postgres-01
    database: shop
  register: shop
"""

RETURN = r"""
entries:
  description: The entries, newest first. Their moments are in the local time of the host, with its offset.
  type: list
  elements: dict
  returned: success
  sample:
    - database_id: prod-postgres-01
      database_name: shop
      database_type: postgresql
      details:
        backup_file: /srv/backups/db01/prod-postgres-01/shop/2026-01-09/shop_20260109_020006_full.sql.gz
        drift:
          came: [table public.invoice]
          changed: [table public.payments]
          previous_backup: /srv/backups/db01/prod-postgres-01/shop/2026-01-08/shop_20260108_020003_full.sql.gz
          went: [view public.best_customers]
      duration_seconds: 0.177
      error_code: null
      error_message: null
      hostname: db01
      id: 3
      operation: backup
      size_bytes: 133035
      status: success
      timestamp: "2026-01-09T02:00:06.482884+01:00"
summary:
  description:
    - A summary for each period, host, instance, database and operation, the newest period first. Empty without
      O(summary_by).
    - C(success_rate) is a share of 1. What is C(partial) is no success.
    - Sizes are in bytes, and C(size_bytes_last) is the newest one; durations are in seconds.
  type: list
  elements: dict
  returned: success
  sample:
    - count: 2
      database_id: prod-postgres-01
      database_name: shop
      duration_seconds_max: 0.3
      duration_seconds_mean: 0.238
      duration_seconds_median: 0.238
      failed: 0
      hostname: db01
      operation: backup
      partial: 0
      period: 2026-W02
      size_bytes_last: 133035
      size_bytes_sum: 266117
      success_rate: 1.0
      successful: 2
total:
  description: How many entries match, also beyond O(limit).
  type: int
  returned: success
  sample: 2
"""

import socket
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.vya.backupdb.plugins.module_utils import _arguments, _module, _targets
from ansible_collections.vya.backupdb.plugins.module_utils._engine import moments
from ansible_collections.vya.backupdb.plugins.module_utils._engine.audit import log as audit_log
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import AuditConfig


def describe(module: AnsibleModule) -> tuple[bool, dict[str, Any], None]:
    """Return what the audit log has."""
    options = module.params
    targets = _targets.find(options)
    config = targets.config.audit if targets.config else AuditConfig(url=options["url"] or None)
    filters = audit_log.Filters(
        operation=options["operation"],
        status=options["status"],
        database_id=options["database_id"],
        database=options["database"],
        hostname=options["hostname"],
        since=moments.optional(options["since"], "since"),
        until=moments.optional(options["until"], "until"),
        limit=options["limit"],
    )
    where: dict[str, Any] = {"base_path": targets.storage.base_path, "hostname": socket.gethostname()}
    period = options["summary_by"]
    return (
        False,
        {
            "entries": audit_log.find(config, filters, **where),
            "summary": audit_log.summarize(config, filters, period, **where) if period else [],
            "total": audit_log.count(config, filters, **where),
        },
        None,
    )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=_arguments.argument_spec(
            "catalogue",
            operation={"type": "str", "choices": ["backup", "restore", "cleanup", "verify"]},
            status={"type": "str", "choices": ["success", "failed", "partial"]},
            database_id={"type": "str"},
            database={"type": "str", "aliases": ["name"]},
            hostname={"type": "str"},
            since={"type": "str"},
            until={"type": "str"},
            limit={"type": "int"},
            summary_by={"type": "str", "choices": ["day", "week", "month", "all"]},
            url={"type": "str", "no_log": True},
        ),
        mutually_exclusive=[("config", "base_path", "url")],
        supports_check_mode=True,
    )
    _module.run(module, describe, requires=(*_module.CATALOGUE_PACKAGES, "sqlalchemy"))


if __name__ == "__main__":
    main()
