# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all commands have in common: the configuration is read, something is done, and it is told how it went."""

from __future__ import annotations

from typing import Callable, TypeVar

from .. import configuration, errors, operations, signals
from ..artifacts.store import Store
from ..models.config import AppConfig
from . import exits, output
from .answers import Answer
from .output import Manner

Options = TypeVar("Options")


def perform(manner: Manner, act: Callable[[AppConfig, Options, Manner], Answer], options: Options) -> int:
    """Do what ``act`` does and tell about it; return the exit code."""
    try:
        answer = act(configuration.load_config(manner.config), options, manner)
    except errors.BackupDBError as error:
        answer = Answer(failure=error)
    except signals.Ended as ended:
        output.give(Answer(warnings=ended.details.get("warnings", ()), failure=ended.as_failure()), manner)
        return exits.SIGNAL_BASE + ended.number
    output.give(answer, manner)
    return exits.code_of(answer.failure)


def setting_of(config: AppConfig) -> operations.Setting:
    """Return where the operations of this host take place."""
    return operations.Setting(Store.of_this_host(config.storage), config, console=True)
