# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom an outcome is told, and how a target is named; tests/integration/test_notify.py sends."""

from __future__ import annotations

import io
import logging
import sys
import threading
from datetime import datetime
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import NotificationsConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.notices import notify

CONFIG = NotificationsConfig(
    success=["json://good.example.org"],
    failure=["json://bad.example.org", "nonsense://canary"],
    ping_url="https://hc.example.org/canary",
)


def outcome_of(*successes: bool) -> notify.Outcome:
    results: list[dict[str, Any]] = [{"success": success} for success in successes]
    return notify.Outcome.of_results(results, "backup", "db01", datetime.now().astimezone())


def targets_of(config: NotificationsConfig, outcome: notify.Outcome) -> list[str]:
    return [delivery.target for delivery in notify.preview(config, outcome)]


def test_a_success_is_told_its_own_targets_and_pings() -> None:
    assert targets_of(CONFIG, outcome_of(True, True)) == ["json://good.example.org", "https://hc.example.org"]


@pytest.mark.parametrize("successes", [(True, False), (False,), ()])
def test_a_failure_in_part_too_is_told_its_own_targets_and_pings_nothing(successes: tuple[bool, ...]) -> None:
    assert targets_of(CONFIG, outcome_of(*successes)) == ["json://bad.example.org", "nonsense://********"]


def test_a_failure_pings_where_that_is_configured() -> None:
    config = NotificationsConfig(ping_url="https://a.example.org/x", ping_failure_url="https://b.example.org/x/fail")
    assert targets_of(config, outcome_of(False)) == ["https://b.example.org"]


def test_nobody_is_told_where_nobody_is_named() -> None:
    assert notify.send(NotificationsConfig(), outcome_of(False)) == []


def test_a_preview_tells_what_apprise_does_not_understand() -> None:
    assert notify.preview(CONFIG, outcome_of(False)) == [
        notify.Delivery("json://bad.example.org", "message", None),
        notify.Delivery("nonsense://********", "message", False, notify.UNKNOWN),
    ]


def test_without_apprise_messages_fail_and_name_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    deliveries = notify.send(NotificationsConfig(success=["json://good.example.org"]), outcome_of(True))
    assert notify.warnings_of(deliveries) == [
        "the notification to json://good.example.org failed: the Python package apprise is missing; install apprise"
    ]


def test_only_what_failed_is_warned_of() -> None:
    deliveries = [
        notify.Delivery("json://a", "message", True),
        notify.Delivery("json://b", "message", None),
        notify.Delivery("https://c", "ping", False, "the connection was refused"),
    ]
    assert notify.warnings_of(deliveries) == ["the ping of https://c failed: the connection was refused"]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("mailto://user:canary@mail.example.org?to=dba@example.org", "mailto://mail.example.org"),
        ("mailtos://mail.example.org?user=a&pass=canary&to=dba@example.org", "mailtos://mail.example.org"),
        ("jsons://host_1:8443/canary/canary?-token=canary#canary", "jsons://host_1"),
        ("JSON://user:canary@Host", "json://host"),
        ("https://hooks.example.org/services/canary", "https://hooks.example.org"),
        ("https://[2001:db8::1]/canary", "https://2001:db8::1"),
        ("slack://canary/canary/canary/#backups", "slack://********"),
        ("ntfy://canary", "ntfy://********"),
        ("syslog://", "syslog://********"),
        # Passwords that were not encoded.
        ("json://user:can/ary@host", "json://********"),
        ("json://can/ary@host", "json://********"),
        ("json://can?ary@host", "json://********"),
        ("json://can#ary@host", "json://********"),
        ("json://user:can ary@host", "json://host"),
        ("json://can ary", "json://********"),
        ("json://[canary", "json://********"),
    ],
)
def test_a_target_is_named_by_what_is_no_secret(address: str, name: str) -> None:
    assert notify.public_name(address) == name


def test_no_text_of_a_target_shows_its_address() -> None:
    assert "canary" not in repr(notify.preview(CONFIG, outcome_of(False)))
    assert "canary" not in repr(notify._targets(CONFIG, outcome_of(False)))


@pytest.mark.parametrize(
    ("complaint", "cause"),
    [
        ("Failed to send JSON POST notification: Page not found, error=404.", "it answered with status 404"),
        ("Socket Exception: (535, b'5.7.8 canary')", "it answered with status 535"),
        ("{'canary@example.org': (550, b'no such user')}", "it answered with status 550"),
        ("url: /canary (Caused by: [Errno 111] Connection refused)", "the connection was refused"),
        ("[Errno -2] Name or service not known", "its host is not known"),
        ("/canary: Read timed out. (read timeout=4.0)", "it did not answer in time"),
        ("[Errno 113] No route to host", "there is no way to its host"),
        ("certificate verify failed: self-signed certificate canary", "its certificate is not to be trusted"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "no encrypted connection could be made"),
        ("STARTTLS extension not supported by server.", "no encrypted connection could be made"),
        ("SMTP AUTH extension not supported by server.", "it offers no way to log in"),
        ("Remote end closed connection without response", "it closed the connection"),
        ("canary", "it could not be delivered"),
    ],
)
def test_of_a_complaint_only_what_is_known_goes_on(complaint: str, cause: str) -> None:
    assert notify._cause([complaint]) == cause


def test_the_libraries_log_to_nobody() -> None:
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        notify.preview(CONFIG, outcome_of(False))
        for name in ("apprise", "urllib3.connectionpool", "requests_oauthlib.x", "oauthlib.x"):
            logging.getLogger(name).critical("canary")
        root.debug("the end")
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert heard.getvalue() == "the end\n"


def test_only_complaints_of_its_own_thread_are_overheard() -> None:
    logger = logging.getLogger("apprise")
    logger.setLevel(logging.DEBUG)
    with notify._overheard() as complaints:
        logger.warning("status %d", 404)
        logger.debug("Socket Exception: refused")
        logger.debug("payload")
        other = threading.Thread(target=logger.error, args=["of another"])
        other.start()
        other.join()
    logger.warning("too late")
    assert complaints == ["status 404", "Socket Exception: refused"]


def test_a_complaint_that_cannot_be_read_is_passed_over() -> None:
    ear = notify._Ear()
    ear.handle(logging.LogRecord("apprise", logging.ERROR, "", 0, "%d", ("not a number",), None))
    assert ear.complaints == []
