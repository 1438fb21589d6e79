# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases that hold one of everything a backup has to bring back."""

from __future__ import annotations

from pathlib import Path

from ..base import PrivateServer

# ``OWNER`` owns or defines things, ``READER`` is granted them, ``APP_USER`` is the application that logs in.
OWNER = "zoo_owner"
READER = "zoo_reader"
APP_USER = "zoo_app"
APP_PASSWORD = "zoo 'p\"w$%\\ü"
SCRIPTS = {
    "postgresql": ("postgresql.sql", "postgresql_rare.sql", "postgresql_last.sql"),
    "mariadb": ("mysql.sql", "mysql_rare.sql", "mariadb.sql", "mariadb_newer.sql"),
    "mysql": ("mysql.sql", "mysql_rare.sql"),
}
# The first version whose server knows all of a script.
SINCE = {"mariadb_newer.sql": (10, 10)}


def load_zoo(server: PrivateServer, database: str) -> None:
    """Create a database and fill it with the zoo; create the zoo's accounts too where the server has none.

    Two databases loaded by this function differ in nothing but their name.
    """
    create_accounts(server)
    server.create_database(database)
    version = tuple(int(number) for number in server.major.split("."))
    for name in SCRIPTS[server.flavour]:
        if version >= SINCE.get(name, version):
            server.run_script((Path(__file__).parent / name).read_text(encoding="utf-8"), database)
    if server.family == "mysql":
        grant_mysql(server, database)


def create_accounts(server: PrivateServer) -> None:
    """Create the zoo's accounts unless they exist."""
    if server.family == "postgresql":
        if server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", params=[OWNER]):
            return
        server.execute(f"CREATE ROLE {OWNER} NOLOGIN")
        server.execute(f"CREATE ROLE {READER} NOLOGIN")
        server.create_user(APP_USER, APP_PASSWORD)
        server.execute(f"GRANT {READER} TO {APP_USER}")
        server.execute(f"COMMENT ON ROLE {OWNER} IS 'owns the zoo'")
        return
    if server.execute("SELECT 1 FROM mysql.user WHERE user = %s", params=[OWNER]):
        return
    server.create_user(OWNER, "unused")
    # Whoever defines a view or a trigger must be able to do what it does, in a restored copy too.
    server.execute(f"GRANT ALL PRIVILEGES ON *.* TO {OWNER}@'%'")
    server.create_user(READER, "unused")
    server.create_user(APP_USER, APP_PASSWORD)


def grant_mysql(server: PrivateServer, database: str) -> None:
    """Grant the zoo's accounts the database, and tables, columns and routines of it."""
    schema = server.quote(database)
    # In a grant on a whole database these two are wildcards.
    pattern = server.quote(database.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%"))
    server.execute(f"GRANT SELECT, SHOW VIEW ON {pattern}.* TO {READER}@'%'")
    server.execute(f"GRANT SELECT (id, name), UPDATE (feeling) ON {schema}.customer TO {READER}@'%'")
    server.execute(f"GRANT SELECT, INSERT ON {schema}.`My Table` TO {APP_USER}@'%' WITH GRANT OPTION")
    server.execute(f"GRANT SELECT ON {schema}.names TO {APP_USER}@'%'")
    server.execute(f"GRANT EXECUTE ON FUNCTION {schema}.doubled TO {APP_USER}@'%'")
