# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot Debian hosts and leave them up: ``start FOLDER db01=bookworm db02=trixie``; ``stop FOLDER`` ends them.

``FOLDER/hosts.json`` then tells how to reach each of them by SSH. It needs root, and the packages debootstrap,
iproute2, nftables, openssh-client and systemd-container.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from .bases import SUITES, BootedHostError, hosts_cache
from .hosts import ssh_command, start, stop

HOST = re.compile(r"([a-z0-9][a-z0-9.-]*)=(\w+)")


def wanted_host(argument: str) -> tuple[str, str]:
    """Given ``name=release``, return both. Raise ArgumentTypeError if it is none of that."""
    match = HOST.fullmatch(argument)
    if match is None or match[2] not in SUITES:
        raise argparse.ArgumentTypeError(f"{argument} is not NAME=RELEASE with one of {', '.join(SUITES)}")
    return match[1], match[2]


def main() -> int:
    """Do what the command line says. Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.booted_hosts", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cache", type=Path, default=hosts_cache(), help="folder of the systems (%(default)s)")
    actions = parser.add_subparsers(dest="action", required=True)
    starting = actions.add_parser("start")
    starting.add_argument("folder", type=Path)
    starting.add_argument("hosts", type=wanted_host, nargs="+", metavar="name=release")
    actions.add_parser("stop").add_argument("folder", type=Path)
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    try:
        if arguments.action == "stop":
            stop(folder, arguments.cache)
        else:
            for host in start(folder, dict(arguments.hosts), arguments.cache):
                print(" ".join(ssh_command(host)))
    except BootedHostError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
