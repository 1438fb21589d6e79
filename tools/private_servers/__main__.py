# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private servers for whoever is no Python program: ``start FILE`` leaves them up, ``stop FILE`` ends them.

The file, which only its owner can read, lists each server as JSON: ``flavour``, the process whose SIGTERM ends
it as ``pid``, and ``login`` as the modules take it. Each server has a database ``zoo`` with one of everything.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import time
from pathlib import Path

from .base import PrivateServer, is_alive
from .mariadb import MariadbServer
from .postgresql import PostgresqlServer, write_private
from .zoo.loader import load_zoo

DATABASE = "zoo"


def start(file: Path) -> None:
    """Start a PostgreSQL and a MariaDB server and write where they are. Raise FileExistsError if that is done."""
    if file.exists():
        raise FileExistsError(f"{file} exists: its servers were not stopped")
    with contextlib.ExitStack() as stack:
        servers: list[PrivateServer] = [PostgresqlServer(), MariadbServer()]
        for server in servers:
            stack.enter_context(server)
            load_zoo(server, DATABASE)
        described = [
            {"flavour": server.flavour, "login": server.login_options(), "pid": server.keep()} for server in servers
        ]
        write_private(file, json.dumps(described, indent=2) + "\n")


def stop(file: Path) -> None:
    """End the servers of the file and wait until they are gone; harmless when there is no such file."""
    if not file.exists():
        return
    pids = [described["pid"] for described in json.loads(file.read_text(encoding="utf-8"))]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    while any(is_alive(pid) for pid in pids):
        time.sleep(0.05)
    file.unlink()


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tools.private_servers", description=__doc__)
    parser.add_argument("action", choices=["start", "stop"])
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    (start if arguments.action == "start" else stop)(arguments.file)


if __name__ == "__main__":
    main()
