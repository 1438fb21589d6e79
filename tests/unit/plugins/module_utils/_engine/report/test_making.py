# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What options of a report mean."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.report import making


@pytest.mark.parametrize(
    ("text", "mode"), [("0640", 0o640), ("644", 0o644), ("0777", 0o777), ("000", 0), (0o640, 0o640)]
)
def test_a_mode_is_octal(text: object, mode: int) -> None:
    assert making.mode_of(text) == mode


@pytest.mark.parametrize(
    "text", ["rw-r-----", "0o640", "4640", "-640", "416x", "", "64", "0888", 640, -1, True, 6.4, None]
)
def test_what_is_no_mode_is_refused(text: object) -> None:
    with pytest.raises(errors.ConfigError, match="no mode in octal"):
        making.mode_of(text)


def test_only_formats_that_have_a_path_are_wanted() -> None:
    assert making.named_paths(None, None, None) == {}
    assert making.named_paths(None, "/a.csv", "") == {"csv": Path("/a.csv")}
    assert making.named_paths("/a.html", None, "/a.json") == {"html": Path("/a.html"), "json": Path("/a.json")}
