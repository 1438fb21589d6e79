# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands against a restore to a PostgreSQL server, found before anything is touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import stream
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import (
    DatabaseProperties,
    ExtensionInfo,
    RestoreInfo,
)

from tests.integration.planned import PASSWORD, findings, info_of, server_of, told
from tests.integration.scenes import Scene, back_up
from tools.private_servers.base import PrivateServer
from tools.private_servers.postgresql import PostgresqlServer

NEWER_HEAD = b"--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\nSET transaction_timeout = 0;\n"
NEWER_TEXT = stream.Text(len(NEWER_HEAD), NEWER_HEAD, b"")


@pytest.fixture(scope="session")
def server(postgresql: PrivateServer) -> PrivateServer:
    """A server of this family alone."""
    return postgresql


def test_a_role_that_owns_something_or_has_been_granted_it_is_needed(
    server: PrivateServer, new_database: Callable[[], str], store: Path, account: str
) -> None:
    name = new_database()
    server.create_database(name)
    server.execute("CREATE TABLE a (id integer)", name)
    server.execute(f"ALTER TABLE a OWNER TO {account}", name)
    server.execute("CREATE TEMPORARY TABLE gone (id integer)", name)
    info = back_up_as(server, store, name)
    assert (info.accounts, info.owners) == ([account, "postgres"], [account])
    server.execute("ALTER TABLE a OWNER TO postgres", name)
    server.execute(f"GRANT SELECT ON a TO {account}", name)
    info = back_up_as(server, store, name)
    assert (info.accounts, info.owners) == ([account, "postgres"], ["postgres"])


def test_who_owns_an_extension_alone_is_not_needed(
    server: PrivateServer, new_database: Callable[[], str], store: Path, account: str
) -> None:
    name = new_database()
    server.create_database(name)
    server.execute(f"GRANT CREATE ON DATABASE {name} TO {account}")
    with server.connect_as(account, PASSWORD, name) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA own; CREATE EXTENSION hstore SCHEMA own")
    server.execute("ALTER SCHEMA own OWNER TO postgres", name)
    server.execute(f"REVOKE CREATE ON DATABASE {name} FROM {account}")
    assert account not in back_up_as(server, store, name).accounts


def back_up_as(server: PrivateServer, store: Path, name: str) -> RestoreInfo:
    report = back_up(server, store, [name])
    path = report.results[0].metadata_file
    assert path is not None
    info = catalog.load_artifact(path).metadata.restore_info
    assert info is not None
    return info


@pytest.mark.parametrize("part", ["locale", "character_type"])
def test_a_locale_that_the_servers_system_lacks_is_told(scene: Scene, part: str) -> None:
    properties = info_of(scene).properties.model_copy(update={part: "tlh_QO.UTF-8"})
    told(findings(scene, properties=properties), "validation_error", "lacks the locale tlh_QO.UTF-8")


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8", "C.utf8"])
def test_every_way_to_write_a_locale_that_is_there_will_do(scene: Scene, locale: str) -> None:
    properties = DatabaseProperties(encoding="UTF8", locale=locale)
    assert findings(scene, properties=properties) == []


def test_a_locale_of_icu_will_do_where_the_server_has_it(scene: Scene) -> None:
    changes = {"locale_provider": "icu", "icu_locale": "de"}
    assert findings(scene, properties=info_of(scene).properties.model_copy(update=changes)) == []


def test_a_locale_of_a_newer_version_is_told(scene: Scene) -> None:
    changes = {"locale_provider": "builtin", "icu_locale": "C.UTF-8"}
    found = findings(scene, properties=info_of(scene).properties.model_copy(update=changes))
    told(found, "validation_error", "a locale of PostgreSQL's own")


def test_a_missing_extension_is_told(scene: Scene) -> None:
    extensions = [ExtensionInfo(name="hstore", version="1.8"), ExtensionInfo(name="no_such_thing", version="1")]
    told(findings(scene, extensions=extensions), "validation_error", "the extension no_such_thing")


def test_an_extension_in_another_version_is_a_warning(scene: Scene) -> None:
    told(findings(scene, extensions=[ExtensionInfo(name="hstore", version="0.1")]), None, "hstore", "0.1")


def test_an_extension_that_is_for_superusers_is_told_to_others(scene: Scene, account: str) -> None:
    scene.server.execute(f"ALTER ROLE {account} CREATEDB")
    extensions = [ExtensionInfo(name=name, version="1.8") for name in ("hstore", "zoo_settings")]
    found = findings(scene, user=account, extensions=extensions, owners=[])
    finding = [each for each in found if each.error_code == "permission_error"]
    told(finding, "permission_error", "the extension zoo_settings")


def test_what_a_newer_pg_dump_sets_is_told_where_the_server_does_not_know_it(scene: Scene) -> None:
    found = server_of(scene.server).restore_findings("new", info_of(scene), NEWER_TEXT, frozenset())
    told(found, "validation_error", "the dump sets transaction_timeout")


RESTRICTED_HEAD = b"--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n"
PLAIN_HEAD = RESTRICTED_HEAD.replace(b"\\restrict abc\n", b"")


@pytest.mark.parametrize(
    ("head", "is_known", "error_code", "message"),
    [
        (RESTRICTED_HEAD, True, "config_error", "does not know the \\restrict of this dump"),
        (RESTRICTED_HEAD, False, "config_error", "does not know the \\restrict of this dump"),
        (PLAIN_HEAD, False, "config_error", "cannot keep a dump from running programs"),
        (PLAIN_HEAD, True, None, "running programs on this host: update postgresql-client-14"),
    ],
)
def test_a_psql_without_a_restricted_mode_is_told(
    scene: Scene, tmp_path: Path, *, head: bytes, is_known: bool, error_code: str | None, message: str
) -> None:
    old = tmp_path.joinpath("psql")
    old.write_text("#!/bin/sh\necho 'psql (PostgreSQL) 14.2'\n", encoding="ascii")
    old.chmod(0o700)
    server = server_of(scene.server, client_path=tmp_path)
    info = info_of(scene) if is_known else None
    found = server.restore_findings("new", info, stream.Text(0, head, b""), frozenset())
    assert [finding.error_code for finding in found] == [error_code, None]
    assert message in found[0].message
    assert "older than" in found[1].message


def test_an_account_that_may_not_create_databases_or_give_away_is_told_both(scene: Scene, account: str) -> None:
    found = findings(scene, scene.database, user=account)
    assert [finding.message for finding in found if finding.error_code == "permission_error"] == [
        f"{account} may not create databases",
        f"{account} may not make postgres the owner of anything",
        f"{account} may not replace the database {scene.database}, which belongs to postgres",
    ]


def test_an_account_that_may_create_databases_and_owns_all_will_do(scene: Scene, account: str) -> None:
    scene.server.execute(f"ALTER ROLE {account} CREATEDB")
    assert findings(scene, user=account, accounts=[account], owners=[account]) == []


def test_a_collation_or_tablespace_that_is_missing_is_told(scene: Scene) -> None:
    told(findings(scene, collations=["C", "tlh_QO"]), "validation_error", "the collation tlh_QO")
    told(findings(scene, tablespaces=["fast", "pg_default"]), "validation_error", "the tablespace fast")


def test_what_is_bound_to_the_present_target_is_told() -> None:
    with PostgresqlServer(settings={"wal_level": "logical", "max_prepared_transactions": "2"}) as own:
        own.create_database("bound")
        server = server_of(own)
        own.execute("SELECT pg_create_logical_replication_slot('reader', 'pgoutput')", "bound")
        told(server.restore_findings("bound", None, None, frozenset()), None, "the replication slot reader stays")
        own.execute("BEGIN; CREATE TABLE a (); PREPARE TRANSACTION 'half'", "bound")
        own.execute("CREATE SUBSCRIPTION taken CONNECTION 'dbname=none' PUBLICATION p WITH (connect = false)", "bound")
        found = server.restore_findings("bound", None, None, frozenset())
        assert [finding.error_code for finding in found] == ["validation_error", "validation_error", None]
        assert "prepared transactions: half" in found[0].message
        assert "has subscriptions" in found[1].message
        assert server.restore_findings("other", None, None, frozenset()) == []


def test_definitions_that_the_server_shows_otherwise_after_a_restore_are_no_difference(
    server: PrivateServer, new_database: Callable[[], str], store: Path
) -> None:
    name, target = new_database(), new_database()
    server.create_database(name)
    server.run_script(
        """
        CREATE TABLE a (status varchar(9) CHECK (status IN ('a', 'b')), at timestamp);
        CREATE INDEX a_at ON a (at) WHERE status IN ('a', 'b');
        CREATE VIEW v AS SELECT * FROM a WHERE status IN ('a', 'b');
        CREATE TABLE parent (a integer);
        CREATE TABLE child (own integer) INHERITS (parent);
        ALTER TABLE parent ADD later integer;
        """,
        name,
    )
    back_up(server, store, [name])
    artifact = Scene(server, name, store, "").artifact
    server.create_database(target)
    server.run_script(server.whole_dump(name), target)
    definition = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'a'::regclass"
    assert server.execute(definition, name) != server.execute(definition, target)
    found = server_of(server).inspect(target)
    assert found.schema.schema_hash == artifact.metadata.schema_info.schema_hash
