# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an outcome is, and the message that is made of it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.backups import run
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import NotificationsConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.results import BackupResult
from ansible_collections.vya.backupdb.plugins.module_utils._engine.notices import notice
from hypothesis import given
from hypothesis import strategies as st

MOMENT = datetime(2026, 1, 9, 2, 0, 0, 118204, tzinfo=timezone(timedelta(hours=1)))
CONFIG = NotificationsConfig()
GOOD = {
    "success": True,
    "database_id": "prod",
    "database_name": "shop",
    "duration_seconds": 61.4,
    "size_bytes": 1572864,
}


def bad(name: str = "billing", **more: Any) -> dict[str, Any]:
    return {"success": False, "database_id": "prod", "database_name": name, "error_message": "it went wrong", **more}


def outcome_of(*results: dict[str, Any], operation: str = "backup", **more: Any) -> notice.Outcome:
    return notice.Outcome.of_results(results, operation, "db01", MOMENT, **more)


def body_of(outcome: notice.Outcome, template: str = "$failures", secrets: tuple[str, ...] = ()) -> str:
    return notice.render(NotificationsConfig(failure_body=template), outcome, secrets).body


def subject_of(outcome: notice.Outcome, template: str) -> str:
    return notice.render(NotificationsConfig(success_subject=template, failure_subject=template), outcome).subject


@pytest.mark.parametrize(
    ("results", "status", "summary"),
    [
        ([GOOD], "success", "1 backup succeeded"),
        ([GOOD, GOOD], "success", "2 backups succeeded"),
        ([GOOD, bad(), bad()], "partial", "2 of 3 backups failed"),
        ([bad()], "failed", "1 of 1 backups failed"),
    ],
)
def test_an_outcome_counts_its_results(results: list[dict[str, Any]], status: str, summary: str) -> None:
    outcome = outcome_of(*results)
    assert (outcome.status, outcome.summary) == (status, summary)
    assert (outcome.total, outcome.failed) == (len(results), len(results) - outcome.successful)


@pytest.mark.parametrize(
    ("operation", "summary"),
    [("restore", "2 of 2 restores failed"), ("verify", "2 of 2 verifications failed")],
)
def test_an_outcome_says_what_was_done(operation: str, summary: str) -> None:
    assert outcome_of(bad(), bad(), operation=operation).summary == summary


def test_nothing_done_is_a_failure() -> None:
    outcome = outcome_of()
    assert (outcome.status, outcome.summary) == ("failed", "the backup failed")
    assert body_of(outcome) == "- there is no result, so nothing was done"


def test_an_error_of_the_whole_counts_where_no_result_tells_of_one() -> None:
    error = notice.Failure("the configuration is not valid")
    alone, beside, told = outcome_of(error=error), outcome_of(GOOD, error=error), outcome_of(GOOD, bad(), error=error)
    assert [each.status for each in (alone, beside, told)] == ["failed", "partial", "partial"]
    assert [each.summary for each in (alone, beside, told)] == ["the backup failed"] * 2 + ["1 of 2 backups failed"]
    assert body_of(alone) == body_of(beside) == "- the configuration is not valid"
    assert body_of(told) == "- prod/billing: it went wrong"


def test_an_error_before_any_database_is_told_with_what_to_do() -> None:
    error = errors.ConfigError("the configuration has no instance x", "Check database_ids")
    outcome = notice.Outcome.of_error(error, "verify", "db01", MOMENT)
    assert notice.render(CONFIG, outcome) == notice.Message(
        "[backupdb] db01: the verification failed",
        "the verification failed on db01 at 2026-01-09 02:00:00+01:00\n\n"
        "- the configuration has no instance x (config_error)\n\n"
        "What to do:\n- Check database_ids",
    )


@pytest.mark.parametrize("result", [{}, {"success": "yes"}, {"results": [GOOD]}])
def test_what_is_no_result_is_refused_by_its_place(result: dict[str, Any]) -> None:
    with pytest.raises(errors.ConfigError, match=r"results\.1 does not say"):
        outcome_of(GOOD, result)


def test_an_outcome_can_be_that_of_numbers_alone() -> None:
    summary = {"total": 3, "successful": "1", "failed": 2, "skipped": 1}
    outcome = notice.Outcome.of_summary(summary, "backup", "db01", MOMENT)
    assert (outcome.status, outcome.summary) == ("partial", "2 of 3 backups failed")
    assert notice.render(CONFIG, outcome).body == "2 of 3 backups failed on db01 at 2026-01-09 02:00:00+01:00"


@pytest.mark.parametrize(
    "summary",
    [
        {},
        {"total": 1, "successful": 1},
        {"total": "x", "successful": 1, "failed": 0},
        {"total": 0, "successful": 0, "failed": 0},
        {"total": 3, "successful": 1, "failed": 1},
        {"total": 1, "successful": 2, "failed": -1},
    ],
)
def test_numbers_that_do_not_add_up_are_refused(summary: dict[str, Any]) -> None:
    with pytest.raises(errors.ConfigError, match="summary"):
        notice.Outcome.of_summary(summary, "backup", "db01", MOMENT)


def test_a_report_is_told_with_its_warnings() -> None:
    result = BackupResult(
        success=True, database_id="prod", database_name="shop", duration_seconds=61.4, size_bytes=1572864
    )
    report = run.Report(results=[result], notes=["zlib is slow"])
    outcome = notice.Outcome.of_report(report, "backup", "db01", MOMENT)
    assert notice.render(CONFIG, outcome) == notice.Message(
        "[backupdb] db01: 1 backup succeeded",
        "1 backup succeeded on db01 at 2026-01-09 02:00:00+01:00: 1.5 MB in 1m1s\n\nWarnings:\n- zlib is slow",
    )


def test_a_failure_is_told_short_with_each_remedy_once() -> None:
    login = {"error_code": "credentials_error", "hint": "Check the password"}
    results = [GOOD, bad("a", **login), bad("b", **login), bad("", hint="Start the server")]
    assert notice.render(CONFIG, outcome_of(*results)) == notice.Message(
        "[backupdb] db01: 3 of 4 backups failed",
        "3 of 4 backups failed on db01 at 2026-01-09 02:00:00+01:00\n\n"
        "- prod/a: it went wrong (credentials_error)\n"
        "- prod/b: it went wrong (credentials_error)\n"
        "- prod: it went wrong\n\n"
        "What to do:\n- Check the password\n- Start the server",
    )


def test_an_outcome_of_each_kind_has_its_own_templates() -> None:
    config = NotificationsConfig(
        success_subject="good", success_body="$total", failure_subject="bad", failure_body="$$$failed ${status}ly"
    )
    assert notice.render(config, outcome_of(GOOD)) == notice.Message("good", "1")
    assert notice.render(config, outcome_of(GOOD, bad())) == notice.Message("bad", "$1 partially")


def test_of_many_failures_the_first_are_told_and_how_many_more_there_are() -> None:
    outcome = outcome_of(*(bad(f"database_{number:02}") for number in range(22)))
    lines = body_of(outcome).splitlines()
    assert len(lines) == notice.MAXIMUM_FAILURES + 1
    assert lines[0] == "- prod/database_00: it went wrong"
    assert lines[-1] == "and 12 more"
    assert subject_of(outcome, "$databases").startswith("prod/database_00, prod/database_01, ")
    assert body_of(outcome, "$databases").endswith("prod/database_09, and 12 more")


def test_of_many_warnings_the_first_are_told() -> None:
    outcome = outcome_of(GOOD, warnings=[f"warning {number}" for number in range(7)])
    lines = notice.render(NotificationsConfig(success_body="$warnings"), outcome).body.splitlines()
    assert (lines[0], lines[1], lines[-1]) == ("Warnings:", "- warning 0", "and 2 more")


def test_a_message_is_never_long() -> None:
    results = [bad("n" * 5000, error_message="m" * 5000, hint=f"{number}" * 5000) for number in range(100)]
    outcome = outcome_of(*results, warnings=["w" * 5000] * 100)
    message = notice.render(NotificationsConfig(failure_subject="$databases"), outcome)
    assert len(message.subject) == notice.SUBJECT_LENGTH
    assert message.subject.endswith("…")
    assert len(message.body) < notice.BODY_LENGTH
    whole = notice.render(NotificationsConfig(failure_body="$failures $hints $warnings" * 20), outcome).body
    assert len(whole) == notice.BODY_LENGTH


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029", "\0", "\u202e", "\ud800"])
def test_no_name_can_add_a_header_or_a_line_or_turn_the_text(end: str) -> None:
    outcome = outcome_of(bad(f"shop{end}Bcc: x@example.org", error_message=f"broken{end}{end}- all is well", hint=end))
    for template in ("$databases", "$failures"):
        assert subject_of(outcome, f"{template}!").isprintable()
    assert body_of(outcome, "$failures\n\n$hints").splitlines()[0] == (
        "- prod/shop Bcc: x@example.org: broken - all is well"
    )


@given(st.text(), st.text(), st.text())
def test_whatever_servers_say_a_subject_is_one_line_and_a_failure_another(name: str, message: str, host: str) -> None:
    outcome = notice.Outcome.of_results([bad(name, error_message=message)], "backup", host, MOMENT)
    message_made = notice.render(
        NotificationsConfig(failure_subject="$hostname $databases", failure_body="$failures"), outcome
    )
    assert len(message_made.subject.splitlines()) == 1
    assert message_made.subject.isprintable()
    assert len(message_made.body.splitlines()) == 1


def test_what_looks_like_a_template_or_markup_in_a_name_stays_as_it_is() -> None:
    name = "<script>alert(1)</script> $hostname ${total} {{ 7 * 7 }} %s {0}"
    assert body_of(outcome_of(bad(name))) == f"- prod/{name}: it went wrong"


def test_secrets_are_masked_also_where_the_text_is_cut() -> None:
    secret = "kQz-canary-7Xw"
    filler = "x" * (notice.MESSAGE_LENGTH - 35)
    outcome = outcome_of(bad(secret, error_message=f"{filler} {secret}", hint=f"not {secret}"), warnings=[secret])
    body = body_of(outcome, "$databases $failures $hints $warnings", secrets=(secret,))
    assert "canary" not in body
    assert "kQz" not in body
    assert "not ********" in body


def test_a_block_without_content_leaves_no_gap() -> None:
    outcome = outcome_of(bad())
    assert body_of(outcome, "a\n\n$hints\n\n$warnings\n\nb\n") == "a\n\nb"


def test_numbers_that_are_none_are_left_out_of_the_sums() -> None:
    outcome = outcome_of(GOOD, {**GOOD, "duration_seconds": None, "size_bytes": "many"})
    assert (outcome.duration_seconds, outcome.size_bytes) == (61.4, 1572864)
