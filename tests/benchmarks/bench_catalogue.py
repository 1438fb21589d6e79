# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seconds to list 10,000 artifacts, beside reading the same files with json alone.

Run it from the root of the repository: PYTHONPATH=.collections python -m tests.benchmarks.bench_catalogue
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts import catalog
from ansible_collections.vya.backupdb.plugins.module_utils._engine.status import information

from tests.integration.artifacts import write_many

ARTIFACTS = 10_000
REPEATS = 3


def main() -> None:
    """Write the artifacts, then print how long each way of reading them takes, best of three."""
    with tempfile.TemporaryDirectory() as folder:
        base_path = Path(folder)
        written = sum(1 for _path in write_many(base_path, ARTIFACTS))
        listed = best_of(lambda: len(catalog.list_artifacts(base_path).artifacts), written)
        described = best_of(lambda: len(describe(base_path)), written)
        plain = best_of(lambda: read_plainly(base_path), written)
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} processors, {written} artifacts, best of {REPEATS}")
    print(f"catalog.list_artifacts  {listed:6.2f} s  {listed / plain:5.2f} times json")
    print(f"  and described         {described:6.2f} s  {described / plain:5.2f} times json")
    print(f"os.walk and json.load   {plain:6.2f} s")


def describe(base_path: Path) -> list[dict[str, object]]:
    """Return all artifacts as the module backup_info gives them."""
    return [information.describe_artifact(artifact) for artifact in catalog.list_artifacts(base_path).artifacts]


def read_plainly(base_path: Path) -> int:
    """Read every metadata file with json and check nothing; return how many there are."""
    count = 0
    for folder, _folders, files in os.walk(base_path):
        for filename in files:
            if filename.endswith(".metadata.json"):
                with open(os.path.join(folder, filename), encoding="utf-8") as source:
                    json.load(source)
                count += 1
    return count


def best_of(action: Callable[[], int], expected: int) -> float:
    """Return the least seconds that an action took, and see that it found what is there."""
    seconds = []
    for _repeat in range(REPEATS):
        started = time.perf_counter()
        found = action()
        seconds.append(time.perf_counter() - started)
        if found != expected:
            raise AssertionError(f"{found} artifacts were found, {expected} are there")
    return min(seconds)


if __name__ == "__main__":
    main()
