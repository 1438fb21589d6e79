# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take secrets out of text that somebody else wrote.

``no_log`` hides a password only as it was given. Servers and client programs also print it quoted
or escaped, so each such form is looked for.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from urllib.parse import quote

MASK = "********"


def redact(text: str, secrets: Iterable[str]) -> str:
    """Given text and the secrets it may hold, return it with every form of each secret masked."""
    forms = {form for secret in secrets if secret for form in _forms(secret)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, MASK)
    return text


def _forms(secret: str) -> set[str]:
    plain_and_escaped = (secret, secret.replace("\\", "\\\\"))
    quoted = {
        text.replace("'", single).replace('"', double)
        for text in plain_and_escaped
        for single in ("'", "\\'", "''")
        for double in ('"', '\\"', '""')
    }
    doubled = {secret.replace(mark, mark * 2) for mark in ("%", "$")}
    return {
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        shlex.quote(secret),
        quote(secret, safe=""),
        *quoted,
        *doubled,
    }
