# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host needs for the modules; the bounds are those of requirements.txt."""

from __future__ import annotations


class ModuleDocFragment:
    # What every module needs that reads the configuration or the storage.
    DOCUMENTATION = r"""
options: {}
requirements:
  - pydantic >= 2.5
  - pydantic-settings >= 2.2
  - PyYAML >= 6.0
"""

    # What one needs besides that reads the credential store.
    CREDENTIALS = r"""
options: {}
requirements:
  - cryptography >= 41
"""

    # What one needs besides that logs in to servers.
    SERVERS = r"""
options: {}
requirements:
  - cryptography >= 41
  - PyMySQL >= 1.2 (for MySQL and MariaDB)
  - psycopg2 >= 2.9.9 (for PostgreSQL)
"""

    # What one needs besides that dumps or loads.
    PROGRAMS = r"""
options: {}
requirements:
  - the client programs of the server, such as C(pg_dump) and C(psql), or C(mariadb-dump) and C(mariadb)
"""
