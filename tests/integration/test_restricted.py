# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No dump makes psql run a command of its own, on the host that restores, whoever wrote it."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.postgresql import plan
from ansible_collections.vya.backupdb.plugins.module_utils._engine.restores import restore
from ansible_collections.vya.backupdb.plugins.module_utils._engine.restores.foreign import ForeignDump

from tests.integration.drills import only, same, tamper, throwaway, verify, work_folder
from tests.integration.scenes import PEOPLE, Scene, assert_failed, back_up, instance_of, now
from tools.private_servers.base import PrivateServer

PRELUDE = "--\n-- PostgreSQL database dump\n--\n\n"
ENDING = "--\n-- PostgreSQL database dump complete\n--\n\n"


@pytest.fixture(scope="session")
def server(postgresql: PrivateServer) -> PrivateServer:
    """A server of this family alone."""
    return postgresql


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """An empty folder in which any account may leave something."""
    folder = tmp_path.joinpath("traces")
    folder.mkdir()
    folder.chmod(0o777)
    return folder


def commands(traces: Path) -> dict[str, str]:
    """Return what makes psql run a program or write a file, by itself and in other places."""
    trace = traces.joinpath("trace")
    return {
        "a program": f"\\! touch {trace}\n",
        "a file": f"\\o {trace}\nSELECT 1;\n",
        "a query to a program": f"SELECT 1 \\g | touch {trace}\n",
        "a copy to a program": f"\\copy (SELECT 1) TO PROGRAM 'touch {trace}'\n",
        "behind a statement": f"SELECT 1; \\! touch {trace}\n",
        "a variable": f"\\set x `touch {trace}`\n",
        "an argument of unrestrict": f"\\unrestrict `touch {trace}`\n",
        "behind its own restrict": f"\\restrict a\nSELECT 1;\n\\unrestrict a\n\\! touch {trace}\n\\restrict b\n",
        "behind its own key by a variable": f"\\restrict UTF8\nSELECT 1;\n\\unrestrict :ENCODING\n\\! touch {trace}\n",
        "behind a comment": f"-- a comment\r\\! touch {trace}\n",
        "an argument of unrestrict in two lines": f"\\unres\0\ntrict `touch {trace}`\n",
        "in an encoding": f"SET client_encoding = 'SJIS';\nSELECT 1 AS \x83\\\\unrestrict `touch {trace}`\n",
    }


WAYS = tuple(commands(Path()))


def write_dump(file: Path, text: str) -> ForeignDump:
    file.write_bytes((PRELUDE + text + ENDING).encode("latin-1"))
    return ForeignDump(file)


@pytest.mark.parametrize("way", WAYS)
def test_a_dump_of_a_stranger_runs_no_program(scene: Scene, tmp_path: Path, traces: Path, way: str) -> None:
    dump = write_dump(tmp_path.joinpath("strange.sql"), commands(traces)[way])
    with scene.untouched(), pytest.raises(errors.ValidationError) as caught:
        restore.restore(instance_of(scene.server).server(), restore.Request(dump, "strange"), now())
    assert "Restore a dump as pg_dump wrote it" in (caught.value.hint or "")
    assert list(traces.iterdir()) == []


def test_a_task_tells_the_command_and_its_line(scene: Scene, tmp_path: Path, traces: Path) -> None:
    dump = write_dump(tmp_path.joinpath("strange.sql"), f"SELECT 1;\n\\! touch {traces}/trace\n")
    with scene.untouched():
        result = scene.put_back(backup_file=str(dump.data), target_database="strange")
    assert_failed(result, "validation_error")
    assert "the dump holds a command of psql, which was not run: psql:<stdin>:6:" in result.result["msg"]
    assert list(traces.iterdir()) == []


def tampered(scene: Scene, command: str, place: str) -> None:
    """Put a command into each section of the artifact, and take out the lines by which psql would refuse it."""

    def change(text: bytes) -> bytes:
        if place == "instead":
            text = re.sub(rb"(?m)^\\(?:un)?restrict .*$", b"", text)
            return text.replace(b"\nSET ", b"\n" + command.encode() + b"\nSET ", 1)
        if place == "before":
            return command.encode() + text
        return text + command.encode()

    tamper(scene.artifact, change)


@pytest.mark.parametrize("place", ["instead", "before", "after"])
def test_an_artifact_that_was_tampered_with_runs_no_program(scene: Scene, traces: Path, place: str) -> None:
    tampered(scene, f"\\! touch {traces}/trace\n", place)
    with scene.untouched():
        result = scene.put_back()
    assert_failed(result, "validation_error")
    assert list(traces.iterdir()) == []


@pytest.mark.parametrize("where", ["throwaway", "same"])
def test_nor_does_it_in_a_drill_which_fails(scene: Scene, traces: Path, where: str) -> None:
    tampered(scene, f"\\! touch {traces}/trace\n", "after")
    with work_folder() as folder:
        result = only(verify(scene.store, throwaway(folder) if where == "throwaway" else same(scene)))
    assert (result.success, result.error_code, result.recorded) == (False, "validation_error", True)
    assert "a command of psql" in str(result.error_message)
    assert list(traces.iterdir()) == []


LIKE_COMMANDS = r"""
    CREATE TABLE texts (id integer, content text);
    INSERT INTO texts VALUES (1, E'\restrict x'), (2, E'\\restrict x'), (3, E'\\unrestrict `x`'), (4, E'ü\n\\! x');
    CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT '
\restrict x
\! x
\unrestricted' $$;
    """


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("jobs", [1, 3])
def test_rows_and_routines_that_look_like_commands_come_back(
    scene: Scene,
    new_database: Callable[[], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    jobs: int,
    alone: bool,
) -> None:
    monkeypatch.setattr(plan, "SMALLEST_PARALLEL_BYTES", 0)
    name, target = new_database(), new_database()
    scene.server.create_database(name)
    scene.server.run_script(LIKE_COMMANDS, name)
    back_up(scene.server, scene.store, [name], jobs=3)
    artifact = Scene(scene.server, name, scene.store, "").artifact
    info = artifact.metadata.restore_info
    assert info is not None
    assert len(info.sections) > 2
    data = tmp_path.joinpath(artifact.data.name)
    data.write_bytes(artifact.data.read_bytes())
    request = restore.Request(ForeignDump(data) if alone else artifact, target, jobs=jobs)
    restore.restore(instance_of(scene.server).server(), request, now())
    assert scene.server.whole_dump(target) == scene.server.whole_dump(name)


def test_a_dump_of_a_pg_dump_before_restrict_is_restored(
    scene: Scene, new_database: Callable[[], str], tmp_path: Path
) -> None:
    with gzip.open(scene.artifact.data, "rt", encoding="utf-8") as source:
        text = re.sub(r"(?m)^\\(?:un)?restrict .*\n", "", source.read())
    file = tmp_path.joinpath("old.sql")
    file.write_text(text, encoding="utf-8")
    target = new_database()
    restore.restore(instance_of(scene.server).server(), restore.Request(ForeignDump(file), target), now())
    assert scene.server.execute("SELECT count(*) FROM person", target) == [(PEOPLE,)]
