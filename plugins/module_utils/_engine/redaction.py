# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take secrets out of text that somebody else wrote.

``no_log`` hides a password only as it was given. Servers and client programs also print it quoted
or escaped, so each such form is looked for.
"""

from __future__ import annotations

import functools
import json
import re
import shlex
from collections.abc import Iterable
from urllib.parse import quote

MASK = "********"
# Up to the last @, for nobody is sure to have escaped one in a password.
_URL_PASSWORD = re.compile(r"(?P<before>://[^\s:/@]*:)\S*(?=@)")


def redact(text: str, secrets: Iterable[str]) -> str:
    """Given text and the secrets it may hold, return it with every form of each secret masked."""
    forms = {form for secret in secrets if secret for form in _forms(secret)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, MASK)
    return text


def redact_urls(text: str) -> str:
    """Given text, return it with the password of each URL masked, as in ``postgresql://audit:********@db01/audit``."""
    return _URL_PASSWORD.sub(rf"\g<before>{MASK}", text)


@functools.lru_cache(maxsize=1024)
def _forms(secret: str) -> frozenset[str]:
    plain_and_escaped = (secret, secret.replace("\\", "\\\\"))
    quoted = {
        text.replace("'", single).replace('"', double)
        for text in plain_and_escaped
        for single in ("'", "\\'", "''")
        for double in ('"', '\\"', '""')
    }
    doubled = {secret.replace(mark, mark * 2) for mark in ("%", "$")}
    forms = {
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        shlex.quote(secret),
        quote(secret, safe=""),
        *quoted,
        *doubled,
    }
    return frozenset(forms)
