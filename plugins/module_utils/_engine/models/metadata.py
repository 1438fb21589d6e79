# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metadata of an artifact: what makes it an artifact, and what a restore needs to know.

Read by versions to come, so unknown keys are passed over here, unlike in the configuration.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal, Optional

from .. import errors
from ._pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PydanticError,
    field_validator,
    model_validator,
    problems_of,
)

DIGEST_LENGTHS = {"md5": 32, "sha256": 64}
# What hashing nothing gives: a pipeline that wrote no byte, or hashed the wrong file, leaves these.
EMPTY_DIGESTS = frozenset(
    {
        "d41d8cd98f00b204e9800998ecf8427e",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }
)
SIZE_UNITS = ("B", "KB", "MB", "GB", "TB")
_HEX = re.compile(r"[0-9a-f]+")
_DATE_AND_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]")


def human_size(size_bytes: int) -> str:
    """Given a number of bytes, return it with base 1024 and one decimal: ``1.5 MB``."""
    size = float(size_bytes)
    for unit in SIZE_UNITS:
        if round(size, 1) < 1024:
            return f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} PB"


def _iso(moment: object) -> object:
    """Refuse numbers and digits alone, which pydantic takes for seconds since 1970."""
    if not isinstance(moment, datetime) and not (isinstance(moment, str) and _DATE_AND_TIME.match(moment)):
        raise ValueError("must be a moment in ISO 8601")
    return moment


def _isoformat(moment: datetime) -> str:
    return moment.isoformat()


def _bare(filename: str) -> str:
    if filename in ("", ".", "..") or "/" in filename or "\0" in filename:
        raise ValueError("must be the bare name of a file")
    return filename


# Written as +00:00 and never as Z, which the datetime of Python 3.9 and 3.10 cannot read.
Moment = Annotated[
    AwareDatetime,
    Field(strict=False),
    BeforeValidator(_iso),
    PlainSerializer(_isoformat, return_type=str, when_used="json"),
]
Filename = Annotated[str, AfterValidator(_bare)]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def now() -> datetime:
    """Return this moment with this host's offset."""
    return datetime.now().astimezone()


def explained(message: Optional[str], info: object) -> Optional[str]:
    """Return an ``error_message`` as it is. Raise ValueError where the ``status`` before it needs one."""
    if not message and info.data.get("status", "success") != "success":  # type: ignore[attr-defined]
        raise ValueError("must say what went wrong unless status is success")
    return message


class Part(BaseModel):
    """A part of the metadata."""

    model_config = ConfigDict(extra="ignore", strict=True, hide_input_in_errors=True)


class BackupInfoModel(Part):
    """What was backed up, when, and how that went. ``hostname`` is the machine that ran the backup.

    Retention leaves an artifact alone before ``keep_until``.
    """

    database_id: str = Field(min_length=1)
    database_name: str = Field(min_length=1)
    database_type: Literal["mysql", "postgresql"]
    hostname: str = Field(min_length=1)
    backup_type: Literal["full", "incremental", "differential"] = "full"
    timestamp: Moment
    duration_seconds: Seconds
    status: Literal["success", "failed", "partial"]
    error_message: Optional[str] = Field(default=None, validate_default=True)
    keep_until: Optional[Moment] = None

    @field_validator("error_message")
    @classmethod
    def _explain_failure(cls, message: Optional[str], info: object) -> Optional[str]:
        return explained(message, info)


class FileInfoModel(Part):
    """The data file; ``checksum`` is that of the compressed file, in hex."""

    filename: Filename
    size_bytes: Count
    size_human: str
    compression_level: int = Field(ge=1, le=9)
    checksum_algorithm: Literal["md5", "sha256"]
    checksum: str

    @field_validator("checksum")
    @classmethod
    def _be_a_digest(cls, checksum: str, info: object) -> str:
        known = info.data  # type: ignore[attr-defined]
        digest = checksum.lower()
        length = DIGEST_LENGTHS.get(known.get("checksum_algorithm", ""), len(digest))
        if len(digest) != length or not _HEX.fullmatch(digest):
            raise ValueError(f"must be {length} hexadecimal digits")
        if digest in EMPTY_DIGESTS and known.get("size_bytes", 0) > 0:
            raise ValueError("is the digest of an empty file, but the file is not empty")
        return digest


class SchemaInfoModel(Part):
    """How many objects the database has, and a hash of its catalogue."""

    tables_count: Count
    views_count: Count = 0
    procedures_count: Count = 0
    functions_count: Count = 0
    triggers_count: Count = 0
    schema_hash: str


class SectionInfo(Part):
    """A part of the data file that is a gzip file of its own: where it is and what it holds.

    ``depends_on`` are the positions, in the list of sections, of those that must be loaded before it; None is all
    that come before it in the file.
    """

    kind: Literal["full", "pre_data", "data", "large_objects", "post_data", "routines"]
    tables: list[str] = Field(default_factory=list)
    offset_bytes: Count
    length_bytes: Count
    raw_length_bytes: Count
    depends_on: Optional[list[Count]] = None


class TableInfo(Part):
    """A table, how many rows it has, and a fingerprint of them where one was taken.

    ``exact`` is false where the rows were counted in another view than the dump's.
    """

    schema_name: Optional[str] = None
    name: str
    rows: Count
    exact: bool = True
    fingerprint: Optional[str] = None


class SequenceInfo(Part):
    """What numbers come from, a sequence or the automatic numbers of a table, and the number that comes next.

    ``number`` was read before the dump began, and ``descending`` says which way the numbers go from there.
    """

    schema_name: Optional[str] = None
    name: str
    number: int
    descending: bool = False


class ObjectInfo(Part):
    """An object of the database's catalogue and a hash (hex) of its definition, to be compared with another backup's.

    ``kind`` is what the server's manual calls it, in lower case: table, view, function, trigger...
    """

    kind: str
    schema_name: Optional[str] = None
    name: str
    digest: str


class LargeObjectsInfo(Part):
    """How many large objects a database of PostgreSQL has, and a fingerprint of them all where one was taken."""

    count: Count
    fingerprint: Optional[str] = None


class ExtensionInfo(Part):
    """An extension of PostgreSQL that the database uses."""

    name: str
    version: str
    schema_name: Optional[str] = None


class DatabaseSetting(Part):
    """A parameter that is set for a database, for one role in it or (None) for all."""

    role: Optional[str] = None
    name: str
    value: str


class DatabaseGrant(Part):
    """A privilege on the database itself; a grantee of None is PUBLIC."""

    grantor: str
    grantee: Optional[str] = None
    privilege: str
    grantable: bool


class DatabaseProperties(Part):
    """What belongs to the database itself and is in no dump; grants of None are the server's default."""

    encoding: str
    locale: str
    character_type: Optional[str] = None
    locale_provider: Optional[str] = None
    icu_locale: Optional[str] = None
    icu_rules: Optional[str] = None
    owner: Optional[str] = None
    connection_limit: int = -1
    comment: Optional[str] = None
    settings: list[DatabaseSetting] = Field(default_factory=list)
    grants: Optional[list[DatabaseGrant]] = None


class RestoreInfo(Part):
    """How the dump was made, what a restore needs, and what it is compared with afterwards.

    ``lock_held_seconds`` is how long writers were kept out; ``warnings`` are what the dump could not do as wished.
    ``accounts`` are all that the database names, ``owners`` those of them that own something in the dump.
    ``collations`` are those of its columns, ``tablespaces`` those that it names, and ``invalid`` the indexes and
    constraints that were not valid.
    ``schema_hash_scheme`` tells how the hash was made, and so the digests of ``objects``.
    """

    server_flavour: Literal["postgresql", "mariadb", "mysql"]
    server_version: str
    client_program: str
    client_version: str
    compressor: str
    properties: DatabaseProperties
    extensions: list[ExtensionInfo] = Field(default_factory=list)
    raw_size_bytes: Count
    sections: list[SectionInfo]
    tables: list[TableInfo]
    accounts_artifact: Optional[Filename] = None
    accounts: list[str] = Field(default_factory=list)
    owners: list[str] = Field(default_factory=list)
    collations: list[str] = Field(default_factory=list)
    tablespaces: list[str] = Field(default_factory=list)
    sequences: list[SequenceInfo] = Field(default_factory=list)
    invalid: list[str] = Field(default_factory=list)
    database_size_bytes: Optional[Count] = None
    schema_hash_scheme: Optional[str] = None
    objects: list[ObjectInfo] = Field(default_factory=list)
    large_objects: Optional[LargeObjectsInfo] = None
    lanes: Count = 1
    lock_held_seconds: Optional[Seconds] = None
    warnings: list[str] = Field(default_factory=list)


class _Named(Part):
    accounts_artifact: Optional[Filename] = None


class Naming(Part):
    """Of the metadata of an artifact only which accounts were saved in its run: all that is asked of a great many."""

    restore_info: Optional[_Named] = None

    @classmethod
    def from_json(cls, content: bytes, where: str) -> Optional[str]:
        """Given the content of the metadata file ``where``, return the bare name of the accounts artifact it names.

        Raise ValidationError with every problem if it is not valid.
        """
        try:
            found = cls.model_validate_json(content).restore_info
        except PydanticError as error:
            raise invalid(where, error) from None
        return found.accounts_artifact if found else None


class _Summary(Part):
    """The metadata of an artifact without the tables in it, which are most of the file."""

    backup_info: BackupInfoModel
    file_info: FileInfoModel
    schema_info: SchemaInfoModel
    version: str = "2.0.0"


class BackupMetadata(_Summary):
    """The metadata file of an artifact."""

    restore_info: Optional[RestoreInfo] = None

    @model_validator(mode="after")
    def _hold_something(self) -> BackupMetadata:
        if self.backup_info.status == "success" and self.file_info.size_bytes == 0:
            raise ValueError("file_info.size_bytes must be greater than 0 when backup_info.status is success")
        return self

    def to_json(self) -> str:
        """Return the content of the metadata file; what is not known is left out."""
        return self.model_dump_json(indent=2, exclude_none=True) + "\n"

    @classmethod
    def from_json(cls, content: bytes, where: str, details: bool = True) -> BackupMetadata:
        """Given the content of the metadata file ``where``, return it; ``restore_info`` only with ``details``.

        Raise ValidationError with every problem if it is not valid.
        """
        try:
            return cls.model_validate_json(content) if details else cls(**dict(_Summary.model_validate_json(content)))
        except PydanticError as error:
            raise invalid(where, error) from None


def invalid(where: str, error: PydanticError) -> errors.ValidationError:
    """Given what pydantic found wrong with the metadata file ``where``, return the error with every problem."""
    problems = problems_of(error)
    listed = "; ".join(f"{problem['path']}: {problem['message']}".lstrip(": ") for problem in problems)
    return errors.ValidationError(f"{where} is not valid metadata: {listed}", errors=problems)
