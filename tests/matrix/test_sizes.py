# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sizes of databases, by which the biggest is dumped first, on servers that would tell yesterday's."""

from __future__ import annotations

import os
import time

import pytest

from tests.integration.scenes import instance_of
from tests.matrix.products import MYSQL_NAMES
from tools.private_servers.base import PrivateServer

pytestmark = [
    pytest.mark.matrix,
    pytest.mark.cell("several processes"),
    pytest.mark.parametrize("product", MYSQL_NAMES, indirect=True),
]
ROWS = 40
ROW_BYTES = 256 * 1024
PATIENCE_SECONDS = 60


def size_of(server: PrivateServer, name: str) -> int:
    """Return how large a database is, as a run that begins now sees it."""
    return {entry.name: entry.size_bytes for entry in instance_of(server).server().list_databases()}[name]


def test_a_database_that_has_just_grown_is_listed_as_large_as_it_is(server: PrivateServer) -> None:
    name = f"grown_{os.urandom(3).hex()}"
    server.create_database(name)
    server.execute("CREATE TABLE noise (id int PRIMARY KEY AUTO_INCREMENT, content longblob)", name)
    assert size_of(server, name) < ROW_BYTES
    for _row in range(ROWS):
        server.execute("INSERT INTO noise (content) VALUES (%s)", name, [os.urandom(ROW_BYTES)])
    # The statistics themselves follow within some ten seconds.
    deadline = time.monotonic() + PATIENCE_SECONDS
    while size_of(server, name) < ROWS * ROW_BYTES // 2:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    server.drop_database(name)
