# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast each gzip library is at each of its levels, and how much larger or smaller than gzip the result is.

Run it from the root of the repository: python -m tests.benchmarks.bench_compressors [--sample-mb 60]
The samples are real dumps of one table each; every block is a gzip member of its own, as in an artifact.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import dataclasses
import functools
import os
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import deflate
from isal import isal_zlib
from zlib_ng import zlib_ng

from tools.private_servers.base import PrivateServer

from . import data, servers
from .commands import dump_command

MEBIBYTE = 1024 * 1024
GZIP_WINDOW_BITS = 31
GZIP_LEVELS = range(1, 10)
#: Makes one gzip member of a block at a level.
Compress = Callable[[memoryview, int], bytes | bytearray]


def streaming(make: Callable[..., Any]) -> Compress:
    """Return the function of a library that has compression objects as zlib's."""

    def compress(block: memoryview, level: int) -> bytes:
        member = make(level, zlib.DEFLATED, GZIP_WINDOW_BITS)
        return bytes(member.compress(block) + member.flush())

    return compress


LIBRARIES: dict[str, tuple[Compress, range]] = {
    "zlib": (streaming(zlib.compressobj), range(1, 10)),
    "zlib-ng": (streaming(zlib_ng.compressobj), range(1, 10)),
    "isal": (streaming(isal_zlib.compressobj), range(4)),
    "libdeflate": (lambda block, level: bytes(deflate.gzip_compress(block, level)), range(1, 11)),
}
SAMPLES = {"text": data.ARTICLES, "numbers": data.MEASUREMENTS, "blobs": data.DOCUMENTS}


@dataclass(frozen=True, order=True)
class Setting:
    """A library, its level and the size of a block in MiB."""

    library: str
    level: int
    block_mib: int

    def __str__(self) -> str:
        return f"{self.library}-{self.level} in {self.block_mib} MiB blocks"


@dataclass(frozen=True)
class Outcome:
    """How many bytes a setting made of a sample, and at what speed (MB of text a second, one thread)."""

    size_bytes: int
    megabytes_per_second: float


def main() -> None:
    """Take the samples, measure every setting on each, and print a table for each and the best settings."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_compressors", description=__doc__)
    parser.add_argument("--sample-mb", type=int, default=60, help="default: %(default)s")
    parser.add_argument("--families", nargs="+", default=["postgresql", "mysql"])
    parser.add_argument("--blocks-mib", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--processes", type=int, default=1, help="samples that are measured at a time")
    parser.add_argument(
        "--at-most", nargs="+", type=float, default=[1.0], help="shares of gzip's size that are allowed"
    )
    options = parser.parse_args()
    settings = [
        Setting(name, level, block)
        for block in options.blocks_mib
        for name, (_compress, levels) in LIBRARIES.items()
        for level in levels
    ]
    with tempfile.TemporaryDirectory() as folder:
        samples = take_samples(Path(folder), options.families, options.sample_mb)
        with concurrent.futures.ProcessPoolExecutor(options.processes) as pool:
            measured = dict(zip(samples, pool.map(functools.partial(measure_sample, settings), samples), strict=True))
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} processors, zlib {zlib.ZLIB_RUNTIME_VERSION}")
    for path, (gzip, outcomes) in measured.items():
        print_sample(path.name, gzip, outcomes)
    for at_most in options.at_most:
        print_best(settings, list(measured.values()), at_most)


def take_samples(folder: Path, families: Sequence[str], sample_mb: int) -> list[Path]:
    """Write the first megabytes of the dump of each kind of table on each server; return the files."""
    samples = []
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(servers.create(family, sample_mb * 4)) for family in families]
        # Each alone is to be as large as a sample, not its share of the whole.
        tables = [dataclasses.replace(table, percent=105) for table in SAMPLES.values()]
        servers.fill(running, sample_mb, print, tables)
        for server in running:
            for kind, table in SAMPLES.items():
                path = folder.joinpath(f"{server.flavour} {kind}")
                path.write_bytes(head_of_dump(server, table.name, sample_mb * 1_000_000))
                samples.append(path)
    return samples


def head_of_dump(server: PrivateServer, table: str, size_bytes: int) -> bytes:
    """Return at most so many bytes of the vendor's dump of a table."""
    command = dump_command(server, servers.DATABASE, table=table)
    with subprocess.Popen(command.argv, env=command.environment, stdout=subprocess.PIPE) as dump:
        if dump.stdout is None:
            raise AssertionError("contract violation: the dump has a pipe for its output")
        text = dump.stdout.read(size_bytes)
        dump.kill()
    if len(text) < size_bytes * 0.8:
        raise AssertionError(f"the dump of {table} has only {len(text)} bytes")
    return text


def measure_sample(settings: Sequence[Setting], path: Path) -> tuple[dict[int, Outcome], dict[Setting, Outcome]]:
    """Return the outcome of the program gzip at each level, and of each setting."""
    text = path.read_bytes()
    gzip = {level: measure_gzip(path, level, len(text)) for level in GZIP_LEVELS}
    return gzip, {setting: measure(setting, text) for setting in settings}


def measure_gzip(path: Path, level: int, text_bytes: int) -> Outcome:
    """Compress the whole sample by the program gzip."""
    before = os.times()
    with path.open("rb") as source:
        size = len(subprocess.run(["gzip", f"-{level}"], stdin=source, stdout=subprocess.PIPE, check=True).stdout)
    after = os.times()
    seconds = after.children_user + after.children_system - before.children_user - before.children_system
    return Outcome(size, text_bytes / 1e6 / seconds)


def measure(setting: Setting, text: bytes) -> Outcome:
    """Compress the sample block by block."""
    compress, _levels = LIBRARIES[setting.library]
    started = time.thread_time()
    size = sum(len(compress(block, setting.level)) for block in blocks(text, setting.block_mib * MEBIBYTE))
    return Outcome(size, len(text) / 1e6 / (time.thread_time() - started))


def blocks(text: bytes, block_bytes: int) -> Iterator[memoryview]:
    """Yield a text in blocks."""
    view = memoryview(text)
    for start in range(0, len(text), block_bytes):
        yield view[start : start + block_bytes]


def print_sample(name: str, gzip: dict[int, Outcome], outcomes: dict[Setting, Outcome]) -> None:
    """Print the speed of each setting on a sample, and its size relative to gzip at levels 1, 6 and its own."""
    print(f"\n{name}\n| setting | MB/s | to gzip of that level | to gzip -1 | to gzip -6 |\n|---|---|---|---|---|")
    for level, outcome in gzip.items():
        print(f"| gzip -{level} | {outcome.megabytes_per_second:.0f} | {relative(outcome, gzip, level)}", end="")
        print(f" | {relative(outcome, gzip, 1)} | {relative(outcome, gzip, 6)} |")
    for setting, outcome in outcomes.items():
        own = relative(outcome, gzip, setting.level) if setting.level in gzip else ""
        print(f"| {setting} | {outcome.megabytes_per_second:.0f} | {own}", end="")
        print(f" | {relative(outcome, gzip, 1)} | {relative(outcome, gzip, 6)} |")


def relative(outcome: Outcome, gzip: dict[int, Outcome], level: int) -> str:
    """Return a size as a share of what gzip makes at a level."""
    return f"{outcome.size_bytes / gzip[level].size_bytes:.3f}"


def print_best(
    settings: Sequence[Setting],
    measured: Sequence[tuple[dict[int, Outcome], dict[Setting, Outcome]]],
    at_most: float,
) -> None:
    """Print for each level the fastest settings that are on no sample larger than so many times gzip at that level.

    The speed is that of all samples together: their text over the sum of their seconds.
    """
    print(f"\nThe fastest settings that are on no sample larger than {at_most:.3f} times gzip of the level")
    print("| level | setting | MB/s | largest share of gzip | share of all samples |\n|---|---|---|---|---|")
    for level in GZIP_LEVELS:
        ranked = []
        for setting in settings:
            sizes = [(outcomes[setting].size_bytes, gzip[level].size_bytes) for gzip, outcomes in measured]
            worst = max(size / reference for size, reference in sizes)
            share = sum(size for size, _reference in sizes) / sum(reference for _size, reference in sizes)
            speed = len(measured) / sum(1 / outcomes[setting].megabytes_per_second for _gzip, outcomes in measured)
            if worst <= at_most:
                ranked.append((speed, setting, worst, share))
        for speed, setting, worst, share in sorted(ranked, reverse=True)[:3]:
            print(f"| {level} | {setting} | {speed:.0f} | {worst:.3f} | {share:.3f} |")
        if not ranked:
            print(f"| {level} | none | | | |")


if __name__ == "__main__":
    main()
