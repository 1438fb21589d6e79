# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host needs where a module dumps or loads; the Python packages are those of requirements.txt."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
requirements:
  - pydantic >= 2
  - pydantic-settings >= 2
  - PyYAML
  - cryptography
  - PyMySQL >= 1.2 (for MySQL and MariaDB)
  - psycopg2 (for PostgreSQL)
  - the product's own client programs on the host
"""
