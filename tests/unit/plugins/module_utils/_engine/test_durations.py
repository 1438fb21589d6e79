# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lengths of time as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import durations, errors
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("20h", timedelta(hours=20)),
        ("90m", timedelta(minutes=90)),
        ("7d", timedelta(days=7)),
        ("1h30m", timedelta(minutes=90)),
        ("2w", timedelta(weeks=2)),
        ("1w2d3h4m5s", timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5)),
        (" 36h ", timedelta(hours=36)),
        ("1d0h", timedelta(days=1)),
    ],
)
def test_a_length_of_time_is_read_as_it_is_written(text: str, length: timedelta) -> None:
    assert durations.parse(text, "max_age") == length


@pytest.mark.parametrize(
    "text",
    ["", "20", "20 h", "h", "0h", "0m0s", "-1h", "1.5h", "20H", "1m1h", "1h1h", "1y", "20h\n7d", "٣h", "1e3h"],
)
def test_what_is_no_length_of_time_is_refused_with_the_name_of_the_option_and_the_remedy(text: str) -> None:
    with pytest.raises(errors.ConfigError, match=r"if_older_than is .*, which is no length of time") as refused:
        durations.parse(text, "if_older_than")
    assert refused.value.hint == "Write it as in 20h, 90m, 7d, 2w or 1h30m"


@pytest.mark.parametrize("text", ["9999999999w", "9" * 5000 + "d"])
def test_a_longer_time_than_can_be_counted_is_refused(text: str) -> None:
    with pytest.raises(errors.ConfigError):
        durations.parse(text, "max_age")


def test_an_option_that_is_left_out_is_no_length_of_time() -> None:
    assert durations.optional(None, "max_age") is None
    assert durations.optional("1h", "max_age") == timedelta(hours=1)


@given(st.integers(min_value=1, max_value=10**12))
def test_what_is_written_is_read_back(seconds: int) -> None:
    length = timedelta(seconds=seconds)
    assert durations.parse(durations.written(length), "max_age") == length


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(days=16, hours=1), "16d1h"),
        (timedelta(seconds=90.9), "1m30s"),
        (timedelta(), "0s"),
        (timedelta(seconds=-5), "0s"),
    ],
)
def test_a_length_of_time_is_written_to_the_second_and_without_weeks(length: timedelta, text: str) -> None:
    assert durations.written(length) == text


@given(st.text())
def test_any_text_is_either_read_or_refused(text: str) -> None:
    try:
        length = durations.parse(text, "max_age")
    except errors.ConfigError:
        return
    assert length > timedelta()
