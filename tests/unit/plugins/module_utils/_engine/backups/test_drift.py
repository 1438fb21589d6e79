# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which objects came, went or changed from one artifact to the next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.backups import drift
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.base import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.registry import server_at
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.values import Endpoint
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import ObjectInfo, now
from ansible_collections.vya.backupdb.plugins.module_utils._engine.secrets import Login
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.artifacts import change_metadata, write_artifact

PREVIOUS = Path("/srv/backups/shop_20260109_020000_full.sql.gz")
KEYS = st.tuples(
    st.sampled_from(["table", "view", "function"]), st.sampled_from([None, "public", "s"]), st.sampled_from("abcd")
)
SCHEMAS = st.dictionaries(KEYS, st.sampled_from(["1" * 16, "2" * 16]))
Schema = dict[tuple[str, Any, str], str]


def objects_of(schema: Schema) -> list[ObjectInfo]:
    return [
        ObjectInfo(kind=kind, schema_name=schema_name, name=name, digest=digest)
        for (kind, schema_name, name), digest in schema.items()
    ]


def label(key: tuple[str, Any, str]) -> str:
    kind, schema_name, name = key
    return f"{kind} {schema_name}.{name}" if schema_name else f"{kind} {name}"


@given(SCHEMAS, SCHEMAS)
def test_each_object_that_came_went_or_changed_is_named_and_no_other(before: Schema, after: Schema) -> None:
    found = drift.compare(objects_of(before), objects_of(after), PREVIOUS)
    if before == after:
        assert found is None
        return
    assert found is not None
    assert found.previous_backup == PREVIOUS
    assert found.came == sorted(label(key) for key in after if key not in before)
    assert found.went == sorted(label(key) for key in before if key not in after)
    assert found.changed == sorted(label(key) for key in before if after.get(key, before[key]) != before[key])


@given(SCHEMAS, SCHEMAS)
def test_the_way_back_is_the_opposite(before: Schema, after: Schema) -> None:
    there = drift.compare(objects_of(before), objects_of(after), PREVIOUS)
    back = drift.compare(objects_of(after), objects_of(before), PREVIOUS)
    if there is None or back is None:
        assert there is back
        return
    assert (back.came, back.went, back.changed) == (there.went, there.came, there.changed)


@given(SCHEMAS)
def test_another_release_changes_no_object(schema: Schema) -> None:
    other = dict.fromkeys(schema, "3" * 16)
    assert drift.compare(objects_of(schema), objects_of(other), PREVIOUS, same_release=False) is None


def test_what_came_and_went_is_told_across_releases() -> None:
    before: Schema = {("table", "public", "a"): "1", ("table", "public", "b"): "1"}
    after: Schema = {("table", "public", "a"): "2", ("table", "public", "c"): "1"}
    found = drift.compare(objects_of(before), objects_of(after), PREVIOUS, same_release=False)
    assert found is not None
    assert (found.came, found.went, found.changed) == (["table public.c"], ["table public.b"], [])


def test_a_view_in_the_place_of_a_table_is_another_object() -> None:
    found = drift.compare(objects_of({("table", None, "a"): "1"}), objects_of({("view", None, "a"): "1"}), PREVIOUS)
    assert found is not None
    assert (found.came, found.went) == (["view a"], ["table a"])


@pytest.fixture
def server() -> Server:
    return server_at(Endpoint("postgresql", "localhost", 5432, Login("nobody", "")))


def artifact(store: Path, *tables: str, **changes: Any) -> catalog.Artifact:
    """Write an artifact whose schema has tables; return it with its details."""
    path = write_artifact(store, hostname="db01", database_id="a", database="shop", moment=now())
    objects = [{"kind": "table", "schema_name": "public", "name": name, "digest": "1" * 16} for name in tables]
    change_metadata(catalog.load_artifact(path), "schema_info", schema_hash=" ".join(tables) or "nothing")
    return change_metadata(
        catalog.load_artifact(path),
        "restore_info",
        **{"objects": objects, "schema_hash_scheme": "settled-rows-1", **changes},
    )


def test_the_details_of_the_previous_artifact_are_read_when_the_schemas_differ(tmp_path: Path, server: Server) -> None:
    before = artifact(tmp_path / "before", "a")
    without_details = catalog.load_artifact(before.paths.metadata, details=False)
    found = drift.since(without_details, artifact(tmp_path / "after", "a", "b"), server)
    assert found is not None
    assert (found.previous_backup, found.came, found.went) == (before.data, ["table public.b"], [])


def test_equal_schemas_have_no_drift_and_nothing_is_read(tmp_path: Path, server: Server) -> None:
    before, after = artifact(tmp_path / "before", "a"), artifact(tmp_path / "after", "a")
    before.paths.metadata.unlink()
    assert drift.since(before, after, server) is None


def test_a_database_that_was_empty_has_only_objects_that_came(tmp_path: Path, server: Server) -> None:
    found = drift.since(artifact(tmp_path / "before"), artifact(tmp_path / "after", "a"), server)
    assert found is not None
    assert found.came == ["table public.a"]


def test_without_the_objects_of_the_previous_artifact_nothing_can_be_told(tmp_path: Path, server: Server) -> None:
    before = artifact(tmp_path / "before", "a")
    text = before.paths.metadata.read_text(encoding="utf-8")
    before.paths.metadata.write_text(text.replace('"objects"', '"of_another_version"'), encoding="utf-8")
    assert drift.since(before, artifact(tmp_path / "after", "b"), server) is None


@pytest.mark.parametrize("scheme", ["of-the-past", "to-come"])
def test_hashes_of_another_scheme_are_not_compared(tmp_path: Path, server: Server, scheme: str) -> None:
    before = artifact(tmp_path / "before", "a", schema_hash_scheme=scheme)
    assert drift.since(before, artifact(tmp_path / "after", "b"), server) is None


def test_a_previous_artifact_that_is_gone_takes_nothing_from_the_new_one(tmp_path: Path, server: Server) -> None:
    before = artifact(tmp_path / "before", "a")
    before.paths.metadata.unlink()
    assert drift.since(before, artifact(tmp_path / "after", "b"), server) is None


@pytest.mark.parametrize(("version", "count"), [("14.3", 0), ("15.2", 1), ("16.4", 0)])
def test_objects_change_only_within_a_release(tmp_path: Path, server: Server, version: str, count: int) -> None:
    before = artifact(tmp_path / "before", "a", server_version=version)
    after = artifact(tmp_path / "after", "a")
    changed = [{"kind": "table", "schema_name": "public", "name": "a", "digest": "2" * 16}]
    after = change_metadata(after, "restore_info", objects=changed)
    after = change_metadata(after, "schema_info", schema_hash="other")
    found = drift.since(before, after, server)
    assert len(found.changed if found else []) == count
