# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run all who take part one after the other, several times over."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from tools.private_servers.base import PrivateServer

from . import measure, servers
from .commands import Contestant
from .measure import Cost


class Named(Protocol):
    """Whoever takes part."""

    @property
    def name(self) -> str:
        """What tells it from the others."""


AnyNamed = TypeVar("AnyNamed", bound=Named)
AnyCost = TypeVar("AnyCost", bound=Cost)


def interleaved(
    taking_part: Sequence[AnyNamed], run: Callable[[AnyNamed], AnyCost], repeats: int
) -> dict[str, list[AnyCost]]:
    """Run all that take part one after the other, so many times over, each time from another one on."""
    measured: dict[str, list[AnyCost]] = {each.name: [] for each in taking_part}
    for repeat in range(repeats):
        first = repeat * len(taking_part) // repeats
        for each in [*taking_part[first:], *taking_part[:first]]:
            cost = run(each)
            say(f"{repeat + 1}/{repeats} {each.name}: {cost.wall_seconds:.1f} s")
            measured[each.name].append(cost)
    return measured


def dump(contestant: Contestant, folder: Path, server: PrivateServer) -> Cost:
    """Let a contestant dump into an empty folder, which is removed afterwards."""
    own = folder / "output"
    own.mkdir()
    try:
        output = own / "dump" if contestant.prints else None
        return measure.run(contestant.stages(own), output, own, servers.process_id(server))
    finally:
        shutil.rmtree(own)


def say(line: str) -> None:
    """Tell whoever waits what is going on; the tables alone go to the standard output."""
    print(line, file=sys.stderr, flush=True)
