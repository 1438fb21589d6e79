# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one import of pydantic and pydantic-settings.

Where they are missing, stand-ins that do nothing let the classes of the models be defined all the same;
a module names the missing package (``requires`` of ``_module.run``) before it makes use of a model.
"""

from __future__ import annotations

from typing import Any


def _no_decorator(*args: Any, **kwargs: Any) -> Any:
    return lambda function: function


def _nothing(*args: Any, **kwargs: Any) -> Any:
    return None


try:
    from pydantic import (
        AfterValidator,
        AwareDatetime,
        BaseModel,
        BeforeValidator,
        ConfigDict,
        Field,
        PlainSerializer,
        TypeAdapter,
        WrapValidator,
        field_validator,
        model_validator,
    )
    from pydantic import ValidationError as PydanticError
    from pydantic_core import InitErrorDetails, PydanticCustomError
except ImportError:
    BaseModel = TypeAdapter = AwareDatetime = object  # type: ignore[assignment,misc]
    AfterValidator = BeforeValidator = PlainSerializer = WrapValidator = ConfigDict = Field = _nothing  # type: ignore[assignment,misc]
    InitErrorDetails = PydanticCustomError = _nothing  # type: ignore[assignment,misc]
    field_validator = model_validator = _no_decorator
    PydanticError = ValueError  # type: ignore[assignment,misc]

try:
    from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
    from pydantic_settings.exceptions import SettingsError
except ImportError:
    BaseSettings = EnvSettingsSource = PydanticBaseSettingsSource = object  # type: ignore[assignment,misc]
    SettingsConfigDict = _nothing  # type: ignore[assignment,misc]
    SettingsError = LookupError  # type: ignore[assignment,misc]

__all__ = [
    "AfterValidator",
    "AwareDatetime",
    "BaseModel",
    "BaseSettings",
    "BeforeValidator",
    "ConfigDict",
    "EnvSettingsSource",
    "Field",
    "InitErrorDetails",
    "PlainSerializer",
    "PydanticBaseSettingsSource",
    "PydanticCustomError",
    "PydanticError",
    "SettingsConfigDict",
    "SettingsError",
    "TypeAdapter",
    "WrapValidator",
    "field_validator",
    "model_validator",
    "problems_of",
]


def problems_of(error: PydanticError) -> list[dict[str, str]]:
    """Given pydantic's error, return every problem as its ``path`` (``databases.0.port``) and a ``message``.

    The values that were refused are left out: any of them could be a secret.
    """
    return [
        {
            "path": ".".join(str(step) for step in problem["loc"]),
            "message": problem["msg"].replace("Value error, ", "", 1),
        }
        for problem in error.errors(include_url=False, include_input=False)
    ]
