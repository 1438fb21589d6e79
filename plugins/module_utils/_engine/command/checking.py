# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``config check``: whether the next run could begin, without starting one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Optional

from .. import errors, instances, outcomes
from ..models.config import AppConfig, DatabaseConfig
from .answers import Answer, Row, Sheet
from .output import Manner


@dataclass(frozen=True)
class Options:
    """What was asked for, as on the command line."""

    connect: bool


@dataclass
class Checked:
    """What was found of an instance; without connecting, nothing is known of its server."""

    database_id: str
    database_type: str
    address: str
    success: bool = True
    database_name: str = ""
    server_version: Optional[str] = None
    databases_count: Optional[int] = None
    error_message: Optional[str] = None
    error_code: Optional[str] = None
    hint: Optional[str] = None


def act(config: AppConfig, options: Options, manner: Manner) -> Answer:
    """Check each enabled instance. Raise ConfigError when there is none."""
    checked = [_check(entry, config, options.connect) for entry in instances.select_configs(config, None)]
    code, message = outcomes.error_code(checked), outcomes.message(checked, "instances")
    result = {
        "database_ids": [one.database_id for one in checked],
        "results": [asdict(one) for one in checked],
        "summary": outcomes.summary(checked),
    }
    return Answer(
        {"valid": True, **result},
        sheets=[_sheet(checked)],
        closing=f"{manner.config} is valid",
        failure=errors.RunError(message, code, valid=True, **result) if code and message else None,
        asked=True,
    )


def _check(entry: DatabaseConfig, config: AppConfig, connect: bool) -> Checked:
    address = str(entry.unix_socket) if entry.unix_socket else f"{entry.host}:{entry.port}"
    checked = Checked(entry.id, entry.type, address)
    try:
        instance = instances.with_stored_login(entry, config.credentials)
        if connect:
            server = instance.server()
            checked.databases_count = len(instances.select_databases(instance, server.list_databases(), None))
            checked.server_version = server.version
    except errors.BackupDBError as error:
        checked.success = False
        checked.error_message, checked.error_code, checked.hint = error.message, error.error_code, error.hint
    return checked


def _sheet(checked: list[Checked]) -> Sheet:
    return Sheet(("instance", "type", "address", "version", "databases", "found"), [_row(one) for one in checked])


def _row(one: Checked) -> Row:
    number = "" if one.databases_count is None else str(one.databases_count)
    found = "good" if one.success else one.error_message or ""
    cells = (one.database_id, one.database_type, one.address, one.server_version or "", number, found)
    return Row(cells, "good" if one.success else "bad")
