# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration: what config.yaml may hold, every rule of it, and the environment on top."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import string
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Callable, Literal, Optional

from ._pydantic import (
    AfterValidator,
    BaseModel,
    BaseSettings,
    ConfigDict,
    EnvSettingsSource,
    Field,
    InitErrorDetails,
    PydanticBaseSettingsSource,
    PydanticCustomError,
    PydanticError,
    SettingsConfigDict,
    TypeAdapter,
    WrapValidator,
    field_validator,
    model_validator,
)
from .notifications import DEFAULT_FAILURE_BODY, DEFAULT_SUBJECT, DEFAULT_SUCCESS_BODY, MessageTemplate, PingUrl, Target

DEFAULT_PORTS = {"mysql": 3306, "postgresql": 5432}
SYSTEM_DATABASES = {
    "mysql": ("information_schema", "performance_schema", "mysql", "sys"),
    "postgresql": ("postgres", "template0", "template1"),
}
PLACEHOLDERS = frozenset({"hostname", "db_id", "db_name", "date"})
# Without these two, two databases would share a folder.
REQUIRED_PLACEHOLDERS = ("db_id", "db_name")
ENVIRONMENT_PREFIX = "VYA_BACKUPDB_"
ID_PATTERN = r"^[a-zA-Z0-9-]+$"
LONGEST_HOSTNAME = 253
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_ZONE = re.compile(r"[A-Za-z0-9_.-]+")


def _absolute(path: Path) -> Path:
    if not path.is_absolute() or ".." in path.parts or "\0" in str(path):
        raise ValueError("must be an absolute path without '..'")
    return path


def _host(host: str) -> str:
    if not (_is_address(host) or _is_hostname(host)):
        raise ValueError("must be a hostname or an IP address")
    return host


def _is_address(host: str) -> bool:
    address, mark, zone = host.partition("%")
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        return False
    return not mark or (version == 6 and _ZONE.fullmatch(zone) is not None)


def _is_hostname(host: str) -> bool:
    """Names of hosts often have underscores; a last label of digits alone is a mistyped address."""
    labels = host[: -1 if host.endswith(".") else None].split(".")
    return (
        len(host) <= LONGEST_HOSTNAME and all(_LABEL.fullmatch(label) for label in labels) and not labels[-1].isdigit()
    )


def unique_ids(entries: Any, validate: Callable[[Any], Any]) -> Any:
    """Validate a list of entries and refuse each ``id`` that is there already, along with all other problems."""
    repeated: list[InitErrorDetails] = []
    seen: set[str] = set()
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        entry_id = entry.get("id") if isinstance(entry, Mapping) else getattr(entry, "id", None)
        if not isinstance(entry_id, str):
            continue
        if entry_id in seen:
            problem = PydanticCustomError("repeated_id", "another entry has this id already")
            repeated.append(InitErrorDetails(type=problem, loc=(index, "id"), input=None))
        seen.add(entry_id)
    try:
        validated = validate(entries)
    except PydanticError as error:
        if not repeated:
            raise
        raise PydanticError.from_exception_data(error.title, [*_lines_of(error), *repeated]) from None
    if repeated:
        raise PydanticError.from_exception_data("entries", repeated)
    return validated


def _lines_of(error: PydanticError) -> list[InitErrorDetails]:
    return [
        InitErrorDetails(
            type=PydanticCustomError("problem", "{text}", {"text": problem["msg"]}), loc=problem["loc"], input=None
        )
        for problem in error.errors(include_url=False, include_input=False)
    ]


# Strict models refuse the text of a path for a Path, so paths alone are not strict.
AbsolutePath = Annotated[Path, Field(strict=False), AfterValidator(_absolute)]
DatabaseId = Annotated[str, Field(pattern=ID_PATTERN)]
Host = Annotated[str, AfterValidator(_host)]
Pattern = Annotated[str, Field(min_length=1)]
PositiveInteger = Annotated[int, Field(ge=1)]


class _Part(BaseModel):
    # A typo in a key is an error, a number in quotes too, and no error shows a value.
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, validate_default=True)


class DatabaseConfig(_Part):
    """A server instance. Databases and tables are named exactly or by shell-style patterns."""

    id: DatabaseId
    type: Literal["mysql", "postgresql"]
    host: Host
    port: int = Field(ge=1, le=65535)
    enabled: bool = True
    include_databases: list[Pattern] = Field(default_factory=list)
    exclude_databases: list[Pattern] = Field(default_factory=list)
    exclude_tables: list[Pattern] = Field(default_factory=list)
    ssl_enabled: bool = False
    ssl_ca_cert: Optional[AbsolutePath] = None
    unix_socket: Optional[AbsolutePath] = None
    client_path: Optional[AbsolutePath] = Field(default=None, description="folder of the client programs")
    connect_timeout: PositiveInteger = Field(default=10, description="seconds")
    dump_timeout: Optional[PositiveInteger] = Field(default=None, description="seconds; None is no limit")
    jobs: Optional[PositiveInteger] = None
    fingerprint: Literal["rows", "content"] = "rows"
    accounts: bool = True

    @field_validator("ssl_ca_cert")
    @classmethod
    def _need_ssl(cls, path: Optional[Path], info: Any) -> Optional[Path]:
        # A CA that nothing is checked against would be a false comfort.
        if path is not None and info.data.get("ssl_enabled") is False:
            raise ValueError("needs ssl_enabled: true")
        return path

    @model_validator(mode="after")
    def _exclude_system_databases(self) -> DatabaseConfig:
        own = list(dict.fromkeys(self.exclude_databases))
        self.exclude_databases = own + [name for name in SYSTEM_DATABASES[self.type] if name not in own]
        return self

    def selects(self, database: str) -> bool:
        """Say whether a database is to be backed up: included, and not excluded."""
        included = not self.include_databases or _matches(database, self.include_databases)
        return included and not _matches(database, self.exclude_databases)


def _matches(name: str, patterns: list[str]) -> bool:
    # The exact name comes first: in a pattern, the brackets of a name like a[1] mean something else.
    return any(name == pattern or fnmatchcase(name, pattern) for pattern in patterns)


class StorageConfig(_Part):
    """Where artifacts are, how they are laid out, compressed and hashed."""

    base_path: AbsolutePath = Path("/var/backups/vya_backupdb")
    structure: str = "{hostname}/{db_id}/{db_name}/{date}"
    compression_level: int = Field(default=6, ge=1, le=9)
    checksum_algorithm: Literal["md5", "sha256"] = "sha256"

    @field_validator("structure")
    @classmethod
    def _stay_inside(cls, structure: str) -> str:
        try:
            fields = [field for field in string.Formatter().parse(structure) if field[1] is not None]
        except ValueError:
            raise ValueError("has a brace without its counterpart") from None
        known = ", ".join(f"{{{name}}}" for name in sorted(PLACEHOLDERS))
        if any(name not in PLACEHOLDERS or specification or how for _text, name, specification, how in fields):
            raise ValueError(f"may have no placeholders but {known}")
        for name in REQUIRED_PLACEHOLDERS:
            if f"{{{name}}}" not in structure:
                raise ValueError(f"must have the placeholder {{{name}}}")
        # A hidden folder is passed over when artifacts are listed.
        if any(not step or step.startswith(".") or "\0" in step for step in structure.split("/")):
            raise ValueError("must be a relative path whose parts are neither empty nor start with a dot")
        return structure


class RetentionConfig(_Part):
    """How many backups are kept.

    Never fewer than ``min_keep`` good ones, nor than ``min_verified`` that a drill has found good, of each database.
    """

    strategy: Literal["simple", "gfs"] = "gfs"
    daily_keep: PositiveInteger = 7
    weekly_keep: PositiveInteger = 4
    monthly_keep: PositiveInteger = 12
    min_keep: PositiveInteger = 1
    min_verified: int = Field(default=1, ge=0)
    cleanup_enabled: bool = True


class LoggingConfig(_Part):
    """What is logged, how, and where."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["json", "text"] = "json"
    output: Literal["console", "file", "both"] = "file"
    file_path: AbsolutePath = Path("/var/log/vya_backupdb/app.log")


class CredentialsConfig(_Part):
    """Where the credential store is, and the key file where its key is not derived from the hostname."""

    path: AbsolutePath = Path("/etc/vya_backupdb/.secrets/credentials.json")
    key_file: AbsolutePath = Path("/etc/vya_backupdb/.secrets/key")


class AuditConfig(_Part):
    """Whether and where operations are recorded; the URL of SQLAlchemy may hold a password.

    Without one it is an SQLite file in the storage, see layout.audit_file.
    """

    enabled: bool = True
    url: Optional[str] = Field(default=None, min_length=1, repr=False)


class MetricsConfig(_Part):
    """Where metrics are written for the node exporter's textfile collector."""

    textfile_path: Optional[AbsolutePath] = None


class NotificationsConfig(_Part):
    """Whom to tell, and what. The addresses of Apprise and the URLs may hold tokens.

    ``ping_url`` is asked for when all went well, ``ping_failure_url`` when anything failed. The templates are those of
    string.Template, with the names of notifications.TEMPLATE_NAMES.
    """

    success: list[Target] = Field(default_factory=list, repr=False)
    failure: list[Target] = Field(default_factory=list, repr=False)
    ping_url: Optional[PingUrl] = Field(default=None, repr=False)
    ping_failure_url: Optional[PingUrl] = Field(default=None, repr=False)
    timeout: PositiveInteger = Field(default=30, description="seconds, for all targets together")
    success_subject: MessageTemplate = DEFAULT_SUBJECT
    success_body: MessageTemplate = DEFAULT_SUCCESS_BODY
    failure_subject: MessageTemplate = DEFAULT_SUBJECT
    failure_body: MessageTemplate = DEFAULT_FAILURE_BODY


class EnvironmentSource(EnvSettingsSource):
    """The environment: its texts become what their fields are, and a name that fits no field is an error."""

    def __call__(self) -> dict[str, Any]:
        """Return the settings that the environment holds, nested."""
        fields = self.settings_cls.model_fields
        settings = _typed(super().__call__(), fields)
        for name in os.environ:
            if name.upper().startswith(ENVIRONMENT_PREFIX):
                first = name[len(ENVIRONMENT_PREFIX) :].lower().partition("__")[0]
                if first not in fields:
                    settings.setdefault(first, None)
        return settings


def _typed(settings: dict[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the texts of the environment into numbers and truth values; what does not fit stays for the model."""
    typed = {}
    for name, value in settings.items():
        annotation = fields[name].annotation if name in fields else None
        if isinstance(value, dict) and isinstance(annotation, type) and issubclass(annotation, BaseModel):
            value = _typed(value, annotation.model_fields)
        elif isinstance(value, str) and annotation is not None:
            with contextlib.suppress(PydanticError):
                value = TypeAdapter(annotation).validate_strings(value, strict=False)
        typed[name] = value
    return typed


class AppConfig(BaseSettings):
    """The whole configuration. What it is given comes from config.yaml; the environment wins over it."""

    model_config = SettingsConfigDict(
        extra="forbid",
        strict=True,
        hide_input_in_errors=True,
        validate_default=True,
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
    )

    application_name: str = Field(default="vya-backupdb", min_length=1)
    version: str = "2.0.0"
    environment: Literal["dev", "staging", "production"] = "production"
    databases: Annotated[list[DatabaseConfig], WrapValidator(unique_ids)]
    storage: StorageConfig = Field(default_factory=StorageConfig)
    retention: RetentionConfig = Field(default_factory=RetentionConfig)
    logging: LoggingConfig = Field(default_factory=LoggingConfig)
    credentials: CredentialsConfig = Field(default_factory=CredentialsConfig)
    audit: AuditConfig = Field(default_factory=AuditConfig)
    metrics: MetricsConfig = Field(default_factory=MetricsConfig)
    notifications: NotificationsConfig = Field(default_factory=NotificationsConfig)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over what is given; no .env file, no secrets folder."""
        return EnvironmentSource(settings_cls), init_settings


class FileConfig(AppConfig):
    """The configuration as the file alone gives it, without the environment."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Look at nothing but what is given."""
        return (init_settings,)
