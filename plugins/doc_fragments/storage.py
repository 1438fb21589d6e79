# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where artifacts are and how they are made; twin of STORAGE in module_utils/_arguments.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  base_path:
    description:
      - The folder of all backups, as an absolute path. Where it is omitted, C(/var/backups/vya_backupdb).
      - Mutually exclusive with O(config), which says it itself.
    type: path
  structure:
    description:
      - The folders below O(base_path) in which an artifact is put. Where it is omitted,
        C({hostname}/{db_id}/{db_name}/{date}).
      - The placeholders are C({hostname}), C({db_id}), C({db_name}) and C({date}); C({db_id}) and C({db_name}) are
        needed.
      - Mutually exclusive with O(config), which says it itself.
    type: str
  compression_level:
    description:
      - The gzip compression level, from V(1), the fastest, to V(9), the smallest. Where it is omitted, V(6).
      - Mutually exclusive with O(config), which says it itself.
    type: int
  checksum_algorithm:
    description:
      - The algorithm of the checksum that is written beside each artifact. Where it is omitted, V(sha256).
      - Mutually exclusive with O(config), which says it itself.
    type: str
    choices: [md5, sha256]
"""
