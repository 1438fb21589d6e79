# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real private servers: they answer, they keep secrets, and they leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pymysql
import pytest

from tools.private_servers.base import PrivateServer, PrivateServerError, is_alive
from tools.private_servers.mariadb import MariadbServer
from tools.private_servers.postgresql import PostgresqlServer
from tools.private_servers.tls import Tls, create_tls

REPOSITORY = Path(__file__).resolve().parents[3]
PASSWORD = "ca'n\"a $r%y\\ #:;"
NAMES = ("a=b", 'weird db-1 "ü"', "-dash", "a`b'c\\d", "100%", "2024_01_x", "../x", "My Database")
FLAVOURS: dict[str, Callable[..., PrivateServer]] = {"postgresql": PostgresqlServer, "mariadb": MariadbServer}
# Both understand it.
A_TABLE = "CREATE TABLE t (a integer PRIMARY KEY); INSERT INTO t VALUES (1), (2);"


@pytest.fixture(scope="module", params=FLAVOURS)
def server(request: pytest.FixtureRequest) -> Iterator[PrivateServer]:
    with FLAVOURS[request.param](admin_password=PASSWORD) as running:
        yield running


@pytest.fixture(params=FLAVOURS)
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return create_tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def database(server: PrivateServer, request: pytest.FixtureRequest) -> Iterator[str]:
    name = getattr(request, "param", "plain")
    server.create_database(name)
    yield name
    if name in server.databases():
        server.drop_database(name)


def wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 15
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def connect_with_tls(server: PrivateServer, authority: Path) -> Any:
    login: dict[str, Any] = {
        "host": server.host,
        "port": server.port,
        "user": server.admin_user,
        "password": server.admin_password,
    }
    if server.family == "postgresql":
        return psycopg2.connect(**login, sslmode="verify-full", sslrootcert=str(authority))
    return pymysql.connect(**login, ssl_ca=str(authority), ssl_verify_cert=True, ssl_verify_identity=True)


def test_a_server_knows_its_version(server: PrivateServer) -> None:
    assert server.version.startswith(server.major + ".")
    assert server.major.split(".")[0].isdigit()


def test_a_server_answers_on_its_socket_too(server: PrivateServer) -> None:
    if server.family == "postgresql":
        connection: Any = psycopg2.connect(
            host=str(server.socket), port=server.port, user=server.admin_user, password=PASSWORD
        )
    else:
        connection = pymysql.connect(unix_socket=str(server.socket), user=server.admin_user, password=PASSWORD)
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_a_wrong_password_is_refused_by_tcp(server: PrivateServer) -> None:
    with pytest.raises((psycopg2.OperationalError, pymysql.err.OperationalError)):
        server.connect_as(server.admin_user, "wrong")


def test_there_is_no_account_without_a_password(server: PrivateServer) -> None:
    for user in (server.admin_user, "nobody"):
        with pytest.raises((psycopg2.OperationalError, pymysql.err.OperationalError)):
            server.connect_as(user, "")


def test_a_created_user_can_log_in(server: PrivateServer) -> None:
    server.create_user("app 'x'", "pw'\"\\%s ü")
    with contextlib.closing(server.connect_as("app 'x'", "pw'\"\\%s ü")) as connection:
        assert connection


@pytest.mark.parametrize("database", NAMES, indirect=True)
def test_a_database_of_any_name_is_dumped_equally_twice(server: PrivateServer, database: str) -> None:
    server.run_script(A_TABLE, database)
    for create in (False, True):
        dump = server.whole_dump(database, create)
        assert "CREATE TABLE" in dump
        assert dump == server.whole_dump(database, create)


@pytest.mark.parametrize("database", NAMES, indirect=True)
def test_a_dump_with_create_brings_a_dropped_database_back(server: PrivateServer, database: str) -> None:
    server.run_script(A_TABLE, database)
    dump = server.whole_dump(database, create=True)
    server.drop_database(database)
    assert database not in server.databases()
    server.run_script(dump, {"postgresql": "postgres", "mysql": "mysql"}[server.family])
    assert database in server.databases()
    assert server.whole_dump(database, create=True) == dump


def test_two_dumps_differ_when_a_row_does(server: PrivateServer, database: str) -> None:
    server.run_script(A_TABLE, database)
    before = server.whole_dump(database)
    server.execute("UPDATE t SET a = 3 WHERE a = 2", database)
    assert server.whole_dump(database) != before


@pytest.mark.parametrize("server", ["mariadb"], indirect=True)
@pytest.mark.parametrize("database", ['with "event"'], indirect=True)
def test_an_event_shows_in_the_dump_of_a_database_whose_name_has_quotes(database: str, server: PrivateServer) -> None:
    before = server.whole_dump(database)
    server.execute("CREATE EVENT e ON SCHEDULE AT '2035-01-01 00:00:00' DO SELECT 1", database)
    assert server.whole_dump(database) != before


def test_a_script_stops_at_its_first_error(server: PrivateServer, database: str) -> None:
    with pytest.raises(PrivateServerError, match="no_such_table") as caught:
        server.run_script("SELECT * FROM no_such_table; CREATE TABLE later (a integer);", database)
    assert PASSWORD not in str(caught.value)
    assert "later" not in server.whole_dump(database)


def test_the_password_is_in_no_command_line_or_environment_of_the_server(server: PrivateServer) -> None:
    process = Path(f"/proc/{server._server_pid}")
    for name in ("cmdline", "environ"):
        content = (process / name).read_bytes()
        assert content
        assert PASSWORD.encode() not in content


def test_the_server_does_not_run_as_root(server: PrivateServer) -> None:
    assert Path(f"/proc/{server._server_pid}").stat().st_uid != 0


def test_files_with_the_password_are_private(server: PrivateServer) -> None:
    assert (server.folder / "private").stat().st_mode & 0o777 == 0o700
    for path in (server.folder / "private").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


def test_the_command_line_for_a_person_works_and_names_no_password(server: PrivateServer) -> None:
    hint = server.connect_hint()
    assert PASSWORD not in hint
    # A person pastes it into a shell.
    answer = subprocess.run(["sh", "-c", hint], input="SELECT 40 + 2;", capture_output=True, text=True, check=True)
    assert "42" in answer.stdout


def test_a_killed_server_comes_back_with_its_data_and_port(flavour: str) -> None:
    with FLAVOURS[flavour]() as server:
        server.create_database("kept")
        server.run_script(A_TABLE, "kept")
        port, dump, pid = server.port, server.whole_dump("kept"), server._server_pid
        assert pid is not None
        server.kill()
        assert not is_alive(pid)
        server.start()
        assert server.is_running
        assert (server.port, server.whole_dump("kept")) == (port, dump)


def test_a_stopped_server_leaves_nothing(flavour: str) -> None:
    server = FLAVOURS[flavour]()
    server.start()
    folder, pid = server.folder, server._server_pid
    assert pid is not None
    server.stop()
    assert not folder.exists()
    assert not is_alive(pid)
    server.stop()


def test_a_server_that_cannot_start_says_why_and_leaves_nothing(flavour: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        # The server's own account must get in.
        root.chmod(0o755)
        with pytest.raises(PrivateServerError, match="no_such_setting"):
            FLAVOURS[flavour](settings={"no_such_setting": "1"}, folder_root=root).start()
        assert list(root.iterdir()) == []


def test_settings_of_the_caller_win() -> None:
    with MariadbServer(settings={"event_scheduler": "ON"}) as mariadb:
        assert mariadb.execute("SELECT @@event_scheduler") == [("ON",)]
    with PostgresqlServer(settings={"shared_buffers": "16MB", "cluster_name": "it's"}) as postgresql:
        assert postgresql.execute("SHOW shared_buffers") == [("16MB",)]
        assert postgresql.execute("SHOW cluster_name") == [("it's",)]


def test_a_server_with_tls_is_verified_by_its_own_authority_only(flavour: str, tls: Tls) -> None:
    with FLAVOURS[flavour](tls=tls) as server:
        connect_with_tls(server, tls.ca_cert).close()
        with pytest.raises((psycopg2.OperationalError, pymysql.err.OperationalError)):
            connect_with_tls(server, tls.other_ca_cert)
        server.create_database("x")
        assert server.whole_dump("x")


def test_a_server_without_tls_offers_none(server: PrivateServer, tls: Tls) -> None:
    with pytest.raises((psycopg2.OperationalError, pymysql.err.OperationalError)):
        connect_with_tls(server, tls.ca_cert)


def start_elsewhere(flavour: str, then: str) -> tuple[subprocess.Popen[str], int, Path, list[str]]:
    """Start a server in another Python; return that process, the server's id and folder, what ``then`` printed."""
    script = (
        f"import time\nfrom {FLAVOURS[flavour].__module__} import *\n"
        f"server = {FLAVOURS[flavour].__name__}()\nserver.start()\n"
        f"print(server._server_pid, server.folder, flush=True)\n{then}\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout as output:
        pid, folder = output.readline().split()
        rest = output.readline().split() if "print" in then else []
    return parent, int(pid), Path(folder), rest


def test_a_killed_parent_takes_its_server_with_it(flavour: str) -> None:
    parent, pid, folder, _rest = start_elsewhere(flavour, "time.sleep(60)")
    assert is_alive(pid)
    assert folder.exists()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert wait_until(lambda: not folder.exists() and not is_alive(pid))


def test_a_parent_that_forgets_to_stop_leaves_nothing(flavour: str) -> None:
    parent, pid, folder, _rest = start_elsewhere(flavour, "")
    assert parent.wait() == 0
    assert wait_until(lambda: not folder.exists() and not is_alive(pid))


def test_a_kept_server_outlives_its_parent_until_it_is_told_to_end(flavour: str) -> None:
    parent, pid, folder, rest = start_elsewhere(flavour, "print(server.keep(), flush=True)")
    assert parent.wait() == 0
    time.sleep(0.3)
    assert is_alive(pid)
    assert (folder / "data").exists()
    os.kill(int(rest[0]), signal.SIGTERM)
    assert wait_until(lambda: not folder.exists() and not is_alive(pid))


def test_a_kept_server_does_not_hold_the_output_of_its_parent_open(flavour: str) -> None:
    script = (
        f"from {FLAVOURS[flavour].__module__} import *\n"
        f"server = {FLAVOURS[flavour].__name__}()\nserver.start()\nprint(server.keep())\n"
    )
    # It returns when the last holder of the two pipes has gone.
    parent = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=30
    )
    os.kill(int(parent.stdout), signal.SIGTERM)


def test_a_server_that_was_not_started_has_no_folder() -> None:
    with pytest.raises(PrivateServerError, match="was not started"):
        print(PostgresqlServer().folder)


def test_a_root_without_a_server_is_refused(tmp_path: Path, flavour: str) -> None:
    with pytest.raises(PrivateServerError, match="is installed in"):
        FLAVOURS[flavour](server_root=tmp_path)
