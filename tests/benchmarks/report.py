# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables that a benchmark prints: medians and ratios."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from tools.private_servers.base import PrivateServer

from .measure import Cost

HEADINGS = (
    "contestant",
    "wall s",
    "(least-most)",
    "to ours",
    "CPU s: programs",
    "server",
    "wall to bound",
    "peak MB: one process",
    "all",
    "output MB",
    "to gzip -6",
)


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def machine() -> str:
    """Return a line about this machine."""
    model = "an unknown processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return (
        f"{processors()} processors ({model}), {memory:.0f} GiB of memory, Linux {platform.release()},"
        f" Python {platform.python_version()}"
    )


def median(costs: Sequence[Cost], value: Callable[[Cost], float]) -> float:
    """Return the median of a value over the repeated runs of one contestant."""
    return statistics.median(value(cost) for cost in costs)


def wall(costs: Sequence[Cost]) -> float:
    """Return the median of the seconds that passed."""
    return median(costs, lambda cost: cost.wall_seconds)


def size(costs: Sequence[Cost]) -> float:
    """Return the median of the bytes that were written."""
    return median(costs, lambda cost: cost.size_bytes)


def over_bound(cost: Cost) -> float:
    """Return the seconds that passed, as a multiple of what they had been with every processor always at work."""
    return cost.wall_seconds / (cost.cpu_seconds / processors())


def table(measured: Mapping[str, Sequence[Cost]], ours: str, gzip: str, uncounted: Collection[str]) -> str:
    """Return the contestants as a Markdown table; ``ours`` and ``gzip`` are those that the others are compared with.

    Those in ``uncounted`` have processor seconds that are not known.
    """
    lines = [f"| {' | '.join(HEADINGS)} |", "|---" * len(HEADINGS) + "|"]
    for name, costs in measured.items():
        seconds = [cost.wall_seconds for cost in costs]
        bytes_out, counted = size(costs), name not in uncounted
        cells = [
            name,
            f"{wall(costs):.1f}",
            f"{min(seconds):.1f}-{max(seconds):.1f}",
            f"{wall(costs) / wall(measured[ours]):.2f}",
            f"{median(costs, lambda cost: cost.client_cpu_seconds):.1f}" if counted else "",
            f"{median(costs, lambda cost: cost.server_cpu_seconds):.1f}",
            f"{median(costs, over_bound):.2f}" if counted else "",
            f"{median(costs, lambda cost: cost.largest_bytes) / 1e6:.0f}",
            f"{median(costs, lambda cost: cost.together_bytes) / 1e6:.0f}",
            f"{bytes_out / 1e6:.0f}" if bytes_out else "",
            f"{bytes_out / size(measured[gzip]):.3f}" if bytes_out else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def disturbance(measured: Mapping[str, Sequence[Cost]], uncounted: Collection[str]) -> str:
    """Return how busy the machine was with other things while something was measured."""
    costs = [cost for name, each in measured.items() if name not in uncounted for cost in each]
    others = sum(cost.others_cpu_seconds for cost in costs)
    capacity = sum(cost.wall_seconds for cost in costs) * processors()
    worst = max(cost.others_cpu_seconds / cost.wall_seconds / processors() for cost in costs)
    return (
        f"Everything else on the machine, the kernel's writing included, took {others / capacity:.1%} of the"
        f" processors, {worst:.1%} in the worst of {len(costs)} runs."
    )


def server_line(server: PrivateServer) -> str:
    """Return a line about a server: its version and the settings that matter."""
    settings = ", ".join(f"{name} = {value}" for name, value in server.settings.items())
    return f"{server.flavour} {server.version} ({settings})"
