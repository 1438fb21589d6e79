# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests of swaps, on MySQL and on each MariaDB."""

from __future__ import annotations

import pytest

from tests.integration import test_mysql_swap
from tests.matrix.products import MYSQL_FAMILY_NAMES
from tools.private_servers.base import PrivateServer

pytestmark = [
    pytest.mark.matrix,
    pytest.mark.cell("swap"),
    pytest.mark.parametrize("product", MYSQL_FAMILY_NAMES, indirect=True),
]

# All of its tests and fixtures, on the server below.
globals().update({name: value for name, value in vars(test_mysql_swap).items() if not name.startswith("_")})


@pytest.fixture(scope="session")
def swapping_server(server: PrivateServer) -> PrivateServer:
    return server
