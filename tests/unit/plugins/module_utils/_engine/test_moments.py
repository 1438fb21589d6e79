# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments of options."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, moments


def test_a_moment_with_an_offset_is_taken_as_it_is() -> None:
    found = moments.optional(" 2026-01-09T02:00:00+01:00 ", "at")
    assert found == datetime(2026, 1, 9, 1, tzinfo=timezone.utc)
    assert found is not None
    assert found.utcoffset() == timedelta(hours=1)
    assert moments.optional("2026-01-09T01:00:00Z", "at") == found


def test_a_moment_without_an_offset_is_in_local_time() -> None:
    assert moments.optional("2026-01-09 02:00", "at") == datetime(2026, 1, 9, 2).astimezone()
    assert moments.optional("2026-01-09", "at") == datetime(2026, 1, 9).astimezone()


def test_nothing_is_no_moment() -> None:
    assert moments.optional(None, "at") is None


@pytest.mark.parametrize("text", ["", "yesterday", "02:00", "2026-13-01", "20260109T99"])
def test_what_is_no_moment_is_refused_by_the_name_of_the_option(text: str) -> None:
    with pytest.raises(errors.ConfigError, match="at is not a moment"):
        moments.optional(text, "at")
