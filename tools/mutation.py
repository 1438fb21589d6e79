# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change the engine in many small ways, and see whether the tests notice: those that none notices are shown.

Only parts that decide and that unit tests cover are looked at; what acts on servers and disks has faults injected by
the integration tests. Each part is changed by Cosmic Ray in a copy of its own. ``python -m tools.mutation drift`` looks
at those parts alone whose names have that in them.
"""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tools.sanity import copy_collection

ENGINE = Path("plugins", "module_utils", "_engine")
TESTS = Path("tests", "unit", ENGINE)
PROCESSES = os.cpu_count() or 1
# Of the changes to a part, so many in a hundred may go unnoticed: some change nothing that anybody could notice.
TOLERATED_PERCENT = 10

CONFIGURATION = """\
[cosmic-ray]
module-path = {module!r}
timeout = 60.0
excluded-modules = []
test-command = {command!r}

[cosmic-ray.distributor]
name = "local"

[cosmic-ray.filters.operators-filter]
# Annotations such as ``str | None`` are not evaluated, and what a decorator does shows when files are imported. Whether
# equal texts and small numbers are the same object is the interpreter's affair.
exclude-operators = [
  "core/ReplaceBinaryOperator_BitOr_.*", "core/RemoveDecorator",
  "core/ReplaceComparisonOperator_Eq_Is", "core/ReplaceComparisonOperator_NotEq_IsNot",
]
"""


@dataclass(frozen=True)
class Part:
    """A file of the engine, and the files and folders of unit tests that are to notice a change."""

    module: str
    tests: tuple[str, ...]


PARTS = (
    Part("retention/planning.py", ("retention/test_planning.py", "retention/test_planning_properties.py")),
    Part("retention/removal.py", ("retention/test_removal.py",)),
    Part("artifacts/freshness.py", ("artifacts/test_freshness.py",)),
    Part("drills/choosing.py", ("drills/test_choosing.py",)),
    Part("verification.py", ("test_verification.py",)),
    Part("sequences.py", ("test_sequences.py",)),
    Part("restores/loading.py", ("restores/test_loading.py",)),
    Part("backups/drift.py", ("backups/test_drift.py",)),
    Part("layout.py", ("test_layout.py",)),
    Part("durations.py", ("test_durations.py",)),
    Part("outcomes.py", ("backups/test_run.py",)),
)


def main() -> int:
    """Look at the parts that were asked for. Return 1 where too many changes to one of them go unnoticed."""
    wanted = [part for part in PARTS if not sys.argv[1:] or any(name in part.module for name in sys.argv[1:])]
    with concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:
        return max(pool.map(look_at, wanted), default=1)


def look_at(part: Part) -> int:
    """Change a part in every way, and print what the tests do not notice. Return 1 where that is too much."""
    with tempfile.TemporaryDirectory(prefix="backupdb-mutation-") as folder:
        copy = Path(folder, "ansible_collections", "vya", "backupdb")
        copy_collection(copy)
        names = copy / ".collections" / "ansible_collections" / "vya"
        names.mkdir(parents=True)
        names.joinpath("backupdb").symlink_to(copy)
        tests = " ".join(str(TESTS / test) for test in part.tests)
        command = f"{sys.executable} -m pytest --quiet --exitfirst {tests}"
        configuration = CONFIGURATION.format(module=str(ENGINE / part.module), command=command)
        copy.joinpath("mutation.toml").write_text(configuration, encoding="utf-8")
        for arguments in (
            ["cosmic-ray", "baseline", "mutation.toml"],
            ["cosmic-ray", "init", "mutation.toml", "session.sqlite"],
            ["cr-filter-operators", "session.sqlite", "mutation.toml"],
            ["cosmic-ray", "exec", "mutation.toml", "session.sqlite"],
        ):
            run(arguments, copy)
        report = run(["cr-report", "--surviving-only", "--show-diff", "session.sqlite"], copy)
        print(f"== {part.module}\n{report}", flush=True)
        rate = float(run(["cr-rate", "session.sqlite"], copy))
    return int(rate > TOLERATED_PERCENT)


def run(arguments: list[str], folder: Path) -> str:
    """Run a program of the environment in a folder and return what it prints. Raise CalledProcessError if it fails."""
    program = str(Path(sys.executable).parent / arguments[0])
    finished = subprocess.run(
        [program, *arguments[1:]], cwd=folder, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=True
    )
    return finished.stdout


if __name__ == "__main__":
    sys.exit(main())
