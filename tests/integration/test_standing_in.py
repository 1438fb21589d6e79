# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An account of MariaDB that may stand in for all others, as Debian's mysql@localhost, is restored as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors

from tests.integration.accounts import PASSWORD, Engine, rows, run_all
from tools.private_servers.base import PrivateServer
from tools.private_servers.mariadb import MariadbServer

LABEL = "mysql@localhost"
SHOW = f"SHOW GRANTS FOR {LABEL}"
DROP = [f"DROP USER {LABEL}"]
# By a row that nothing but the server's own installation makes.
CREATE = [
    f"CREATE USER {LABEL} IDENTIFIED VIA mysql_native_password USING 'invalid'",
    f"GRANT ALL PRIVILEGES ON *.* TO {LABEL} WITH GRANT OPTION",
    "INSERT INTO mysql.proxies_priv (Host, User, With_grant, Grantor) VALUES ('localhost', 'mysql', 1, '')",
    "FLUSH PRIVILEGES",
]
RESTORER = [
    "CREATE USER restorer@'%%' IDENTIFIED BY %(password)s",
    "GRANT ALL PRIVILEGES ON *.* TO restorer@'%%' WITH GRANT OPTION",
]


@pytest.fixture
def source(mariadb: PrivateServer) -> Iterator[Engine]:
    run_all(mariadb, CREATE)
    yield Engine(mariadb)
    run_all(mariadb, DROP)


@pytest.fixture(scope="module")
def target() -> Iterator[PrivateServer]:
    with MariadbServer() as server:
        run_all(server, RESTORER)
        yield server


def test_it_is_made_anew_by_whom_the_server_was_made_with(
    source: Engine, target: PrivateServer, tmp_path: Path
) -> None:
    assert Engine(target).restore(source.save(tmp_path), [LABEL]).created == [LABEL]
    try:
        assert rows(target, SHOW) == rows(source.server, SHOW)
    finally:
        run_all(target, DROP)


def test_it_is_updated_by_an_administrator_who_may_not_give_what_it_has(
    source: Engine, target: PrivateServer, tmp_path: Path
) -> None:
    saved, administrator = source.save(tmp_path), Engine(target, "restorer", PASSWORD)
    with pytest.raises(errors.PermissionDeniedError, match=f"giving {LABEL} its privileges failed"):
        administrator.restore(saved, [LABEL])
    run_all(target, CREATE)
    try:
        assert administrator.restore(saved, [LABEL], update=True).updated == [LABEL]
        assert rows(target, SHOW) == rows(source.server, SHOW)
    finally:
        run_all(target, DROP)
