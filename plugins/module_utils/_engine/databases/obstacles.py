# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can stand against a restore on a server of any family; the families' own ``obstacles`` make use of it.

A finding is sure. Where something cannot be known before a restore, nothing is said: the load is into a scratch
database, so it may fail without harm, while a finding that is wrong would keep somebody from a backup.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .. import errors, storage, stream
from ..models.config import SYSTEM_DATABASES
from ..models.metadata import DatabaseProperties, RestoreInfo, human_size
from .base import Server
from .values import Endpoint, Finding


@dataclass(frozen=True)
class PlannedRestore:
    """A restore that has not begun: see Server.restore_findings."""

    server: Server
    target: str
    restore_info: RestoreInfo | None
    text: stream.Text | None
    accounts: frozenset[str]
    in_place: bool

    @property
    def endpoint(self) -> Endpoint:
        """The server's endpoint."""
        return self.server.endpoint

    @property
    def properties(self) -> DatabaseProperties | None:
        """What the new database will be like, if that is known."""
        return self.restore_info.properties if self.restore_info else None


def of_target(planned: PlannedRestore) -> Iterator[Finding]:
    """Yield that the target is a database of the server itself."""
    if planned.target in SYSTEM_DATABASES[planned.endpoint.family]:
        yield Finding(
            "validation_error",
            f"the database {planned.target} belongs to {planned.endpoint} itself",
            "Name another target",
        )


def of_load_program(planned: PlannedRestore) -> Iterator[Finding]:
    """Yield why there is no program to load with."""
    try:
        planned.server.load_program()
    except errors.ConfigError as error:
        yield Finding.of(error)


def of_version(planned: PlannedRestore) -> Iterator[Finding]:
    """Yield that the dump is of another product, or of a newer release."""
    info, server = planned.restore_info, planned.server
    if info is None:
        return
    if info.server_flavour != server.flavour:
        yield Finding(
            None,
            f"the dump is of {info.server_flavour} {info.server_version}, but {server.endpoint} is"
            f" {server.flavour} {server.version}: what the one alone knows cannot be restored to the other",
        )
    elif server.release_of(info.server_version) > server.release_of(server.version):
        yield Finding(
            None,
            f"the dump is of version {info.server_version}, but {server.endpoint} is {server.version}:"
            " what is new in that cannot be restored",
        )


def of_accounts(planned: PlannedRestore, existing: Iterable[str], use: str) -> Iterator[Finding]:
    """Yield which accounts are missing, given the labels of those that exist, and what the database needs them for."""
    info = planned.restore_info
    missing = sorted(set(info.accounts).difference(existing, planned.accounts)) if info else []
    if missing:
        yield Finding(
            "validation_error",
            f"{planned.endpoint} lacks {_counted(missing, 'the account', 'accounts')} that the database needs as {use}:"
            f" {', '.join(missing)}",
            "Restore the accounts as well (scope: all), or create them",
        )


def of_room(planned: PlannedRestore, folder: Path, freed_bytes: int) -> Iterator[Finding]:
    """Yield that the folder of the server's data, which must be on this host, has no room for the database.

    ``freed_bytes`` are what the present target takes, which an in-place restore drops first.
    """
    needed = planned.restore_info.database_size_bytes if planned.restore_info else None
    if needed is None:
        return
    with contextlib.suppress(OSError):
        free = storage.free_bytes(folder) + (freed_bytes if planned.in_place else 0)
        if free < needed:
            yield Finding(
                "storage_error",
                f"{folder}, where {planned.endpoint} has its data, has room for {human_size(free)},"
                f" but the database takes about {human_size(needed)}",
                "Make room" + (", or restore with strategy in_place" if freed_bytes and not planned.in_place else ""),
            )


def is_on_this_host(endpoint: Endpoint) -> bool:
    """Say whether the server is reached without a network; it may still be in a container with other folders."""
    if endpoint.unix_socket or endpoint.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(endpoint.host).is_loopback
    except ValueError:
        return False


def _counted(things: list[str], one: str, many: str) -> str:
    return one if len(things) == 1 else f"{len(things)} {many}"
