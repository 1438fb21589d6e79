# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of every dump and load it is told how far it has come, and how far it has to go."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import progress
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog

from tests.integration import scenes
from tests.integration.scenes import DATABASE_ID, Scene


@pytest.fixture
def events() -> list[progress.Event]:
    return []


def raw_size_of(artifact: catalog.Artifact) -> int:
    info = artifact.metadata.restore_info
    assert info is not None
    return info.raw_size_bytes


def test_a_dump_is_expected_to_be_as_long_as_the_latest_one(scene: Scene, events: list[progress.Event]) -> None:
    before = raw_size_of(scene.artifact)
    with progress.observe(events.append):
        scenes.back_up(scene.server, scene.store, [scene.database])
    assert [event.kind for event in events] == ["begun", "done"]
    assert {(event.work, event.database_id, event.database, event.expected_bytes) for event in events} == {
        ("dump", DATABASE_ID, scene.database, before)
    }
    assert events[-1].raw_bytes == raw_size_of(scene.artifact)


def test_a_load_hands_on_what_is_expected(
    scene: Scene, new_database: Callable[[], str], events: list[progress.Event]
) -> None:
    with progress.observe(events.append):
        scenes.put_back(scene.server, scene.artifact, new_database())
    assert [(event.kind, event.work, event.database) for event in events] == [
        ("begun", "load", scene.database),
        ("done", "load", scene.database),
    ]
    assert events[-1].raw_bytes == events[-1].expected_bytes == raw_size_of(scene.artifact)
