# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the roots that are named: ``python -m tools.server_roots sid trixie``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .roots import PACKAGES, ServerRootError, default_cache, ensure_root


def main() -> int:
    """Make roots and print where they are. Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.server_roots", description=__doc__)
    parser.add_argument("suites", nargs="+", choices=sorted(PACKAGES), metavar="suite", help=", ".join(PACKAGES))
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder of the roots (%(default)s)")
    arguments = parser.parse_args()
    try:
        for suite in arguments.suites:
            root = ensure_root(suite, arguments.cache)
            print(f"{suite}: {root.path}, its clients in {root.client_path}")
    except ServerRootError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
