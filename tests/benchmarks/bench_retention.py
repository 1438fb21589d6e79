# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seconds to decide on 100,000 artifacts: the plan by itself, and a whole cleanup in check mode with all its reading.

Run it from the root of the repository: PYTHONPATH=.collections python -m tests.benchmarks.bench_retention
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.store import Store
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import RetentionConfig, StorageConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.retention import planning, pruning

from tests.integration.artifacts import write_many

ARTIFACTS = 100_000
REMOVED = 2_000
DATABASES_ON_DISK = 40
HOSTNAME = "db01"
NOW = datetime(2026, 1, 10, tzinfo=timezone(timedelta(hours=1)))
POLICY = RetentionConfig()


def main() -> None:
    """Print the seconds of each, as soon as they are known."""
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} processors, {ARTIFACTS} artifacts")
    for databases in (1, 40):
        candidates = spread(databases)
        with told(f"plan, {databases} databases"):
            planned = len(planning.plan(candidates, POLICY, NOW))
        expect(planned, ARTIFACTS)
    with stored(ARTIFACTS) as store:
        for which in ("first", "second"):
            with told(f"cleanup in check mode, {which}"):
                cleanup = pruning.clean_up(store, POLICY, check=True)
            expect(len(cleanup.results), ARTIFACTS)
    print(f"the most memory was {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")
    with stored(REMOVED) as store:
        with told(f"cleanup that removes most of {REMOVED}"):
            cleanup = pruning.clean_up(store, RetentionConfig(strategy="simple", daily_keep=1))
        expect(cleanup.removed, REMOVED - DATABASES_ON_DISK)


@contextlib.contextmanager
def told(what: str) -> Iterator[None]:
    """Print how long the block took, and how much of that it had a processor."""
    started, busy = time.perf_counter(), time.process_time()
    yield
    seconds, busy_seconds = time.perf_counter() - started, time.process_time() - busy
    print(f"{what:36} {seconds:7.2f} s, of the processor {busy_seconds:7.2f} s", flush=True)


def expect(found: int, wanted: int) -> None:
    """Raise AssertionError unless as many artifacts were seen as are there."""
    if found != wanted:
        raise AssertionError(f"{found} artifacts were decided on, {wanted} should have been")


@contextlib.contextmanager
def stored(count: int) -> Iterator[Store]:
    """Give a storage with so many artifacts of 40 databases, one of each per day."""
    with tempfile.TemporaryDirectory() as folder:
        config = StorageConfig(base_path=Path(folder))
        for _path in write_many(config.base_path, count, HOSTNAME):
            pass
        yield Store(config, HOSTNAME, lambda: NOW)


def spread(databases: int) -> list[planning.Candidate]:
    """Return the candidates of so many databases, one of each per hour."""
    candidates = []
    for number in range(ARTIFACTS):
        hour, which = divmod(number, databases)
        series = (HOSTNAME, "prod", f"database_{which}")
        candidates.append(planning.Candidate(series, NOW - timedelta(hours=hour), f"/srv/backups/{number}"))
    return candidates


if __name__ == "__main__":
    main()
