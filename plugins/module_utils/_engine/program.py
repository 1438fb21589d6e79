# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's second door: the same folder as a program on the host, without Ansible.

Before anything else is imported, what it needs is looked for, so that a host that lacks it is told in a sentence.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence

from .command.exits import USAGE
from .version import ENGINE_VERSION

#: Packages that must be importable, and the names by which they are installed.
NEEDED = {
    "typer": "typer",
    "rich": "rich",
    "pydantic": "pydantic",
    "pydantic_settings": "pydantic-settings",
    "yaml": "PyYAML",
    "cryptography": "cryptography",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given == ["--version"]:
        sys.stdout.write(f"vya-backupdb {ENGINE_VERSION}\n")
        return 0
    lacking = [name for package, name in NEEDED.items() if importlib.util.find_spec(package) is None]
    if lacking:
        packages = f"Python package{'s' if lacking[1:] else ''} {', '.join(lacking)}"
        sys.stderr.write(
            f"vya-backupdb: the {packages} cannot be imported by {sys.executable}:"
            " install what the requirements.txt of the collection names\n"
        )
        return USAGE
    from .command.front import run

    return run(given)


if __name__ == "__main__":
    raise SystemExit(main())
