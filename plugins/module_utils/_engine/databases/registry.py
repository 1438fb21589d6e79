# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which families there are. A new one is a folder beside this file and a line in each table here."""

from __future__ import annotations

from pathlib import Path

from .backup_account import AccountKeeper
from .base import Server
from .mysql.backup_account import MySQLAccountKeeper
from .mysql.server import MySQLServer
from .mysql.throwaway import MySQLThrowaway
from .postgresql.backup_account import PostgreSQLAccountKeeper
from .postgresql.server import PostgreSQLServer
from .postgresql.throwaway import PostgreSQLThrowaway
from .throwaway import Throwaway
from .values import Endpoint, Flavour

FAMILIES: dict[str, type[Server]] = {
    "mysql": MySQLServer,
    "postgresql": PostgreSQLServer,
}
THROWAWAYS: dict[str, type[Throwaway]] = {
    "mysql": MySQLThrowaway,
    "postgresql": PostgreSQLThrowaway,
}
ACCOUNT_KEEPERS: dict[str, type[AccountKeeper]] = {
    "mysql": MySQLAccountKeeper,
    "postgresql": PostgreSQLAccountKeeper,
}


def server_at(endpoint: Endpoint) -> Server:
    """Return the server at an endpoint; nothing is connected yet."""
    return FAMILIES[endpoint.family](endpoint)


def throwaway_for(family: str, flavour: Flavour, version: str, server_path: Path | None = None) -> Throwaway:
    """Return how a throwaway server is run for a dump of a product and version; nothing is looked for yet."""
    return THROWAWAYS[family](flavour, version, server_path)


def account_keeper_at(endpoint: Endpoint) -> AccountKeeper:
    """Return who sees to the account for backups at an endpoint; nothing is connected yet."""
    return ACCOUNT_KEEPERS[endpoint.family](endpoint)
