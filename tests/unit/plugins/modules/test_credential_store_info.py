# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose logins are in a store is told, and nothing else of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.vya.backupdb.plugins.module_utils._engine import secrets
from ansible_collections.vya.backupdb.plugins.modules import credential_store_info

LOGINS = {"b": secrets.Login("canary-user", "canary-password"), "a": secrets.Login("canary-user", "canary-password")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "credentials.json"


def run(capsys: pytest.CaptureFixture[str], path: Path, **options: Any) -> dict[str, Any]:
    given = {"path": str(path), "key_file": str(path.parent / "key"), **options}
    with patch_module_args(given), pytest.raises(SystemExit):
        credential_store_info.main()
    output = capsys.readouterr().out
    assert "canary" not in output
    return dict(json.loads(output))


def fill(path: Path, key_derivation: str, hostname: str | None = None) -> None:
    source = secrets.KeySource(path.parent / "key", hostname)
    secrets.update_store(path, source, lambda _before: secrets.Store(key_derivation, LOGINS))


def test_the_ids_and_the_kind_of_the_key_are_told(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    fill(path, "key-file")
    result = run(capsys, path)
    assert (result["exists"], result["ids"], result["key_derivation"]) == (True, ["b", "a"], "key-file")
    assert result["changed"] is False


def test_that_there_is_no_store_yet_is_no_error(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    result = run(capsys, path)
    assert (result["exists"], result["ids"], "key_derivation" in result) == (False, [], False)
    assert not path.parent.exists()


def test_the_store_of_a_host_that_was_renamed_is_an_error_with_the_remedy_and_readable_by_the_old_name(
    capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    fill(path, "hostname-based", "old-name")
    result = run(capsys, path)
    assert (result["failed"], result["error_code"]) == (True, "credentials_error")
    assert "cannot be decrypted with the key of the hostname" in result["msg"]
    assert "key_hostname" in result["hint"]
    assert run(capsys, path, key_hostname="old-name")["ids"] == ["b", "a"]
