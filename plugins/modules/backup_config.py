#!/usr/bin/python
# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the configuration of a host, after the engine's own model has found it valid."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_config
short_description: Write the configuration of a host that backs up databases
version_added: 1.0.0
description:
  - Writes C(config.yaml), which the other modules read by their option C(config), and the command C(vya-backupdb), too.
  - What is given is checked by the engine's own model first. All that is wrong is told at once, by its path, and then
    the file that is there stays as it is.
  - The file is replaced in one step, so that no run ever reads half of one.
  - The role P(vya.backupdb.configure#role) does this, stores the logins, and asks every server whether it can be backed
    up.
options:
  path:
    description: The path of the configuration. Its folder must exist.
    type: path
    default: /etc/vya_backupdb/config.yaml
  environment:
    description: What the host is for.
    type: str
    choices: [dev, staging, production]
    default: production
  databases:
    description:
      - The server instances, each with C(id), C(type), C(host) and C(port). All other keys may be left out.
      - C(enabled) is whether it is backed up, V(true) by default. C(include_databases), C(exclude_databases) and
        C(exclude_tables) say what of it, and C(accounts) whether its accounts are saved, V(true) by default.
      - C(ssl_enabled) refuses a connection that is not encrypted; with C(ssl_ca_cert) the server's certificate and name
        are checked, too. C(unix_socket) is used instead of C(host).
      - C(client_path), C(connect_timeout), C(dump_timeout) and C(fingerprint) are as in M(vya.backupdb.db_backup), and
        C(jobs) is how many dumps may be of this instance at a time.
    type: list
    elements: dict
    required: true
  storage:
    description:
      - Where artifacts are, how they are laid out, compressed and hashed.
      - C(base_path), C(structure), C(compression_level) and C(checksum_algorithm) are as in M(vya.backupdb.db_backup).
    type: dict
  retention:
    description:
      - How many backups are kept.
      - C(strategy), C(daily_keep), C(weekly_keep), C(monthly_keep), C(min_keep) and C(min_verified) are as in
        M(vya.backupdb.backup_retention). C(cleanup_enabled) is whether retention follows each backup, V(true) by
        default.
    type: dict
  logging:
    description:
      - What is logged, how, and where.
      - C(level) is V(DEBUG), V(INFO), V(WARNING) or V(ERROR), C(format) V(json) or V(text), C(output) V(file),
        V(console) or V(both). Where they are omitted, V(INFO), V(json) and V(file).
      - C(file_path) is C(/var/log/vya_backupdb/app.log) where it is omitted.
    type: dict
  credentials:
    description:
      - The C(path) of the credential store and its C(key_file), as in M(vya.backupdb.credential_store).
    type: dict
  audit:
    description: Whether and where operations are recorded.
    type: dict
    suboptions:
      enabled:
        description: Whether they are recorded.
        type: bool
      url:
        description: The URL of a database, as SQLAlchemy has it. It may hold a password.
        type: str
  metrics:
    description:
      - Where metrics are written for the node exporter, the file C(textfile_path). Where it is omitted, nowhere.
    type: dict
  notifications:
    description: Whom to tell how it went, and what.
    type: dict
    suboptions:
      success:
        description: Addresses of Apprise that are told when all went well.
        type: list
        elements: str
      failure:
        description: Addresses of Apprise that are told when anything failed.
        type: list
        elements: str
      ping_url:
        description: A URL that is asked for when all went well.
        type: str
      ping_failure_url:
        description: A URL that is asked for when anything failed.
        type: str
      timeout:
        description: How long all of them together may take, in seconds.
        type: int
      success_subject:
        description: The subject of the message when all went well.
        type: str
      success_body:
        description: The text of the message when all went well.
        type: str
      failure_subject:
        description: The subject of the message when anything failed.
        type: str
      failure_body:
        description: The text of the message when anything failed.
        type: str
  mode:
    description: The permissions of the file. It may hold secrets, so it should not be for everybody to read.
    type: raw
    default: "0640"
extends_documentation_fragment:
  - ansible.builtin.files
  - vya.backupdb.attributes
  - vya.backupdb.requirements
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Of the addresses in O(audit) and O(notifications) only the scheme is shown, and whether they are new.
seealso:
  - module: vya.backupdb.db_backup
  - module: vya.backupdb.backup_notify
  - module: vya.backupdb.credential_store
  - module: vya.backupdb.host_engine
author:
  - Contributors to the vya.backupdb project (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Configure the backups of a host
  vya.backupdb.backup_config:
    owner: root
    group: vya-backupdb
    databases:
      - id: prod-postgres-01
        type: postgresql
        host: 127.0.0.1
        port: 5432
      - id: prod-mysql-01
        type: mysql
        host: db02.example.org
        port: 3306
        ssl_enabled: true
        ssl_ca_cert: /etc/ssl/certs/internal-ca.pem
        exclude_databases: ["test_*"]
    retention:
      daily_keep: 14
    notifications:
      failure: ["{{ vault_backup_chat }}"]
"""

RETURN = r"""
path:
  description: The path of the configuration.
  type: str
  returned: success
  sample: /etc/vya_backupdb/config.yaml
database_ids:
  description: The ids of all server instances.
  type: list
  elements: str
  returned: success
  sample: [prod-postgres-01, prod-mysql-01]
enabled_ids:
  description: The ids of those that are backed up.
  type: list
  elements: str
  returned: success
  sample: [prod-postgres-01, prod-mysql-01]
folders:
  description: The folders that a run writes to.
  type: dict
  returned: success
  contains:
    storage:
      description: That of the artifacts.
      type: str
    logs:
      description: That of the log.
      type: str
    metrics:
      description: That of the metrics. Empty where there are none.
      type: str
  sample:
    logs: /var/log/vya_backupdb
    metrics: ""
    storage: /var/backups/vya_backupdb
errors:
  description: All that is wrong with the configuration, each with its C(path) and a C(message).
  type: list
  elements: dict
  returned: when it is not valid
  sample:
    - message: Input should be less than or equal to 65535
      path: databases.0.port
error_code:
  description: What kind of error it was, such as V(config_error) or V(storage_error).
  type: str
  returned: failure
  sample: config_error
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.vya.backupdb.plugins.module_utils import _arguments, _config_file, _module
from ansible_collections.vya.backupdb.plugins.module_utils._engine import (
    configuration,
    errors,
    layout,
    storage,
    version,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import FileConfig

SECTIONS = ("storage", "retention", "logging", "credentials", "audit", "metrics", "notifications")
ADDRESS = {"type": "str", "no_log": True}
ADDRESSES = {"type": "list", "elements": "str", "no_log": True}
TEXT = {"type": "str"}
AUDIT = {"enabled": {"type": "bool"}, "url": ADDRESS}
NOTIFICATIONS = {
    "success": ADDRESSES,
    "failure": ADDRESSES,
    "ping_url": ADDRESS,
    "ping_failure_url": ADDRESS,
    "timeout": {"type": "int"},
    "success_subject": TEXT,
    "success_body": TEXT,
    "failure_subject": TEXT,
    "failure_body": TEXT,
}


def configure(module: AnsibleModule) -> tuple[bool, dict[str, Any], dict[str, Any] | None]:
    """Check the configuration and write it where it is another than the file has."""
    path = Path(module.params["path"])
    settings = _settings(module.params)
    config = _config_file.checked(settings)
    before = _content(path)
    after = _config_file.rendered(settings).encode("utf-8")
    changed = before != after
    if changed and not module.check_mode:
        storage.write_partial(path, after)
        _set_attributes(module, layout.partial(path), changed)
        storage.settle(path)
        storage.sync_folder(path.parent)
    changed = _set_attributes(module, path, changed)
    diff = {
        "before": _config_file.shown(before),
        "after": _config_file.shown(after, before),
        "before_header": str(path),
        "after_header": str(path),
    }
    return changed, _result(path, config), diff if module._diff else None


def _settings(params: dict[str, Any]) -> dict[str, Any]:
    given = {section: params[section] or {} for section in SECTIONS}
    # What is not said of a section with suboptions is None in it.
    for section in ("audit", "notifications"):
        given[section] = {name: value for name, value in given[section].items() if value is not None}
    written = {section: value for section, value in given.items() if value}
    return {
        "version": version.CONFIG_VERSION,
        "environment": params["environment"],
        "databases": params["databases"],
        **written,
    }


def _content(path: Path) -> bytes:
    try:
        return configuration.read_file(path, "the configuration")
    except errors.NotFoundError:
        return b""


def _set_attributes(module: AnsibleModule, path: Path, changed: bool) -> bool:
    arguments = module.load_file_common_arguments(module.params, path=str(path))
    return bool(module.set_fs_attributes_if_different(arguments, changed))


def _result(path: Path, config: FileConfig) -> dict[str, Any]:
    textfile = config.metrics.textfile_path
    return {
        "path": str(path),
        "database_ids": [entry.id for entry in config.databases],
        "enabled_ids": [entry.id for entry in config.databases if entry.enabled],
        "folders": {
            "storage": str(config.storage.base_path),
            "logs": str(config.logging.file_path.parent),
            "metrics": str(textfile.parent) if textfile else "",
        },
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=_arguments.argument_spec(
            path={"type": "path", "default": "/etc/vya_backupdb/config.yaml"},
            environment={"type": "str", "choices": ["dev", "staging", "production"], "default": "production"},
            databases={"type": "list", "elements": "dict", "required": True},
            storage={"type": "dict"},
            retention={"type": "dict"},
            logging={"type": "dict"},
            credentials={"type": "dict", "no_log": False},
            audit={"type": "dict", "options": AUDIT},
            metrics={"type": "dict"},
            notifications={"type": "dict", "options": NOTIFICATIONS},
            mode={"type": "raw", "default": "0640"},
        ),
        add_file_common_args=True,
        supports_check_mode=True,
    )
    _module.run(module, configure, requires=_module.CATALOGUE_PACKAGES)


if __name__ == "__main__":
    main()
