# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sections are loaded, in which order, and how many side by side."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, progress, stream
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import SectionInfo
from ansible_collections.vya.backupdb.plugins.module_utils._engine.restores import loading
from hypothesis import given
from hypothesis import strategies as st

Described = tuple[str, Sequence[str], "Sequence[int] | None"]
PLAN: tuple[Described, ...] = (
    ("pre_data", [], None),
    ("data", ["s.small"], [0]),
    ("data", ["s.large"], [0]),
    ("large_objects", [], [0]),
    ("post_data", ["s.large"], [2]),
    ("post_data", ["s.large", "s.small"], [1, 2, 4]),
    ("post_data", [], None),
)


def sections(described: Sequence[Described]) -> tuple[list[SectionInfo], bytes]:
    """Return sections whose text is their position, the second of those with rows being the longest."""
    content, found = b"", []
    for position, (kind, tables, depends_on) in enumerate(described):
        text = b"%d\n" % position * (position + 1)
        member = gzip.compress(text)
        found.append(
            SectionInfo(
                kind=kind,  # type: ignore[arg-type]
                tables=list(tables),
                offset_bytes=len(content),
                length_bytes=len(member),
                raw_length_bytes=len(text),
                depends_on=None if depends_on is None else list(depends_on),
            )
        )
        content += member
    return found, content


class Recorder:
    """A server that notes which sections were begun and done, and fails at one if it is told to."""

    def __init__(self, fail_at: int | None = None, meet: int = 1) -> None:
        self.begun: list[int] = []
        self.done: list[int] = []
        self.whole: bytes | None = None
        self._fail_at = fail_at
        self._barrier = threading.Barrier(meet)

    def load(self, _database: str, blocks: Iterable[bytes], _text: stream.Text, _timeout: float | None) -> None:
        text = b"".join(blocks)
        numbers = {int(line) for line in text.splitlines()}
        if len(numbers) > 1:
            self.whole = text
            return
        (position,) = numbers
        self.begun.append(position)
        if position == self._fail_at:
            raise errors.ValidationError(f"section {position}")
        if position in (1, 2):
            self._barrier.wait(5)
        self.done.append(position)


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., loading.Loaded]:
    def call(server: Any, plan: Sequence[Described] = PLAN, **options: Any) -> loading.Loaded:
        found, content = sections(plan)
        path = tmp_path.joinpath("x.sql.gz")
        path.write_bytes(content)
        source = loading.Source(path, stream.Text(0, b"", b""), found)
        return loading.load(server, "d", source, loading.Options(**options))

    return call


def test_one_job_loads_the_whole_file_by_one_program(load: Callable[..., loading.Loaded]) -> None:
    server = Recorder()
    loaded = load(server)
    assert server.whole is not None
    assert loaded.sections_loaded == 1


@pytest.mark.parametrize("plan", [PLAN, PLAN[:2]], ids=["many sections", "two sections"])
@pytest.mark.parametrize("jobs", [2, 3])
def test_several_jobs_load_each_section_by_itself(
    load: Callable[..., loading.Loaded], plan: Sequence[Described], jobs: int
) -> None:
    server = Recorder()
    assert load(server, plan, jobs=jobs).sections_loaded == len(plan)
    assert server.whole is None
    assert sorted(server.done) == list(range(len(plan)))


def test_rows_go_before_all_else_that_could_be_loaded(load: Callable[..., loading.Loaded]) -> None:
    server = Recorder()
    plan = [PLAN[0], ("post_data", [], [0]), ("data", ["s.small"], [0]), ("data", ["s.large"], [0])]
    load(server, plan, tables=frozenset({"s.small"}))
    assert server.done == [0, 2, 1]


def test_rows_are_loaded_side_by_side_and_everything_after_what_it_needs(load: Callable[..., loading.Loaded]) -> None:
    server = Recorder(meet=2)
    loaded = load(server, jobs=2)
    assert loaded.sections_loaded == len(PLAN)
    assert server.begun[0] == 0
    assert set(server.begun[1:3]) == {1, 2}
    assert server.done[-1] == len(PLAN) - 1
    for position, (_kind, _tables, needs) in enumerate(PLAN):
        before = server.done[: server.done.index(position)]
        assert set(range(position) if needs is None else needs) <= set(before)


def test_the_most_rows_are_loaded_first(load: Callable[..., loading.Loaded]) -> None:
    server = Recorder()
    load(server, tables=frozenset({"s.large", "s.small"}))
    assert server.done == [0, 2, 1, 4, 5, 6]


def test_the_first_failure_is_told_and_nothing_that_needs_it_is_begun(load: Callable[..., loading.Loaded]) -> None:
    server = Recorder(fail_at=2)
    with pytest.raises(errors.ValidationError, match="section 2"):
        load(server, jobs=2)
    assert not {4, 5, 6} & set(server.begun)


def test_of_some_tables_their_sections_alone_are_read(load: Callable[..., loading.Loaded]) -> None:
    server = Recorder()
    loaded = load(server, tables=frozenset({"s.large"}))
    assert server.done == [0, 2, 4, 6]
    found, _content = sections(PLAN)
    assert loaded.bytes_read == sum(found[position].length_bytes for position in server.done)


@pytest.mark.parametrize("tables", [None, frozenset({"s.large"})])
def test_as_much_text_is_handed_on_as_is_expected(
    load: Callable[..., loading.Loaded], tables: frozenset[str] | None
) -> None:
    found, content = sections(PLAN)
    source = loading.Source(Path("x.sql.gz"), stream.Text(len(gzip.decompress(content)), b"", b""), found)
    events: list[progress.Event] = []
    with progress.observe(events.append), progress.measured("load", "a", "shop") as meter:
        load(Recorder(), tables=tables, meter=meter)
    assert events[-1].raw_bytes == loading.expected_bytes(source, tables) > 0


def test_a_foreign_key_between_two_wanted_tables_is_loaded() -> None:
    found, _content = sections(PLAN)
    assert loading.choose(found, {"s.large", "s.small"}) == [0, 1, 2, 4, 5, 6]


def test_everything_waits_for_the_pre_data() -> None:
    found, _content = sections([*PLAN[:4], ("post_data", ["s.partitioned"], []), ("post_data", ["s.small"], [1])])
    assert loading.dependencies(found, [0, 2, 4, 5]) == {0: set(), 2: {0}, 4: {0}, 5: {0}}


def test_what_concerns_other_tables_alone_is_loaded_since_it_may_be_needed() -> None:
    found, _content = sections([*PLAN[:-1], ("post_data", ["s.partitioned"], [0]), PLAN[-1]])
    assert loading.choose(found, {"s.small"}) == [0, 1, 4, 6, 7]


@given(st.sets(st.sampled_from(["s.large", "s.small"])))
def test_what_is_chosen_depends_on_what_is_chosen_alone(tables: set[str]) -> None:
    found, _content = sections(PLAN)
    chosen = loading.choose(found, tables)
    needs = loading.dependencies(found, chosen)
    assert set(needs) == set(chosen)
    assert all(before in chosen for waits in needs.values() for before in waits)
