# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take the picture of ``make demo`` that the README shows: run it on a terminal and draw what it wrote as SVG.

``python -m tools.demo_picture`` writes docs/images/demo.svg. Random names of temporary folders are shortened.
"""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

REPOSITORY = Path(__file__).resolve().parent.parent
PICTURE = REPOSITORY / "docs" / "images" / "demo.svg"
WIDTH = 132
TITLE = "make demo"
TEMPORARY = re.compile(r"/\S*?/backupdb-demo-[^/\s]+")


def main() -> int:
    """Write the picture. Return the exit code of the demo."""
    code, output = record([sys.executable, "-m", "demo"])
    if code == 0:
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        PICTURE.write_text(picture(output), encoding="utf-8")
    return code


def record(command: list[str]) -> tuple[int, str]:
    """Run a program on a terminal of its own and return its exit code and all that it wrote there."""
    ours, its = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(WIDTH)}
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=its, stdout=its, stderr=its, env=environment) as process:
        os.close(its)
        blocks = list(iter(lambda: read(ours), b""))
        os.close(ours)
    return process.returncode, b"".join(blocks).decode("utf-8", "replace")


def read(terminal: int) -> bytes:
    """Return what comes next from a terminal, nothing when its other side is closed."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def picture(output: str) -> str:
    """Return a terminal with that output, as SVG."""
    lines = [TEMPORARY.sub("/tmp/demo", line).rstrip() for line in output.replace("\r\n", "\n").splitlines()]
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="256")
    for line in lines:
        console.print(Text.from_ansi(line))
    return console.export_svg(title=TITLE, unique_id="demo")


if __name__ == "__main__":
    sys.exit(main())
