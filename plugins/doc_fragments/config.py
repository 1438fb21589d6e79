# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the configuration is; twin of CONFIG in module_utils/_arguments.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  config:
    description:
      - The path of C(config.yaml) on the host, which names the server instances, the storage and the credentials.
      - Environment variables of the task that start with E(VYA_BACKUPDB_) win over the file.
      - Mutually exclusive with the options that describe one server or another storage.
    type: path
"""
