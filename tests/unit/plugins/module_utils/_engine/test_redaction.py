# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in text that somebody else wrote."""

from __future__ import annotations

import json
import shlex
from urllib.parse import quote

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.redaction import MASK, redact, redact_urls
from hypothesis import given
from hypothesis import strategies as st

CANARY = "p'a\"s s\\w$o%r`d"


@pytest.mark.parametrize(
    "form",
    [
        CANARY,
        CANARY.replace("\\", "\\\\").replace("'", "\\'"),
        CANARY.replace("\\", "\\\\").replace('"', '\\"'),
        CANARY.replace("'", "''"),
        CANARY.replace('"', '""'),
        CANARY.replace("%", "%%"),
        CANARY.replace("$", "$$"),
        repr(CANARY),
        json.dumps(CANARY),
        shlex.quote(CANARY),
        quote(CANARY, safe=""),
    ],
)
def test_a_quoted_or_escaped_form_of_a_secret_is_masked(form: str) -> None:
    assert redact(f"before {form} after", [CANARY]).strip("'\"") in (
        f"before {MASK} after",
        f"before '{MASK}' after",
        f'before "{MASK}" after',
    )


def test_a_secret_within_a_longer_one_leaves_nothing_of_the_longer() -> None:
    assert redact("password-extra", ["password", "password-extra"]) == MASK


def test_every_occurrence_is_masked() -> None:
    assert redact("a secret, a secret", ["secret"]) == f"a {MASK}, a {MASK}"


@pytest.mark.parametrize("secrets", [[], [""]])
def test_text_without_secrets_stays_as_it_is(secrets: list[str]) -> None:
    assert redact("text", secrets) == "text"


def test_unicode_is_masked_also_where_json_escapes_it() -> None:
    assert redact(json.dumps("zürich"), ["zürich"]) == f'"{MASK}"'
    assert redact(json.dumps("zürich", ensure_ascii=False), ["zürich"]) == f'"{MASK}"'


@given(secret=st.text(min_size=1).filter(lambda text: text not in MASK), around=st.text())
def test_no_secret_survives_in_its_plain_form(secret: str, around: str) -> None:
    redacted = redact(f"{around}{secret}{around}", [secret])
    assert secret not in redacted.replace(MASK, "\0" if secret != "\0" else "\1")


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("postgresql://audit:secret@db01/audit", f"postgresql://audit:{MASK}@db01/audit"),
        ("mysql+pymysql://audit:sec:r@t/x@db01:3306/a", f"mysql+pymysql://audit:{MASK}@db01:3306/a"),
        ("redis://:secret@db01", f"redis://:{MASK}@db01"),
        ("see 'http://u:p%40@h/', or a:b@c", f"see 'http://u:{MASK}@h/', or a:b@c"),
    ],
)
def test_the_password_of_a_url_is_masked(url: str, masked: str) -> None:
    assert redact_urls(url) == masked


@pytest.mark.parametrize("text", ["https://example.org:8443/a", "sqlite:////var/lib/audit.db", "root@db01:/srv"])
def test_a_url_without_a_password_stays_as_it_is(text: str) -> None:
    assert redact_urls(text) == text
