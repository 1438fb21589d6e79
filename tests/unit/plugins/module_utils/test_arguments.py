# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option groups, and that their fragments say the same."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import yaml
from ansible_collections.vya.backupdb.plugins.module_utils import _arguments
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import DatabaseConfig, StorageConfig


def documented(group: str) -> dict[str, Any]:
    fragment = importlib.import_module(f"ansible_collections.vya.backupdb.plugins.doc_fragments.{group}")
    return dict(yaml.safe_load(fragment.ModuleDocFragment.DOCUMENTATION)["options"])


@pytest.mark.parametrize("group", sorted(_arguments.GROUPS))
def test_each_group_is_documented_by_the_fragment_of_its_name(group: str) -> None:
    spec = _arguments.GROUPS[group]
    fragment = documented(group)
    assert set(fragment) == set(spec)
    for name, option in spec.items():
        said = {key: value for key, value in fragment[name].items() if key != "description"}
        meant = {key: value for key, value in option.items() if key != "no_log"}
        assert {**said, "choices": sorted(said.get("choices", []))} == {
            **meant,
            "choices": sorted(meant.get("choices", [])),
        }, name


def test_the_password_is_kept_out_of_logs() -> None:
    assert [name for name, option in _arguments.LOGIN.items() if option.get("no_log")] == ["login_password"]


def test_the_storage_options_are_those_of_the_model_and_its_defaults_are_told() -> None:
    assert set(_arguments.STORAGE) == set(StorageConfig.model_fields)
    for name, option in documented("storage").items():
        assert str(StorageConfig.model_fields[name].default) in option["description"][0]


def test_the_connect_timeout_is_that_of_the_model() -> None:
    assert _arguments.LOGIN["connect_timeout"]["default"] == DatabaseConfig.model_fields["connect_timeout"].default


def test_groups_and_own_options_are_merged() -> None:
    spec = _arguments.argument_spec("config", "login", jobs={"type": "int"})
    assert set(spec) == {*_arguments.CONFIG, *_arguments.LOGIN, "jobs"}


def test_a_module_cannot_change_the_group_of_another() -> None:
    _arguments.argument_spec("config")["config"]["required"] = True
    assert "required" not in _arguments.CONFIG["config"]


def test_every_option_without_a_default_that_the_configuration_gives_excludes_it() -> None:
    excluded = {option for _config, option in _arguments.LOGIN_OR_CONFIG_EXCLUSIVE}
    assert {"type", "login_user", "login_password", "login_unix_socket", "base_path"} <= excluded
    assert not excluded & {"database_id", "login_host", "ssl_mode", "connect_timeout"}
