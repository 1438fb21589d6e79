# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command has to say, as a document and as lines of text."""

from __future__ import annotations

from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.command.answers import Answer, Row, Sheet, failure_of


def test_a_sheet_is_aligned_and_nothing_of_it_is_cut_off() -> None:
    sheet = Sheet(
        ("database", "size", "file"), [Row(("a/shop", "1.0 KB", "/srv/x")), Row(("b/q", "12 B", ""))], ["size"]
    )
    assert sheet.lines() == [
        "database    size  file",
        "a/shop    1.0 KB  /srv/x",
        "b/q         12 B",
    ]


def test_a_name_cannot_steer_a_terminal() -> None:
    assert Sheet(("name",), [Row(("a\x1b[2Jb\nc",))]).lines() == ["name", "a\\u001b[2Jb\\u000ac"]


def test_the_document_of_a_success_is_the_result_of_the_module() -> None:
    answer = Answer({"results": []}, changed=True)
    assert answer.document() == {"changed": True, "failed": False, "results": []}
    assert Answer({"results": []}, warnings=["odd"]).document()["warnings"] == ["odd"]


def test_the_document_of_a_failure_is_what_the_module_fails_with() -> None:
    error = errors.RunError("1 of 2 failed", "partial_failure", changed=True, results=[1])
    assert Answer({"results": [2]}, failure=error).document() == {
        "changed": True,
        "failed": True,
        "msg": "1 of 2 failed",
        "error_code": "partial_failure",
        "results": [1],
    }
    hinted = errors.ConfigError("it is wrong", "Mend it")
    assert Answer(failure=hinted).document() == {
        "changed": False,
        "failed": True,
        "msg": "it is wrong. Mend it",
        "error_code": "config_error",
        "hint": "Mend it",
    }


def test_only_errors_of_ours_are_failures() -> None:
    def refuse() -> None:
        raise errors.LockedError("somebody else works on it")

    found = failure_of(refuse)
    assert isinstance(found, errors.LockedError)
    assert failure_of(lambda: None) is None
