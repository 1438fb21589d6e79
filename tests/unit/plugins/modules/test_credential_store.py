# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the module, and what it makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.vya.backupdb.plugins.module_utils import _module
from ansible_collections.vya.backupdb.plugins.module_utils._engine import secrets
from ansible_collections.vya.backupdb.plugins.modules import credential_store

CANARY = "p'a\"s s\\w$o%r`d"
Result = dict[str, Any]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "credentials.json"


@pytest.fixture
def options(path: Path, tmp_path: Path) -> Result:
    return {"path": str(path), "key_file": str(tmp_path / "secrets" / "key")}


def run(capsys: pytest.CaptureFixture[str], **options: Any) -> Result:
    with patch_module_args(options), pytest.raises(SystemExit):
        credential_store.main()
    output = capsys.readouterr().out
    assert CANARY not in output
    assert json.dumps(CANARY)[1:-1] not in output
    return dict(json.loads(output))


def present(capsys: pytest.CaptureFixture[str], options: Result, **more: Any) -> Result:
    return run(capsys, **{"id": "a", "username": "backup", "password": CANARY, **options, **more})


def stored(path: Path, options: Result, hostname: str | None = None) -> dict[str, secrets.Login]:
    store = secrets.read_store(path, secrets.KeySource(Path(options["key_file"]), hostname))
    assert store is not None
    return store.logins


def test_a_login_is_stored_once(capsys: pytest.CaptureFixture[str], path: Path, options: Result) -> None:
    first = present(capsys, options)
    content = path.read_bytes()
    second = present(capsys, options)
    assert (first["changed"], second["changed"]) == (True, False)
    assert path.read_bytes() == content
    assert stored(path, options) == {"a": secrets.Login("backup", CANARY)}
    assert first["credential"] == {"id": "a", "state": "present"}
    assert (first["ids"], first["key_derivation"], first["path"]) == (["a"], "hostname-based", str(path))


def test_the_diff_names_what_changed_and_shows_no_value(
    capsys: pytest.CaptureFixture[str], path: Path, options: Result
) -> None:
    present(capsys, options, password="canary-old")
    present(capsys, options, id="b")
    result = present(capsys, options, _ansible_diff=True)
    assert result["diff"]["before"]["credentials"] == ["a", "b"]
    assert result["diff"]["after"]["credentials"] == ["a (password changed)", "b"]
    result = present(capsys, options, username="other", password="canary-new", _ansible_diff=True)
    assert result["diff"]["after"]["credentials"] == ["a (username and password changed)", "b"]
    assert "canary" not in json.dumps({**result, "invocation": None})


def test_check_mode_tells_the_change_and_makes_nothing(
    capsys: pytest.CaptureFixture[str], path: Path, options: Result
) -> None:
    result = present(capsys, options, _ansible_check_mode=True, key_derivation="key-file")
    assert (result["changed"], result["ids"], result["key_derivation"]) == (True, ["a"], "key-file")
    assert not path.parent.exists()


def test_a_login_is_removed_once(capsys: pytest.CaptureFixture[str], path: Path, options: Result) -> None:
    present(capsys, options)
    first = run(capsys, state="absent", id="a", **options)
    second = run(capsys, state="absent", id="a", **options)
    assert (first["changed"], second["changed"]) == (True, False)
    assert first["credential"] == {"id": "a", "state": "absent"}
    assert stored(path, options) == {}


def test_a_login_of_no_store_is_absent_already(capsys: pytest.CaptureFixture[str], path: Path, options: Result) -> None:
    result = run(capsys, state="absent", id="a", **options)
    assert (result["changed"], result["ids"]) == (False, [])
    assert "key_derivation" not in result
    assert not path.exists()


def test_a_store_of_another_derivation_is_not_changed_by_the_way(
    capsys: pytest.CaptureFixture[str], options: Result
) -> None:
    present(capsys, options)
    result = present(capsys, options, key_derivation="key-file", id="b")
    assert (result["failed"], result["error_code"]) == (True, "config_error")
    assert "is hostname-based, not key-file" in result["msg"]
    assert present(capsys, options, key_derivation="hostname-based")["changed"] is False


def test_the_key_of_another_hostname_can_be_used(
    capsys: pytest.CaptureFixture[str], path: Path, options: Result
) -> None:
    present(capsys, options, key_hostname="wfdb02")
    assert stored(path, options, "wfdb02")["a"].password == CANARY
    assert present(capsys, options)["error_code"] == "credentials_error"


def test_an_undecryptable_store_is_refused_and_left_as_it_was(
    capsys: pytest.CaptureFixture[str], path: Path, options: Result
) -> None:
    present(capsys, options, key_hostname="wfdb02")
    content = path.read_bytes()
    for more in ({}, {"state": "absent"}, {"state": "rekeyed", "new_key_derivation": "key-file"}):
        result = present(capsys, options, **more)
        assert (result["failed"], result["error_code"]) == (True, "credentials_error")
        assert path.read_bytes() == content


def test_only_logins_that_are_not_there_yet_are_imported(
    capsys: pytest.CaptureFixture[str], path: Path, options: Result, tmp_path: Path
) -> None:
    present(capsys, options)
    entries = [{"id": name, "username": "u", "password": "p"} for name in ("a", "b")]
    (tmp_path / "plain.json").write_text(json.dumps(entries))
    first = run(capsys, state="imported", src=str(tmp_path / "plain.json"), **options)
    assert (first["changed"], first["imported"], first["kept"]) == (True, ["b"], ["a"])
    second = run(capsys, state="imported", src=str(tmp_path / "plain.json"), **options)
    assert (second["changed"], second["imported"], second["kept"]) == (False, [], ["a", "b"])
    assert stored(path, options) == {"a": secrets.Login("backup", CANARY), "b": secrets.Login("u", "p")}


def test_there_is_no_diff_where_none_was_asked_for(capsys: pytest.CaptureFixture[str], options: Result) -> None:
    rekeyed = {"state": "rekeyed", "new_key_derivation": "key-file", **options}
    results = [present(capsys, options), run(capsys, id="a", state="absent", **options), run(capsys, **rekeyed)]
    assert [result["changed"] for result in results] == [True, True, True]
    assert [result for result in results if "diff" in result] == []


def test_an_older_store_is_imported_with_its_own_key(
    capsys: pytest.CaptureFixture[str], path: Path, options: Result, tmp_path: Path
) -> None:
    old = {**options, "path": str(tmp_path / "old.json")}
    present(capsys, old, key_hostname="oldname")
    result = run(
        capsys, state="imported", src=old["path"], src_key_hostname="oldname", key_derivation="key-file", **options
    )
    assert result["imported"] == ["a"]
    assert stored(path, options)["a"].password == CANARY


def test_a_store_is_rekeyed_once(capsys: pytest.CaptureFixture[str], path: Path, options: Result) -> None:
    present(capsys, options, key_hostname="oldname")
    rekeyed = {"state": "rekeyed", "key_hostname": "oldname", "new_key_derivation": "key-file", **options}
    planned = run(capsys, _ansible_check_mode=True, **rekeyed)
    first, second = (run(capsys, _ansible_diff=True, **rekeyed) for _turn in range(2))
    assert (planned["changed"], first["changed"], second["changed"]) == (True, True, False)
    assert first["diff"]["before"]["key"] == "the key of the hostname oldname"
    assert first["diff"]["after"]["key"] == f"the key in {options['key_file']}"
    assert second["diff"]["before"] == second["diff"]["after"]
    assert stored(path, options)["a"].password == CANARY


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"id": "a"}, "missing: username, password"),
        ({"state": "absent"}, "missing: id"),
        ({"state": "imported"}, "missing: src"),
        ({"state": "rekeyed"}, "missing: new_key_derivation"),
        ({"state": "other"}, "value of state must be one of"),
        ({"id": "../x", "username": "u", "password": "p"}, "credentials.0.id"),
        ({"id": "a", "username": "", "password": "p"}, "credentials.0.username"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    capsys: pytest.CaptureFixture[str], options: Result, wrong: Result, message: str
) -> None:
    result = run(capsys, **wrong, **options)
    assert result["failed"]
    assert message in result["msg"]


def test_a_missing_package_is_named(capsys: pytest.CaptureFixture[str], options: Result) -> None:
    with patch.object(_module, "importlib", Mock(import_module=Mock(side_effect=ImportError))):
        result = present(capsys, options)
    assert "cryptography" in result["msg"]
    assert result["error_code"] == "config_error"


def test_the_password_is_declared_secret_and_nothing_else_is() -> None:
    with (
        patch.object(credential_store, "AnsibleModule", spec_set=basic.AnsibleModule) as module,
        patch.object(_module, "run"),
    ):
        credential_store.main()
    spec = module.call_args.kwargs["argument_spec"]
    assert [name for name, option in spec.items() if option.get("no_log")] == ["password"]
    assert module.call_args.kwargs["supports_check_mode"] is True
