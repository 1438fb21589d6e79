# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of config.yaml: made of settings that the real model has found valid, and shown without secrets."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Optional

from ._engine import configuration, errors, redaction
from ._engine.models._pydantic import PydanticError
from ._engine.models.config import FileConfig

HEADING = "# Ansible managed: vya.backupdb.backup_config writes this file, and over changes that are made here.\n"
#: By section and key. They may hold tokens and passwords.
ADDRESSES = (
    ("audit", "url"),
    ("notifications", "success"),
    ("notifications", "failure"),
    ("notifications", "ping_url"),
    ("notifications", "ping_failure_url"),
)
NEW = " (new)"


def checked(settings: Mapping[str, Any]) -> FileConfig:
    """Given settings, return them as the configuration. Raise ConfigError with every problem when they are wrong."""
    try:
        return FileConfig(**settings)
    except PydanticError as error:
        failure = configuration.config_error(error, "the configuration")
    raise failure


def rendered(settings: Mapping[str, Any]) -> str:
    """Return the text of the file that holds these settings, in their order."""
    return HEADING + configuration.yaml_text(settings)


def shown(content: bytes, earlier: Optional[bytes] = None) -> str:
    """Given the content of a file, return its text with the addresses masked.

    An address that the ``earlier`` content does not have is marked, for masked they look the same.
    """
    if not content:
        return ""
    settings = _settings(content)
    if settings is None:
        return "what is no YAML mapping\n"
    known = None if earlier is None else set(_addresses(_settings(earlier) or {}))
    masked = copy.deepcopy(settings)
    for section, key in ADDRESSES:
        value = _section(masked, section).get(key)
        if isinstance(value, list):
            masked[section][key] = [_masked(each, known) for each in value]
        elif value is not None:
            masked[section][key] = _masked(value, known)
    return rendered(masked)


def _settings(content: bytes) -> Optional[dict[str, Any]]:
    try:
        settings = configuration.parse_yaml(content, "the file")
    except errors.ConfigError:
        return None
    return settings if isinstance(settings, dict) else None


def _section(settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = settings.get(name)
    return section if isinstance(section, dict) else {}


def _addresses(settings: Mapping[str, Any]) -> list[str]:
    values = [_section(settings, section).get(key) for section, key in ADDRESSES]
    return [str(each) for value in values for each in (value if isinstance(value, list) else [value])]


def _masked(address: Any, known: Optional[set[str]]) -> str:
    scheme, mark, _rest = str(address).partition("://")
    mark_of_new = NEW if known is not None and str(address) not in known else ""
    return f"{scheme if mark else ''}{mark}{redaction.MASK}{mark_of_new}"
