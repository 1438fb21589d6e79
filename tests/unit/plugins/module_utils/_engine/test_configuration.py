# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loading of config.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import configuration, errors

VALID = """\
databases:
  - id: prod-mysql-01
    type: mysql
    host: db1
    port: 3306
storage:
  base_path: /srv/backups
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def refused(path: Path, text: str | bytes) -> errors.ConfigError:
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    with pytest.raises(errors.ConfigError) as caught:
        configuration.load_config(path)
    return caught.value


def test_a_valid_file_is_loaded(path: Path) -> None:
    path.write_text(VALID)
    config = configuration.load_config(path)
    assert [database.id for database in config.databases] == ["prod-mysql-01"]
    assert config.storage.base_path == Path("/srv/backups")


def test_the_environment_wins_over_the_file_unless_it_is_left_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(VALID)
    monkeypatch.setenv("VYA_BACKUPDB_STORAGE__BASE_PATH", "/mnt")
    assert configuration.load_config(path).storage.base_path == Path("/mnt")
    assert configuration.load_config(path, environ=False).storage.base_path == Path("/srv/backups")


def test_a_missing_file_is_named(path: Path) -> None:
    with pytest.raises(errors.NotFoundError, match=r"the configuration .*config\.yaml does not exist"):
        configuration.load_config(path)


def test_a_file_that_may_not_be_read_is_a_matter_of_permission(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(errors.PermissionDeniedError, match="cannot be read: Permission denied"):
        configuration.load_config(path)


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigError, match="cannot be read: Is a directory"):
        configuration.load_config(tmp_path)


def test_every_problem_is_listed_by_its_path(path: Path) -> None:
    error = refused(path, VALID.replace("3306", "'3306'").replace("/srv/backups", "srv") + "typo: 1\n")
    found = {problem["path"]: problem["message"] for problem in error.details()["errors"]}
    assert set(found) == {"databases.0.port", "storage.base_path", "typo"}
    for problem, message in found.items():
        assert f"{problem}: {message}" in error.message
    assert error.details()["error_code"] == "config_error"


def test_a_repeated_id_is_refused(path: Path) -> None:
    entry = VALID.split("storage:", maxsplit=1)[0].removeprefix("databases:\n")
    error = refused(path, VALID.replace("storage:", f"{entry}storage:"))
    assert [problem["path"] for problem in error.details()["errors"]] == ["databases.1.id"]


def test_an_empty_file_lacks_its_databases(path: Path) -> None:
    assert "databases: Field required" in refused(path, "").message


@pytest.mark.parametrize("text", ["[]", "just text", "3"])
def test_a_file_without_keys_is_refused(path: Path, text: str) -> None:
    assert "must be a mapping" in refused(path, text).message


@pytest.mark.parametrize(
    "text", ["databases: [", "a: *canary", "password: !canary x", "a: 2026-13-45", "? [a]\n: 1", b"\xff"]
)
def test_a_file_that_is_not_yaml_is_refused_without_a_word_of_it(path: Path, text: str | bytes) -> None:
    error = refused(path, text)
    assert "is not valid YAML" in error.message
    assert "canary" not in f"{error}{error.details()}"


def test_a_yaml_error_says_where_it_is(path: Path) -> None:
    assert refused(path, VALID + "  bad: [\n").message.endswith("at line 9, column 1")


def test_a_key_that_is_there_twice_is_refused(path: Path) -> None:
    error = refused(path, VALID + "databases: []\n")
    assert error.message.endswith("at line 8, column 1: this key is there twice")


def test_anchors_and_merges_are_no_repeated_keys(path: Path) -> None:
    path.write_text(
        "databases:\n"
        "  - &first {id: a, type: mysql, host: h, port: 1}\n"
        "  - &second {<<: *first, id: b}\n"
        "  - {<<: *second, id: c}\n"
    )
    assert [database.id for database in configuration.load_config(path).databases] == ["a", "b", "c"]


@pytest.mark.parametrize("key", ["_env_file", "_env_prefix", "__pydantic_self__", "1", "null"])
def test_a_key_that_is_no_name_is_a_typo_and_steers_nothing(path: Path, key: str) -> None:
    found = refused(path, f"{VALID}{key}: /etc/passwd\n").details()["errors"]
    assert [problem["message"] for problem in found] == ["Extra inputs are not permitted"]


@pytest.mark.parametrize("key", ["1", "null", "[a, b]", "true"])
def test_a_nested_key_that_is_no_text_is_refused(path: Path, key: str) -> None:
    refused(path, f"{VALID}  {key}: x\n")


def test_no_problem_shows_the_value(path: Path) -> None:
    error = refused(path, VALID.replace("3306", "canary") + "audit: {password: canary}\nnotifications: canary\n")
    assert len(error.details()["errors"]) == 3
    assert "canary" not in f"{error}{error.details()}{error.__cause__}{error.__context__}"


def test_a_variable_that_is_no_json_is_refused_without_its_value(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VYA_BACKUPDB_DATABASES", "[canary")
    error = refused(path, VALID)
    assert "VYA_BACKUPDB_" in error.message
    assert "canary" not in f"{error}{error.details()}{error.__cause__}{error.__context__}"


def test_without_pyyaml_the_error_names_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration, "yaml", None)
    assert "PyYAML" in refused(path, VALID).message


@pytest.mark.parametrize("given", ["2.0.1", "2.1.0", "3.0.0"])
def test_a_configuration_of_a_newer_version_is_refused_before_its_content_is_looked_at(path: Path, given: str) -> None:
    error = refused(path, f'{VALID}version: "{given}"\nsomething_new: true\n')
    assert error.message.startswith(f"{path} is of version {given}, but this engine")
    assert error.hint is not None
    assert "run the role install" in error.hint
    assert "something_new" not in str(error)


@pytest.mark.parametrize("given", ["2.0.0", "1.0.0"])
def test_a_configuration_of_a_known_version_is_loaded(path: Path, given: str) -> None:
    path.write_text(f'{VALID}version: "{given}"\n')
    assert configuration.load_config(path).version == given


@pytest.mark.parametrize("given", ["2.0", '"2"', "latest", "[2, 0, 0]", "2"])
def test_a_version_that_is_none_is_refused(path: Path, given: str) -> None:
    assert "version: it must be three numbers in quotes" in refused(path, f"{VALID}version: {given}\n").message
