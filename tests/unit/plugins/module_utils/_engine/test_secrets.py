# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The credential store and its keys."""

from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, layout, locking, secrets
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import CredentialsConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.secrets import KeySource, Login, Store
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CANARY = "p'a\"s s\\w$o%r`d"
LOGINS = {"a": Login("backup", CANARY), "b": Login("bäckup", "")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "credentials.json"


@pytest.fixture
def source(tmp_path: Path) -> KeySource:
    return KeySource(tmp_path / "secrets" / "key", "wfdb02")


def save(path: Path, source: KeySource, key_derivation: str = "hostname-based", **logins: Login) -> None:
    secrets.update_store(path, source, lambda _before: Store(key_derivation, logins or LOGINS))


def refused(path: Path, source: KeySource) -> errors.CredentialsError:
    with pytest.raises(errors.CredentialsError) as caught:
        secrets.read_store(path, source)
    assert CANARY not in f"{caught.value}{caught.value.details()}{caught.value.__context__}"
    return caught.value


def test_the_key_of_a_hostname_is_the_known_one() -> None:
    assert secrets.derive_key("wfdb02") == b"t4D9y0dvSuVOLzu4Yw_WZZPNgxydMvBGo1T6PCB9Fcw="


def test_a_login_does_not_show_its_password() -> None:
    assert CANARY not in repr(Login("backup", CANARY))
    assert CANARY not in repr(Store("key-file", LOGINS))


@pytest.mark.parametrize("key_derivation", ["hostname-based", "key-file"])
def test_a_store_gives_back_what_it_was_given(path: Path, source: KeySource, key_derivation: str) -> None:
    save(path, source, key_derivation)
    assert secrets.read_store(path, source) == Store(key_derivation, LOGINS)
    assert CANARY not in path.read_text()
    assert "backup" not in path.read_text()


@given(username=st.text(min_size=1), password=st.text())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_login_survives_the_store(path: Path, source: KeySource, username: str, password: str) -> None:
    logins = secrets.check_logins([{"id": "a", "username": username, "password": password}], "x")
    save(path, source, a=logins["a"])
    assert secrets.read_store(path, source) == Store("hostname-based", {"a": Login(username, password)})


def test_a_store_by_hostname_is_read_with_nothing_but_the_documented_key(path: Path, source: KeySource) -> None:
    save(path, source)
    entry = json.loads(path.read_text())["credentials"][0]
    cipher = Fernet(b"t4D9y0dvSuVOLzu4Yw_WZZPNgxydMvBGo1T6PCB9Fcw=")
    assert (cipher.decrypt(entry["username"]), cipher.decrypt(entry["password"])) == (b"backup", CANARY.encode())


def test_the_store_and_the_key_are_private(path: Path, source: KeySource) -> None:
    save(path, source, "key-file")
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for file in (path, source.key_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(os.listdir(path.parent)) == [".credentials.json.lock", ".key.lock", "credentials.json", "key"]


def test_no_store_is_none(path: Path, source: KeySource) -> None:
    assert secrets.read_store(path, source) is None


def test_a_key_file_is_used_as_it_is_and_never_written_over(path: Path, source: KeySource) -> None:
    save(path, source, "key-file")
    key = source.key_file.read_bytes()
    path.unlink()
    save(path, source, "key-file")
    assert source.key_file.read_bytes() == key
    assert secrets.read_store(path, source) == Store("key-file", LOGINS)


def test_the_owner_of_the_store_stays(path: Path, source: KeySource, monkeypatch: pytest.MonkeyPatch) -> None:
    save(path, source)
    owners: list[tuple[Path, int, int]] = []
    monkeypatch.setattr(os, "chown", lambda *arguments: owners.append(arguments))
    save(path, source, c=Login("x", "y"))
    assert owners == [(layout.partial(path), path.stat().st_uid, path.stat().st_gid)]


def test_a_login_is_loaded_by_the_id_of_its_instance(path: Path, source: KeySource) -> None:
    save(path, KeySource(source.key_file))
    assert secrets.load_login(CredentialsConfig(path=path, key_file=source.key_file), "a") == LOGINS["a"]


def test_a_missing_login_names_the_id_the_store_and_the_remedy(path: Path, source: KeySource) -> None:
    config = CredentialsConfig(path=path, key_file=source.key_file)
    with pytest.raises(errors.CredentialsError) as caught:
        secrets.load_login(config, "prod")
    assert str(caught.value) == (
        f"no credentials for prod: {path} does not exist. Add them with vya.backupdb.credential_store"
    )
    save(path, KeySource(source.key_file))
    with pytest.raises(errors.CredentialsError) as caught:
        secrets.load_login(config, "prod")
    assert str(caught.value) == (f"no credentials for prod are in {path}. Add them with vya.backupdb.credential_store")


def test_a_store_of_another_host_names_the_likely_cause(path: Path, source: KeySource) -> None:
    save(path, source)
    error = refused(path, KeySource(source.key_file, "newname"))
    assert "cannot be decrypted with the key of the hostname newname: the login of a " in error.message
    assert "renamed" in str(error.hint)
    assert socket.gethostname() in refused(path, KeySource(source.key_file)).message


def test_a_store_of_another_key_file_names_the_likely_cause(path: Path, source: KeySource) -> None:
    save(path, source, "key-file")
    source.key_file.write_bytes(Fernet.generate_key())
    error = refused(path, source)
    assert f"cannot be decrypted with the key in {source.key_file}" in error.message
    assert error.hint == "The key file was probably replaced"


def test_a_store_without_its_key_file_is_refused_and_gets_no_new_key(path: Path, source: KeySource) -> None:
    save(path, source, "key-file")
    source.key_file.unlink()
    assert "its key file" in refused(path, source).message
    with pytest.raises(errors.CredentialsError):
        save(path, source, "key-file")
    assert not source.key_file.exists()


@pytest.mark.parametrize("content", [b"", b"short", CANARY.encode(), b"=" * 44])
def test_a_file_that_holds_no_key_is_refused_and_kept(path: Path, source: KeySource, content: bytes) -> None:
    save(path, source, "key-file")
    source.key_file.write_bytes(content)
    assert "does not hold a Fernet key" in refused(path, source).message
    assert source.key_file.read_bytes() == content


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_store_or_key_that_others_may_touch_is_refused_with_the_remedy(
    path: Path, source: KeySource, mode: int
) -> None:
    save(path, source, "key-file")
    for file in (path, source.key_file):
        file.chmod(mode)
        with pytest.raises(errors.PermissionDeniedError) as caught:
            secrets.read_store(path, source)
        assert f"{file} is open to others than its owner (mode {mode:04o})" in caught.value.message
        assert f"chmod 0600 {file}" in str(caught.value.hint)
        file.chmod(0o600)


def test_a_store_that_may_not_be_read_is_a_matter_of_permission(
    path: Path, source: KeySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(errors.PermissionDeniedError, match="cannot be read: Permission denied"):
        secrets.read_store(path, source)


def test_a_folder_in_place_of_the_store_is_refused(path: Path, source: KeySource) -> None:
    path.mkdir(parents=True)
    assert "cannot be read: Is a directory" in refused(path, source).message


def broken_stores() -> list[Any]:
    token = Fernet(secrets.derive_key("wfdb02")).encrypt(b"x").decode()
    other = Fernet(Fernet.generate_key()).encrypt(b"x").decode()
    entry = {"id": "a", "username": token, "password": token}
    return [
        "",
        "{",
        "[]",
        "{}",
        {"version": "1.0", "encryption": {"key_derivation": "key-file"}},
        {"credentials": [{**entry, "password": CANARY}]},
        {"credentials": [entry, entry]},
        {"credentials": [{**entry, "id": "../x"}]},
        {"credentials": [], "typo": 1},
        {"credentials": [entry, {**entry, "id": "b", "password": other}]},
        {"credentials": [{**entry, "password": Fernet(secrets.derive_key("wfdb02")).encrypt(b"\xff").decode()}]},
    ]


@pytest.mark.parametrize("broken", broken_stores())
def test_a_broken_store_is_an_error_and_is_never_written_over(path: Path, source: KeySource, broken: Any) -> None:
    path.parent.mkdir()
    path.write_text(broken if isinstance(broken, str) else json.dumps(broken))
    path.chmod(0o600)
    before = path.read_bytes()
    refused(path, source)
    with pytest.raises(errors.CredentialsError):
        save(path, source)
    with pytest.raises(errors.CredentialsError):
        secrets.rekey_store(path, source, "key-file", source)
    assert path.read_bytes() == before
    assert not source.key_file.exists()


def test_an_unchanged_store_is_not_written(path: Path, source: KeySource) -> None:
    save(path, source)
    before = path.read_bytes(), path.stat().st_mtime_ns
    stores = secrets.update_store(path, source, lambda store: store)
    assert stores[0] == stores[1] == Store("hostname-based", LOGINS)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_dry_run_tells_the_change_and_makes_nothing(path: Path, source: KeySource) -> None:
    change = secrets.update_store(path, source, lambda _before: Store("key-file", LOGINS), dry_run=True)
    assert change == (None, Store("key-file", LOGINS))
    assert not path.parent.exists()


def test_a_failed_write_leaves_the_store_as_it_was(
    path: Path, source: KeySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(path, source)
    before = path.read_bytes()

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(errors.StorageError):
        save(path, source, c=Login("x", "y"))
    assert path.read_bytes() == before


def test_a_locked_store_is_not_written(path: Path, source: KeySource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "LOCK_TIMEOUT_SECONDS", 0)
    with locking.hold(path.with_name(".credentials.json.lock"), "x"), pytest.raises(errors.LockedError):
        save(path, source)
    assert not path.exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [("hostname-based", "key-file"), ("key-file", "hostname-based"), ("hostname-based", "hostname-based")],
)
def test_a_store_gets_another_key_once(path: Path, source: KeySource, old: str, new: str) -> None:
    new_source = KeySource(source.key_file, "newname")
    save(path, source, old)
    planned = secrets.rekey_store(path, source, new, new_source, dry_run=True)
    assert planned == (Store(old, LOGINS), Store(new, LOGINS), True)
    assert secrets.read_store(path, source) == Store(old, LOGINS)
    assert secrets.rekey_store(path, source, new, new_source) == planned
    assert secrets.read_store(path, new_source) == Store(new, LOGINS)
    content = path.read_bytes()
    assert secrets.rekey_store(path, source, new, new_source) == (Store(new, LOGINS), Store(new, LOGINS), False)
    assert path.read_bytes() == content


def test_a_store_moves_from_one_key_file_to_another(path: Path, source: KeySource) -> None:
    save(path, source, "key-file")
    new_source = KeySource(source.key_file.with_name("key2"))
    secrets.rekey_store(path, source, "key-file", new_source)
    assert secrets.read_store(path, new_source) == Store("key-file", LOGINS)
    refused(path, source)


def test_no_store_cannot_get_another_key(path: Path, source: KeySource) -> None:
    with pytest.raises(errors.CredentialsError, match="does not exist"):
        secrets.rekey_store(path, source, "key-file", source)
    assert not path.exists()


@pytest.mark.parametrize(
    "text",
    [
        '[{"id": "a", "username": "u", "password": "p"}]',
        "- {id: a, username: u, password: p}",
        "- id: a\n  username: u\n  password: p\n",
    ],
)
def test_a_plain_list_is_imported_from_json_or_yaml(tmp_path: Path, source: KeySource, text: str) -> None:
    (tmp_path / "plain").write_text(text)
    assert secrets.read_import(tmp_path / "plain", source) == {"a": Login("u", "p")}


def test_an_older_store_is_imported(path: Path, source: KeySource) -> None:
    save(path, source)
    path.chmod(0o644)
    assert secrets.read_import(path, source) == LOGINS


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- {id: a, username: u, password: 12345}", "credentials.0.password"),
        ("- {id: a, username: u}", "credentials.0.password"),
        ("- {id: a b, username: u, password: p}", "credentials.0.id"),
        ("- {id: a, username: '', password: p}", "credentials.0.username"),
        ("- {id: a, username: u, password: p, host: h}", "credentials.0.host"),
        ("- {id: a, username: u, password: p}\n- {id: a, username: u, password: p}", "credentials.1.id"),
        ("3", "credentials"),
        ("", "credentials"),
    ],
)
def test_a_list_against_a_rule_is_refused_without_its_values(
    tmp_path: Path, source: KeySource, text: str, problem: str
) -> None:
    (tmp_path / "plain").write_text(text)
    with pytest.raises(errors.BackupDBError) as caught:
        secrets.read_import(tmp_path / "plain", source)
    assert "12345" not in f"{caught.value}{caught.value.details()}"
    if text:
        assert problem in [found["path"] for found in caught.value.details()["errors"]]


def test_a_missing_file_to_import_is_not_found(tmp_path: Path, source: KeySource) -> None:
    with pytest.raises(errors.NotFoundError, match="the file to import"):
        secrets.read_import(tmp_path / "plain", source)


def test_text_that_is_not_unicode_is_refused_before_anything_is_done() -> None:
    with pytest.raises(errors.ConfigError, match=r"credentials\.0\.password"):
        secrets.check_logins([{"id": "a", "username": "u", "password": "\udce9canary"}], "the login")
