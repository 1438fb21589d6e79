# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account that backs up a MySQL or MariaDB server."""

from __future__ import annotations

from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql import backup_account


def test_a_password_is_hashed_as_the_server_does_it() -> None:
    # SELECT PASSWORD('mariadb') in MariaDB's manual.
    assert backup_account.hashed("mariadb") == "*54958E764CE10E50764C2EECBB71D01F08549980"
    assert backup_account.hashed("") == ""
