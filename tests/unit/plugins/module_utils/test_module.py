# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridge between AnsibleModule and the engine."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock, create_autospec

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.vya.backupdb.plugins.module_utils import _module
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors


class ExitError(Exception):
    pass


@pytest.fixture
def module() -> Mock:
    mock: Mock = create_autospec(AnsibleModule, instance=True)
    mock.exit_json.side_effect = ExitError
    mock.fail_json.side_effect = ExitError
    return mock


def run(module: Mock, action: Any, requires: tuple[str, ...] = ()) -> None:
    with pytest.raises(ExitError):
        _module.run(module, action, requires=requires)


def test_what_the_action_returns_is_the_result(module: Mock) -> None:
    run(module, lambda _module: (True, {"path": "/x"}, {"before": "", "after": "x"}))
    module.exit_json.assert_called_once_with(changed=True, path="/x", diff={"before": "", "after": "x"})


def test_an_action_without_a_diff_gives_none(module: Mock) -> None:
    run(module, lambda _module: (False, {}, None))
    module.exit_json.assert_called_once_with(changed=False)


def test_an_error_of_the_engine_becomes_one_sentence_with_its_details(module: Mock) -> None:
    def action(_module: AnsibleModule) -> Any:
        raise errors.LockedError("the store is locked", "Wait", lock_file="/x")

    run(module, action)
    module.fail_json.assert_called_once_with(
        msg="the store is locked. Wait", error_code="locked", hint="Wait", lock_file="/x"
    )


def test_a_missing_package_is_named_before_the_action_starts(module: Mock) -> None:
    action = Mock()
    run(module, action, requires=("json", "no_such_package"))
    action.assert_not_called()
    failure = module.fail_json.call_args.kwargs
    assert "no_such_package" in failure["msg"]
    assert failure["error_code"] == "config_error"
