# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the credential store and its key are; twin of CREDENTIALS in module_utils/_arguments.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  path:
    description: The path of the store.
    type: path
    default: /etc/vya_backupdb/.secrets/credentials.json
  key_file:
    description: The path of the key file, for a store with a key of its own.
    type: path
    default: /etc/vya_backupdb/.secrets/key
  key_hostname:
    description:
      - The name of the host whose key the store has, for one that was made on another host or before a renaming.
      - Where it is omitted, the name of this host, C(ansible_facts.nodename) of M(ansible.builtin.setup).
    type: str
"""
