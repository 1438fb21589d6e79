# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A browser without a window that opens files, asked and told over the two pipes of its remote debugging."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

PROGRAM = "chromium"
# The browser takes its messages from descriptor 3 and gives them to 4; each of the pipes may have the other's number.
GIVE_PIPES = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(number), fcntl.F_DUPFD_CLOEXEC, 10) for number in sys.argv[1:3]]
for wanted, end in zip((3, 4), ends):
    os.dup2(end, wanted)
os.execvp(sys.argv[3], sys.argv[3:])
"""
#: After so long the browser is ended, so that no test waits for it in vain.
PATIENCE_SECONDS = 300


@dataclass
class Page:
    """A page of the browser, and every message that it sent of itself."""

    sink: BinaryIO
    source: BinaryIO
    session: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    number: int = 0

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol and return its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.sink.write(json.dumps(message).encode() + b"\0")
        self.sink.flush()
        while True:
            answer = self._receive()
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _receive(self) -> dict[str, Any]:
        read = bytearray()
        while (byte := self.source.read(1)) != b"\0":
            assert byte, "the browser has gone"
            read += byte
        answer: dict[str, Any] = json.loads(read)
        return answer

    def open(self, path: Path, *, width: int = 1280, scheme: str = "light", media: str = "screen") -> None:
        """Open a file on a screen of this width, whose user likes the ``scheme``."""
        mobile = width < 600
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=mobile)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)
        self.call("Page.navigate", url=path.as_uri())
        self.wait_for("Page.loadEventFired")

    def wait_for(self, method: str) -> None:
        """Wait until the page has told of an event, which is taken as told."""
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self._receive())
        self.events[:] = [event for event in self.events if event.get("method") != method]

    def evaluate(self, expression: str) -> Any:
        """Return what a piece of JavaScript comes to in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def screenshot(self, path: Path) -> None:
        """Write a picture of the whole page."""
        picture = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(picture["data"]))

    def happened(self, method: str) -> list[dict[str, Any]]:
        """Return what the page told of itself by this method."""
        # Whatever was on its way has come once a question is answered.
        self.evaluate("0")
        return [event["params"] for event in self.events if event.get("method") == method]


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """Start the browser with its things in a folder, and yield an empty page of it."""
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()

    process = subprocess.Popen(
        [
            *(sys.executable, "-c", GIVE_PIPES, str(to_read), str(from_write)),
            PROGRAM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--hide-scrollbars",
            "--disable-dev-shm-usage",
            "--remote-debugging-pipe",
            f"--user-data-dir={folder}",
        ],
        env={**os.environ, "HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(to_read, from_write),
        start_new_session=True,
    )
    os.close(to_read)
    os.close(from_write)
    watch = threading.Timer(PATIENCE_SECONDS, process.kill)
    watch.start()
    try:
        with open(to_write, "wb") as sink, open(from_read, "rb") as source:
            page = Page(sink, source)
            target = page.call("Target.createTarget", url="about:blank")["targetId"]
            page.session = page.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Network", "Log"):
                page.call(f"{domain}.enable")
            yield page
    finally:
        watch.cancel()
        process.kill()
        process.wait()
