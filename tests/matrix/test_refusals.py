# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that is too old for a restore is told so before anything is touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.scenes import LIVE_SCRIPTS
from tests.matrix.engine import back_up, put_back
from tests.matrix.products import MARIADB_10_5
from tools.private_servers.base import PrivateServer

pytestmark = pytest.mark.matrix


@pytest.fixture(scope="module")
def old() -> Iterator[PrivateServer]:
    with MARIADB_10_5.run() as running:
        running.create_database("live")
        running.run_script(LIVE_SCRIPTS["mysql"], "live")
        yield running


def test_a_mariadb_that_cannot_swap_databases_refuses_to_and_restores_in_place(old: PrivateServer, store: Path) -> None:
    before = old.whole_dump("live", create=True)
    assert back_up(old, store, databases=["live"]).rc == 0
    for target in ("live", "beside"):
        refused = put_back(old, store, "live", target_database=target, force=True)
        assert refused.rc != 0
        assert refused.result["error_code"] == "validation_error"
        assert "needs MariaDB 10.6 or newer" in refused.result["msg"]
    assert old.databases() == ["live"]
    assert old.whole_dump("live", create=True) == before

    in_place = put_back(old, store, "live", force=True, strategy="in_place")
    assert in_place.rc == 0, in_place.stdout
    assert old.whole_dump("live", create=True) == before
