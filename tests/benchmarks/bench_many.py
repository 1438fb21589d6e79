# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back up many small databases by one run, with one job and with more, and print what each number of jobs cost.

Run it from the root of the repository: make bench-many [DATABASES=50] [EACH_MB=10] [REPEATS=3]
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tools.private_servers.base import PrivateServer

from . import commands, measure, report, rounds, servers
from .rounds import say

LEVEL = 6
PREFIX = "many_"
HEADINGS = ("jobs", "wall s", "(least-most)", "times as fast", "CPU s: programs", "server", "wall to bound")


def main() -> None:
    """Do what the command line says, one family after the other."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_many", description=__doc__)
    parser.add_argument("--databases", type=int, default=50, help="how many there are (default: %(default)s)")
    parser.add_argument("--each-mb", type=int, default=10, help="text of each one's dump (default: %(default)s)")
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2], help="what is compared (default: 1 2)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each (default: %(default)s)")
    parser.add_argument("--families", nargs="+", choices=["postgresql", "mysql"], default=["postgresql", "mysql"])
    parser.add_argument("--folder", type=Path, help="where the artifacts go while they are measured (default: TMPDIR)")
    options = parser.parse_args()
    print(
        f"{report.machine()}\n{options.databases} databases of {options.each_mb} MB, {options.repeats} interleaved runs"
    )
    for family in options.families:
        with servers.create(family, options.databases * options.each_mb) as server:
            started = time.monotonic()
            servers.fill([server], options.each_mb, lambda _line: None)
            multiply(server, options.databases)
            say(f"{server.flavour} filled in {time.monotonic() - started:.0f} s")
            with tempfile.TemporaryDirectory(prefix="backupdb-benchmark-", dir=options.folder) as folder:
                benchmark(server, Path(folder), options.jobs, options.repeats)


def multiply(server: PrivateServer, databases: int) -> None:
    """Make so many databases like the one that was filled."""
    for number in range(databases):
        name = f"{PREFIX}{number:03d}"
        if server.family == "postgresql":
            server.execute(f"CREATE DATABASE {name} TEMPLATE {servers.DATABASE}")
            continue
        server.create_database(name)
        with contextlib.closing(server.connect(name)) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = %s", [servers.DATABASE]
            )
            for (table,) in cursor.fetchall():
                cursor.execute(f"CREATE TABLE {table} LIKE {servers.DATABASE}.{table}")
                cursor.execute(f"INSERT INTO {table} SELECT * FROM {servers.DATABASE}.{table}")
    if server.family == "postgresql":
        server.execute("CHECKPOINT")


def benchmark(server: PrivateServer, folder: Path, jobs: Sequence[int], repeats: int) -> None:
    """Measure every number of jobs on one server, and print its table."""
    taking_part = {number: commands.engine(server, f"{PREFIX}*", LEVEL, number) for number in jobs}
    dump = functools.partial(rounds.dump, folder=folder, server=server)
    measured = rounds.interleaved(list(taking_part.values()), dump, repeats)
    print(f"\n{report.server_line(server)}\n\n| {' | '.join(HEADINGS)} |\n{'|---' * len(HEADINGS)}|")
    slowest = report.wall(measured[taking_part[jobs[0]].name])
    for number, contestant in taking_part.items():
        print(f"| {number} | {' | '.join(cells(measured[contestant.name], slowest))} |")
    print(f"\n{report.disturbance(measured, ())}")


def cells(costs: Sequence[measure.Cost], slowest: float) -> list[str]:
    """Return what a row of the table says, given the median seconds of the first row."""
    seconds = [cost.wall_seconds for cost in costs]
    return [
        f"{report.wall(costs):.1f}",
        f"{min(seconds):.1f}-{max(seconds):.1f}",
        f"{slowest / report.wall(costs):.2f}",
        f"{report.median(costs, lambda cost: cost.client_cpu_seconds):.1f}",
        f"{report.median(costs, lambda cost: cost.server_cpu_seconds):.1f}",
        f"{report.median(costs, report.over_bound):.2f}",
    ]


if __name__ == "__main__":
    main()
