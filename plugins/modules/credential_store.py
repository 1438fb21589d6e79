#!/usr/bin/python
# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the logins of database servers encrypted on the host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: credential_store
short_description: Keep the logins of database servers encrypted on the host
version_added: 1.0.0
description:
  - Manages the credential store, the file in which the logins of the server instances are kept encrypted by Fernet.
  - The values are compared decrypted, so a second run changes nothing.
  - A store that cannot be decrypted is an error. It is never written over.
  - The store is written atomically, under a lock, with mode V(0600); a new folder of it gets mode V(0700).
options:
  state:
    description:
      - V(present) stores the login of O(id), V(absent) removes it.
      - V(imported) adds the logins of O(src) whose ids are not in the store yet; those that are there stay as they are.
      - V(rekeyed) encrypts the whole store with another key. A store that has that key already is left alone.
    type: str
    choices: [present, absent, imported, rekeyed]
    default: present
  id:
    description:
      - The id of the server instance, as in the configuration. Letters, digits and hyphens only.
      - Required with O(state=present) and O(state=absent).
    type: str
  username:
    description: The account to log in with. Required with O(state=present).
    type: str
  password:
    description: The password of O(username). Required with O(state=present).
    type: str
  key_derivation:
    description:
      - Where the key of a new store comes from. A store that exists must have been made in this way;
        O(state=rekeyed) does not look at it.
      - V(hostname-based) derives it from the name of the host. A hostname is no secret, so this only obfuscates.
      - V(key-file) uses a random key in O(key_file). The file is made when it is first needed, readable for its owner
        alone, and never written over.
      - Where it is omitted, a new store is V(hostname-based), and one that exists is taken as it is.
    type: str
    choices: [hostname-based, key-file]
  src:
    description:
      - The path of the file to import, on the host. Required with O(state=imported).
      - Either a list of C(id), C(username) and C(password) in plain text, in JSON or YAML, or another store.
      - A file in plain text should be removed afterwards.
    type: path
  src_key_file:
    description: The key file of the store in O(src). Where it is omitted, O(key_file).
    type: path
  src_key_hostname:
    description: The name of the host whose key the store in O(src) has. Where it is omitted, O(key_hostname).
    type: str
  new_key_derivation:
    description: Where the new key comes from, as for O(key_derivation). Required with O(state=rekeyed).
    type: str
    choices: [hostname-based, key-file]
  new_key_file:
    description: The path of the new key file, made if need be. Where it is omitted, O(key_file).
    type: path
  new_key_hostname:
    description: The name of the host whose key the store gets. Where it is omitted, the name of this host.
    type: str
extends_documentation_fragment:
  - vya.backupdb.attributes
  - vya.backupdb.requirements
  - vya.backupdb.requirements.credentials
  - vya.backupdb.credentials
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Shows the ids and whether a username or password has changed, never a value.
seealso:
  - module: vya.backupdb.credential_store_info
  - module: vya.backupdb.backup_account
  - module: vya.backupdb.backup_config
  - module: vya.backupdb.db_backup
  - module: vya.backupdb.db_restore
author:
  - Contributors to the vya.backupdb project (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Store the login of a server under a random key that only root can read
  vya.backupdb.credential_store:
    id: prod-postgres-01
    username: backup
    password: "{{ vault_backup_password }}"
    key_derivation: key-file

- name: Remove the login of a server that is gone
  vya.backupdb.credential_store:
    id: prod-mysql-01
    state: absent

- name: Take over the logins of an older store
  vya.backupdb.credential_store:
    state: imported
    src: /opt/old_backup/.secrets/credentials.json
    key_derivation: key-file

- name: Move a store from the key of the hostname to a random key
  vya.backupdb.credential_store:
    state: rekeyed
    new_key_derivation: key-file

- name: Make a store readable again after the host was renamed
  vya.backupdb.credential_store:
    state: rekeyed
    key_hostname: old-name
    new_key_derivation: hostname-based
"""

RETURN = r"""
path:
  description: The path of the store.
  type: str
  returned: success
  sample: /etc/vya_backupdb/.secrets/credentials.json
key_derivation:
  description: Where the key of the store comes from; not there when there is no store.
  type: str
  returned: when there is a store
  sample: key-file
ids:
  description: The ids of all logins that are in the store afterwards.
  type: list
  elements: str
  returned: success
  sample: [prod-mysql-01, prod-postgres-01]
credential:
  description: The login that was asked for, without its values.
  type: dict
  returned: with O(state=present) and O(state=absent)
  contains:
    id:
      description: The id of the server instance.
      type: str
      sample: prod-postgres-01
    state:
      description: Whether the store has its login afterwards, V(present) or V(absent).
      type: str
      sample: present
  sample:
    id: prod-postgres-01
    state: present
imported:
  description: The ids of the logins that were added from O(src).
  type: list
  elements: str
  returned: with O(state=imported)
  sample: [prod-mysql-01]
kept:
  description: The ids in O(src) that were in the store already.
  type: list
  elements: str
  returned: with O(state=imported)
  sample: [prod-postgres-01]
error_code:
  description: What kind of error it was, such as V(credentials_error), V(permission_error) or V(locked).
  type: str
  returned: failure
  sample: credentials_error
"""

from pathlib import Path
from typing import Any, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.vya.backupdb.plugins.module_utils import _arguments, _module
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, secrets

Outcome = tuple[bool, dict[str, Any], dict[str, Any]]


def action(module: AnsibleModule) -> tuple[bool, dict[str, Any], Optional[dict[str, Any]]]:
    act = rekey if module.params["state"] == "rekeyed" else update
    changed, result, diff = act(module.params, module.check_mode)
    return changed, result, diff if module._diff else None


def update(params: dict[str, Any], check_mode: bool) -> Outcome:
    source = _source(params, "key_file", "key_hostname")
    new = _new_logins(params)
    removed = {params["id"]} if params["state"] == "absent" else set()
    override = params["state"] == "present"

    def change(before: Optional[secrets.Store]) -> Optional[secrets.Store]:
        wanted = params["key_derivation"]
        if before is None:
            return secrets.Store(wanted or secrets.HOSTNAME_BASED, new) if new else None
        if wanted not in (None, before.key_derivation):
            raise errors.ConfigError(
                f"{params['path']} is {before.key_derivation}, not {wanted}",
                "Re-encrypt it with state rekeyed first",
            )
        merged = {**before.logins, **new} if override else {**new, **before.logins}
        kept = {name: login for name, login in merged.items() if name not in removed}
        return secrets.Store(before.key_derivation, kept)

    before, after = secrets.update_store(Path(params["path"]), source, change, dry_run=check_mode)
    result = _result(params, after)
    if params["state"] == "imported":
        present = before.logins if before else {}
        result["imported"] = [name for name in new if name not in present]
        result["kept"] = [name for name in new if name in present]
    else:
        result["credential"] = {"id": params["id"], "state": params["state"]}
    return before != after, result, {"before": _described(before, source), "after": _described(after, source, before)}


def rekey(params: dict[str, Any], check_mode: bool) -> Outcome:
    source = _source(params, "key_file", "key_hostname")
    new_source = _source(params, "new_key_file", "new_key_hostname")
    before, after, changed = secrets.rekey_store(
        Path(params["path"]), source, params["new_key_derivation"], new_source, dry_run=check_mode
    )
    diff = {
        "before": _described(before, source if changed else new_source),
        "after": _described(after, new_source, before),
    }
    return changed, _result(params, after), diff


def _source(params: dict[str, Any], key_file: str, hostname: str) -> secrets.KeySource:
    return secrets.KeySource(Path(params[key_file] or params["key_file"]), params[hostname])


def _new_logins(params: dict[str, Any]) -> dict[str, secrets.Login]:
    if params["state"] == "present":
        entry = {name: params[name] for name in ("id", "username", "password")}
        return secrets.check_logins([entry], "the login")
    if params["state"] == "imported":
        hostname = "src_key_hostname" if params["src_key_hostname"] else "key_hostname"
        return secrets.read_import(Path(params["src"]), _source(params, "src_key_file", hostname))
    return {}


def _result(params: dict[str, Any], store: Optional[secrets.Store]) -> dict[str, Any]:
    known = {"key_derivation": store.key_derivation} if store else {}
    return {"path": params["path"], "ids": list(store.logins) if store else [], **known}


def _described(
    store: Optional[secrets.Store], source: secrets.KeySource, earlier: Optional[secrets.Store] = None
) -> dict[str, Any]:
    """Describe a store for the diff: what has changed since ``earlier`` is named, never shown."""
    if store is None:
        return {}
    earlier_logins = earlier.logins if earlier else {}
    lines = []
    for name, login in store.logins.items():
        old = earlier_logins.get(name, login)
        marks = [field for field in ("username", "password") if getattr(old, field) != getattr(login, field)]
        lines.append(f"{name} ({' and '.join(marks)} changed)" if marks else name)
    return {"key": source.describe(store.key_derivation), "credentials": lines}


def main() -> None:
    derivations = [secrets.HOSTNAME_BASED, secrets.KEY_FILE]
    module = AnsibleModule(
        argument_spec=_arguments.argument_spec(
            "credentials",
            state={"type": "str", "choices": ["present", "absent", "imported", "rekeyed"], "default": "present"},
            id={"type": "str"},
            username={"type": "str"},
            password={"type": "str", "no_log": True},
            key_derivation={"type": "str", "choices": derivations, "no_log": False},
            src={"type": "path"},
            src_key_file={"type": "path", "no_log": False},
            src_key_hostname={"type": "str", "no_log": False},
            new_key_derivation={"type": "str", "choices": derivations, "no_log": False},
            new_key_file={"type": "path", "no_log": False},
            new_key_hostname={"type": "str", "no_log": False},
        ),
        required_if=[
            ("state", "present", ("id", "username", "password")),
            ("state", "absent", ("id",)),
            ("state", "imported", ("src",)),
            ("state", "rekeyed", ("new_key_derivation",)),
        ],
        supports_check_mode=True,
    )
    _module.run(module, action, requires=("cryptography", *_module.CATALOGUE_PACKAGES))


if __name__ == "__main__":
    main()
