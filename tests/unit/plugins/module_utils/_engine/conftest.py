# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several files of the engine's tests start from."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import signals


@pytest.fixture
def signals_heeded() -> Iterator[None]:
    """Whoever runs the tests may have told them to ignore signals, as nohup does."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in signals.ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
