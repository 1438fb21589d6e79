# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An account's password is nowhere but where it has to be: not in results, output, logs, processes or files."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import shlex
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.integration.canary import CORE, Workplace, gives_away, telling_files
from tests.integration.processes import closed_port
from tools.private_servers.base import PrivateServer

CANARY = f"it's \" $HOME %s a\\n#;:b{CORE}ü€ `x` end"
ACCOUNT = "canary_account"
DATABASE_ID = "canary-server"
PROGRAMS = {"postgresql": {"pg_dump", "psql"}, "mysql": {"mariadb-dump", "mariadb"}}
SAMPLES_AT_LEAST = 5
FORMS = {
    "raw": CANARY,
    "repr": repr(CANARY),
    "json": json.dumps(CANARY),
    "json with unicode": json.dumps(CANARY, ensure_ascii=False),
    "shell": shlex.quote(CANARY),
    "url": quote(CANARY, safe=""),
    "sql": CANARY.replace("'", "''"),
    "option file": CANARY.replace("\\", "\\\\").replace('"', '\\"'),
    "password file": CANARY.replace("\\", "\\\\").replace(":", "\\:"),
    "base64": base64.b64encode(CANARY.encode()).decode(),
    "base64 inside of something": base64.b64encode(f"x{CANARY}y".encode()).decode(),
}


@dataclass
class Watch:
    """What was seen in /proc: the processes that give the password away, and how often each program was looked at."""

    telling: set[str] = field(default_factory=set)
    seen: Counter[str] = field(default_factory=Counter)
    _over: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        while not self._over.is_set():
            for process in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    words = process.joinpath("cmdline").read_bytes()
                    variables = process.joinpath("environ").read_bytes()
                    program = Path(words.split(b"\0")[0].decode(errors="replace")).name
                    self.seen[program] += 1
                    if gives_away(words) or gives_away(variables):
                        self.telling.add(program)

    def stop(self) -> None:
        self._over.set()


@contextlib.contextmanager
def watched() -> Iterator[Watch]:
    """Look at the command lines and environments of all processes again and again during the block."""
    watch = Watch()
    thread = threading.Thread(target=watch.look)
    thread.start()
    try:
        yield watch
    finally:
        watch.stop()
        thread.join()


@pytest.fixture
def account(server: PrivateServer) -> Iterator[str]:
    """An account that may do everything and has the canary as its password."""
    server.create_user(ACCOUNT, CANARY)
    if server.family == "postgresql":
        server.execute(f"ALTER ROLE {ACCOUNT} SUPERUSER")
    else:
        server.execute(f"GRANT ALL PRIVILEGES ON *.* TO {ACCOUNT}@'%' WITH GRANT OPTION")
    yield ACCOUNT
    server.execute(f"DROP USER {ACCOUNT}")


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    place = Workplace(tmp_path.joinpath("work"), tmp_path.joinpath("given"))
    place.folder.mkdir()
    place.given.mkdir()
    return place


def module(name: str, options: dict[str, Any], register: str = "") -> dict[str, Any]:
    task = {f"vya.backupdb.{name}": options}
    return {**task, "register": register, "ignore_errors": True} if register else task


def check(*conditions: str) -> dict[str, Any]:
    return {"ansible.builtin.assert": {"that": list(conditions)}}


FAILURES = check(
    "wrong is failed and wrong.error_code == 'credentials_error'",
    "down is failed and down.error_code == 'connection_error'",
)


def inline_tasks(server: PrivateServer, place: Workplace, big: str) -> list[dict[str, Any]]:
    """Back up and restore, and fail by a wrong password and by a server that is down, by options alone."""
    login = {
        "type": server.family,
        "login_host": server.host,
        "login_port": server.port,
        "login_user": ACCOUNT,
        "login_password": "{{ canary }}",
        "database_id": DATABASE_ID,
        "base_path": str(place.store),
    }
    wanted = {"database": big, "latest": True, "target_database": "canary_copy"}
    return [
        module("db_backup", {**login, "databases": [big]}),
        module("db_restore", {**login, **wanted}),
        module("db_backup", {**login, "login_password": "{{ wrong_canary }}"}, "wrong"),
        module("db_restore", {**login, **wanted, "login_password": "{{ wrong_canary }}"}, "wrong_restore"),
        module("db_backup", {**login, "login_port": closed_port()}, "down"),
        check("wrong_restore is failed and wrong_restore.error_code == 'credentials_error'"),
        FAILURES,
    ]


def stored_tasks(server: PrivateServer, place: Workplace, big: str) -> list[dict[str, Any]]:
    """The same by a configuration and a credential store."""
    credentials = {
        "path": str(place.folder.joinpath("credentials.json")),
        "key_file": str(place.folder.joinpath("key")),
    }
    instance = {"type": server.family, "host": server.host, "enabled": True}
    config = {
        "databases": [
            {**instance, "id": DATABASE_ID, "port": server.port},
            {**instance, "id": "wrong", "port": server.port},
            {**instance, "id": "down", "port": closed_port()},
        ],
        "storage": {"base_path": str(place.store)},
        "logging": {"level": "DEBUG", "file_path": str(place.store.with_name("app.log"))},
        "credentials": credentials,
    }
    path = place.folder.joinpath("config.yaml")
    path.write_text(json.dumps(config), encoding="utf-8")
    login = {**credentials, "key_derivation": "key-file", "username": ACCOUNT}
    passwords = {DATABASE_ID: "canary", "wrong": "wrong_canary", "down": "canary"}
    wanted = {"database_id": DATABASE_ID, "database": big, "latest": True, "target_database": "canary_copy"}
    return [
        *(
            {**module("credential_store", {**login, "id": name, "password": f"{{{{ {secret} }}}}"}), "diff": True}
            for name, secret in passwords.items()
        ),
        module("db_backup", {"config": str(path), "database_ids": [DATABASE_ID], "databases": [big]}),
        module("db_restore", {"config": str(path), **wanted}),
        module("db_backup", {"config": str(path), "database_ids": ["wrong"]}, "wrong"),
        module("db_backup", {"config": str(path), "database_ids": ["down"]}, "down"),
        FAILURES,
    ]


@pytest.mark.parametrize("tasks_of", [inline_tasks, stored_tasks])
def test_the_password_is_nowhere_to_be_found(
    server: PrivateServer, account: str, big: str, workplace: Workplace, tasks_of: Any
) -> None:
    tasks = tasks_of(server, workplace, big)
    with watched() as watch:
        done = workplace.play(tasks, {"canary": CANARY, "wrong_canary": f"{CANARY}x"})
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-6000:]
    server.drop_database("canary_copy")
    assert all(watch.seen[program] >= SAMPLES_AT_LEAST for program in PROGRAMS[server.family]), watch.seen
    assert not gives_away(done.stdout)
    assert watch.telling == set()
    assert telling_files(workplace.folder) == []
    assert list(workplace.store.rglob("*.sql.gz"))
    assert workplace.folder.joinpath("ansible.log").stat().st_size > 0


@pytest.mark.parametrize("form", FORMS)
def test_the_password_would_be_found_in_any_form(tmp_path: Path, form: str) -> None:
    text = f"before {FORMS[form]} after".encode()
    assert gives_away(text)
    tmp_path.joinpath("nested").mkdir()
    plain, packed = tmp_path.joinpath("nested", ".hidden"), tmp_path.joinpath("dump.sql.gz")
    plain.write_bytes(text)
    packed.write_bytes(gzip.compress(text))
    tmp_path.joinpath("innocent").write_text("nothing", encoding="ascii")
    assert sorted(telling_files(tmp_path)) == sorted([plain, packed])


@pytest.mark.parametrize("place", ["cmdline", "environ"])
def test_the_password_would_be_found_in_a_process(place: str) -> None:
    sleep = "import time; time.sleep(30)"
    words = [sys.executable, "-c", sleep, *([CANARY] if place == "cmdline" else [])]
    with watched() as watch:
        child = subprocess.Popen(words, env={"SECRET": CANARY} if place == "environ" else {})
        deadline = time.monotonic() + 10
        while not watch.telling and time.monotonic() < deadline:
            time.sleep(0.01)
        child.kill()
        child.wait()
    assert watch.telling == {Path(sys.executable).name}


def test_the_password_would_be_found_in_the_output_of_a_task(workplace: Workplace) -> None:
    shown = workplace.play([{"ansible.builtin.debug": {"var": "canary"}}], {"canary": CANARY})
    assert shown.returncode == 0
    assert gives_away(shown.stdout)
    assert telling_files(workplace.folder) == [workplace.folder.joinpath("ansible.log")]
