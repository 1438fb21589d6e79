# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases that the tools are given, and what is done to the machine under them."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
from pathlib import Path

import pymysql

from tools.private_servers.base import PrivateServer

ITEMS = 200
# A row of the table item; dump programs put it on a line of its own or beside others.
LOST_NUMBER = 77
SMALL = {
    "postgresql": f"""
        CREATE TABLE item (id integer PRIMARY KEY, name varchar(100) NOT NULL);
        INSERT INTO item SELECT n, 'name ' || n FROM generate_series(1, {ITEMS}) AS n;
        CREATE TABLE audit (id serial PRIMARY KEY, what text);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO audit (what) VALUES (TG_OP); RETURN NEW; END $$;
        CREATE TRIGGER noted AFTER INSERT ON item FOR EACH ROW EXECUTE FUNCTION note();
        CREATE VIEW names AS SELECT name FROM item;
        CREATE PROCEDURE clear() LANGUAGE sql AS $$ DELETE FROM audit $$;
        """,
    "mysql": f"""
        CREATE TABLE item (id int PRIMARY KEY, name varchar(100) NOT NULL);
        INSERT INTO item SELECT seq, concat('name ', seq) FROM seq_1_to_{ITEMS};
        CREATE TABLE audit (id int PRIMARY KEY AUTO_INCREMENT, what text);
        CREATE TRIGGER noted AFTER INSERT ON item FOR EACH ROW INSERT INTO audit (what) VALUES ('INSERT');
        CREATE VIEW names AS SELECT name FROM item;
        CREATE PROCEDURE clear() DELETE FROM audit;
        CREATE FUNCTION doubled(n int) RETURNS int DETERMINISTIC RETURN 2 * n;
        CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 03:00:00' DO CALL clear();
        """,
}
ROW_BYTES = 256 * 1024


def create_small(server: PrivateServer, name: str) -> None:
    """Create a database with a few rows and an object of each common kind."""
    server.create_database(name)
    server.run_script(SMALL[server.family], name)


def create_big(server: PrivateServer, name: str, megabytes: int) -> None:
    """Create a database whose dump has so many megabytes of text, which compress to half."""
    create_small(server, name)
    add_noise(server, name, megabytes)


def add_noise(server: PrivateServer, name: str, megabytes: int, table: str = "noise") -> None:
    """Give a database a table with so many megabytes of text."""
    kind = "text" if server.family == "postgresql" else "longtext"
    server.execute(f"CREATE TABLE {table} (content {kind})", name)
    with contextlib.closing(server.connect(name)) as connection, connection.cursor() as cursor:
        for _row in range(megabytes * 1024 * 1024 // ROW_BYTES):
            cursor.execute(f"INSERT INTO {table} VALUES (%s)", [os.urandom(ROW_BYTES // 2).hex()])
    if server.family == "mysql":
        # Its statistics, by which the size is known, follow late.
        server.execute(f"ANALYZE TABLE {table}", name)


def complete_administrator(server: PrivateServer) -> None:
    """Let the administrator of a private MariaDB server, who comes over TCP, grant all that the one of a socket may."""
    if server.family != "mysql":
        return
    # Only who comes through the socket has the right to begin with.
    password = server.admin_password.encode()
    with (
        pymysql.connect(user=server.admin_user, password=password, unix_socket=str(server.socket)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("GRANT PROXY ON ''@'%' TO 'root'@'127.0.0.1' WITH GRANT OPTION")


def change(server: PrivateServer, name: str) -> str:
    """Change a database and return its whole dump afterwards."""
    server.execute("INSERT INTO item VALUES (100000, 'came later')", name)
    return server.whole_dump(name)


def drop_all(server: PrivateServer) -> None:
    """Drop every database that is not the system's."""
    for name in server.databases():
        server.drop_database(name)


def with_dump_program(server: PrivateServer, folder: Path, filtered: str) -> Path:
    """Return a folder of the server's client programs, of which those that dump have their text changed.

    ``filtered`` is a sed script. They exit as the real ones do, and obey ``--result-file``.
    """
    programs = folder.joinpath("programs")
    programs.mkdir()
    for path in server.client_path.iterdir():
        if path.name.startswith(("pg_", "psql", "createdb", "maria", "mysql")):
            programs.joinpath(path.name).symlink_to(path)
    for name in ("pg_dump", "mariadb-dump", "mysqldump"):
        real = server.client_path.joinpath(name)
        if not real.exists():
            continue
        program = programs.joinpath(name)
        program.unlink()
        program.write_text(
            "#!/bin/bash\nset -o pipefail\n"
            f'case " $* " in *" --version "* | *" --help "*) exec {real} "$@" ;; esac\n'
            "out=/dev/stdout; words=()\nwhile [ $# -gt 0 ]; do\n"
            '  case "$1" in --result-file) out=$2; shift ;; --result-file=*) out=${1#*=} ;; *) words+=("$1") ;; esac\n'
            f'  shift\ndone\n{real} "${{words[@]}}" | sed {shlex.quote(filtered)} > "$out"\n',
            encoding="ascii",
        )
        program.chmod(0o755)
    return programs


def lose_row() -> str:
    """Return the sed script that takes one row out of a dump."""
    value = f"({LOST_NUMBER},'name {LOST_NUMBER}')"
    return f"/^{LOST_NUMBER}\\tname {LOST_NUMBER}$/d; /^{value},$/d; s/,{value}//"


def break_statement() -> str:
    """Return the sed script that makes a statement of a dump one that the server refuses."""
    return "s/^CREATE TABLE \\(public\\.\\|`\\)audit/CREATE TABEL \\1audit/"


def build_lying_disk(folder: Path) -> Path:
    """Compile the library that writes one byte wrong. Raise OSError where there is no compiler."""
    library = folder.joinpath("lying_disk.so")
    source = Path(__file__).with_name("lying_disk.c")
    done = subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], capture_output=True, check=False
    )
    if done.returncode != 0:
        raise OSError(f"the library cannot be built: {done.stderr.decode().strip()}")
    return library
