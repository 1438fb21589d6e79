# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options of a task mean for the engine: which storage, which servers. Private to this collection."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._engine import configuration, errors, instances, secrets
from ._engine.artifacts.store import Store
from ._engine.backups import run
from ._engine.models._pydantic import PydanticError
from ._engine.models.config import DEFAULT_PORTS, AppConfig, CredentialsConfig, DatabaseConfig, StorageConfig

if TYPE_CHECKING:
    from ._engine import operations

# Of an instance, those that a task may set over its configuration.
OVERRIDING_OPTIONS = ("fingerprint", "accounts")
STORAGE_OPTIONS = ("base_path", "structure", "compression_level", "checksum_algorithm")


@dataclass(frozen=True)
class Targets:
    """The storage of a task, and where its servers come from: a configuration, or the task's own options."""

    storage: StorageConfig
    config: AppConfig | None
    options: Mapping[str, Any]

    def store(self) -> Store:
        """Return the storage as this host writes to it now."""
        return Store.of_this_host(self.storage)

    def setting(self) -> operations.Setting:
        """Return where the task's operation takes place."""
        # Late, for it brings along packages that a task which only reads does not need.
        from ._engine import operations  # noqa: PLC0415

        return operations.Setting(self.store(), self.config)

    def own_id(self) -> str | None:
        """Return the id of the instance that the options describe, None where a configuration has the instances."""
        return None if self.config is not None else inline_config(self.options).id

    def wanted(self, ids: Sequence[str] | None = None) -> list[run.Wanted]:
        """Return the instances to work on: those of the configuration, or the one that the options describe."""
        if self.config is not None:
            return run.configured(self.config, ids)
        config = inline_config(self.options)
        return [run.Wanted(config.id, lambda: inline_instance(config, self.options), type=config.type)]

    def instance(self, database_id: str) -> instances.Instance:
        """Return one instance to restore to, which need not be one that is backed up (``enabled``)."""
        if self.config is None:
            return inline_instance(inline_config(self.options), self.options)
        return instances.find_stored(self.config, database_id)


def find(options: Mapping[str, Any]) -> Targets:
    """Given a task's options, return its targets. Raise ConfigError when they are not valid."""
    if options["config"]:
        config = configuration.load_config(Path(options["config"]))
        overridden = {name: options[name] for name in OVERRIDING_OPTIONS if options.get(name) is not None}
        if overridden:
            databases = [entry.model_copy(update=overridden) for entry in config.databases]
            config = config.model_copy(update={"databases": databases})
        return Targets(config.storage, config, options)
    given = {name: options[name] for name in STORAGE_OPTIONS if options.get(name) is not None}
    try:
        return Targets(StorageConfig(**given), None, options)
    except PydanticError as error:
        raise configuration.config_error(error, "the storage of the task") from None


def inline_config(options: Mapping[str, Any]) -> DatabaseConfig:
    """Return the instance that the login options describe, as if it stood in a configuration.

    Without ``database_id``, the id is made of host and port.
    """
    encrypted = options["ssl_mode"] not in ("disable", "prefer")
    if options["ca_cert"] and not encrypted:
        raise errors.ConfigError(
            f"ca_cert is given, but with ssl_mode {options['ssl_mode']} nothing is checked against it",
            "Set ssl_mode to verify-full",
        )
    port = options["login_port"] or DEFAULT_PORTS[options["type"]]
    fields = {
        "id": options["database_id"] or re.sub(r"[^a-zA-Z0-9-]", "-", f"{options['login_host']}-{port}"),
        "type": options["type"],
        "host": options["login_host"],
        "port": port,
        "unix_socket": options["login_unix_socket"],
        "ssl_enabled": encrypted,
        "ssl_ca_cert": options["ca_cert"],
        "connect_timeout": options["connect_timeout"],
        "client_path": options["client_path"],
    }
    optional = ("include_databases", "exclude_databases", "exclude_tables", "dump_timeout", *OVERRIDING_OPTIONS)
    fields.update({name: options[name] for name in optional if options.get(name) is not None})
    try:
        return DatabaseConfig(**fields)
    except PydanticError as error:
        raise configuration.config_error(error, "the login of the task") from None


def inline_instance(config: DatabaseConfig, options: Mapping[str, Any]) -> instances.Instance:
    """Return the described instance with its login: the options', or where they have none, the stored one."""
    if options["login_user"] is None:
        login = secrets.load_login(CredentialsConfig(), config.id)
    else:
        login = secrets.Login(options["login_user"], options["login_password"] or "")
    return instances.Instance(config, instances.endpoint_of(config, login, options["ssl_mode"]))
