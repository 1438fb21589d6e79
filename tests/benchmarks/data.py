# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows made from a seed: text, numbers, moments and blobs, the same on every server and machine.

The lines are those of COPY (PostgreSQL) and, but for blobs, of LOAD DATA (MariaDB): tabs between the values.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

SEED = 20260109
CHUNK_ROWS = 4000
SMALL_TABLES = 24
SMALL_ROWS = 400

VOCABULARY = 6000
SENTENCES = 20_000

#: Gives the values of one row, without its id.
Row = Callable[[random.Random, "Pools"], str]


@dataclass(frozen=True)
class Column:
    """A column, with its type on PostgreSQL and on MariaDB."""

    name: str
    postgresql: str
    mysql: str


@dataclass(frozen=True)
class Table:
    """A table: its share of the data in percent, about how long a line of it is, its columns and indexes.

    ``parent`` is a table that has all its ids.
    """

    name: str
    percent: int
    line_bytes: int
    columns: tuple[Column, ...]
    indexes: tuple[str, ...]
    row: Row
    blob: str | None = None
    parent: str | None = None

    def rows(self, size_mb: int) -> int:
        """Return how many rows make this table's share of so many megabytes."""
        return max(SMALL_ROWS, size_mb * 1_000_000 * self.percent // 100 // self.line_bytes)


class Pools:
    """Words, sentences and names to draw from: drawing is fast, and the text is far longer than what repeats."""

    def __init__(self, seed: int) -> None:
        source = random.Random(seed)
        syllables = ["".join(pair) for pair in itertools.product("bcdfghjklmnprstvw", "aeiou")]
        endings = ["", "", "n", "r", "s", "t", "ing", "ed"]
        words: list[str] = []
        while len(words) < VOCABULARY:
            words.append("".join(source.choices(syllables, k=source.choice([1, 1, 2, 2, 3]))) + source.choice(endings))
        # As in a language, few words make most of the text.
        weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(VOCABULARY)))
        self.words = words
        self.sentences = [
            " ".join(source.choices(words, cum_weights=weights, k=source.randint(6, 16))).capitalize() + "."
            for _number in range(SENTENCES)
        ]
        self.names = [f"{source.choice(words).capitalize()} {source.choice(words).capitalize()}" for _n in range(5000)]
        self.cities = [f"{source.choice(words).capitalize()}{source.choice(['', 'bourg', 'ñol'])}" for _n in range(800)]
        days = itertools.product(range(1, 13), range(1, 29), range(24), range(0, 60, 7))
        self.minutes = [f"2025-{month:02d}-{day:02d} {hour:02d}:{minute:02d}" for month, day, hour, minute in days]


def article(source: random.Random, pools: Pools) -> str:
    """Return a title, an author, several sentences, tags as JSON and a moment."""
    body = " ".join(source.choices(pools.sentences, k=source.randint(2, 9)))
    tags = json.dumps({"tags": source.choices(pools.words, k=3), "likes": source.randrange(500), "draft": False})
    title = source.choice(pools.sentences)[:80]
    return f"{title}\t{source.choice(pools.names)}\t{body}\t{tags}\t{moment(source, pools)}"


def customer(source: random.Random, pools: Pools) -> str:
    """Return a name, an e-mail address, an address and preferences as JSON."""
    name = source.choice(pools.names)
    mail = f"{name.replace(' ', '.').lower()}{source.randrange(10_000)}@example.org"
    address = f"{source.choice(pools.names)} Street {source.randrange(300)}, {source.choice(pools.cities)}"
    preferences = json.dumps(
        {
            "language": source.choice(["en", "pt", "fr"]),
            "newsletter": source.random() < 0.3,
            "limit": source.randrange(99),
        }
    )
    return f"{name}\t{mail}\t{address}\t{preferences}\t{moment(source, pools)[:10]}"


def measurement(source: random.Random, pools: Pools) -> str:
    """Return a sensor, two measured values, an amount and a counter."""
    return (
        f"{source.getrandbits(12)}\t{source.gauss(20, 7):.6f}\t{source.random()!r}"
        f"\t{source.random() * 100_000:.2f}\t{source.getrandbits(40)}"
    )


def event(source: random.Random, pools: Pools) -> str:
    """Return two moments, a kind, an address and a status."""
    address = f"10.{source.getrandbits(2)}.{source.getrandbits(8)}.{source.getrandbits(8)}"
    kind = source.choice(("login", "logout", "order", "payment", "search"))
    status = source.choice((200, 200, 200, 304, 404, 500))
    return f"{moment(source, pools)}\t{moment(source, pools)}\t{kind}\t{address}\t{status}"


def document(source: random.Random, pools: Pools) -> str:
    """Return a file name and hex content: partly noise, as a photo, partly text."""
    content = source.randbytes(source.randint(200, 1500))
    text = " ".join(source.choices(pools.sentences, k=source.randint(3, 12))).encode()
    return f"{source.choice(pools.words)}_{source.randrange(1000)}.pdf\t\\\\x{content.hex()}{text.hex()}"


def label(source: random.Random, pools: Pools) -> str:
    """Return a code, a label and a price, as of any small table."""
    return f"{source.choice(pools.words)}\t{source.choice(pools.sentences)[:60]}\t{source.randrange(100_000) / 100:.2f}"


def moment(source: random.Random, pools: Pools) -> str:
    """Return a moment of some year, with microseconds."""
    return f"{source.choice(pools.minutes)}:{source.random() * 59.99:09.6f}"


def _columns(*described: tuple[str, str, str]) -> tuple[Column, ...]:
    return tuple(Column(*each) for each in described)


_MOMENT = ("timestamp(6)", "datetime(6)")

ARTICLES = Table(
    "articles",
    46,
    530,
    _columns(
        ("title", "varchar(200)", "varchar(200)"),
        ("author", "varchar(60)", "varchar(60)"),
        ("body", "text", "text"),
        ("tags", "json", "json"),
        ("written", *_MOMENT),
    ),
    ("author", "written"),
    article,
)
MEASUREMENTS = Table(
    "measurements",
    20,
    61,
    _columns(
        ("sensor", "integer", "integer"),
        ("value", "numeric(12,6)", "decimal(12,6)"),
        ("ratio", "double precision", "double"),
        ("amount", "numeric(10,2)", "decimal(10,2)"),
        ("counter", "bigint", "bigint"),
    ),
    ("sensor",),
    measurement,
)
DOCUMENTS = Table(
    "documents",
    14,
    2680,
    _columns(("filename", "varchar(80)", "varchar(80)"), ("content", "bytea", "longblob")),
    ("filename",),
    document,
    blob="content",
    parent="articles",
)
EVENTS = Table(
    "events",
    12,
    82,
    _columns(
        ("begun", *_MOMENT),
        ("ended", *_MOMENT),
        ("kind", "varchar(20)", "varchar(20)"),
        ("address", "varchar(40)", "varchar(40)"),
        ("status", "smallint", "smallint"),
    ),
    ("begun", "kind"),
    event,
    parent="measurements",
)
CUSTOMERS = Table(
    "customers",
    8,
    139,
    _columns(
        ("name", "varchar(60)", "varchar(60)"),
        ("email", "varchar(80)", "varchar(80)"),
        ("address", "varchar(200)", "varchar(200)"),
        ("preferences", "json", "json"),
        ("since", "date", "date"),
    ),
    ("email",),
    customer,
    parent="articles",
)
SMALL = tuple(
    Table(
        f"lookup_{number:02d}",
        0,
        72,
        _columns(
            ("code", "varchar(40)", "varchar(40)"),
            ("label", "varchar(80)", "varchar(80)"),
            ("price", "numeric(8,2)", "decimal(8,2)"),
        ),
        ("code",),
        label,
    )
    for number in range(SMALL_TABLES)
)
TABLES = (ARTICLES, MEASUREMENTS, DOCUMENTS, EVENTS, CUSTOMERS, *SMALL)
_BY_NAME = {table.name: table for table in TABLES}


@dataclass(frozen=True)
class Chunk:
    """Some rows of a table: which ones, and the seed they are made from."""

    table: str
    first_id: int
    rows: int


def chunks(table: Table, size_mb: int) -> Iterator[Chunk]:
    """Yield the chunks of a table in their order."""
    rows = table.rows(size_mb)
    for first in range(0, rows, CHUNK_ROWS):
        yield Chunk(table.name, first + 1, min(CHUNK_ROWS, rows - first))


_pools: list[Pools] = []


def lines(chunk: Chunk) -> bytes:
    """Return the rows of a chunk as lines. The pools are made once in each process."""
    if not _pools:
        _pools.append(Pools(SEED))
    pools, table = _pools[0], _BY_NAME[chunk.table]
    source = random.Random(f"{SEED}/{table.name}/{chunk.first_id}")
    return "".join(f"{chunk.first_id + row}\t{table.row(source, pools)}\n" for row in range(chunk.rows)).encode()
