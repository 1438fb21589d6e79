#!/usr/bin/python
# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a report on the backups of a storage: a page for people, CSV and JSON for programs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_report
short_description: Write a report on the backups of a storage
version_added: 1.0.0
description:
  - Tells of each database its last good and its last verified backup, the sizes of its backups over time and how long
    they took, what has failed in the last 30 days, and what retention will keep and remove.
  - Looks at the artifacts of the storage, the audit log and, with O(config), the retention policy, and changes none of
    them. No server is asked. What cannot be seen, such as a missing audit log, is told in the report.
  - The page is one file of HTML without scripts, which needs nothing else. It fits phones, screens and paper, light and
    dark. Whatever comes from databases is shown as text.
  - The files are always written anew, with the present moment and the ages as of now. RV(ignore:changed) is whether
    they say anything else but when they were made.
options:
  path:
    description:
      - Where the page of HTML is written. The folder must exist.
      - Where it, O(csv_path) and O(json_path) are omitted, C(report.html) in the storage.
    type: path
  csv_path:
    description:
      - Where a table with a line for each database is written. It does not say when it was made.
      - A cell that a spreadsheet would run as a formula has an apostrophe in front of it.
    type: path
  json_path:
    description: Where everything that the page says is written as JSON.
    type: path
  title:
    description: The title of the page.
    type: str
    default: Database backups
  max_age:
    description: How old the last good backup may be before it is stale, as in V(26h), V(90m), V(7d) or V(1h30m).
    type: str
    default: 26h
  min_verified_within:
    description:
      - How long ago a drill must have found a backup of a database good, by the level V(structure) or V(restore) of
        M(vya.backupdb.backup_verify).
    type: str
    default: 30d
  mode:
    description: The mode of the files, in octal. Write it in quotes.
    type: raw
    default: "0640"
requirements:
  - Jinja2 >= 3.1 (for the page)
  - SQLAlchemy >= 2.0.20 (for the audit log)
extends_documentation_fragment:
  - vya.backupdb.attributes
  - vya.backupdb.requirements
  - vya.backupdb.catalogue
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: CSV and JSON are shown. Of the page, only a digest of what it says is.
seealso:
  - module: vya.backupdb.backup_info
  - module: vya.backupdb.audit_info
  - module: vya.backupdb.backup_retention
  - module: vya.backupdb.backup_verify
  - name: Report
    description: What the report tells, and where each part of it comes from.
    link: https://git.example.org/vya/backupdb/blob/main/docs/report.md
author:
  - Contributors to the vya.backupdb project (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Write the page for the web server of the host
  vya.backupdb.backup_report:
    config: /etc/vya_backupdb/config.yaml
    path: /var/www/backups/index.html
    mode: "0644"
  register: report

- name: Fail where somebody should look
  ansible.builtin.assert:
    that: report.attention | length == 0
    fail_msg: "{{ report.attention | join('; ') }}"

- name: Write a table and JSON of hourly backups
  vya.backupdb.backup_report:
    config: /etc/vya_backupdb/config.yaml
    csv_path: /srv/reports/backups.csv
    json_path: /srv/reports/backups.json
    max_age: 90m
    min_verified_within: 7d
"""

RETURN = r"""
verdict:
  description: What the report comes to, in a sentence.
  type: str
  returned: success
  sample: 2 of 2 databases have no fresh backup
attention:
  description: A sentence for each database that somebody should look at, and for each instance without a backup.
  type: list
  elements: str
  returned: success
  sample:
    - 'prod-mariadb-01/shop on db01: stale, not verified'
    - 'prod-postgres-01/shop on db01: stale'
summary:
  description:
    - The report in numbers. C(unverified) are databases without a drill in time, C(failing) those
      whose last try failed, C(failures) all failures of the last 30 days.
    - C(kept), C(removed) and C(removed_bytes) are what retention would do with the artifacts
      of this host, accounts too; null where that is not known.
  type: dict
  returned: success
  sample:
    artifacts: 3
    databases: 2
    failing: 0
    failures: 0
    good: 0
    kept: 6
    never: 0
    removed: 0
    removed_bytes: 0
    silent_instances: 0
    stale: 2
    stored_bytes: 402173
    unverified: 1
notes:
  description: A sentence for each thing that the report could not see, and for each file that is no artifact.
  type: list
  elements: str
  returned: success
  sample:
    - '/srv/backups/db01/prod-postgres-01/shop/2026-01-09/shop_20260109_010000_full.metadata.json is not valid metadata:
      Invalid JSON: EOF while parsing an object at line 1 column 1'
files:
  description: The files, in check mode those that would be written, and whether each says something new.
  type: list
  elements: dict
  returned: success
  sample:
    - changed: true
      format: html
      path: /var/www/backups/index.html
      size_bytes: 20485
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.vya.backupdb.plugins.module_utils import _arguments, _module, _targets
from ansible_collections.vya.backupdb.plugins.module_utils._engine import durations
from ansible_collections.vya.backupdb.plugins.module_utils._engine.report import files, making
from ansible_collections.vya.backupdb.plugins.module_utils._engine.report.data import Expectations


def report(module: AnsibleModule) -> tuple[bool, dict[str, Any], dict[str, Any] | None]:
    """Write the report that the options describe; in check mode, only say what it would be."""
    options = module.params
    order = making.Order(
        Expectations(*(durations.parse(options[name], name) for name in ("max_age", "min_verified_within"))),
        making.named_paths(options["path"], options["csv_path"], options["json_path"]),
        options["title"],
        making.mode_of(options["mode"]),
    )
    targets = _targets.find(options)
    made = making.make(order, targets.store(), targets.config, check=module.check_mode)
    return made.changed, made.as_dict(), files.diff(made.files) if module._diff else None


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=_arguments.argument_spec(
            "catalogue",
            path={"type": "path"},
            csv_path={"type": "path"},
            json_path={"type": "path"},
            title={"type": "str", "default": files.DEFAULT_TITLE},
            max_age={"type": "str", "default": "26h"},
            min_verified_within={"type": "str", "default": "30d"},
            mode={"type": "raw", "default": "0640"},
        ),
        mutually_exclusive=[("config", "base_path")],
        supports_check_mode=True,
    )
    _module.run(module, report, requires=_module.CATALOGUE_PACKAGES)


if __name__ == "__main__":
    main()
