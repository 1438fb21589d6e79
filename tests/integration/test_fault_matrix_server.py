# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the server, its clients or its users do to a restore, the live database stays as it is."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, secrets, stream
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import ExtensionInfo

from tests.disks import MIB
from tests.integration import processes
from tests.integration.artifacts import change_metadata
from tests.integration.drills import work_folder
from tests.integration.faults import (
    PATIENCE_SECONDS,
    assert_nothing_shown,
    assert_refused,
    engine_restore,
    foreign_dump,
    half_way,
    replaceable,
    secrets_of,
    shown_by,
    small_disk,
)
from tests.integration.planned import info_of, server_of
from tests.integration.scenes import Scene, back_up, create_scene, instance_of, now
from tools.private_servers.base import PrivateServer

GONE = "departed"
SMALL_DISKS = {"postgresql": 160, "mysql": 80}
LEAN = {
    "postgresql": {"max_wal_size": "32MB", "min_wal_size": "32MB"},
    "mysql": {"innodb_log_file_size": "4M", "innodb_buffer_pool_size": "8M"},
}
ROOM_BYTES = 11 * 1024 * 1024
BALLAST_ROWS = 24
BALLAST_BYTES = 512 * 1024


def test_an_account_that_is_gone_is_named(scene: Scene, new_database: Callable[[], str], store: Path) -> None:
    server, name = scene.server, new_database()
    server.create_user(GONE, "Planted-Departed-1")
    server.create_database(name)
    server.execute("CREATE TABLE thing (id integer)", name)
    if server.family == "postgresql":
        server.execute(f"ALTER TABLE thing OWNER TO {GONE}", name)
    else:
        server.execute(f"CREATE DEFINER = {GONE}@'%' VIEW seen AS SELECT id FROM thing", name)
    back_up(server, store, [name])
    owned = dataclasses.replace(scene, database=name)
    artifact = owned.artifact
    server.drop_database(name)
    server.execute(f"DROP USER {GONE}")
    error = assert_refused(scene, "validation_error", lambda: engine_restore(owned, artifact))
    assert GONE in error.message
    assert "scope: all" in str(error.hint)


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_an_extension_that_the_server_lacks_is_named_also_if_only_the_dump_tells_of_it(
    scene: Scene, tmp_path: Path
) -> None:
    lacking = [ExtensionInfo(name="no_such_thing", version="1").model_dump()]
    forged = change_metadata(scene.artifact, "restore_info", extensions=lacking)
    assert "no_such_thing" in assert_refused(scene, "validation_error", lambda: engine_restore(scene, forged)).message
    text = b"".join(stream.read(scene.artifact.paths.data))
    place = text.index(b"CREATE TABLE")
    dump = foreign_dump(tmp_path, text[:place] + b"CREATE EXTENSION no_such_thing;\n" + text[place:])
    assert "no_such_thing" in assert_refused(scene, "validation_error", lambda: engine_restore(scene, dump)).message


@pytest.mark.parametrize("change", [{"locale": "tlh_QO"}, {"encoding": "KLINGON"}], ids=["locale", "encoding"])
def test_a_locale_or_an_encoding_that_the_server_lacks_is_named(scene: Scene, change: dict[str, str]) -> None:
    properties = info_of(scene).properties.model_copy(update=change).model_dump()
    forged = change_metadata(scene.artifact, "restore_info", properties=properties)
    error = assert_refused(scene, "validation_error", lambda: engine_restore(scene, forged))
    assert next(iter(change.values())) in error.message


def test_a_wrong_password_is_not_shown(scene: Scene) -> None:
    server = instance_of(scene.server).server()
    login = secrets.Login(scene.server.admin_user, "Planted-Wrong-1")
    wrong = type(server)(dataclasses.replace(server.endpoint, login=login))
    error = assert_refused(scene, "credentials_error", lambda: engine_restore(scene, server=wrong))
    assert "Planted-Wrong-1" not in shown_by(error)


def test_an_account_that_may_do_nothing_is_told_so(scene: Scene, account: str) -> None:
    error = assert_refused(scene, None, lambda: engine_restore(scene, server=server_of(scene.server, account)))
    assert account in error.message


@pytest.fixture
def wrong_client(scene: Scene, tmp_path: Path) -> Path:
    """A folder with a client that is too old to read a dump of PostgreSQL, or belongs to the product beside MariaDB."""
    name, banner = {
        "postgresql": ("psql", "psql (PostgreSQL) 14.2"),
        "mysql": ("mariadb", "mysql  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)"),
    }[scene.server.family]
    program = tmp_path.joinpath(name)
    program.write_text(f"#!/bin/sh\necho '{banner}'\n", encoding="ascii")
    program.chmod(0o700)
    return tmp_path


def test_a_client_of_a_wrong_version_or_product_is_refused_with_the_package_to_install(
    scene: Scene, wrong_client: Path
) -> None:
    server = server_of(scene.server, client_path=wrong_client)
    error = assert_refused(scene, "config_error", lambda: engine_restore(scene, server=server))
    assert str(wrong_client) in error.message
    assert str(error.hint).startswith(("Install", "Update"))


def test_the_name_for_the_database_that_is_replaced_is_taken(
    scene: Scene, new_database: Callable[[], str], store: Path
) -> None:
    moment = now()
    taken = instance_of(scene.server).server().scratch_name(scene.database, "before", f"{moment:%Y%m%d%H%M%S}")
    new_database()
    scene.server.create_database(taken)
    scene.server.execute("CREATE TABLE kept (id integer)", taken)
    error = assert_refused(scene, "validation_error", lambda: engine_restore(scene, moment=moment, keep_previous=True))
    assert taken in error.message
    assert "kept" in scene.server.whole_dump(taken)


@pytest.mark.parametrize("server", ["mariadb"], indirect=True)
def test_a_long_transaction_keeps_a_table_and_its_user_is_named(scene: Scene) -> None:
    with contextlib.closing(scene.server.connect(scene.database)) as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        cursor.execute("SELECT count(*) FROM person")
        error = assert_refused(scene, "validation_error", lambda: engine_restore(scene))
        assert "in use" in error.message
        assert f"{scene.server.admin_user} (session" in error.message


@pytest.mark.slow
@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_a_session_that_came_after_the_preflight_keeps_the_database(scene: Scene) -> None:
    with contextlib.ExitStack() as stack:

        def come() -> None:
            stack.enter_context(contextlib.closing(scene.server.connect(scene.database)))

        with half_way(scene, come):
            error = assert_refused(scene, "validation_error", lambda: engine_restore(scene))
    assert scene.database in error.message


def test_a_second_restore_to_a_target_that_is_being_loaded_is_refused_and_the_first_goes_on(
    server: PrivateServer, store: Path
) -> None:
    with replaceable(server, store) as live:
        scene = live.scene
        refused: list[errors.BackupDBError] = []

        def again() -> None:
            with pytest.raises(errors.LockedError) as caught:
                engine_restore(scene, moment=now())
            refused.append(caught.value)
            assert not live.is_new()

        with half_way(scene, again):
            engine_restore(scene)
        assert scene.database in refused[0].message
        assert live.is_new()
        assert live.others() == []


def kill_the_client(_scene: Scene) -> None:
    for pid in processes.own_load_programs():
        os.kill(pid, signal.SIGKILL)


def end_the_session(scene: Scene) -> None:
    server = scene.server
    if server.family == "postgresql":
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE '%\\_\\_restore\\_%'")
        return
    query = "SELECT id FROM information_schema.processlist WHERE db LIKE '%%\\_\\_restore\\_%%'"
    for (number,) in server.execute(query, params=[]):
        server.execute(f"KILL {number}")


def wait_for_the_end(_scene: Scene) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while processes.own_load_programs():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("cause", [kill_the_client, end_the_session, wait_for_the_end])
def test_a_load_that_is_broken_off_half_way_leaves_nothing(scene: Scene, cause: Callable[[Scene], None]) -> None:
    timeout = 3 if cause is wait_for_the_end else None
    with half_way(scene, lambda: cause(scene)):
        error = assert_refused(scene, None, lambda: engine_restore(scene, timeout=timeout))
    words = {"kill_the_client": "killed by signal 9", "wait_for_the_end": "time ran out", "end_the_session": "loading"}
    assert words[cause.__name__] in error.message


@pytest.mark.slow
def test_a_server_that_is_killed_while_it_loads_has_the_live_database_when_it_is_back(
    server: PrivateServer, store: Path
) -> None:
    with type(server)() as own, replaceable(own, store) as live:
        hidden = secrets_of(own)
        with half_way(live.scene, own.kill), pytest.raises(errors.BackupDBError) as caught:
            engine_restore(live.scene)
        with pytest.raises(errors.ServerConnectionError) as down:
            engine_restore(live.scene)
        for error in (caught.value, down.value):
            assert_nothing_shown(shown_by(error), hidden)
        own.start()
        assert not live.is_new()
        live.assert_only_known_leftovers()
        assert live.others()
        live.restore_again()
        assert live.others() == []


@pytest.fixture
def small_server(server: PrivateServer) -> Iterator[PrivateServer]:
    """A server with all it has on a small disk."""
    with (
        work_folder() as folder,
        small_disk(folder, SMALL_DISKS[server.family] * MIB),
        type(server)(folder_root=folder, settings=LEAN[server.family]) as own,
    ):
        yield own


def free_bytes(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


@pytest.mark.slow
def test_a_disk_of_the_server_that_is_full_is_seen_before_and_if_not_the_load_fails_on_it(
    small_server: PrivateServer, store: Path
) -> None:
    scene = create_scene(small_server, store)
    kind = "text" if small_server.family == "postgresql" else "longtext"
    small_server.execute(f"CREATE TABLE ballast (content {kind})", scene.database)
    for _row in range(BALLAST_ROWS):
        small_server.execute("INSERT INTO ballast VALUES (%s)", scene.database, [os.urandom(BALLAST_BYTES // 2).hex()])
    if small_server.family == "postgresql":
        small_server.execute("CHECKPOINT")
    back_up(small_server, store, [scene.database])
    filler = small_server.folder.joinpath("filler")
    filler.write_bytes(b"\0" * max(free_bytes(small_server.folder) - ROOM_BYTES, 0))
    needed = info_of(scene).database_size_bytes
    assert needed is not None
    large = change_metadata(scene.artifact, "restore_info", database_size_bytes=max(needed, 2 * ROOM_BYTES))
    assert_refused(scene, "storage_error", lambda: engine_restore(scene, large))
    unseen = change_metadata(scene.artifact, "restore_info", database_size_bytes=1)
    hidden = secrets_of(small_server)
    dump = small_server.whole_dump(scene.database, create=True)
    with pytest.raises(errors.BackupDBError) as caught:
        engine_restore(scene, unseen, timeout=60)
    assert_nothing_shown(shown_by(caught.value), hidden)
    filler.unlink()
    # Servers end by themselves when they cannot write their log.
    if small_server.is_running:
        small_server.kill()
    small_server.start()
    assert small_server.whole_dump(scene.database, create=True) == dump
    engine_restore(scene)
    assert small_server.databases() == [scene.database]
