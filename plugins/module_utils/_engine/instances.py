# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances: which servers there are, how to log in, and which of their databases are wanted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from . import errors, logbook, secrets
from .databases.base import Server, is_companion
from .databases.registry import server_at
from .databases.values import Endpoint, Entry
from .models.config import SYSTEM_DATABASES, AppConfig, CredentialsConfig, DatabaseConfig


@dataclass(frozen=True)
class Instance:
    """A server of the configuration together with its login."""

    config: DatabaseConfig
    endpoint: Endpoint

    @property
    def id(self) -> str:
        """The id by which the configuration, the credentials and the artifacts name the instance."""
        return self.config.id

    def server(self) -> Server:
        """Return the server; nothing is connected yet."""
        return server_at(self.endpoint)


def select_configs(config: AppConfig, ids: Sequence[str] | None) -> list[DatabaseConfig]:
    """Return the entries of the configuration that are to be backed up: the enabled ones, or those of ``ids``.

    Raise ConfigError when an id is not there or not enabled, or when nothing is left.
    """
    if ids:
        chosen = [find_config(config, wanted) for wanted in dict.fromkeys(ids)]
        for entry in chosen:
            if not entry.enabled:
                raise errors.ConfigError(f"the database instance {entry.id} is not enabled", "Set enabled: true there")
        return chosen
    chosen = [entry for entry in config.databases if entry.enabled]
    if not chosen:
        raise errors.ConfigError("the configuration has no enabled database instance", "Add one under databases")
    return chosen


def find_config(config: AppConfig, database_id: str) -> DatabaseConfig:
    """Return the entry of an id, enabled or not. Raise ConfigError when there is none."""
    for entry in config.databases:
        if entry.id == database_id:
            return entry
    known = ", ".join(entry.id for entry in config.databases)
    raise errors.ConfigError(f"the configuration has no database instance {database_id}", f"It has: {known or 'none'}")


def with_stored_login(config: DatabaseConfig, credentials: CredentialsConfig) -> Instance:
    """Return an instance that logs in as the credential store says. Raise CredentialsError if it does not say."""
    return Instance(config, endpoint_of(config, secrets.load_login(credentials, config.id)))


def find_stored(config: AppConfig, database_id: str) -> Instance:
    """Return the instance of an id, enabled or not, with its stored login. Raise as find_config and load_login do."""
    return with_stored_login(find_config(config, database_id), config.credentials)


def endpoint_of(config: DatabaseConfig, login: secrets.Login, ssl_mode: str | None = None) -> Endpoint:
    """Return the endpoint of an entry of the configuration.

    Unless ``ssl_mode`` says otherwise, ``ssl_enabled`` with a CA verifies certificate and host name; without
    one it only encrypts. From here on no log shows the password.
    """
    logbook.hide(login.password)
    if ssl_mode is None:
        ssl_mode = ("verify-full" if config.ssl_ca_cert else "require") if config.ssl_enabled else "prefer"
    return Endpoint(
        family=config.type,
        host=config.host,
        port=config.port,
        login=login,
        unix_socket=str(config.unix_socket) if config.unix_socket else None,
        ssl_mode=ssl_mode,
        ca_cert=str(config.ssl_ca_cert) if config.ssl_ca_cert else None,
        connect_timeout=config.connect_timeout,
        client_path=config.client_path,
    )


def select_databases(instance: Instance, listed: Iterable[Entry], names: Sequence[str] | None) -> list[Entry]:
    """Return the databases to back up, the biggest first.

    Without ``names``, those that the instance includes and does not exclude. With them, those that they match
    (exactly, or as shell patterns), excluded ones too, since they were asked for by name. A scratch database of a
    restore or a drill, and one that a restore replaced, are only selected by their own names, here or in what the
    instance includes. Raise NotFoundError when a name matches nothing, or nothing at all is selected; but without
    ``names``, a server that has no database yet gives none.
    """
    entries = list(listed)
    if names:
        chosen = {entry.name: entry for entry in entries for name in names if _matches(entry.name, name)}
        for name in names:
            if not any(_matches(found, name) for found in chosen):
                raise errors.NotFoundError(
                    f"{instance.endpoint} has no database {name} that {instance.endpoint.login.username} may see",
                    "Check the name and the account's privileges",
                )
        selected = list(chosen.values())
    else:
        own = instance.config.include_databases
        selected = [
            entry
            for entry in entries
            if instance.config.selects(entry.name) and (entry.name in own or not is_companion(entry.name))
        ]
    if not selected and (names or not _is_new(instance, entries)):
        raise nothing_selected(instance)
    return sorted(selected, key=lambda entry: (-entry.size_bytes, entry.name))


def nothing_selected(instance: Instance) -> errors.NotFoundError:
    """Return the error that none of the databases of an instance is to be backed up."""
    return errors.NotFoundError(
        f"no database of {instance.endpoint} is selected for {instance.id}",
        "Check include_databases, exclude_databases and the account's privileges",
    )


def _is_new(instance: Instance, entries: Iterable[Entry]) -> bool:
    """Say whether a server has no database but its own, and the account would see others."""
    listed = {entry.name for entry in entries}
    family = instance.config.type
    # MySQL and MariaDB hide from an account what it has no privilege on, this one too.
    return listed <= set(SYSTEM_DATABASES[family]) and (family != "mysql" or "mysql" in listed)


def _matches(database: str, pattern: str) -> bool:
    return database == pattern or (fnmatchcase(database, pattern) and not is_companion(database))
