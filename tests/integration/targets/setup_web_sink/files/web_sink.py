# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server on this machine that keeps what it is asked: ``web_sink.py FILE`` until ``GET /stop``.

The file gets a line of JSON with the server's port, and then one for each request. Below ``/status/``, the last step
of a path is the status that is answered.
"""

from __future__ import annotations

import http.server
import json
import sys
import threading
from pathlib import Path
from typing import Any

FILE = Path(sys.argv[1])


def note(**what: Any) -> None:
    """Add a line to the file."""
    with FILE.open("a", encoding="utf-8") as file:
        file.write(json.dumps(what) + "\n")


class Handler(http.server.BaseHTTPRequestHandler):
    """Notes each request before it is answered."""

    def do_GET(self) -> None:
        """Answer, and end the server where that is asked for."""
        self.answer()
        if self.path == "/stop":
            # From another thread, for it waits until this request is over.
            threading.Thread(target=self.server.shutdown).start()

    def do_POST(self) -> None:
        """Answer."""
        self.answer(self.rfile.read(int(self.headers["Content-Length"])).decode("utf-8"))

    def answer(self, body: str = "") -> None:
        """Note the request and answer it."""
        note(method=self.command, path=self.path, body=body)
        wanted = self.path.startswith("/status/")
        self.send_response(int(self.path.rpartition("/")[2]) if wanted else 200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that it has in the library
        """Say nothing."""


def main() -> None:
    """Serve until it is asked to end."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        note(port=server.server_port)
        server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
