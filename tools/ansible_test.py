# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the tests of the collection by ``ansible-test``: ``python -m tools.ansible_test integration db_backup``.

The other arguments are handed on. It works on a copy of the collection, and with the packages of this environment.
ansible-test itself starts nothing from an environment whose path has a space in it.
"""

from __future__ import annotations

import argparse
import sys

from tools import sanity


def main() -> int:
    """Return the exit code of ansible-test."""
    parser = argparse.ArgumentParser(prog="python -m tools.ansible_test", description=__doc__)
    parser.add_argument("command", choices=["units", "integration"])
    arguments, others = parser.parse_known_args()
    return sanity.run_ansible_test(arguments.command, others)


if __name__ == "__main__":
    sys.exit(main())
