#!/usr/bin/python
# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create the account that backs up a server, with what that takes and no more."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_account
short_description: Create the account that backs up a database server
version_added: 1.0.0
description:
  - Creates an account on a MySQL, MariaDB or PostgreSQL server that may read everything and change nothing, or gives
    one that is there what it lacks for that. Whatever else it may do is left alone.
  - On PostgreSQL it is a role that may log in, is a member of C(pg_read_all_data), may connect to every database,
    bypasses row-level security and reads all large objects. That takes PostgreSQL 14 or newer, and a superuser.
  - On MySQL and MariaDB it has C(SELECT), C(SHOW VIEW), C(TRIGGER), C(EVENT), C(EXECUTE) and C(RELOAD) on everything,
    and on MySQL C(PROCESS) too.
options:
  name:
    description: The name of the account. It must not be O(login_user).
    type: str
    required: true
  password:
    description:
      - Its password, required with O(state=present). One that the server takes already is not changed.
      - PostgreSQL and MariaDB are told it hashed. A MariaDB with a plugin that judges passwords has to see it.
    type: str
  host:
    description: From where the account may log in. Only for O(type=mysql).
    type: str
    default: "%"
  state:
    description: Whether the account is to be there. One that owns anything cannot be dropped on PostgreSQL.
    type: str
    choices: [present, absent]
    default: present
  type:
    description: The family of the server. MariaDB is V(mysql).
    type: str
    choices: [mysql, postgresql]
    required: true
  database_id:
    description:
      - The id of the server instance, by which the credential store is asked for the administrator's login where
        O(login_user) is omitted. Letters, digits and hyphens only.
    type: str
extends_documentation_fragment:
  - vya.backupdb.attributes
  - vya.backupdb.requirements
  - vya.backupdb.requirements.servers
  - vya.backupdb.login
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: vya.backupdb.credential_store
  - module: vya.backupdb.db_backup
  - name: The account that backs up
    description: Which privileges a backup needs on each product.
    link: https://git.example.org/vya/backupdb/blob/main/docs/accounts.md
author:
  - Contributors to the vya.backupdb project (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Create the account that backs up PostgreSQL
  vya.backupdb.backup_account:
    type: postgresql
    login_host: db01.example.org
    login_user: postgres
    login_password: "{{ vault_postgres_password }}"
    name: backup
    password: "{{ vault_backup_password }}"

- name: Remove the one of MariaDB
  vya.backupdb.backup_account:
    type: mysql
    login_unix_socket: /run/mysqld/mysqld.sock
    login_user: root
    login_password: "{{ vault_mariadb_password }}"
    name: backup
    host: 127.0.0.1
    state: absent
"""

RETURN = r"""
changes:
  description: What was done, or would be in check mode, a sentence for each.
  type: list
  elements: str
  returned: success
  sample:
    - create backup
    - grant pg_read_all_data to backup
    - give backup BYPASSRLS
    - set lo_compat_privileges of backup
    - let backup connect to shop
error_code:
  description: What kind of error it was, such as V(credentials_error), V(permission_error) or V(connection_error).
  type: str
  returned: failure
  sample: permission_error
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.vya.backupdb.plugins.module_utils import _arguments, _module, _targets
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.backup_account import BackupAccount
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.registry import account_keeper_at


def settle(module: AnsibleModule) -> tuple[bool, dict[str, Any], None]:
    """Have the account be there, or not be there."""
    options = module.params
    instance = _targets.inline_instance(_targets.inline_config(options), options)
    account = BackupAccount(options["name"], options["password"] or "", options["host"])
    keeper = account_keeper_at(instance.endpoint)
    changes = keeper.settle(account, present=options["state"] == "present", check=module.check_mode)
    return bool(changes), {"changes": changes}, None


def main() -> None:
    """Run the module."""
    spec = _arguments.argument_spec(
        "login",
        name={"type": "str", "required": True},
        password={"type": "str", "no_log": True},
        host={"type": "str", "default": "%"},
        state={"type": "str", "choices": ["present", "absent"], "default": "present"},
    )
    spec["type"]["required"] = True
    module = AnsibleModule(
        argument_spec=spec,
        required_if=[("state", "present", ("password",))],
        supports_check_mode=True,
    )
    _module.run(module, settle, requires=_module.ENGINE_PACKAGES)


if __name__ == "__main__":
    main()
