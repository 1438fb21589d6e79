# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which families there are. A new one is a folder beside this file and a line here."""

from __future__ import annotations

from .base import Server
from .mysql.server import MySQLServer
from .postgresql.server import PostgreSQLServer
from .values import Endpoint

FAMILIES: dict[str, type[Server]] = {
    "mysql": MySQLServer,
    "postgresql": PostgreSQLServer,
}


def server_at(endpoint: Endpoint) -> Server:
    """Return the server at an endpoint; nothing is connected yet."""
    return FAMILIES[endpoint.family](endpoint)
