# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a storage is that is looked at; twin of CATALOGUE in module_utils/_arguments.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  config:
    description:
      - The path of C(config.yaml) on the host, which names the storage and what else belongs to it.
      - Environment variables of the task that start with E(VYA_BACKUPDB_) win over the file.
      - Mutually exclusive with O(base_path).
    type: path
  base_path:
    description: The path of the storage. Where it and O(config) are omitted, C(/var/backups/vya_backupdb).
    type: path
"""
