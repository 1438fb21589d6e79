# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an address and a template of the notifications may be. No error shows one: addresses hold tokens."""

from __future__ import annotations

import re
import string
from typing import Annotated
from urllib.parse import urlsplit

from ._pydantic import AfterValidator

#: What a template may say with a ``$`` before it; notice.py gives each its text.
TEMPLATE_NAMES = (
    "databases",
    "duration",
    "failed",
    "failures",
    "hints",
    "hostname",
    "moment",
    "operation",
    "size",
    "status",
    "successful",
    "summary",
    "total",
    "warnings",
)
DEFAULT_SUBJECT = "[backupdb] $hostname: $summary"
DEFAULT_SUCCESS_BODY = "$summary on $hostname at $moment: $size in $duration\n\n$warnings"
DEFAULT_FAILURE_BODY = "$summary on $hostname at $moment\n\n$failures\n\n$hints\n\n$warnings"
_TARGET = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\x00-\x1f\x7f]*")
_VISIBLE = re.compile(r"[!-~]+")


def _target(address: str) -> str:
    if not _TARGET.fullmatch(address):
        raise ValueError("must be an address of Apprise, such as mailto://user:password@mail.example.org")
    return address


def _ping_url(url: str) -> str:
    if not (_VISIBLE.fullmatch(url) and _is_web_address(url)):
        raise ValueError("must be an http or https URL without a user")
    return url


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc and has_port


def _template(text: str) -> str:
    for found in string.Template.pattern.finditer(text):
        name = found["named"] or found["braced"]
        if name is None and found["escaped"] is None:
            raise ValueError("has a $ before what is no name; write $$ for a dollar sign")
        if name is not None and name not in TEMPLATE_NAMES:
            raise ValueError(f"may have no placeholders but {', '.join(f'${known}' for known in TEMPLATE_NAMES)}")
    return text


Target = Annotated[str, AfterValidator(_target)]
PingUrl = Annotated[str, AfterValidator(_ping_url)]
MessageTemplate = Annotated[str, AfterValidator(_template)]
