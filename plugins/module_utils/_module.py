# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one bridge between AnsibleModule and the engine. Private to this collection."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Iterable
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ._engine import errors, signals

CATALOGUE_PACKAGES = ("pydantic", "pydantic_settings", "yaml")
# The drivers are asked for by family, where a server is opened.
ENGINE_PACKAGES = (*CATALOGUE_PACKAGES, "cryptography")


def run(
    module: AnsibleModule,
    action: Callable[[AnsibleModule], tuple[bool, dict[str, Any], dict[str, Any] | None]],
    requires: Iterable[str] = (),
) -> None:
    """Given a module and its action, exit with what the action returns.

    ``action(module)`` returns ``(changed, result, diff)``. A BackupDBError becomes one clear
    sentence with its ``error_code``, and so does a signal that ends the module in order. ``requires`` names the Python
    packages that must be importable.
    """
    for package in requires:
        try:
            importlib.import_module(package)
        except ImportError:
            module.fail_json(
                msg=missing_required_lib(package),
                exception=traceback.format_exc(),
                error_code=errors.ConfigError.error_code,
            )
    try:
        with signals.raised():
            changed, result, diff = action(module)
    except errors.BackupDBError as error:
        module.fail_json(msg=str(error), **error.details())
    except signals.Ended as ended:
        failure = ended.as_failure()
        module.fail_json(msg=str(failure), **failure.details())
    else:
        if diff is not None:
            result["diff"] = diff
        module.exit_json(changed=changed, **result)
