# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are either whole or not there."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, layout, ownership, storage


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_base_is_open_and_everything_below_it_private(tmp_path: Path) -> None:
    base = tmp_path / "srv" / "backups"
    folder = base / "host" / "id" / "db"
    storage.make_folder(base, folder)
    assert mode(base) == 0o755
    assert [mode(step) for step in (base / "host", base / "host" / "id", folder)] == [0o700] * 3


def test_a_folder_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "host").mkdir(mode=0o750)
    storage.make_folder(tmp_path, tmp_path / "host" / "id")
    assert mode(tmp_path / "host") == 0o750


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "host").touch()
    with pytest.raises(errors.StorageError, match="cannot be made"):
        storage.make_folder(tmp_path, tmp_path / "host" / "id")


def test_the_folders_that_were_made_are_told_and_no_others(tmp_path: Path) -> None:
    known = tmp_path / "host"
    known.mkdir()
    assert storage.make_folder(tmp_path, known / "id" / "db") == [known / "id", known / "id" / "db"]
    assert storage.make_folder(tmp_path, known / "id" / "db") == []


def test_of_folders_that_cannot_all_be_made_none_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(step: Path, folder: Path) -> None:
        if step.name == "db":
            raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(storage, "give_to_owner", refuse)
    with pytest.raises(errors.StorageError, match="Operation not permitted"):
        storage.make_folder(tmp_path, tmp_path / "host" / "id" / "db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("last", ["host", "id", "db"])
def test_folders_that_others_remove_meanwhile_are_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    removed: list[Path] = []

    def interfere(step: Path, folder: Path) -> None:
        if step.name == last and not removed:
            removed.append(step)
            storage.remove_branch(tmp_path, step)

    monkeypatch.setattr(storage, "give_to_owner", interfere)
    folder = tmp_path / "host" / "id" / "db"
    storage.make_folder(tmp_path, folder)
    assert removed
    assert folder.is_dir()


def test_a_folder_that_vanishes_for_ever_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "give_to_owner", lambda step, _folder: os.rmdir(step))
    with pytest.raises(errors.StorageError, match="No such file or directory"):
        storage.make_folder(tmp_path, tmp_path / "host" / "id")
    assert list(tmp_path.iterdir()) == []


def test_of_the_folders_that_were_made_only_the_empty_ones_are_removed(tmp_path: Path) -> None:
    made = storage.make_folder(tmp_path, tmp_path / "host" / "id" / "db")
    (tmp_path / "host" / "other").mkdir()
    storage.remove_folders(made)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["host", "host/other"]


def test_a_branch_is_removed_up_to_what_is_not_empty_or_was_made_by_others(tmp_path: Path) -> None:
    folder = tmp_path / "host" / "id" / "db" / "2026-01-09"
    storage.make_folder(tmp_path, folder)
    (tmp_path / "host" / "id").chmod(0o750)
    (folder / "f").touch()
    storage.remove_branch(tmp_path, folder)
    assert folder.is_dir()
    (folder / "f").unlink()
    storage.remove_branch(tmp_path, folder)
    assert list((tmp_path / "host" / "id").iterdir()) == []
    (tmp_path / "host" / "id").chmod(0o700)
    storage.remove_branch(tmp_path, tmp_path / "host" / "id")
    assert list(tmp_path.iterdir()) == []


def test_a_partial_file_is_hidden_private_and_not_yet_the_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    storage.write_partial(path, b"content")
    assert not path.exists()
    assert layout.partial(path).read_bytes() == b"content"
    assert mode(layout.partial(path)) == 0o600


def test_a_settled_file_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    storage.write_partial(path, b"new")
    assert path.read_bytes() == b"old"
    storage.settle(path)
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["f"]


def test_a_leftover_partial_file_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "f"
    layout.partial(path).write_bytes(b"a longer leftover")
    storage.write_partial(path, b"new")
    assert layout.partial(path).read_bytes() == b"new"


def test_a_file_that_cannot_be_written_or_settled_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(errors.StorageError, match="cannot be written: No such file or directory"):
        storage.write_partial(tmp_path / "missing" / "f", b"")
    with pytest.raises(errors.StorageError, match="cannot be put in place"):
        storage.settle(tmp_path / "f")


def test_a_folder_can_be_synced(tmp_path: Path) -> None:
    storage.sync_folder(tmp_path)


def test_free_room_is_that_of_the_filesystem_also_before_the_folder_exists(tmp_path: Path) -> None:
    room = os.statvfs(tmp_path)
    free = storage.free_bytes(tmp_path / "not" / "yet")
    assert abs(free - room.f_bavail * room.f_frsize) < 1024**3
    assert free == pytest.approx(storage.free_bytes(tmp_path), abs=1024**3)


@pytest.fixture
def of_service(tmp_path: Path) -> Path:
    """Return a folder that belongs to another account, as that of an installed host does."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another account")
    folder = tmp_path / "store"
    folder.mkdir()
    os.chown(folder, 4711, 4712)
    return folder


def owner(path: Path) -> tuple[int, int]:
    return path.stat().st_uid, path.stat().st_gid


def test_what_root_makes_in_the_storage_of_a_service_account_belongs_to_that(of_service: Path) -> None:
    folder = of_service / "db01" / "id" / "shop"
    storage.make_folder(of_service, folder)
    storage.write_partial(folder / "f", b"text")
    storage.settle(folder / "f")
    made = [folder / "f", folder, folder.parent, folder.parent.parent]
    assert {owner(path) for path in made} == {(4711, 4712)}


def test_a_file_that_has_another_name_is_not_given_away(of_service: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"of root")
    os.link(secret, of_service / "lock")
    with open(of_service / "lock", "rb") as linked:
        ownership.give_to_owner(linked.fileno(), of_service)
    assert owner(secret) == (os.geteuid(), os.getegid())


def test_a_folder_that_another_thread_is_just_making_has_its_owner_already(
    of_service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ownership.give_to_owner
    begun = threading.Event()

    def give_late(made: int | Path, folder: Path) -> None:
        if not begun.is_set():
            begun.set()
            time.sleep(0.2)
        given(made, folder)

    monkeypatch.setattr(storage, "give_to_owner", give_late)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(storage.make_folder, of_service, of_service / "db01" / "a")
        assert begun.wait(10)
        storage.make_folder(of_service, of_service / "db01" / "b")
        first.result()
    assert {owner(path) for path in (of_service / "db01").iterdir()} == {(4711, 4712)}
