# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private PostgreSQL server."""

from __future__ import annotations

import re
import shutil
import signal
from pathlib import Path
from typing import Any

import psycopg2

from .base import HOST_ROOT, PrivateServer, PrivateServerError

# Any fixed value does: pg_dump otherwise makes one up for each dump.
RESTRICT_KEY = "backupdb"
# Control files and scripts of extensions that no package carries.
EXTENSIONS = Path(__file__).parent / "zoo" / "extensions"
# What the kernel was given outlives a killed process, so nothing has to reach a disk.
FAST_SETTINGS = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB"}


class PostgresqlServer(PrivateServer):
    """PostgreSQL in UTF-8 with the C.UTF-8 locale; ``settings`` are those of postgresql.conf."""

    family = "postgresql"
    flavour = "postgresql"
    account_name = "postgres"
    admin_user = "postgres"
    # Immediate shutdown: the postmaster takes its workers with it, so that none writes into a removed folder.
    stop_signal = signal.SIGQUIT

    @property
    def socket(self) -> Path:
        """The folder of the Unix socket."""
        return self.folder / "socket"

    @property
    def password_file(self) -> Path:
        """The administrator's password as libpq reads it through PGPASSFILE."""
        return self.folder / "private" / "client.pgpass"

    def find_programs(self) -> Path:
        """Return the folder of the newest version's programs."""
        found = self.server_root.glob("usr/lib/postgresql/*/bin/initdb")
        versions = {int(path.parts[-3]): path.parent for path in found if path.parts[-3].isdigit()}
        if not versions:
            raise PrivateServerError(f"no PostgreSQL server is installed in {self.server_root}")
        return versions[max(versions)]

    @property
    def share(self) -> Path:
        """The folder of what belongs to the programs: where Debian has it, else where it is without a distribution."""
        packaged = self.server_root / "usr/share/postgresql" / self.bin_dir.parent.name
        return packaged if packaged.exists() else self.bin_dir.parent / "share"

    def write_configuration(self) -> None:
        """Write the password for initdb and for clients, and the settings that follow initdb's own."""
        private = self.folder / "private"
        write_private(private / "initial_password", self.admin_password + "\n")
        escaped = re.sub(r"([\\:])", r"\\\1", self.admin_password)
        write_private(self.password_file, f"*:*:*:{self.admin_user}:{escaped}\n")
        lines = [f"{name} = {quote_literal(value)}\n" for name, value in self._settings().items()]
        write_private(private / "settings.conf", "".join(lines))
        self._copy_programs()

    def _copy_programs(self) -> None:
        """Give the server a share folder of its own, with our extensions beside the packaged ones.

        It looks for that folder, and for libraries, where they are from its own program.
        """
        program = self._own_program
        program.parent.mkdir(parents=True)
        shutil.copy(self.bin_dir / "postgres", program)
        (program.parent.parent / "lib").symlink_to(self.inside(self.bin_dir.parent / "lib"))
        packaged, own = self.share, self._own(self.share)
        (own / "extension").mkdir(parents=True)
        for path in [*packaged.iterdir(), *(packaged / "extension").iterdir()]:
            if path.name != "extension":
                (own / path.relative_to(packaged)).symlink_to(self.inside(path))
        for path in EXTENSIONS.iterdir():
            shutil.copy(path, own / "extension")

    @property
    def _own_program(self) -> Path:
        return self._own(self.bin_dir / "postgres")

    def _own(self, path: Path) -> Path:
        return self.folder / path.relative_to(self.server_root)

    def _settings(self) -> dict[str, str]:
        settings = {
            **FAST_SETTINGS,
            "listen_addresses": self.host,
            "port": str(self.port),
            "unix_socket_directories": self.inside(self.socket),
            "hba_file": self.inside(self.folder / "data" / "pg_hba.conf"),
            "ident_file": self.inside(self.folder / "data" / "pg_ident.conf"),
            "data_directory": self.inside(self.folder / "data"),
            "timezone": "UTC",
            # As initdb was told; before version 14 it is not the default.
            "password_encryption": "scram-sha-256",
            "ssl": "off",
        }
        if self.server_root != HOST_ROOT:
            # Where nothing is mounted on /dev/shm, an older C library has no shared memory.
            settings["dynamic_shared_memory_type"] = "mmap"
        if self.tls is not None:
            private = self.folder / "private"
            settings["ssl"] = "on"
            settings["ssl_cert_file"] = self.inside(private / self.tls.server_cert.name)
            settings["ssl_key_file"] = self.inside(private / self.tls.server_key.name)
        return {**settings, **self.settings}

    def prepare_commands(self) -> list[list[str]]:
        """Return the initdb command."""
        return [
            [
                self.inside(self.bin_dir / "initdb"),
                f"--pgdata={self.inside(self.folder / 'data')}",
                f"--username={self.admin_user}",
                f"--pwfile={self.inside(self.folder / 'private' / 'initial_password')}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ]
        ]

    def server_command(self) -> list[str]:
        """Return the postmaster's command."""
        settings = self.inside(self.folder / "private" / "settings.conf")
        # Without a distribution its extensions have no other way to its own libpq.
        libraries = f"LD_LIBRARY_PATH={self.inside(self.bin_dir.parent / 'lib')}"
        return ["/usr/bin/env", libraries, self.inside(self._own_program), f"--config_file={settings}"]

    def connect_as(self, user: str, password: str, database: str | None = None) -> Any:
        """Return a psycopg2 connection in autocommit mode."""
        connection = psycopg2.connect(
            host=self.host,
            port=self.port,
            user=user,
            password=password,
            dbname=database or "postgres",
            connect_timeout=10,
        )
        connection.autocommit = True
        return connection

    def read_version(self) -> tuple[str, str]:
        """Return for example ``15.18`` and ``15``."""
        whole = str(self.execute("SHOW server_version")[0][0]).split()[0]
        return whole, whole.split(".")[0]

    def quote(self, identifier: str) -> str:
        """Return the identifier in double quotes."""
        return '"' + identifier.replace('"', '""') + '"'

    def databases(self) -> list[str]:
        """Return the names of all databases but ``postgres`` and the templates."""
        rows = self.execute("SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'")
        return sorted(row[0] for row in rows)

    def create_user(self, name: str, password: str) -> None:
        """Create a role that can log in."""
        self.execute(f"CREATE ROLE {self.quote(name)} LOGIN PASSWORD %s", params=[password])

    def run_script(self, script: str, database: str) -> None:
        """Run a script by psql."""
        self._run_client("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", database=database, script=script)

    def whole_dump(self, database: str, create: bool = False) -> str:
        """Return pg_dump's text."""
        arguments = ["--create"] if create else []
        if "--restrict-key" in self.help_of("pg_dump"):
            arguments.append(f"--restrict-key={RESTRICT_KEY}")
        return self._run_client("pg_dump", *arguments, database=database)

    def connect_hint(self) -> str:
        """Return a psql command line."""
        return f"PGPASSFILE={self.password_file} {self.client_path / 'psql'} -h {self.host} -p {self.port} -U postgres"

    def _run_client(self, program: str, *arguments: str, database: str, script: str | None = None) -> str:
        # As a connection string, because a bare name with "=" in it would be read as one.
        target = f"host={self.host} port={self.port} user={self.admin_user} dbname={quote_connection_value(database)}"
        environment = {"PGPASSFILE": str(self.password_file)}
        return self.run_client(program, *arguments, f"--dbname={target}", script=script, environment=environment)


def write_private(path: Path, text: str) -> None:
    """Write a text file that only its owner can read."""
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def quote_literal(value: str) -> str:
    """Return a value as postgresql.conf quotes it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def quote_connection_value(value: str) -> str:
    """Return a value as a libpq connection string quotes it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
