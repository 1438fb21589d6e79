# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands against a restore to a MySQL or MariaDB server, found before anything is touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import TableInfo

from tests.integration.planned import PASSWORD, findings, info_of, server_of, told
from tests.integration.scenes import Scene, back_up
from tools.private_servers.base import PrivateServer
from tools.private_servers.mariadb import MariadbServer


@pytest.fixture(scope="session")
def server(mariadb: PrivateServer) -> PrivateServer:
    """A server of this family alone."""
    return mariadb


def test_a_definer_of_every_kind_is_needed(server: PrivateServer, new_database: Callable[[], str], store: Path) -> None:
    name = new_database()
    server.create_database(name)
    server.run_script(
        """
        CREATE TABLE a (id integer);
        CREATE DEFINER = viewer@localhost VIEW v AS SELECT 1;
        CREATE DEFINER = caller@'%' PROCEDURE p() SELECT 1;
        CREATE DEFINER = firer@h TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET @a = 1;
        CREATE DEFINER = timer@h EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1;
        """,
        name,
    )
    back_up(server, store, [name])
    scene = Scene(server, name, store, "")
    assert info_of(scene).accounts == ["caller@%", "firer@h", "timer@h", "viewer@localhost"]
    told(findings(scene), "validation_error", "4 accounts", "viewer@localhost")


def test_a_collation_of_the_other_product_is_told(scene: Scene) -> None:
    found = findings(scene, collations=["utf8mb4_general_ci", "utf8mb4_0900_ai_ci"])
    told(found, "validation_error", "the collation utf8mb4_0900_ai_ci")


def test_a_dump_of_the_other_product_is_a_warning(scene: Scene) -> None:
    told(findings(scene, server_flavour="mysql"), None, "the dump is of mysql")


def test_an_account_with_all_privileges_on_the_target_needs_them_on_the_scratch_databases(
    scene: Scene, account: str
) -> None:
    server = scene.server
    server.execute(f"GRANT SELECT ON mysql.user TO {account}@'%%'", params=[])
    server.execute(f"GRANT ALL ON new.* TO {account}@'%%'", params=[])
    finding = told(findings(scene, user=account, accounts=[]), "permission_error", "on new__restore_*")
    assert finding.hint == "Grant them on new, new__restore_*, new__before_*"
    in_place = server_of(server, account).restore_findings(
        "new", info_of(scene, accounts=[]), None, frozenset(), in_place=True
    )
    assert in_place == []
    server.execute(f"GRANT ALL ON `new\\_\\_%%`.* TO {account}@'%%'", params=[])
    assert findings(scene, user=account, accounts=[]) == []


def test_an_account_that_may_not_create_what_others_define_is_told(scene: Scene, account: str) -> None:
    server = scene.server
    server.execute(f"GRANT SELECT ON mysql.user TO {account}@'%%'", params=[])
    server.execute(f"GRANT ALL ON `new%%`.* TO {account}@'%%'", params=[])
    told(findings(scene, user=account), "permission_error", "what others define: root@127.0.0.1")
    server.execute(f"GRANT SET USER ON *.* TO {account}@'%%'", params=[])
    assert findings(scene, user=account) == []


def test_where_accounts_may_not_be_read_that_is_a_warning(scene: Scene, account: str) -> None:
    server = scene.server
    server.execute(f"GRANT ALL ON `new%%`.* TO {account}@'%%'", params=[])
    server.execute(f"GRANT SET USER ON *.* TO {account}@'%%'", params=[])
    told(findings(scene, user=account), None, "may not read which accounts there are")


def test_names_that_the_server_would_lower_and_a_binary_log_are_told(scene: Scene) -> None:
    settings = {"lower_case_table_names": "1", "log_bin": "ON", "server_id": "1"}
    table = TableInfo(name="Person", rows=1)
    with MariadbServer(settings=settings) as own:
        server = server_of(own)
        found = server.restore_findings("new", info_of(scene, tables=[table], accounts=[]), None, frozenset())
        told(found, "validation_error", "lower_case_table_names = 1", "Person")
        own.create_user("poor", PASSWORD)
        own.execute("GRANT ALL ON *.* TO poor@'%%'", params=[])
        own.execute("REVOKE SUPER ON *.* FROM poor@'%%'", params=[])
        found = server_of(own, "poor").restore_findings("new", info_of(scene), None, frozenset())
        told(found, None, "writes a binary log")


def test_a_server_that_is_read_only_is_told_to_those_whom_it_binds(account: str, scene: Scene) -> None:
    server = scene.server
    server.execute(f"GRANT ALL ON `new%%`.* TO {account}@'%%'", params=[])
    server.execute("SET GLOBAL read_only = 1")
    try:
        told(findings(scene, user=account, accounts=[]), "validation_error", "is read-only")
        assert findings(scene) == []
    finally:
        server.execute("SET GLOBAL read_only = 0")


@pytest.mark.parametrize("in_place", [False, True])
def test_a_foreign_key_that_leads_to_the_target_from_another_database_is_told(
    scene: Scene, new_database: Callable[[], str], in_place: bool
) -> None:
    other, database = new_database(), scene.database
    scene.server.create_database(other)
    scene.server.execute(
        f"CREATE TABLE mine (person int, CONSTRAINT theirs FOREIGN KEY (person) REFERENCES {database}.person (id))",
        other,
    )
    found = server_of(scene.server).restore_findings(database, info_of(scene), None, frozenset(), in_place=in_place)
    finding = told(found, "validation_error", f"{other}.mine (theirs)")
    assert finding.hint == "Drop these foreign keys, and create them again when the database has been restored"
    assert findings(scene) == []
