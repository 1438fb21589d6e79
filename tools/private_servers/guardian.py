# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parent of one private server: it ends the server and removes its folder when its own parent goes.

Run as a program with one argument, the ``Guarded`` fields as JSON. Standard input is held open by
whoever wants the server: its end means that nobody does, however that process died. One byte ``k``
on it means keep: from then on only SIGTERM ends the server. Standard output gets the server's process id.
A process of its own, because the kernel's own parent-death signal follows the thread that forked,
and because nothing else could clean up after a parent that was killed.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

PR_SET_PDEATHSIG = 1
STOP_TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Guarded:
    """What to run: ``prepare`` commands one after the other, then ``command``, which stays.

    ``folder`` is removed at the end. ``uid`` and ``gid`` of None mean: as the caller. Paths in the commands
    are those inside ``root``, the others are the machine's.
    """

    prepare: list[list[str]]
    command: list[str]
    folder: str
    log_file: str
    root: str = "/"
    uid: int | None = None
    gid: int | None = None
    stop_signal: int = signal.SIGKILL

    def spawn(self, command: Sequence[str], log: BinaryIO) -> subprocess.Popen[bytes]:
        """Start a command inside ``root`` as the server's account, with its output in the log."""
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            start_new_session=True,
            preexec_fn=self.enter,  # noqa: PLW1509 - this process has one thread
        )

    def enter(self) -> None:
        """Make the forked child what the server has to be; the order matters to the kernel."""
        if self.root != "/":
            os.chroot(self.root)
        os.chdir("/")
        if self.uid is not None and self.gid is not None:
            os.setgroups([])
            os.setgid(self.gid)
            os.setuid(self.uid)
        # Last: a change of user clears it.
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def end(server: subprocess.Popen[bytes], stop_signal: int) -> None:
    """Stop the server, whether or not it listens to its signal."""
    if server.poll() is None:
        server.send_signal(stop_signal)
        try:
            server.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def run(guarded: Guarded) -> int:
    """Given what to guard, prepare and run it until nobody wants it. Return the exit code for the parent."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with open(guarded.log_file, "ab") as log:
            for command in guarded.prepare:
                if guarded.spawn(command, log).wait() != 0:
                    # The parent reads the log before it lets go.
                    sys.stdout.write("failed\n")
                    sys.stdout.flush()
                    os.read(0, 1)
                    return 1
            server = guarded.spawn(guarded.command, log)
        # Reaps at once, so that the parent sees a server that died as gone.
        signal.signal(signal.SIGCHLD, lambda *_: server.poll())
        try:
            sys.stdout.write(f"{server.pid}\n")
            sys.stdout.flush()
            if os.read(0, 1) == b"k":
                server.wait()
        finally:
            end(server, guarded.stop_signal)
        return 0
    finally:
        shutil.rmtree(guarded.folder, ignore_errors=True)


def main() -> int:
    """Guard what the first argument describes."""
    return run(Guarded(**json.loads(sys.argv[1])))


if __name__ == "__main__":
    sys.exit(main())
