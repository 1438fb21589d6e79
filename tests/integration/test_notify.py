# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notifications arrive at real servers, or are told to have failed, and no token of a target is ever shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import NotificationsConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.notices import notify
from ansible_collections.vya.backupdb.plugins.modules import backup_notify

from tests.integration.ansible import run_module
from tests.integration.canary import CORE, Workplace, gives_away, telling_files
from tests.integration.sinks import REFUSED_RECIPIENT, HttpSink, MailSink, deaf_place, part_of
from tools.private_servers.tls import create_tls

NAME = "<script>alert(1)</script>\r\nBcc: thief@example.org"
SHOWN_NAME = "<script>alert(1)</script> Bcc: thief@example.org"
GOOD = {
    "success": True,
    "database_id": "prod",
    "database_name": "shop",
    "size_bytes": 1572864,
    "duration_seconds": 61.4,
}
BAD = {
    "success": False,
    "database_id": "prod",
    "database_name": NAME,
    "error_message": "cannot log in",
    "error_code": "credentials_error",
    "hint": "Check the password",
}
ADDRESSES = "from=backup@example.org&to=dba@example.org"


@pytest.fixture
def web() -> Iterator[HttpSink]:
    with HttpSink() as sink:
        yield sink


@pytest.fixture
def mail() -> Iterator[MailSink]:
    with MailSink().serving() as sink:
        yield sink


def outcome_of(*results: dict[str, Any]) -> notify.Outcome:
    return notify.Outcome.of_results(results, "backup", "db01", datetime.now().astimezone())


def sent(outcome: notify.Outcome, **settings: Any) -> list[notify.Delivery]:
    return notify.send(NotificationsConfig(**{"timeout": 20, **settings}), outcome)


def errors_of(deliveries: list[notify.Delivery]) -> list[str | None]:
    assert all((delivery.error is None) == bool(delivery.success) for delivery in deliveries)
    return [delivery.error for delivery in deliveries]


def test_a_mail_arrives_with_its_subject_and_what_to_do(mail: MailSink) -> None:
    deliveries = sent(outcome_of(GOOD, BAD), failure=[f"mailto://{mail.place}?{ADDRESSES}"])
    assert deliveries == [notify.Delivery("mailto://127.0.0.1", "message", True)]
    [received] = mail.mails
    assert received["Subject"] == "[backupdb] db01: 1 of 2 backups failed"
    assert (received["From"], received["To"]) == ("backup@example.org", "dba@example.org")
    body = part_of(received, "plain")
    assert f"- prod/{SHOWN_NAME}: cannot log in (credentials_error)\n" in body
    assert "What to do:\n- Check the password" in body


def test_no_database_name_adds_a_header_to_a_mail_or_markup_to_its_html(mail: MailSink) -> None:
    target = f"mailto://{mail.place}?{ADDRESSES}&format=html"
    assert errors_of(sent(outcome_of(BAD), failure=[target], failure_subject="$databases failed")) == [None]
    [received] = mail.mails
    assert received["Subject"] == f"prod/{SHOWN_NAME} failed"
    assert received["Bcc"] is None
    html = part_of(received, "html")
    assert "&lt;script&gt;" in html
    assert "<script>" not in html


def test_a_webhook_is_told_of_success_and_of_failure_in_part(web: HttpSink) -> None:
    targets = {"success": [f"json://{web.place}/good"], "failure": [f"json://{web.place}/bad"]}
    assert errors_of(sent(outcome_of(GOOD), **targets) + sent(outcome_of(GOOD, BAD), **targets)) == [None, None]
    good, bad = web.received
    assert (good.path, good.notice["type"], bad.path, bad.notice["type"]) == ("/good", "success", "/bad", "warning")
    assert good.notice["title"] == "[backupdb] db01: 1 backup succeeded"
    assert good.notice["message"].endswith(": 1.5 MB in 1m1s")
    assert SHOWN_NAME in bad.notice["message"]


def test_a_webhook_gets_the_header_that_its_address_names(web: HttpSink) -> None:
    target = f"json://{web.place}/hook?+Authorization=Bearer%20TOKEN"
    assert errors_of(sent(outcome_of(GOOD), success=[target])) == [None]
    assert web.received[0].headers["Authorization"] == "Bearer TOKEN"


def test_a_dead_mans_switch_is_pinged_on_success_and_on_failure_if_so_configured(web: HttpSink) -> None:
    url = f"http://{web.place}/id"
    only_success = {"ping_url": url}
    both = {"ping_url": url, "ping_failure_url": f"{url}/fail?code=1"}
    for settings in (only_success, both):
        for results in ([GOOD], [BAD]):
            assert set(errors_of(sent(outcome_of(*results), **settings))) <= {None}
    asked = [(received.method, received.path) for received in web.received]
    assert asked == [("GET", "/id"), ("GET", "/id"), ("GET", "/id/fail?code=1")]


# It is a password for a test, on this machine.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_every_target_is_tried_and_each_failure_has_its_reason(web: HttpSink, mail: MailSink, tmp_path: Path) -> None:
    with deaf_place() as deaf, HttpSink(create_tls(tmp_path)) as encrypted, MailSink(CORE).serving() as guarded:
        expected = {
            f"json://{deaf}/{CORE}": "the connection was refused",
            f"json://{web.place}/status/403": "it answered with status 403",
            f"jsons://{encrypted.place}/{CORE}": "its certificate is not to be trusted",
            f"jsons://{web.place}/{CORE}": "no encrypted connection could be made",
            f"mailto://{deaf}?{ADDRESSES}": "the connection was refused",
            f"mailto://user:not-{CORE}@{guarded.place}?{ADDRESSES}": "it answered with status 535",
            f"mailto://{guarded.place}?{ADDRESSES}": "it answered with status 530",
            f"mailto://{mail.place}?from=a@example.org&to={REFUSED_RECIPIENT}": "it answered with status 550",
            f"nonsense://{CORE}": "Apprise does not understand its address",
            f"mailto://user:{CORE}@{guarded.place}?{ADDRESSES}": None,
            f"json://{web.place}/last": None,
        }
        deliveries = sent(outcome_of(BAD), failure=list(expected), ping_failure_url=f"https://{encrypted.place}/{CORE}")
        assert errors_of(deliveries) == [*expected.values(), "its certificate is not to be trusted"]
        assert (len(guarded.mails), web.received[-1].path) == (1, "/last")
        assert encrypted.received == []
    assert CORE not in repr(deliveries)


@pytest.mark.parametrize(
    ("path", "error"), [("status/404", "it answered with status 404"), ("status/500", "it answered with status 500")]
)
def test_a_ping_that_is_refused_is_told(web: HttpSink, path: str, error: str) -> None:
    assert errors_of(sent(outcome_of(GOOD), ping_url=f"http://{web.place}/{path}")) == [error]


def test_a_ping_of_nobody_is_told() -> None:
    with deaf_place() as deaf:
        assert errors_of(sent(outcome_of(GOOD), ping_url=f"http://{deaf}/{CORE}")) == ["the connection was refused"]


def test_a_target_that_never_ends_holds_up_neither_the_others_nor_the_task(web: HttpSink, mail: MailSink) -> None:
    endless = [f"json://{web.place}/endless/{number}" for number in range(3)]
    targets = [*endless, f"mailto://{mail.place}?{ADDRESSES}", f"json://{web.place}/last"]
    result = run_module("backup_notify", {"failure": targets, "timeout": 5, "results": [BAD]})
    assert result.rc == 0, result.stdout
    told = [delivery["error"] for delivery in result.result["deliveries"]]
    assert told == ["it did not answer within 5 s"] * 3 + [None, None]
    assert len(mail.mails) == 1
    assert not web.over.is_set()


def run(capsys: pytest.CaptureFixture[str], **options: Any) -> dict[str, Any]:
    """Run the module in this process and return its result."""
    with patch_module_args(options), pytest.raises(SystemExit) as ended:
        backup_notify.main()
    result = dict(json.loads(capsys.readouterr().out))
    return {**result, "failed": bool(ended.value.code)}


def test_a_failing_notification_is_a_warning_and_fails_the_task_only_if_that_is_wanted(web: HttpSink) -> None:
    good, bad = f"json://{web.place}/good", f"json://{web.place}/status/500"
    options = {"failure": [good, bad], "results": [GOOD, BAD], "hostname": "db01"}
    done = run_module("backup_notify", options)
    assert (done.rc, done.result["changed"], done.result["status"]) == (0, True, "partial")
    told = "the notification to json://127.0.0.1 failed: it answered with status 500"
    assert " ".join(done.stdout.split()).count(f"[WARNING]: {told}") == 1
    assert done.result["subject"] == "[backupdb] db01: 1 of 2 backups failed"

    done = run_module("backup_notify", {**options, "fail_on_error": True})
    assert (done.result["failed"], done.result["changed"], done.result["error_code"]) == (True, True, "partial_failure")
    assert done.result["msg"] == told
    assert [delivery["success"] for delivery in done.result["deliveries"]] == [True, False]

    done = run_module("backup_notify", {**options, "failure": [bad], "fail_on_error": True})
    assert (done.result["failed"], done.result["changed"], done.result["error_code"]) == (
        True,
        False,
        "complete_failure",
    )


def test_check_mode_tells_whom_and_what_and_sends_nothing(web: HttpSink, capsys: pytest.CaptureFixture[str]) -> None:
    targets = {"failure": [f"json://{web.place}/hook", "nonsense://x"], "ping_failure_url": f"http://{web.place}/id"}
    result = run(capsys, **targets, error_message="no route", subject="$summary!", _ansible_check_mode=True)
    assert (result["failed"], result["changed"], result["subject"]) == (False, True, "the backup failed!")
    assert "- no route" in result["body"]
    assert [(each["kind"], each["success"]) for each in result["deliveries"]] == [
        ("message", None),
        ("message", False),
        ("ping", None),
    ]
    assert web.received == []


def test_the_configuration_names_targets_and_templates_and_a_task_its_own_words(
    web: HttpSink, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path.joinpath("config.yaml")
    notifications = {"success": [f"json://{web.place}/hook"], "success_subject": "good", "success_body": "$total"}
    config.write_text(yaml.safe_dump({"databases": [], "notifications": notifications}), encoding="utf-8")
    options = {"config": str(config), "summary": {"total": 2, "successful": 2, "failed": 0}}
    assert run(capsys, **options)["changed"]
    assert run(capsys, **options, body="$operation of $total", operation="restore")["changed"]
    assert [(each.notice["title"], each.notice["message"]) for each in web.received] == [
        ("good", "2"),
        ("good", "restore of 2"),
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"success": ["json://host", CORE]},
        {"ping_url": f"ftp://host/{CORE}"},
        {"success": ["json://host"], "subject": f"${CORE}"},
    ],
)
def test_what_is_not_valid_is_refused_by_its_path_and_not_shown(
    options: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(capsys, **options, results=[GOOD])
    assert (result["failed"], result["error_code"]) == (True, "config_error")
    assert result["msg"].startswith("the notification of the task is not valid: ")
    assert CORE not in result["msg"]


def test_an_outcome_that_is_not_said_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, success=["json://host"])["msg"].startswith("one of the following is required: results, summary")
    empty = run(capsys, ping_url="http://host", results=[], _ansible_check_mode=True)
    assert (empty["status"], empty["deliveries"]) == ("failed", [])


def tasks_of_a_play(targets: dict[str, Any], port: str, store: Path) -> list[dict[str, Any]]:
    """Return a backup that fails and the tasks that tell of it, as in the examples of the module."""
    login = {"type": "postgresql", "login_host": "127.0.0.1", "login_port": port, "login_user": "backup"}
    return [
        {
            "vya.backupdb.db_backup": {**login, "login_password": "x", "base_path": str(store), "databases": ["shop"]},
            "register": "backup",
            "ignore_errors": True,
        },
        {
            "vya.backupdb.backup_notify": {
                **targets,
                "results": "{{ backup.results | default([]) }}",
                "error_message": "{{ backup.msg | default(omit) }}",
            },
            "register": "told",
        },
        {"ansible.builtin.assert": {"that": ["backup is failed", "told is not failed"]}},
    ]


def test_a_play_tells_of_its_backup_and_no_token_is_left_anywhere(
    web: HttpSink, mail: MailSink, tmp_path: Path
) -> None:
    place = Workplace(tmp_path.joinpath("work"), tmp_path.joinpath("given"))
    place.folder.mkdir()
    place.given.mkdir()
    given_config = place.given.joinpath("config.yaml")
    with deaf_place() as deaf:
        targets = {
            "failure": [
                f"json://{web.place}/{CORE}",
                f"json://user:{CORE}@{web.place}/status/500?+token={CORE}",
                f"json://{deaf}/{CORE}",
                f"mailto://user:{CORE}@{mail.place}?{ADDRESSES}",
                f"slackx://{CORE}",
            ],
            "ping_failure_url": f"http://{web.place}/{CORE}/status",
        }
        given_config.write_text(yaml.safe_dump({"databases": [], "notifications": targets}), encoding="utf-8")
        port = deaf.partition(":")[2]
        done = place.play(
            [
                *tasks_of_a_play({name: f"{{{{ targets.{name} }}}}" for name in targets}, port, place.store),
                *tasks_of_a_play({"config": str(given_config)}, port, place.store),
            ],
            {"targets": targets},
        )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-6000:]
    arrived = [received.path for received in web.received]
    assert arrived.count(f"/{CORE}") == arrived.count(f"/{CORE}/status") == 2
    notice = next(received.notice for received in web.received if received.path == f"/{CORE}")
    assert notice["title"].endswith(": 1 of 1 backups failed")
    assert "(connection_error)" in notice["message"]
    assert b"the notification to slackx://******** failed" in done.stdout
    assert not gives_away(done.stdout)
    assert telling_files(place.folder) == []
    assert json.dumps(targets).count(CORE) > 5
