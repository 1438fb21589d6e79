#!/usr/bin/python
# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell whose logins a credential store has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: credential_store_info
short_description: Tell whose logins a credential store has
version_added: 1.0.0
description:
  - Decrypts the credential store of a host and returns the ids of the logins in it, never a value.
  - A store that cannot be decrypted is an error. That there is none yet is not.
extends_documentation_fragment:
  - vya.backupdb.attributes
  - vya.backupdb.requirements
  - vya.backupdb.requirements.credentials
  - vya.backupdb.credentials
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: vya.backupdb.credential_store
author:
  - Contributors to the vya.backupdb project (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Look whose logins there are
  vya.backupdb.credential_store_info:
  register: store

- name: Refuse to go on without the one of the new server
  ansible.builtin.assert:
    that: "'prod-postgres-01' in store.ids"
"""

RETURN = r"""
path:
  description: The path of the store.
  type: str
  returned: success
  sample: /etc/vya_backupdb/.secrets/credentials.json
exists:
  description: Whether there is a store.
  type: bool
  returned: success
  sample: true
key_derivation:
  description: Where the key of the store comes from; not there when there is no store.
  type: str
  returned: when there is a store
  sample: key-file
ids:
  description: The ids of all logins in the store.
  type: list
  elements: str
  returned: success
  sample: [prod-mysql-01, prod-postgres-01]
error_code:
  description: What kind of error it was, such as V(credentials_error) or V(permission_error).
  type: str
  returned: failure
  sample: credentials_error
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.vya.backupdb.plugins.module_utils import _arguments, _module
from ansible_collections.vya.backupdb.plugins.module_utils._engine import secrets


def look(module: AnsibleModule) -> tuple[bool, dict[str, Any], None]:
    """Look into the store."""
    path = module.params["path"]
    source = secrets.KeySource(Path(module.params["key_file"]), module.params["key_hostname"])
    store = secrets.read_store(Path(path), source)
    result: dict[str, Any] = {"path": path, "exists": store is not None, "ids": list(store.logins) if store else []}
    if store is not None:
        result["key_derivation"] = store.key_derivation
    return False, result, None


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=_arguments.argument_spec("credentials"),
        supports_check_mode=True,
    )
    _module.run(module, look, requires=("cryptography", *_module.CATALOGUE_PACKAGES))


if __name__ == "__main__":
    main()
