# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that are compared, as a careful person runs them, logged in to a private server."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from ansible_collections.vya.backupdb.plugins.module_utils._engine import program, secrets

from tests.integration.ansible import REPOSITORY, environment
from tools.private_servers.base import PrivateServer
from tools.private_servers.mysql_family import MysqlFamilyServer
from tools.private_servers.postgresql import PostgresqlServer

INSTANCE_ID = "benchmark"


@dataclass(frozen=True)
class Command:
    """A program with its arguments, its environment and the folder that it runs in."""

    argv: list[str]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    folder: Path = Path("/")

    @property
    def program(self) -> str:
        """The program's name without its folder."""
        return Path(self.argv[0]).name


@dataclass(frozen=True)
class Contestant:
    """A way to dump: given an empty folder, the programs that read each other's output.

    The last one's output is written to a file in the folder, unless ``prints`` is false. ``counted`` is false where
    some of the work is done by programs that nobody waits for, so that their processor seconds are not known.
    """

    name: str
    stages: Callable[[Path], list[Command]]
    prints: bool = True
    counted: bool = True


def dump_command(
    server: PrivateServer, database: str, *, options: Sequence[str] = (), table: str | None = None
) -> Command:
    """Return the command that dumps a database, or one table of it, to its standard output."""
    if isinstance(server, PostgresqlServer):
        only = ["--table", table] if table else []
        return _postgresql_command(server, "pg_dump", *options, *only, database)
    if not isinstance(server, MysqlFamilyServer):
        raise AssertionError(f"contract violation: no benchmark knows {server.flavour}")
    return Command(
        [
            str(server.client_path / server.dump_program),
            f"--defaults-extra-file={server.client_file}",
            "--single-transaction",
            "--quick",
            "--routines",
            "--events",
            "--triggers",
            "--hex-blob",
            *options,
            database,
            *([table] if table else []),
        ]
    )


def tool_name(server: PrivateServer) -> str:
    """Return the name of the vendor's dump tool."""
    return dump_command(server, "").program


def piped(server: PrivateServer, database: str, *compressor: str) -> Contestant:
    """Return the vendor's dump tool, followed by a compressor."""
    return Contestant(
        f"{tool_name(server)} to {' '.join(compressor)}",
        lambda _folder: [dump_command(server, database), Command([*compressor])],
    )


def gzipped(server: PrivateServer, database: str, level: int) -> Contestant:
    """Return the vendor's dump tool, followed by gzip: what most people do."""
    return piped(server, database, "gzip", f"-{level}")


def bare(server: PrivateServer, database: str) -> Contestant:
    """Return the vendor's dump tool alone, which nothing that runs it once can beat."""
    return Contestant(
        f"{tool_name(server)} to /dev/null", lambda _folder: [dump_command(server, database)], prints=False
    )


def parallel(server: PrivateServer, database: str) -> Contestant:
    """Return the family's tool that dumps and compresses with two processes or threads."""
    if isinstance(server, PostgresqlServer):
        return Contestant(
            "pg_dump -Fd -j2",
            lambda folder: [dump_command(server, database, options=["-Fd", "-j2", f"--file={folder / 'dump'}"])],
            prints=False,
        )
    if not isinstance(server, MysqlFamilyServer):
        raise AssertionError(f"contract violation: no benchmark knows {server.flavour}")
    options = ["--compress", "--threads=2", "--triggers", "--events", "--routines", f"--database={database}"]
    login = f"--defaults-file={server.client_file}"
    return Contestant(
        "mydumper -c -t2",
        lambda folder: [Command(["mydumper", login, *options, f"--outputdir={folder / 'dump'}"])],
        prints=False,
    )


def engine(server: PrivateServer, database: str, level: int, jobs: int | None = None) -> Contestant:
    """Return the engine of this collection as the program that it is without Ansible."""

    def stages(folder: Path) -> list[Command]:
        more = [] if jobs is None else [f"--jobs={jobs}"]
        return [_engine_command("backup", _configure(server, folder, level), f"--database={database}", *more)]

    shown = "" if jobs is None else f", {jobs} job"
    return Contestant(f"vya.backupdb, engine, level {level}{shown}", stages, prints=False)


def engine_restore(server: PrivateServer, folder: Path, database: str, target: str, jobs: int) -> Command:
    """Return the command by which our engine restores what it has dumped into a folder."""
    options = [f"--database-id={INSTANCE_ID}", f"--database={database}", f"--target-database={target}"]
    return _engine_command("restore", _configure(server, folder, 6), *options, f"--jobs={jobs}")


def load_command(server: PrivateServer, database: str) -> Command:
    """Return the command that loads a dump from its standard input."""
    if isinstance(server, PostgresqlServer):
        return _postgresql_command(server, "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", database)
    if not isinstance(server, MysqlFamilyServer):
        raise AssertionError(f"contract violation: no benchmark knows {server.flavour}")
    login = f"--defaults-extra-file={server.client_file}"
    return Command([str(server.client_path / server.client_program), login, database])


def parallel_load_command(server: PrivateServer, source: Path, database: str) -> Command:
    """Return the command that loads what ``parallel`` has dumped by two processes or threads."""
    if isinstance(server, PostgresqlServer):
        options = ["--exit-on-error", "-j2", f"--dbname={database}"]
        return _postgresql_command(server, "pg_restore", *options, str(source))
    if not isinstance(server, MysqlFamilyServer):
        raise AssertionError(f"contract violation: no benchmark knows {server.flavour}")
    options = ["--threads=2", f"--database={database}", f"--directory={source}"]
    return Command(["myloader", f"--defaults-file={server.client_file}", *options])


def task(server: PrivateServer, database: str, level: int) -> Contestant:
    """Return a whole Ansible run with one task of this collection."""

    def stages(folder: Path) -> list[Command]:
        options = {"config": str(_configure(server, folder, level)), "databases": [database]}
        return [ansible_command("vya.backupdb.db_backup", options, environment())]

    return Contestant(f"vya.backupdb, whole task, level {level}", stages, prints=False)


def community_task(server: PrivateServer, database: str, collections: Path) -> Contestant:
    """Return a whole Ansible run with one dump task of the community's collection for this family.

    Its module for PostgreSQL compresses by pigz where that is installed, the one for MySQL by gzip.
    """
    login = {
        "login_host": server.host,
        "login_port": server.port,
        "login_user": server.admin_user,
        "login_password": server.admin_password,
    }
    name, more = (
        ("community.postgresql.postgresql_db", {})
        if isinstance(server, PostgresqlServer)
        else ("community.mysql.mysql_db", {"single_transaction": True, "hex_blob": True})
    )

    def stages(folder: Path) -> list[Command]:
        options = {**login, **more, "name": database, "state": "dump", "target": str(folder / "dump.sql.gz")}
        return [ansible_command(name, options, environment(ANSIBLE_COLLECTIONS_PATH=str(collections)))]

    # The module for PostgreSQL leaves its compressor to itself.
    counted = not isinstance(server, PostgresqlServer)
    return Contestant(f"{name}, whole task", stages, prints=False, counted=counted)


def ansible_command(module: str, options: Mapping[str, object], variables: Mapping[str, str]) -> Command:
    """Return the command that runs one module on this machine."""
    connection = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    argv = [str(Path(sys.executable).with_name("ansible")), "localhost", "--module-name", module]
    argv += ["--args", json.dumps(options), "--extra-vars", json.dumps(connection)]
    return Command(argv, variables, REPOSITORY)


def _postgresql_command(server: PostgresqlServer, program: str, *arguments: str) -> Command:
    login = ["-h", server.host, "-p", str(server.port), "-U", server.admin_user]
    variables = {**os.environ, "PGPASSFILE": str(server.password_file)}
    return Command([str(server.client_path / program), *login, *arguments], variables)


def _engine_command(name: str, config: Path, *arguments: str) -> Command:
    variables = {**os.environ, "PYTHONPATH": str(REPOSITORY / ".collections")}
    return Command(
        [sys.executable, "-m", program.__name__, name, f"--config={config}", "--json", *arguments], variables
    )


def _configure(server: PrivateServer, folder: Path, level: int) -> Path:
    """Write what the collection needs beside the folder that artifacts go to; return the path of config.yaml."""
    aside = folder.with_name(f"{folder.name}.config")
    credentials, key = aside / "private" / "credentials.json", aside / "private" / "key"
    if not credentials.exists():
        login = secrets.Login(server.admin_user, server.admin_password)
        secrets.update_store(
            credentials, secrets.KeySource(key), lambda _before: secrets.Store(secrets.KEY_FILE, {INSTANCE_ID: login})
        )
    settings = {
        "databases": [{"id": INSTANCE_ID, "type": server.family, "host": server.host, "port": server.port}],
        "storage": {"base_path": str(folder), "compression_level": level},
        "logging": {"file_path": str(folder.with_name("app.log"))},
        "credentials": {"path": str(credentials), "key_file": str(key)},
    }
    config = aside / "config.yaml"
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return config
