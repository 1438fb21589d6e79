# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back up and restore the same data by this collection and by what people use instead, and print what each cost.

Run it from the root of the repository: make bench [SIZE_MB=200] [REPEATS=3] [PEERS=all] [MEASURE=restores]
"""

from __future__ import annotations

import argparse
import functools
import tempfile
import time
from pathlib import Path

from tools.private_servers.base import PrivateServer

from . import commands, peers, report, restores, rounds, servers, writers
from .commands import Contestant
from .rounds import say

LEVELS = (6, 1)


def main() -> None:
    """Do what the command line says, one family after the other."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--size-mb", type=int, default=200, help="text of a whole dump (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each contestant (default: %(default)s)")
    parser.add_argument("--families", nargs="+", choices=["postgresql", "mysql"], default=["postgresql", "mysql"])
    parser.add_argument(
        "--peers", choices=["vendor", "all"], default="vendor", help="all: the community's modules, too"
    )
    parser.add_argument("--measure", nargs="+", choices=["dumps", "restores"], default=["dumps", "restores"])
    parser.add_argument("--folder", type=Path, help="where the dumps go while they are measured (default: TMPDIR)")
    options = parser.parse_args()
    collections = peers.install(say) if options.peers == "all" else None
    print(f"{report.machine()}\n{options.size_mb} MB, {options.repeats} interleaved runs, medians\n")
    for family in options.families:
        with servers.create(family, options.size_mb) as server:
            started = time.monotonic()
            servers.fill([server], options.size_mb, say)
            say(f"{server.flavour} filled in {time.monotonic() - started:.0f} s")
            with tempfile.TemporaryDirectory(prefix="backupdb-benchmark-", dir=options.folder) as folder:
                print(f"\n{report.server_line(server)}", flush=True)
                if "dumps" in options.measure:
                    benchmark(server, Path(folder), options.repeats, collections)
                if "restores" in options.measure:
                    print(restores.benchmark(server, Path(folder), options.repeats), flush=True)


def benchmark(server: PrivateServer, folder: Path, repeats: int, collections: Path | None) -> None:
    """Measure every dump of one server, and print its tables."""
    dump = functools.partial(rounds.dump, folder=folder, server=server)
    full = contestants(server, collections)
    empty = [
        commands.engine(server, servers.EMPTY_DATABASE, LEVELS[0]),
        commands.task(server, servers.EMPTY_DATABASE, LEVELS[0]),
    ]
    # So that the first one does not read from the disk what the others find in memory.
    dump(commands.bare(server, servers.DATABASE))
    measured = rounds.interleaved(full, dump, repeats)
    on_empty = rounds.interleaved(empty, dump, max(repeats, 3))
    ours = commands.engine(server, servers.DATABASE, LEVELS[0]).name
    gzip, gzip_fast = (commands.gzipped(server, servers.DATABASE, level).name for level in LEVELS)
    floor = commands.bare(server, servers.DATABASE).name
    fast = commands.engine(server, servers.DATABASE, LEVELS[1]).name
    uncounted = {contestant.name for contestant in full if not contestant.counted}
    print(f"\n{report.table(measured, ours, gzip, uncounted)}\n")
    speed = report.wall(measured[fast]) / report.wall(measured[floor])
    share = report.size(measured[fast]) / report.size(measured[gzip_fast])
    print(f"Level {LEVELS[1]}: {speed:.2f} times as long as the dump tool alone, {share:.3f} times gzip -{LEVELS[1]}")
    engine_seconds, task_seconds = (report.wall(costs) for costs in on_empty.values())
    print(f"An empty database: engine {engine_seconds:.2f} s, whole task {task_seconds:.2f} s")
    print(report.disturbance(measured, uncounted))
    print_waits(server, folder, repeats)


def print_waits(server: PrivateServer, folder: Path, repeats: int) -> None:
    """Print how long a writer waits while the database is dumped."""
    print("\n| while it dumps | writes | median ms | longest ms |\n|---|---|---|---|")
    taking_part = [
        commands.bare(server, servers.DATABASE),
        commands.engine(server, servers.DATABASE, LEVELS[0]),
        commands.parallel(server, servers.DATABASE),
    ]
    for contestant in taking_part:
        for _repeat in range(repeats):
            with writers.writer(server, servers.DATABASE) as writes:
                rounds.dump(contestant, folder, server)
            print(f"| {contestant.name} | {writes.describe()} |", flush=True)


def contestants(server: PrivateServer, collections: Path | None) -> list[Contestant]:
    """Return who takes part on a server."""
    database = servers.DATABASE
    community = [commands.community_task(server, database, collections)] if collections else []
    return [
        commands.bare(server, database),
        *(commands.engine(server, database, level) for level in LEVELS),
        commands.engine(server, database, LEVELS[0], jobs=1),
        commands.task(server, database, LEVELS[0]),
        *(commands.gzipped(server, database, level) for level in LEVELS),
        commands.piped(server, database, "pigz", "-6", "-p2"),
        commands.parallel(server, database),
        *community,
    ]


if __name__ == "__main__":
    main()
