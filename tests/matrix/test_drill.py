# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills on real servers of other products and versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.ansible import run_module
from tests.matrix.engine import back_up, login
from tools.private_servers.base import PrivateServer
from tools.private_servers.zoo.loader import load_zoo

pytestmark = [pytest.mark.matrix, pytest.mark.cell("drill")]


def test_one_of_everything_is_proven_beside_the_live_database(server: PrivateServer, store: Path) -> None:
    load_zoo(server, "drilled")
    try:
        assert back_up(server, store, databases=["drilled"], fingerprint="content").rc == 0
        before = server.whole_dump("drilled", create=True)
        verified = run_module("backup_verify", {**login(server), "base_path": str(store), "server": "same"})
        assert verified.rc == 0, verified.stdout
        (result,) = verified.result["results"]
        assert result["evidence"]["restore"]["fingerprints_compared"] > 10
        assert server.databases() == ["drilled"]
        assert server.whole_dump("drilled", create=True) == before
    finally:
        server.drop_database("drilled")
