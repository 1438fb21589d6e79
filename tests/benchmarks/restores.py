# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore what was dumped, by this collection and by what people use instead, and say what each cost."""

from __future__ import annotations

import dataclasses
import functools
import json
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.private_servers.base import PrivateServer

from . import commands, data, measure, report, rounds, servers
from .commands import Command
from .measure import Cost

TARGET = "restored"
LEVEL = 6
#: Steps of our restore that the others do not take.
VERIFICATION = ("preflight", "compare")
HEADINGS = (
    "contestant",
    "wall s",
    "verification s",
    "without it",
    "(least-most)",
    "to ours, 2 jobs",
    "CPU s: programs",
    "server",
    "peak MB: one process",
    "all",
)


@dataclass(frozen=True)
class Restore(Cost):
    """What one restore cost; ``steps`` are the seconds of each, as ours tells them."""

    steps: Mapping[str, float] = field(default_factory=dict)

    @property
    def verification_seconds(self) -> float:
        """The seconds that went into reading the file before and comparing the database afterwards."""
        return sum(self.steps.get(step, 0.0) for step in VERIFICATION)

    @property
    def restoring_seconds(self) -> float:
        """All other seconds."""
        return self.wall_seconds - self.verification_seconds


@dataclass(frozen=True)
class Contestant:
    """A way to restore: the programs that read each other's output.

    ``is_ours`` tells which one makes the database itself and prints its result as JSON; the others' database is
    there already, and empty.
    """

    name: str
    stages: Sequence[Command]
    is_ours: bool = False


@dataclass(frozen=True)
class Contest:
    """Who takes part on a server, and who is compared with whom."""

    one_job: Contestant
    two_jobs: Contestant
    pipe: Contestant
    parallel: Contestant

    def __iter__(self) -> Iterator[Contestant]:
        return iter((self.one_job, self.two_jobs, self.pipe, self.parallel))


def benchmark(server: PrivateServer, folder: Path, repeats: int) -> str:
    """Measure every restore on one server; return what is to be printed."""
    expected = count_rows(server, servers.DATABASE)
    own = folder / "artifacts"
    contest = prepare(server, own)
    run = functools.partial(restore, folder=own, server=server, expected=expected)
    try:
        # So that the first one does not make the server's log files that the others find.
        run(contest.pipe)
        measured = rounds.interleaved(list(contest), run, repeats)
    finally:
        shutil.rmtree(own)
    return "\n".join(
        ["", table(measured, contest), "", *conclusions(measured, contest), report.disturbance(measured, ())]
    )


def prepare(server: PrivateServer, folder: Path) -> Contest:
    """Dump by us and by the family's parallel tool into a new folder; return who restores from there."""
    ours, theirs = folder / "ours", folder / "theirs"
    for own, dumper in (
        (ours, commands.engine(server, servers.DATABASE, LEVEL)),
        (theirs, commands.parallel(server, servers.DATABASE)),
    ):
        own.mkdir(parents=True)
        measure.run(dumper.stages(own), None, own, servers.process_id(server))
    (artifact,) = ours.rglob("*_full.sql.gz")
    loader = commands.load_command(server, TARGET)
    parallel = commands.parallel_load_command(server, theirs / "dump", TARGET)
    one_job, two_jobs = (
        Contestant(
            f"vya.backupdb, engine, {jobs} job{'s' if jobs > 1 else ''}",
            [commands.engine_restore(server, ours, servers.DATABASE, TARGET, jobs)],
            is_ours=True,
        )
        for jobs in (1, 2)
    )
    return Contest(
        one_job,
        two_jobs,
        Contestant(f"gunzip to {loader.program}", [Command(["gunzip", "-c", str(artifact)]), loader]),
        Contestant(f"{parallel.program}, 2 jobs", [parallel]),
    )


def restore(contestant: Contestant, folder: Path, server: PrivateServer, expected: Mapping[str, int]) -> Restore:
    """Let a contestant restore into a fresh database, which is dropped afterwards, and see that all rows are there.

    The seconds in which the database is created count for everybody.
    """
    own = folder / "output"
    own.mkdir()
    said = own / "said"
    started = time.monotonic()
    if not contestant.is_ours:
        server.create_database(TARGET)
    creating_seconds = time.monotonic() - started
    try:
        cost = measure.run(contestant.stages, said, own, servers.process_id(server))
        steps = json.loads(said.read_text(encoding="utf-8"))["restore"]["seconds"] if contestant.is_ours else {}
        found = count_rows(server, TARGET)
        if found != expected:
            raise AssertionError(f"{contestant.name} restored {found}, and {expected} were dumped")
    finally:
        server.drop_database(TARGET)
        shutil.rmtree(own)
    whole = dataclasses.replace(cost, wall_seconds=creating_seconds + cost.wall_seconds)
    return Restore(**dataclasses.asdict(whole), steps=steps)


def count_rows(server: PrivateServer, database: str) -> dict[str, int]:
    """Return the number of rows of each table."""
    return {
        table.name: int(server.execute(f"SELECT count(*) FROM {table.name}", database)[0][0]) for table in data.TABLES
    }


def table(measured: Mapping[str, Sequence[Restore]], contest: Contest) -> str:
    """Return the restores as a Markdown table."""
    lines = [f"| {' | '.join(HEADINGS)} |", "|---" * len(HEADINGS) + "|"]
    for contestant in contest:
        costs = measured[contestant.name]
        seconds = [cost.restoring_seconds for cost in costs]
        cells = [
            contestant.name,
            f"{report.wall(costs):.1f}",
            f"{_median(costs, lambda cost: cost.verification_seconds):.1f}" if contestant.is_ours else "",
            f"{_restoring(costs):.1f}",
            f"{min(seconds):.1f}-{max(seconds):.1f}",
            f"{_restoring(costs) / _restoring(measured[contest.two_jobs.name]):.2f}",
            f"{report.median(costs, lambda cost: cost.client_cpu_seconds):.1f}",
            f"{report.median(costs, lambda cost: cost.server_cpu_seconds):.1f}",
            f"{report.median(costs, lambda cost: cost.largest_bytes) / 1e6:.0f}",
            f"{report.median(costs, lambda cost: cost.together_bytes) / 1e6:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def conclusions(measured: Mapping[str, Sequence[Restore]], contest: Contest) -> Iterator[str]:
    """Yield what the table comes to."""
    one_job, two_jobs, pipe, parallel = (_restoring(measured[contestant.name]) for contestant in contest)
    yield (
        f"Verification apart, 2 jobs: {pipe / two_jobs:.2f} times as fast as {contest.pipe.name},"
        f" {two_jobs / parallel:.2f} times as long as {contest.parallel.name}"
    )
    yield f"Verification apart, 1 job: {one_job / pipe:.2f} times as long as {contest.pipe.name}"
    for contestant in (contest.one_job, contest.two_jobs):
        costs = measured[contestant.name]
        steps = {step: statistics.median(cost.steps[step] for cost in costs) for step in costs[0].steps}
        told = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in steps.items())
        yield f"{contestant.name}: {told}, everything else {report.wall(costs) - sum(steps.values()):.1f} s"


def _restoring(costs: Sequence[Restore]) -> float:
    return _median(costs, lambda cost: cost.restoring_seconds)


def _median(costs: Sequence[Restore], value: Callable[[Restore], float]) -> float:
    return statistics.median(value(cost) for cost in costs)
