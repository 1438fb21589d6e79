# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The credential store as it is on the disk: every username and password a Fernet token."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Literal

from ._pydantic import AfterValidator, BaseModel, ConfigDict, Field, WrapValidator
from .config import DatabaseId, unique_ids

KEY_DERIVATIONS = ("hostname-based", "key-file")
# https://github.com/fernet/spec/blob/master/Spec.md: version, 8 bytes of time, 16 of IV, whole AES blocks, HMAC.
FERNET_VERSION = 0x80
FERNET_FRAME_BYTES = 1 + 8 + 16 + 32
AES_BLOCK_BYTES = 16


def _token(text: str) -> str:
    try:
        token = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        token = b""
    cipher_bytes = len(token) - FERNET_FRAME_BYTES
    if not token or token[0] != FERNET_VERSION or cipher_bytes < AES_BLOCK_BYTES or cipher_bytes % AES_BLOCK_BYTES:
        raise ValueError("must be a Fernet token; plain text is not accepted")
    return text


def _unicode(text: str) -> str:
    # What came in undecodable bytes cannot be written as UTF-8 again.
    if text != text.encode("utf-8", "replace").decode("utf-8"):
        raise ValueError("must be valid Unicode")
    return text


FernetToken = Annotated[str, AfterValidator(_token), Field(repr=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class DatabaseCredential(_Part):
    """The login of one instance; ``id`` is that of its DatabaseConfig."""

    id: DatabaseId
    username: FernetToken
    password: FernetToken


class EncryptionMetadata(_Part):
    """How the tokens were made, and so which key reads them."""

    method: Literal["fernet"] = "fernet"
    key_derivation: Literal["hostname-based", "key-file"] = "hostname-based"
    version: Literal["1.0"] = "1.0"


class CredentialsStore(_Part):
    """The whole store."""

    version: Literal["1.0"] = "1.0"
    encryption: EncryptionMetadata = Field(default_factory=EncryptionMetadata)
    credentials: Annotated[list[DatabaseCredential], WrapValidator(unique_ids)] = Field(default_factory=list)


class PlainCredential(_Part):
    """A login that is not encrypted yet, as it is imported."""

    id: DatabaseId
    username: Annotated[str, Field(min_length=1, repr=False), AfterValidator(_unicode)]
    password: Annotated[str, Field(repr=False), AfterValidator(_unicode)]


class PlainCredentials(_Part):
    """A list of logins that are not encrypted yet."""

    credentials: Annotated[list[PlainCredential], WrapValidator(unique_ids)]
