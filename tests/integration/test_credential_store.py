# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""credential_store through Ansible: idempotence, check mode, diff, refusals, and where the password goes."""

from __future__ import annotations

import json
import os
import shlex
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ansible import Result, run_module

CANARY = "c4n'a\"r y\\p$a%s`s"
FORMS = (CANARY, json.dumps(CANARY)[1:-1], repr(CANARY)[1:-1], shlex.quote(CANARY), CANARY.replace("'", "''"))


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    return {
        "path": str(tmp_path / "secrets" / "credentials.json"),
        "key_file": str(tmp_path / "secrets" / "key"),
        "key_derivation": "key-file",
    }


def store(options: dict[str, Any], **more: Any) -> Result:
    flags = {name: more.pop(name) for name in ("check", "diff", "verbosity") if name in more}
    login = {"id": "prod-mysql-01", "username": "backup", "password": CANARY}
    return run_module("credential_store", {**options, **login, **more}, **flags)


def shows_the_canary(text: str) -> list[str]:
    return [form for form in FORMS if form in text]


def test_a_login_is_planned_stored_found_unchanged_and_changed(options: dict[str, Any], tmp_path: Path) -> None:
    path = Path(options["path"])

    planned = store(options, check=True, diff=True)
    assert (planned.rc, planned.result["changed"]) == (0, True)
    assert "prod-mysql-01" in planned.stdout.partition("localhost | ")[0]
    assert not path.parent.exists()

    first = store(options, verbosity=3)
    assert (first.rc, first.result["changed"]) == (0, True)
    assert first.result["credential"] == {"id": "prod-mysql-01", "state": "present"}
    for file in (path, Path(options["key_file"])):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    content = path.read_bytes()

    second = store(options, verbosity=3)
    assert (second.rc, second.result["changed"]) == (0, False)
    assert path.read_bytes() == content

    third = store(options, password="another one", diff=True)
    assert "prod-mysql-01 (password changed)" in third.stdout
    assert third.result["changed"] is True

    for done in (planned, first, second, third):
        assert not shows_the_canary(done.stdout)
    left = [Path(folder, name) for folder, _folders, names in os.walk(tmp_path) for name in names]
    assert not [file for file in left if shows_the_canary(file.read_text("utf-8", "replace"))]


def test_a_corrupt_store_is_refused_and_left_as_it_was(options: dict[str, Any]) -> None:
    path = Path(options["path"])
    store(options)
    damaged = path.read_text().replace('"password": "gAAAAA', '"password": "gAAAAB')
    path.write_text(damaged)
    refused = store(options, verbosity=3)
    assert refused.rc != 0
    assert (refused.result["failed"], refused.result["error_code"]) == (True, "credentials_error")
    assert path.read_text() == damaged
    assert not shows_the_canary(refused.stdout)


def test_a_store_that_others_may_read_is_refused_with_the_remedy(options: dict[str, Any]) -> None:
    store(options)
    Path(options["path"]).chmod(0o644)
    refused = store(options)
    assert refused.result["error_code"] == "permission_error"
    assert f"chmod 0600 {options['path']}" in refused.result["msg"]


def test_an_older_store_is_imported_and_rekeyed(options: dict[str, Any], tmp_path: Path) -> None:
    old = {**options, "path": str(tmp_path / "old.json"), "key_derivation": "hostname-based"}
    store(old, key_hostname="wfdb02")
    imported = run_module(
        "credential_store", {**options, "state": "imported", "src": old["path"], "src_key_hostname": "wfdb02"}
    )
    assert (imported.result["imported"], imported.result["key_derivation"]) == (["prod-mysql-01"], "key-file")

    rekeyed = {key: value for key, value in options.items() if key != "key_derivation"}
    rekeyed.update(state="rekeyed", new_key_derivation="hostname-based", new_key_hostname="wfdb02")
    assert run_module("credential_store", rekeyed).result["changed"] is True
    assert run_module("credential_store", rekeyed).result["changed"] is False
    unchanged = store({**options, "key_derivation": "hostname-based"}, key_hostname="wfdb02")
    assert unchanged.result["changed"] is False
