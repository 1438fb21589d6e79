# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and paths, both ways."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, layout
from hypothesis import assume, given
from hypothesis import strategies as st

BASE = Path("/base")
MOMENT = datetime(2026, 1, 9, 2, 0, 0).astimezone()
STRUCTURE = "{hostname}/{db_id}/{db_name}/{date}"
names = st.text(min_size=1) | st.text(alphabet="a.-_~%/\\ \"'`=é", min_size=1, max_size=400)
moments = st.datetimes(
    min_value=datetime(1000, 1, 1)  # noqa: DTZ001
).map(lambda moment: moment.replace(microsecond=0))


def test_an_artifact_is_where_the_documentation_says() -> None:
    folder = layout.artifact_folder(
        BASE, STRUCTURE, hostname="wfdb02", database_id="prod-mysql-01", database_name="mydb", moment=MOMENT
    )
    paths = layout.artifact_paths(folder, "mydb", MOMENT, "sha256")
    assert str(folder) == "/base/wfdb02/prod-mysql-01/mydb/2026-01-09"
    assert [path.name for path in (paths.data, paths.checksum, paths.metadata)] == [
        "mydb_20260109_020000_full.sql.gz",
        "mydb_20260109_020000_full.sql.gz.sha256",
        "mydb_20260109_020000_full.metadata.json",
    ]


STEM = "/base/h%20x/a/shop_20260109_020000_full"
ACCOUNTS = "/base/h%20x/a/users_20260109_020000"
THROWAWAY = layout.throwaway_paths(BASE)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (layout.accounts_folder(BASE, "h x", "a"), "/base/h%20x/a"),
        (layout.accounts_metadata(BASE, "h x", "a", f"{Path(ACCOUNTS).name}.sql.gz"), f"{ACCOUNTS}.metadata.json"),
        (layout.metadata_of_verification(Path(f"{STEM}.verification.json")), f"{STEM}.metadata.json"),
        (layout.checksum_file(Path(f"{STEM}.sql.gz")), f"{STEM}.sql.gz.sha256"),
        (layout.instance_lock(BASE, "h x", "a"), "/base/.locks/h%20x.a.lock"),
        (layout.cleanup_lock(BASE, "h x"), "/base/.locks/h%20x..lock"),
        (layout.drill_lock(BASE, "h x"), "/base/.locks/h%20x.drill"),
        (layout.audit_file(BASE, "h x"), "/base/.audit/h%20x.db"),
        (layout.report_file(BASE), "/base/report.html"),
        (THROWAWAY.folder, "/base"),
        (THROWAWAY.data, "/base/data"),
        (THROWAWAY.sockets, "/base/s"),
        (THROWAWAY.mysql_socket, "/base/s/m"),
        (THROWAWAY.postgresql_socket, "/base/s/.s.PGSQL.5432"),
        (THROWAWAY.temporary, "/base/tmp"),
        (layout.process_arguments(17), "/proc/17/cmdline"),
        (layout.postgresql_control_file(BASE), "/base/global/pg_control"),
        (layout.server_programs("15"), "/usr/lib/postgresql/15/bin"),
    ],
    ids=str,
)
def test_everything_has_its_place(path: Path, expected: str) -> None:
    assert str(path) == expected


def test_all_that_belongs_to_an_artifact_is_found_by_any_of_its_names() -> None:
    paths = layout.paths_of_data(Path(f"{STEM}.sql.gz"), "md5")
    assert [str(path) for path in (paths.data, paths.checksum, paths.metadata, paths.verification, paths.hold)] == [
        f"{STEM}.sql.gz",
        f"{STEM}.sql.gz.md5",
        f"{STEM}.metadata.json",
        f"{STEM}.verification.json",
        f"{STEM}.hold",
    ]
    assert str(paths.tombstone) == "/base/h%20x/a/.shop_20260109_020000_full.metadata.json.removed"
    assert layout.paths_of_tombstone(paths.tombstone, "md5") == paths
    assert layout.paths_of_metadata(paths.metadata, "md5") == paths


@pytest.mark.parametrize(
    ("name", "is_tombstone", "is_partial", "is_of_accounts"),
    [
        (".shop_20260109_020000_full.metadata.json.removed", True, False, False),
        ("shop_20260109_020000_full.metadata.json.removed", False, False, False),
        (".shop_20260109_020000_full.removed", False, False, False),
        (".metadata.json.removed.x", False, False, False),
        (".shop_20260109_020000_full.sql.gz.partial", False, True, False),
        ("shop_20260109_020000_full.sql.gz.partial", False, False, False),
        (".shop_20260109_020000_full.sql.gz", False, False, False),
        ("users_20260109_020000.sql.gz", False, False, True),
        ("users_20260109_020000.metadata.json", False, False, True),
        ("users_20260109_020000.sql", False, False, False),
        ("users_20260109_020000.sql.gz.sha256", False, False, False),
        ("users_20260109_020000_full.sql.gz", False, False, False),
        ("users.sql.gz", False, False, False),
    ],
)
def test_a_name_tells_what_a_file_is(name: str, is_tombstone: bool, is_partial: bool, is_of_accounts: bool) -> None:
    found = (layout.is_tombstone(name), layout.is_partial(name), layout.is_accounts_name(name))
    assert found == (is_tombstone, is_partial, is_of_accounts)


@pytest.mark.parametrize(("name", "date"), [("2026-01-09", "2026-01-09"), ("2026-01-9", None), ("x2026-01-09", None)])
def test_a_folder_named_after_a_date_has_one(name: str, date: str | None) -> None:
    assert layout.date_of(BASE / name) == date


@pytest.mark.parametrize(
    ("name", "component"),
    [
        ("mydb", "mydb"),
        ("2024_01_x", "2024_01_x"),
        ("a=b", "a%3Db"),
        ('weird db-1 "ü"', "weird%20db-1%20%22%C3%BC%22"),
        ("../x", "%2E.%2Fx"),
        (".", "%2E"),
        ("..", "%2E."),
        ("-rf", "%2Drf"),
        ("a/b", "a%2Fb"),
        ("100%", "100%25"),
        ("a~b", "a%7Eb"),
        ("`", "%60"),
    ],
)
def test_a_name_becomes_one_safe_component(name: str, component: str) -> None:
    assert layout.encode_name(name) == component


@given(names)
def test_any_name_is_one_visible_ascii_component_that_is_no_option(name: str) -> None:
    component = layout.encode_name(name)
    assert re.fullmatch(r"[A-Za-z0-9_%~][A-Za-z0-9_.%~-]*", component)
    assert len(component) <= layout.LONGEST_NAME


@given(names)
def test_a_component_gives_its_name_back_unless_it_had_to_be_cut(name: str) -> None:
    decoded = layout.decode_name(layout.encode_name(name))
    assert decoded == name or (decoded is None and len(name.encode("utf-8")) * 3 > layout.LONGEST_NAME)


@given(names, names)
def test_two_names_never_share_a_component(one: str, other: str) -> None:
    assume(one != other)
    assert layout.encode_name(one) != layout.encode_name(other)


@pytest.mark.parametrize("length", range(195, 206))
def test_a_long_name_is_cut_between_its_escapes(length: int) -> None:
    component = layout.encode_name("é" * length)
    kept = component.partition(layout.DIGEST_MARK)[0]
    assert re.fullmatch(r"(%[0-9A-F]{2})+", kept)
    assert unquote(kept, errors="ignore").strip("é") == ""


@pytest.mark.parametrize(
    ("name", "component"),
    [("x" * 200, "x" * 200), ("x" * 201, f"{'x' * 183}~84a0678c90937f5d")],
    ids=["200", "201"],
)
def test_a_name_is_cut_where_it_has_more_than_200_characters(name: str, component: str) -> None:
    assert layout.encode_name(name) == component


def test_long_names_that_begin_alike_stay_apart() -> None:
    assert layout.encode_name("x" * 300 + "a") != layout.encode_name("x" * 300 + "b")


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be empty"):
        layout.encode_name("")


@given(hostname=names, database_id=names, database_name=names, moment=moments)
def test_no_name_leads_out_of_the_base_path(
    hostname: str, database_id: str, database_name: str, moment: datetime
) -> None:
    folder = layout.artifact_folder(
        BASE, STRUCTURE, hostname=hostname, database_id=database_id, database_name=database_name, moment=moment
    )
    assert folder.parts[:2] == BASE.parts
    assert len(folder.parts) == 6
    assert not any(part.startswith(".") for part in folder.parts)


@given(name=names, moment=moments, algorithm=st.sampled_from(["md5", "sha256"]))
def test_each_file_of_an_artifact_leads_to_the_others(name: str, moment: datetime, algorithm: str) -> None:
    paths = layout.artifact_paths(BASE, name, moment, algorithm, "incremental")
    assert layout.is_artifact_name(paths.data.name)
    assert layout.paths_of_metadata(paths.metadata, algorithm) == paths
    assert layout.paths_of_data(paths.data, algorithm) == paths


@given(name=names, moment=moments)
def test_a_partial_name_is_hidden_short_enough_and_leads_back(name: str, moment: datetime) -> None:
    paths = layout.artifact_paths(BASE, name, moment, "sha256", "differential")
    for path in (paths.data, paths.checksum, paths.metadata):
        partial = layout.partial(path)
        assert partial.name.startswith(".")
        assert len(partial.name) <= 255
        assert layout.is_partial(partial.name)
        assert not layout.is_partial(path.name)
        assert layout.whole(partial) == path


@pytest.mark.parametrize(
    "name",
    ["dump.sql.gz", "mydb_20260109_020000.sql.gz", "mydb_20260109_020000_full.sql", "_20260109_020000_full.sql.gz"],
)
def test_a_file_of_another_name_is_no_artifact(name: str) -> None:
    assert not layout.is_artifact_name(name)


@given(names, names, names)
def test_instances_never_share_a_lock(hostname: str, one: str, other: str) -> None:
    assume(one != other)
    lock = layout.instance_lock(BASE, hostname, one)
    assert lock != layout.instance_lock(BASE, hostname, other)
    assert lock.parent == Path("/base/.locks")
    assert len(lock.name.encode("utf-8")) <= 255


def test_a_walk_is_in_order_and_passes_over_hidden_folders(tmp_path: Path) -> None:
    for name in ("b/2", "b/1", "a/1", ".locks/1", "b/.hidden/1"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [(folder.relative_to(tmp_path), files) for folder, files in layout.walk(tmp_path)]
    assert found == [(Path(), []), (Path("a"), ["1"]), (Path("b"), ["1", "2"])]


def test_a_walk_of_what_is_not_there_finds_nothing_and_of_a_file_fails(tmp_path: Path) -> None:
    assert list(layout.walk(tmp_path / "gone")) == []
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(errors.StorageError, match="file cannot be read: Not a directory"):
        list(layout.walk(file))
