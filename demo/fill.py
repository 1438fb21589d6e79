# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill a private server with the sample databases."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from tools.private_servers.base import PrivateServer

from .sample_data import Table, library, shop

DATABASES = {"shop": shop, "library": library}
SCHEMAS = Path(__file__).parent / "schemas"
ROWS_PER_STATEMENT = 500
# What happens to the data after it came in.
LATER = {
    "shop": {"postgresql": "CALL raise_prices('Tea', 5)", "mysql": "CALL raise_prices('Tea', 5)"},
    "library": {"postgresql": "REFRESH MATERIALIZED VIEW popular_books", "mysql": "ANALYZE TABLE books"},
}
GRANTS = {
    "postgresql": (
        "REVOKE CONNECT ON DATABASE {database} FROM PUBLIC",
        "GRANT CONNECT ON DATABASE {database} TO {user}",
        "ALTER DATABASE {database} SET lock_timeout = '5s'",
        "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {user}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {user}",
    ),
    "mysql": ("GRANT SELECT, INSERT, UPDATE, EXECUTE ON {database}.* TO {user}",),
}


def fill(server: PrivateServer, database: str) -> int:
    """Create one of DATABASES and fill it. Return the number of rows written."""
    tables = DATABASES[database]()
    server.create_database(database)
    server.run_script((SCHEMAS / f"{database}_{server.flavour}.sql").read_text(encoding="utf-8"), database)
    with contextlib.closing(server.connect(database)) as connection, connection.cursor() as cursor:
        for table in tables:
            insert(server, cursor, table)
        cursor.execute(LATER[database][server.family])
    return sum(len(table.rows) for table in tables)


def insert(server: PrivateServer, cursor: Any, table: Table) -> None:
    """Write a table's rows, several per statement."""
    columns = ", ".join(server.quote(column) for column in table.columns)
    one_row = "(" + ", ".join(["%s"] * len(table.columns)) + ")"
    for start in range(0, len(table.rows), ROWS_PER_STATEMENT):
        rows = table.rows[start : start + ROWS_PER_STATEMENT]
        values = ", ".join([one_row] * len(rows))
        parameters = [value for row in rows for value in row]
        cursor.execute(f"INSERT INTO {server.quote(table.name)} ({columns}) VALUES {values}", parameters)


def create_application(server: PrivateServer, database: str, user: str, password: str) -> None:
    """Create the account of an application that works with a database, after it was filled."""
    server.create_user(user, password)
    for grant in GRANTS[server.family]:
        server.execute(grant.format(database=server.quote(database), user=server.quote(user)), database)
