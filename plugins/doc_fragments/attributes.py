# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes of every module; a module states only what differs, its support for the check and diff modes."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/vya.backupdb.backupdb) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - vya.backupdb.backupdb
  check_mode:
    description: Can run in C(check_mode) and return what it would change without changing it.
  diff_mode:
    description: Returns what has changed, or would change, when in C(--diff) mode. Never shows a secret.
  platform:
    description: The operating systems of the hosts that the module can run on.
    support: full
    platforms: posix
"""
