# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load config.yaml, and say everything that is wrong with it without showing a value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import errors, version
from .models._pydantic import PydanticError, SettingsError, problems_of
from .models.config import AppConfig, FileConfig

try:
    import yaml
except ImportError:
    yaml = None  # type: ignore[assignment]

REPEATED_KEY = "this key is there twice"


def load_config(path: Path, environ: bool = True) -> AppConfig:
    """Given the path of config.yaml, return the configuration, with the environment on top if ``environ``.

    Raise NotFoundError when the file is missing, PermissionDeniedError when it cannot be read,
    ConfigError with every problem when it is not a valid configuration.
    """
    settings = parse_yaml(read_file(path, "the configuration"), str(path))
    if not isinstance(settings, dict):
        raise errors.ConfigError(f"{path} is not valid: it must be a mapping of keys to values")
    _require_known_version(settings.get("version"), path)
    # Keys that are no names, or that would steer pydantic-settings itself, must not become arguments.
    settings = {
        key if isinstance(key, str) and key[:1] != "_" else f"[{key}]": value for key, value in settings.items()
    }
    try:
        return (AppConfig if environ else FileConfig)(**settings)
    except PydanticError as error:
        failure = config_error(error, str(path))
    except SettingsError:
        failure = errors.ConfigError(f"{path} cannot be completed: a VYA_BACKUPDB_ variable does not hold valid JSON")
    raise failure


def _require_known_version(given: Any, path: Path) -> None:
    """Raise ConfigError when a configuration is of a newer version than the engine knows, or of none at all.

    What such a one says may mean something else, so nothing else of it is looked at.
    """
    if given is None:
        return
    try:
        newer = version.is_newer(given)
    except (TypeError, ValueError):
        raise errors.ConfigError(
            f'{path} is not valid: version: it must be three numbers in quotes, as in "{version.CONFIG_VERSION}"'
        ) from None
    if newer:
        raise errors.ConfigError(
            f"{path} is of version {given}, but this engine ({version.ENGINE_VERSION}) knows no newer one than"
            f" {version.CONFIG_VERSION}",
            "Bring the engine to the release that the configuration was written by: run the role install on this host",
        )


def config_error(error: PydanticError, where: str) -> errors.ConfigError:
    """Given pydantic's error, return one that lists every problem by its path and shows no value."""
    problems = problems_of(error)
    return errors.ConfigError(f"{where} is not valid: {listed(problems)}", errors=problems)


def listed(problems: list[dict[str, str]]) -> str:
    """Given problems as ``path`` and ``message``, return them as one line."""
    return "; ".join(f"{each['path']}: {each['message']}" if each["path"] else each["message"] for each in problems)


def read_file(path: Path, what: str) -> bytes:
    """Return the content of a file that ``what`` names in messages.

    Raise NotFoundError when it is missing, PermissionDeniedError or ConfigError when it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise errors.NotFoundError(f"{what} {path} does not exist") from error
    except PermissionError as error:
        raise errors.PermissionDeniedError(f"{what} {path} cannot be read: {error.strerror}") from error
    except OSError as error:
        raise errors.ConfigError(f"{what} {path} cannot be read: {error.strerror}") from error


def parse_yaml(content: bytes, where: str) -> Any:
    """Given the content of the YAML file ``where``, return its data; an empty file is an empty mapping.

    Raise ConfigError when it is not valid YAML or has a key twice. Of the parser's complaint only the
    position is kept: the rest quotes the text.
    """
    if yaml is None:
        raise errors.ConfigError("the Python package PyYAML is missing", "Install PyYAML")

    class Loader(yaml.SafeLoader):
        def compose_mapping_node(self, anchor: Any) -> Any:
            node = super().compose_mapping_node(anchor)
            seen = set()
            for key, _value in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in seen:
                    raise yaml.MarkedYAMLError(problem=REPEATED_KEY, problem_mark=key.start_mark)
                seen.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
            return node

    try:
        data = yaml.load(content, Loader)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        position = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        known = getattr(error, "problem", None) == REPEATED_KEY
        failure = errors.ConfigError(f"{where} is not valid YAML{position}{': ' + REPEATED_KEY if known else ''}")
    else:
        return {} if data is None else data
    raise failure


def yaml_text(settings: Mapping[str, Any]) -> str:
    """Return settings as the text of a YAML file, in their order. Raise ConfigError when PyYAML is missing."""
    if yaml is None:
        raise errors.ConfigError("the Python package PyYAML is missing", "Install PyYAML")
    text: str = yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True, width=1000)
    return text
