# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell people and monitoring how an operation went: messages by Apprise, pings by HTTP.

Addresses hold tokens, and what libraries write holds addresses. So a target is named by its scheme and host, and of a
library's complaint only what is known to be harmless goes on: a status, or one of a few causes in words of our own.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import importlib
import inspect
import logging
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Callable, Literal
from urllib.parse import urlsplit

from ..models.config import NotificationsConfig
from . import notice
from .notice import Failure, Message, Outcome

__all__ = ["Delivery", "Failure", "Message", "Outcome", "preview", "send", "warnings_of"]

# Elsewhere, what is in the place of the host may be a token.
SCHEMES_WITH_HOST = frozenset(
    scheme + encrypted
    for scheme in ("apprise", "form", "gotify", "http", "json", "mailto", "xml")
    for encrypted in ("", "s")
)
MASKED_HOST = "********"
MISSING = "the Python package apprise is missing; install apprise"
UNKNOWN = "Apprise does not understand its address"
UNDELIVERED = "it could not be delivered"
# What libraries write, and what is said instead.
CAUSES = (
    (r"refused\b", "the connection was refused"),
    (r"name or service not known|name resolution|no address associated", "its host is not known"),
    (r"timed? ?out", "it did not answer in time"),
    (r"no route to host|unreachable", "there is no way to its host"),
    (r"certificate", "its certificate is not to be trusted"),
    (r"\[ssl|tls\b", "no encrypted connection could be made"),
    (r"auth extension|authentication method", "it offers no way to log in"),
    (r"unexpectedly closed|closed connection|reset by peer|broken pipe", "it closed the connection"),
)
_STATUS = re.compile(r"\berror=(\d{3})\b|\((\d{3}), b['\"]")
_HOST = re.compile(r"[a-z0-9._:-]+")
# At one level or another, their records name addresses.
_TALKATIVE = ("apprise", "oauthlib", "requests_oauthlib", "urllib3")


@dataclass(frozen=True)
class Delivery:
    """What became of one notification. ``target`` holds no secret; ``success`` is None where none was to be sent."""

    target: str
    kind: Literal["message", "ping"]
    success: bool | None
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for a result."""
        return asdict(self)


@dataclass(frozen=True)
class _Target:
    kind: Literal["message", "ping"]
    address: str = field(repr=False)

    def delivery(self, success: bool | None, error: str | None = None) -> Delivery:
        return Delivery(public_name(self.address), self.kind, success, error)


class _UndeliveredError(Exception):
    """A notification has not arrived; the text says why, and holds no secret."""


class _Attempt(threading.Thread):
    """One delivery under way. A daemon, so that a target that never answers does not keep the program."""

    def __init__(self, deliver: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self.error: str | None = None
        self._deliver = deliver

    def run(self) -> None:
        try:
            self._deliver()
        except _UndeliveredError as error:
            self.error = str(error)
        except Exception:  # noqa: BLE001 - the text of an error that nobody foresees may hold the address
            self.error = UNDELIVERED


def send(config: NotificationsConfig, outcome: Outcome, *, secrets: Iterable[str] = ()) -> list[Delivery]:
    """Tell all that the configuration names for an outcome; return what became of each notification.

    They are sent side by side, and those that are not done after ``config.timeout`` seconds are given up. The
    ``secrets`` are masked in the message. Nothing is raised where a target cannot be reached or Apprise is missing.
    """
    message = notice.render(config, outcome, secrets)
    deadline = time.monotonic() + config.timeout
    under_way = []
    for target in _targets(config, outcome):
        attempt = _Attempt(_courier(target, message, outcome.status, config.timeout))
        attempt.start()
        under_way.append((target, attempt))
    return [_awaited(target, attempt, deadline, config.timeout) for target, attempt in under_way]


def preview(config: NotificationsConfig, outcome: Outcome) -> list[Delivery]:
    """Return what ``send`` would do, with what is known to fail; nothing is sent."""
    found = []
    for target in _targets(config, outcome):
        try:
            if target.kind == "message":
                _load(target.address)
        except _UndeliveredError as error:
            found.append(target.delivery(False, str(error)))
        else:
            found.append(target.delivery(None))
    return found


def warnings_of(deliveries: Iterable[Delivery]) -> list[str]:
    """Return a sentence for each notification that failed."""
    what = {"message": "the notification to", "ping": "the ping of"}
    return [
        f"{what[delivery.kind]} {delivery.target} failed: {delivery.error}"
        for delivery in deliveries
        if delivery.success is False
    ]


def public_name(address: str) -> str:
    """Given an address, return its scheme, and its host where that cannot be a secret."""
    scheme = address.partition("://")[0].lower()
    host = _host(address) if scheme in SCHEMES_WITH_HOST else None
    return f"{scheme}://{host or MASKED_HOST}"


def _host(address: str) -> str | None:
    """Return the host of an address, None where a password that is not encoded may stand in its place."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    strayed = "@" in parts.path or "@" in parts.fragment or "@" in parts.query.partition("=")[0]
    misplaced = strayed and "@" not in parts.netloc
    return host if host and _HOST.fullmatch(host) and not misplaced and port != 0 else None


def _targets(config: NotificationsConfig, outcome: Outcome) -> list[_Target]:
    good = outcome.status == "success"
    ping_url = config.ping_url if good else config.ping_failure_url
    return [
        *(_Target("message", address) for address in (config.success if good else config.failure)),
        *([_Target("ping", ping_url)] if ping_url else []),
    ]


def _courier(target: _Target, message: Message, status: str, timeout: int) -> Callable[[], None]:
    if target.kind == "ping":
        return functools.partial(_ping, target.address, timeout)
    return functools.partial(_tell, target.address, message, status, timeout)


def _awaited(target: _Target, attempt: _Attempt, deadline: float, timeout: int) -> Delivery:
    attempt.join(max(0.0, deadline - time.monotonic()))
    if attempt.is_alive():
        return target.delivery(False, f"it did not answer within {timeout} s")
    return target.delivery(attempt.error is None, attempt.error)


def _ping(url: str, timeout: int) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "vya-backupdb"})
    try:
        with urllib.request.build_opener().open(request, timeout=timeout):
            return
    except urllib.error.HTTPError as error:
        error.close()
        raise _UndeliveredError(f"it answered with status {error.code}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _UndeliveredError(_cause([str(error)])) from None


def _tell(address: str, message: Message, status: str, timeout: int) -> None:
    library = _library()
    service = _load(address)
    service.socket_connect_timeout = service.socket_read_timeout = float(timeout)
    if service.overflow_mode == library.OverflowMode.UPSTREAM:
        # A service that takes less than the whole text shall have what it takes, not refuse it.
        service.overflow_mode = library.OverflowMode.TRUNCATE
    told = library.Apprise(asset=service.asset)
    told.add(service)
    kinds = {"success": library.NotifyType.SUCCESS, "partial": library.NotifyType.WARNING}
    with _overheard() as complaints:
        arrived = told.notify(
            body=message.body,
            title=message.subject,
            notify_type=kinds.get(status, library.NotifyType.FAILURE),
            body_format=library.NotifyFormat.TEXT,
        )
    if not arrived:
        raise _UndeliveredError(_cause(complaints))


def _load(address: str) -> Any:
    """Return what Apprise makes of an address. Raise _UndeliveredError where that is nothing."""
    library = _library()
    options: dict[str, Any] = {"app_id": "vya.backupdb", "app_desc": "database backups", "async_mode": False}
    if "service_timeout" in inspect.signature(library.AppriseAsset).parameters:
        # Otherwise Apprise 2 works in a thread of a pool, which the end of the program waits for.
        options["service_timeout"] = 0
    service = library.Apprise.instantiate(address, asset=library.AppriseAsset(**options))
    if service is None:
        raise _UndeliveredError(UNKNOWN)
    return service


def _library() -> Any:
    """Return Apprise, silenced. It is imported by those only who have somebody to tell: that takes a while."""
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
    # The causes are told at this level.
    logging.getLogger("apprise").setLevel(logging.DEBUG)
    try:
        return importlib.import_module("apprise")
    except ImportError:
        raise _UndeliveredError(MISSING) from None


class _Ear(logging.Handler):
    """Hears the complaints of the thread that has made it."""

    def __init__(self) -> None:
        super().__init__()
        self.complaints: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(TypeError, ValueError):
            text = record.getMessage()
            if record.thread == self._thread and (record.levelno >= logging.WARNING or "Exception" in text):
                self.complaints.append(text)


@contextlib.contextmanager
def _overheard() -> Iterator[list[str]]:
    """Give a list of what Apprise complains of in this thread within the block."""
    ear, logger = _Ear(), logging.getLogger("apprise")
    logger.addHandler(ear)
    try:
        yield ear.complaints
    finally:
        logger.removeHandler(ear)


def _cause(complaints: Iterable[str]) -> str:
    text = "\n".join(complaints)
    status = _STATUS.search(text)
    if status:
        return f"it answered with status {status[1] or status[2]}"
    return next((said for pattern, said in CAUSES if re.search(pattern, text, re.IGNORECASE)), UNDELIVERED)
