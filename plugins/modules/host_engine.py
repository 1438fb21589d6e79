#!/usr/bin/python
# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install the engine of this collection on a host, for the command vya-backupdb."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_engine
short_description: Install the engine of this collection on a host
version_added: 1.0.0
description:
  - Puts the engine that the modules of this collection run by on the host as a Python package, in the very version that
    the controller has, so that cron and people can run it there without Ansible.
  - The files are those that this module has brought along for itself. They are written to a folder of their own, and a
    link changes to it in one step; a run that has begun with the old version is not disturbed.
  - The role P(vya.backupdb.install#role) does this, and the rest that the command C(vya-backupdb) needs.
options:
  path:
    description: The path of the package. Its last part is the name that it is imported by.
    type: path
    default: /opt/vya_backupdb/engine/backupdb
  state:
    description: Whether the engine is to be there.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - vya.backupdb.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Names the files that come, go and change.
seealso:
  - module: vya.backupdb.backup_config
  - name: The command on the host
    description: What the engine does there without Ansible.
    link: https://git.example.org/vya/backupdb/blob/main/docs/command.md
author:
  - Contributors to the vya.backupdb project (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Install the engine in the version of this collection
  vya.backupdb.host_engine:

- name: Remove it
  vya.backupdb.host_engine:
    state: absent
"""

RETURN = r"""
path:
  description: The path of the package.
  type: str
  returned: success
  sample: /opt/vya_backupdb/engine/backupdb
digest:
  description: What tells this version's files from those of any other. Empty where there are none.
  type: str
  returned: success
  sample: 73413b1206f4d41a740d21e3ae9f514ee0086a899b55df21e96458cca8cf67fd
files_count:
  description: How many files the engine is made of.
  type: int
  returned: success
  sample: 173
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.vya.backupdb.plugins.module_utils import _arguments, _carried, _module


def settle(module: AnsibleModule) -> tuple[bool, dict[str, Any], dict[str, Any] | None]:
    """Install the engine, or remove it."""
    path = Path(module.params["path"])
    before = _carried.installed(path)
    after = _carried.carried() if module.params["state"] == "present" else {}
    changed = before != after
    if changed and not module.check_mode:
        if after:
            _carried.install(path, after)
        else:
            _carried.remove(path)
    result = {"path": str(path), "digest": _carried.digest(after) if after else "", "files_count": len(after)}
    return changed, result, {"before": _told(before), "after": _told(after)} if module._diff else None


def _told(files: _carried.Files) -> str:
    return "".join(f"{_carried.digest({name: files[name]})[:12]}  {name}\n" for name in sorted(files))


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=_arguments.argument_spec(
            path={"type": "path", "default": "/opt/vya_backupdb/engine/backupdb"},
            state={"type": "str", "choices": ["present", "absent"], "default": "present"},
        ),
        supports_check_mode=True,
    )
    _module.run(module, settle)


if __name__ == "__main__":
    main()
