# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers on this machine that notifications arrive at, and ways to look at what has."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import http.server
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from types import TracebackType
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tools.private_servers.tls import Tls

#: Below this path, the last step of a path is the status that is answered.
STATUS_PATH = "/status/"
#: Below this path, an answer begins and never ends.
ENDLESS_PATH = "/endless/"
REFUSED_RECIPIENT = "nobody@example.org"
DRIP_SECONDS = 0.1


@dataclass(frozen=True)
class Received:
    """A request that has arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def notice(self) -> dict[str, Any]:
        """What a webhook of Apprise says."""
        loaded: dict[str, Any] = json.loads(self.body)
        return loaded


class HttpSink:
    """A web server, with ``tls`` an encrypted one, that keeps what it is asked."""

    def __init__(self, tls: Tls | None = None) -> None:
        self.received: list[Received] = []
        self.over = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.server_cert, tls.server_key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def place(self) -> str:
        """Host and port, as an address has them."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> HttpSink:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(b"")

            def do_POST(self) -> None:
                self._answer(self.rfile.read(int(self.headers["Content-Length"])))

            def _answer(self, body: bytes) -> None:
                sink.received.append(Received(self.command, self.path, dict(self.headers), body))
                asked = self.path.startswith(STATUS_PATH)
                self.send_response(int(self.path.rpartition("/")[2]) if asked else 200)
                self.end_headers()
                if self.path.startswith(ENDLESS_PATH):
                    self._drip()

            def _drip(self) -> None:
                with contextlib.suppress(OSError):
                    while not sink.over.is_set():
                        self.wfile.write(b".")
                        time.sleep(DRIP_SECONDS)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that it has in the library
                pass

        return Handler


@dataclass
class MailSink:
    """A mail server that keeps what it is sent; with a ``password``, only from those who know it."""

    password: str | None = None
    mails: list[EmailMessage] = field(default_factory=list)
    port: int = 0

    @property
    def place(self) -> str:
        """Host and port, as an address has them."""
        return f"127.0.0.1:{self.port}"

    @contextlib.contextmanager
    def serving(self) -> Iterator[MailSink]:
        """Serve during the block."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        server = asyncio.run_coroutine_threadsafe(self._start(loop), loop).result()
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(server.close)
            asyncio.run_coroutine_threadsafe(_settle(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def _start(self, loop: asyncio.AbstractEventLoop) -> asyncio.Server:
        server = await loop.create_server(lambda: self._protocol(loop), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def _protocol(self, loop: asyncio.AbstractEventLoop) -> SMTP:
        return SMTP(
            self,
            hostname="mail.example.org",
            loop=loop,
            authenticator=self._check,
            auth_required=self.password is not None,
            auth_require_tls=False,
        )

    def _check(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: Any) -> AuthResult:
        known = isinstance(login, LoginPassword) and login.password == (self.password or "").encode()
        return AuthResult(success=known, handled=False)

    async def handle_RCPT(  # noqa: N802 - the name that the library looks for
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address == REFUSED_RECIPIENT:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        self.mails.append(email.message_from_bytes(cast(bytes, envelope.content), policy=email.policy.default))
        return "250 OK"


async def _settle() -> None:
    """End the tasks of connections that are still open."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@contextlib.contextmanager
def deaf_place() -> Iterator[str]:
    """Give a host and port where every connection is refused."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def part_of(mail: EmailMessage, kind: str) -> str:
    """Return the text of a mail of a kind, ``plain`` or ``html``."""
    part = mail.get_body((kind,))
    assert part is not None, mail.as_string()
    return str(part.get_content()).replace("\r\n", "\n")
