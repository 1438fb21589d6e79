# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The credential store: the only file that ciphers.

A key that is derived from the hostname only obfuscates, for a hostname is no secret; a random key in
a file that only its owner can read protects. A store that cannot be decrypted is an error, never an
empty store, and is never written over.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import socket
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Optional

from . import configuration, errors, layout, locking, logbook, storage
from .models._pydantic import PydanticError, problems_of
from .models.config import CredentialsConfig
from .models.credentials import CredentialsStore, DatabaseCredential, EncryptionMetadata, PlainCredentials

try:
    from cryptography.fernet import Fernet, InvalidToken
except ImportError:
    Fernet = None  # type: ignore[assignment,misc]
    InvalidToken = ValueError  # type: ignore[assignment,misc]

HOSTNAME_BASED = "hostname-based"
KEY_FILE = "key-file"
LOCK_TIMEOUT_SECONDS = 30
ADD_HINT = "Add them with vya.backupdb.credential_store"


@dataclass(frozen=True)
class Login:
    """Who logs in, and with what."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class KeySource:
    """Where the key of a store comes from: its file, or the hostname (None is this machine's)."""

    key_file: Path
    hostname: Optional[str] = None

    def describe(self, key_derivation: str) -> str:
        """Name the key for a message."""
        if key_derivation == KEY_FILE:
            return f"the key in {self.key_file}"
        return f"the key of the hostname {self.hostname or socket.gethostname()}"


@dataclass(frozen=True)
class Store:
    """A decrypted store: the logins by the id of their instance."""

    key_derivation: str
    logins: dict[str, Login] = field(default_factory=dict)


Change = Callable[[Optional[Store]], Optional[Store]]


def derive_key(hostname: str) -> bytes:
    """Return the Fernet key of a hostname."""
    return base64.urlsafe_b64encode(hashlib.sha256(hostname.encode("utf-8")).digest())


def load_login(config: CredentialsConfig, database_id: str) -> Login:
    """Return the login of an instance.

    Raise CredentialsError when it is not in the store or the store cannot be read,
    PermissionDeniedError when others than its owner may read the store.
    """
    store = read_store(config.path, KeySource(config.key_file))
    if store is None:
        raise errors.CredentialsError(f"no credentials for {database_id}: {config.path} does not exist", ADD_HINT)
    if database_id not in store.logins:
        raise errors.CredentialsError(f"no credentials for {database_id} are in {config.path}", ADD_HINT)
    return store.logins[database_id]


def read_store(path: Path, source: KeySource) -> Optional[Store]:
    """Return the decrypted store, or None when there is none. Raise as load_login does."""
    content = _read_private(path)
    return None if content is None else _decrypt(_parse_store(content, path), path, source)


def update_store(
    path: Path, source: KeySource, change: Change, *, dry_run: bool = False
) -> tuple[Optional[Store], Optional[Store]]:
    """Apply ``change`` to the store, under its lock; return the store before and after.

    Nothing is written when nothing changed or on a ``dry_run``. Raise LockedError when the lock is
    not free in time, StorageError when the store cannot be written, else as load_login does.
    """
    with contextlib.nullcontext() if dry_run else _locked(path):
        before = read_store(path, source)
        after = change(before)
        if after is not None and after != before and not dry_run:
            _write_store(path, after, source)
    return before, after


def rekey_store(
    path: Path, source: KeySource, key_derivation: str, new_source: KeySource, *, dry_run: bool = False
) -> tuple[Store, Store, bool]:
    """Encrypt the store with another key; return it before and after, and whether it changed.

    A store that has this key already is left alone. Raise as update_store does, and CredentialsError
    when there is no store.
    """
    with contextlib.nullcontext() if dry_run else _locked(path):
        done = _read_with_new_key(path, key_derivation, new_source)
        if done is not None:
            return done, done, False
        before = read_store(path, source)
        if before is None:
            raise errors.CredentialsError(f"{path} does not exist, so it cannot get another key", ADD_HINT)
        after = Store(key_derivation, before.logins)
        if not dry_run:
            _write_store(path, after, new_source)
    return before, after, True


def _read_with_new_key(path: Path, key_derivation: str, new_source: KeySource) -> Optional[Store]:
    try:
        store = read_store(path, new_source)
    except errors.CredentialsError:
        return None
    return store if store is not None and store.key_derivation == key_derivation else None


def read_import(path: Path, source: KeySource) -> dict[str, Login]:
    """Return the logins of a file to import: a plain list in JSON or YAML, or another store.

    Raise NotFoundError when it does not exist, ConfigError when it is neither, and for a store as
    load_login does.
    """
    content = configuration.read_file(path, "the file to import")
    try:
        data = json.loads(content)
    except ValueError:
        data = configuration.parse_yaml(content, str(path))
    if isinstance(data, dict):
        return _decrypt(_parse_store(content, path), path, source).logins
    return check_logins(data, str(path))


def check_logins(entries: Any, where: str) -> dict[str, Login]:
    """Given a list of ``id``, ``username`` and ``password``, return the logins by id.

    Raise ConfigError with every problem when it is anything else.
    """
    try:
        checked = PlainCredentials(credentials=entries).credentials
    except PydanticError as error:
        failure = configuration.config_error(error, where)
    else:
        return {entry.id: Login(entry.username, entry.password) for entry in checked}
    raise failure


def _locked(path: Path) -> contextlib.AbstractContextManager[None]:
    return locking.hold(path.with_name(f".{path.name}.lock"), str(path), LOCK_TIMEOUT_SECONDS)


def _read_private(path: Path) -> Optional[bytes]:
    """Return the content of a file with secrets, or None when it does not exist."""
    try:
        with path.open("rb") as file:
            logbook.event("file_opened", level="DEBUG", file=str(path), mode="read")
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read()
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise errors.PermissionDeniedError(f"{path} cannot be read: {error.strerror}") from error
    except OSError as error:
        raise errors.CredentialsError(f"{path} cannot be read: {error.strerror}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise errors.PermissionDeniedError(
            f"{path} is open to others than its owner (mode {mode:04o})",
            f"Run chmod 0600 {path}, and change the passwords if anybody may have read them",
        )
    return content


def _parse_store(content: bytes, path: Path) -> CredentialsStore:
    try:
        store = CredentialsStore.model_validate_json(content)
    except PydanticError as error:
        problems = problems_of(error)
    else:
        # Whatever else may be left out: a file that says nothing of logins is damaged, or no store at all.
        if "credentials" in store.model_fields_set:
            return store
        problems = [{"path": "credentials", "message": "Field required"}]
    raise errors.CredentialsError(
        f"{path} is not a valid credential store: {configuration.listed(problems)}", errors=problems
    )


def _decrypt(model: CredentialsStore, path: Path, source: KeySource) -> Store:
    key_derivation = model.encryption.key_derivation
    if not model.credentials:
        return Store(key_derivation)
    key = _find_key(key_derivation, source)
    if key is None:
        raise errors.CredentialsError(
            f"{path} cannot be decrypted: its key file {source.key_file} does not exist",
            "Put the key file back; without it the credentials are lost and must be stored anew",
        )
    cipher = _cipher(key, source)
    logins = {}
    for entry in model.credentials:
        try:
            username, password = (cipher.decrypt(token).decode("utf-8") for token in (entry.username, entry.password))
        except (InvalidToken, UnicodeDecodeError):
            break
        logins[entry.id] = Login(username, password)
    else:
        return Store(key_derivation, logins)
    # Outside of the handler, so that no decrypted text hangs on to the error.
    raise errors.CredentialsError(
        f"{path} cannot be decrypted with {source.describe(key_derivation)}: the login of {entry.id} was made with "
        "another key or is damaged",
        "The key file was probably replaced"
        if key_derivation == KEY_FILE
        else "The host was probably renamed, or the store was copied from another host: give that host's name as "
        "key_hostname to vya.backupdb.credential_store and re-encrypt the store with state rekeyed",
    )


def _find_key(key_derivation: str, source: KeySource) -> Optional[bytes]:
    if key_derivation == KEY_FILE:
        content = _read_private(source.key_file)
        return None if content is None else content.strip()
    return derive_key(source.hostname or socket.gethostname())


def _cipher(key: bytes, source: KeySource) -> Fernet:
    try:
        return Fernet(key)
    except ValueError:
        pass
    raise errors.CredentialsError(
        f"{source.key_file} does not hold a Fernet key", "Put the right key file back; it is not made anew"
    )


def _make_key(source: KeySource) -> bytes:
    """Return the key in the key file, which is made if need be and never written over."""
    with _locked(source.key_file):
        key = _find_key(KEY_FILE, source)
        if key is None:
            key = Fernet.generate_key()
            _write_private(source.key_file, key + b"\n")
    return key


def _write_store(path: Path, store: Store, source: KeySource) -> None:
    key = _make_key(source) if store.key_derivation == KEY_FILE else _find_key(store.key_derivation, source)
    cipher = _cipher(key or b"", source)
    model = CredentialsStore(
        encryption=EncryptionMetadata(key_derivation=store.key_derivation),  # type: ignore[arg-type]
        credentials=[
            DatabaseCredential(
                id=database_id, username=_token(cipher, login.username), password=_token(cipher, login.password)
            )
            for database_id, login in store.logins.items()
        ],
    )
    _write_private(path, model.model_dump_json(indent=2).encode("ascii") + b"\n")


def _token(cipher: Fernet, text: str) -> str:
    return cipher.encrypt(text.encode("utf-8")).decode("ascii")


def _write_private(path: Path, content: bytes) -> None:
    storage.write_partial(path, content)
    if path.exists():
        # The user that reads the store need not be the one that writes it.
        owner = path.stat()
        os.chown(layout.partial(path), owner.st_uid, owner.st_gid)
    storage.settle(path)
    storage.sync_folder(path.parent)
