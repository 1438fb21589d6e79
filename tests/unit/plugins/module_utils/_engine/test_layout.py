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
from ansible_collections.vya.backupdb.plugins.module_utils._engine import layout
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
