# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook and the role's entry point that restore: what is asked for, shown, confirmed and done."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.hosts import DATABASE, NAMES, PASSWORD, Host, account, drop_account, dumps, filled
from tests.integration.scenes import PEOPLE, files_of
from tools.private_servers.base import PrivateServer

APPLICATION = "playbook_application"
APPLICATION_GRANTS = {
    "postgresql": f"GRANT SELECT ON person TO {APPLICATION}",
    "mysql": f"GRANT SELECT ON {DATABASE}.person TO {APPLICATION}@'%'",
}
ACCOUNT_LABELS = {"postgresql": APPLICATION, "mysql": f"{APPLICATION}@%"}


@pytest.fixture(scope="module")
def servers(postgresql: PrivateServer, mariadb: PrivateServer) -> Iterator[tuple[PrivateServer, ...]]:
    with filled(postgresql, mariadb) as both:
        yield both


@pytest.fixture
def host(servers: tuple[PrivateServer, ...], tmp_path: Path) -> Host:
    return Host(tmp_path, servers)


@pytest.fixture(scope="module")
def backed_up(servers: tuple[PrivateServer, ...], tmp_path_factory: pytest.TempPathFactory) -> Host:
    """A host that has one artifact of each database; the tests leave it as it is."""
    host = Host(tmp_path_factory.mktemp("backed_up"), servers)
    host.configure()
    outcome = host.back_up()
    assert outcome.rc == 0, outcome.stdout
    return host


@pytest.mark.parametrize("flavour", ["postgresql", "mariadb"])
def test_check_mode_of_a_restore_verifies_and_changes_nothing(backed_up: Host, flavour: str) -> None:
    server = next(server for server in backed_up.servers if server.flavour == flavour)
    files, databases = files_of(backed_up.store), server.databases()
    outcome = backed_up.restore(server, "--check", backupdb_target_database="playbook_copy")
    assert outcome.rc == 0, outcome.stdout
    assert "would be restored: " in outcome.stdout
    assert "changed=1 " in outcome.stdout
    assert server.databases() == databases
    assert files_of(backed_up.store) == files


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, f"say so by backupdb_confirm={DATABASE}"),
        ({"backupdb_confirm": "other"}, f"say so by backupdb_confirm={DATABASE}"),
        ({"backupdb_confirm": DATABASE, "backupdb_target_database": "x"}, "is not the target, which is x"),
        ({"backupdb_confirm": DATABASE, "backupdb_tables": ["person"]}, "some tables alone never replace"),
        (
            {"backupdb_confirm": DATABASE, "backupdb_keep_previous": True, "backupdb_strategy": "in_place"},
            "keep_previous is for the strategy swap",
        ),
    ],
    ids=["unconfirmed", "another confirmed", "source confirmed, not target", "tables alone", "to be kept in place"],
)
def test_an_existing_database_is_not_replaced_unless_it_is_named_twice_and_that_can_be(
    backed_up: Host, variables: dict[str, Any], said: str
) -> None:
    server = backed_up.servers[0]
    before, databases = dumps(backed_up.servers), server.databases()
    outcome = backed_up.restore(server, **variables)
    assert outcome.rc != 0
    assert said in outcome.stdout
    assert dumps(backed_up.servers) == before
    assert server.databases() == databases


@pytest.mark.parametrize(("flavour", "strategy"), [("postgresql", "swap"), ("mariadb", "in_place")])
def test_a_confirmed_restore_replaces_what_is_there_after_all_was_shown(
    backed_up: Host, flavour: str, strategy: str
) -> None:
    server = next(server for server in backed_up.servers if server.flavour == flavour)
    before, databases = dumps([server]), server.databases()
    server.execute("DELETE FROM person", DATABASE)
    assert dumps([server]) != before
    outcome = backed_up.restore(server, backupdb_confirm=DATABASE, backupdb_strategy=strategy)
    assert outcome.rc == 0, outcome.stdout
    assert dumps([server]) == before
    assert server.databases() == databases
    result = outcome.stats["backupdb_restore"]["localhost"]
    shown = outcome.stdout[: outcome.stdout.index("Restore what was shown")]
    for line in (
        "host:      localhost",
        f"instance:  {flavour}, the {server.family} server at {server.host}:{server.port}",
        f"artifact:  {result['backup_file']}",
        f"taken at:  {result['backup_timestamp']}, ",
        f"target:    the database {DATABASE}, which exists and will be REPLACED",
        f"strategy:  {strategy}, ",
        "old one:   dropped",
        "sessions:  none are ended",
    ):
        assert line in shown


@pytest.mark.parametrize("flavour", ["postgresql", "mariadb"])
def test_the_database_that_was_replaced_is_kept_if_that_is_wanted(backed_up: Host, flavour: str) -> None:
    server = next(server for server in backed_up.servers if server.flavour == flavour)
    before = dumps([server])
    server.execute("DELETE FROM person", DATABASE)
    outcome = backed_up.restore(server, backupdb_confirm=DATABASE, backupdb_keep_previous=True)
    assert outcome.rc == 0, outcome.stdout
    previous = outcome.stats["backupdb_restore"]["localhost"]["previous_database"]
    assert f"kept: the database that was replaced, as {previous}" in outcome.stdout
    left = server.execute("SELECT count(*) FROM person", previous)
    server.drop_database(previous)
    assert [count for (count,) in left] == [0]
    assert dumps([server]) == before


def test_open_sessions_are_ended_only_if_that_is_wanted(backed_up: Host) -> None:
    server = backed_up.servers[0]
    with contextlib.closing(server.connect(DATABASE)):
        refused = backed_up.restore(server, backupdb_confirm=DATABASE)
        assert refused.rc != 0
        assert "is in use" in refused.stdout
        outcome = backed_up.restore(server, backupdb_confirm=DATABASE, backupdb_terminate_sessions=True)
        assert outcome.rc == 0, outcome.stdout
        assert "sessions:  those of others are ended" in outcome.stdout


def test_some_tables_come_back_beside_the_live_database(backed_up: Host) -> None:
    server = backed_up.servers[0]
    outcome = backed_up.restore(
        server, backupdb_target_database="playbook_copy", backupdb_tables=["public.person"], backupdb_jobs=1
    )
    assert outcome.rc == 0, outcome.stdout
    tables = server.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", "playbook_copy")
    server.drop_database("playbook_copy")
    assert [name for (name,) in tables] == ["person"]
    assert "target:    the database playbook_copy, which is new" in outcome.stdout
    assert "tables:    only public.person" in outcome.stdout


def as_the_application(server: PrivateServer) -> int:
    """Log in as the application, whose account a test restored, and count its people."""
    connection = server.connect_as(APPLICATION, PASSWORD, DATABASE)
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM person")
        return int(cursor.fetchone()[0])


def test_a_named_file_is_restored_under_another_name(backed_up: Host) -> None:
    server = backed_up.servers[0]
    file = next(backed_up.store.rglob(f"postgresql/{DATABASE}/*/*.sql.gz"))
    outcome = backed_up.run(
        NAMES["path"]["restore"], backupdb_backup_file=str(file), backupdb_target_database="playbook_copy"
    )
    assert outcome.rc == 0, outcome.stdout
    copy = server.whole_dump("playbook_copy")
    server.drop_database("playbook_copy")
    assert copy == server.whole_dump(DATABASE)


def test_a_moment_before_the_first_backup_has_no_artifact_to_restore(backed_up: Host) -> None:
    outcome = backed_up.restore(
        backed_up.servers[0], backupdb_latest=False, backupdb_point_in_time="2001-01-01T00:00:00Z"
    )
    assert outcome.rc != 0
    assert '"error_code": "file_not_found"' in outcome.stdout


@pytest.mark.parametrize(
    "variables",
    [
        {"backupdb_latest": False},
        {"backupdb_point_in_time": "2026-01-09T02:00:00Z"},
        {"backupdb_database": ""},
        {"backupdb_latest": False, "backupdb_backup_file": "/srv/shop.sql.gz"},
    ],
    ids=["neither newest nor a moment", "newest and a moment", "no database", "a file and a database"],
)
def test_a_restore_that_does_not_name_one_artifact_is_refused(backed_up: Host, variables: dict[str, Any]) -> None:
    outcome = backed_up.restore(backed_up.servers[0], **variables)
    assert outcome.rc != 0
    assert "Name what to restore" in outcome.stdout


def test_a_restore_on_several_hosts_at_once_is_refused(backed_up: Host) -> None:
    outcome = backed_up.restore(backed_up.servers[0], inventory="one,two,")
    assert outcome.rc != 0
    assert "Name the one host to restore on" in outcome.stdout


@pytest.mark.parametrize("flavour", ["postgresql", "mariadb"])
def test_a_server_without_its_accounts_gets_them_back_alone_or_with_the_database(host: Host, flavour: str) -> None:
    server = next(server for server in host.servers if server.flavour == flavour)
    with account(server, APPLICATION) as name:
        server.execute(APPLICATION_GRANTS[server.family], DATABASE)
        host.configure()
        backup = host.back_up(backupdb_database_ids=[flavour])
        assert backup.rc == 0, backup.stdout
        before = dumps([server])
        label = ACCOUNT_LABELS[server.family]

        drop_account(server, name)
        checked = host.restore(server, "--check", backupdb_scope="accounts", backupdb_database="")
        assert checked.rc == 0, checked.stdout
        assert f"would be created: {label}" in checked.stdout
        file = backup.stats["backupdb_results"]["localhost"][0]["backup_file"]
        alone = host.run(NAMES["path"]["restore"], backupdb_scope="accounts", backupdb_backup_file=file)
        assert alone.rc == 0, alone.stdout
        assert alone.stats["backupdb_restored_accounts"]["localhost"]["created"] == [label]
        assert alone.stats["backupdb_restore"]["localhost"] == {}

        drop_account(server, name)
        server.drop_database(DATABASE)
        both = host.restore(server, backupdb_scope="all")
        assert both.rc == 0, both.stdout
        assert both.stats["backupdb_restored_accounts"]["localhost"]["created"] == [label]
        assert dumps([server]) == before
        assert as_the_application(server) == PEOPLE
