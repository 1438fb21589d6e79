# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses, URLs and templates the notifications take, and that no refusal shows one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models._pydantic import PydanticError, problems_of
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import NotificationsConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.notifications import TEMPLATE_NAMES
from ansible_collections.vya.backupdb.plugins.module_utils._engine.notices import notice


def refused(**settings: Any) -> dict[str, str]:
    with pytest.raises(PydanticError) as caught:
        NotificationsConfig(**settings)
    assert "canary" not in str(caught.value)
    return {problem["path"]: problem["message"] for problem in problems_of(caught.value)}


@pytest.mark.parametrize(
    "address",
    ["mailto://user:p%40ss@mail.example.org?to=dba@example.org&name=The Backup", "slack://A/B/C/#backups", "syslog://"],
)
def test_an_address_is_a_scheme_and_what_apprise_makes_of_the_rest(address: str) -> None:
    assert NotificationsConfig(success=[address]).success == [address]


@pytest.mark.parametrize(
    "address", ["canary", "canary@example.org", "json:/canary", "//canary", "json://canary\nx", ""]
)
def test_what_is_no_address_is_refused_without_being_shown(address: str) -> None:
    problems = refused(success=["json://host"], failure=["json://host", address])
    assert list(problems) == ["failure.1"]
    assert problems["failure.1"].startswith("must be an address of Apprise")


@pytest.mark.parametrize(
    "url", ["https://hc.example.org/id", "http://192.0.2.1:8000/id?a=b", "https://[2001:db8::1]/id"]
)
def test_a_ping_asks_for_a_web_address(url: str) -> None:
    config = NotificationsConfig(ping_url=url, ping_failure_url=f"{url}/fail")
    assert (config.ping_url, config.ping_failure_url) == (url, f"{url}/fail")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "canary",
        "ftp://host/canary",
        "file:///canary",
        "https:///canary",
        "https://user:canary@host/",
        "https://host:canary/",
        "https://host:99999/canary",
        "https://[canary/",
        "https://host/can ary canary",
        "https://host/canary\r\nX: y",
        "https://hést/canary",
    ],
)
@pytest.mark.parametrize("name", ["ping_url", "ping_failure_url"])
def test_what_is_no_web_address_is_refused_without_being_shown(name: str, url: str) -> None:
    assert refused(**{name: url}) == {name: "must be an http or https URL without a user"}


@pytest.mark.parametrize("text", ["", "no name", "$$5 on ${hostname}: $summary", "$total,$failed"])
def test_a_template_has_the_names_that_there_are(text: str) -> None:
    assert NotificationsConfig(failure_body=text).failure_body == text


@pytest.mark.parametrize("text", ["$canary", "${canary}", "$Hostname", "$hostname_canary"])
def test_another_name_in_a_template_is_refused_with_those_that_there_are(text: str) -> None:
    for name in ("success_subject", "success_body", "failure_subject", "failure_body"):
        problems = refused(**{name: text})
        assert list(problems) == [name]
        assert problems[name].startswith("may have no placeholders but $databases, $duration, ")


@pytest.mark.parametrize("text", ["100 $", "$5 canary", "${hostname", "$-"])
def test_a_dollar_sign_before_no_name_is_refused(text: str) -> None:
    problems = refused(success_body=text)
    assert problems == {"success_body": "has a $ before what is no name; write $$ for a dollar sign"}


def test_every_name_has_its_text_and_no_text_lacks_a_name() -> None:
    outcome = notice.Outcome("backup", "db01", datetime.now().astimezone())
    assert set(notice.values(outcome)) == set(TEMPLATE_NAMES)


def test_the_timeout_is_a_number_of_seconds() -> None:
    assert NotificationsConfig().timeout == 30
    assert list(refused(timeout=0)) == ["timeout"]


def test_the_text_of_a_configuration_shows_no_address() -> None:
    config = NotificationsConfig(
        success=["json://canary"],
        failure=["json://canary"],
        ping_url="https://host/canary",
        ping_failure_url="https://host/canary",
    )
    assert "canary" not in repr(config)
