# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's sample data: two small businesses, the same from the same seed."""

from __future__ import annotations

import datetime
import random
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

FIRST_NAMES = (
    "Ana José Zoë Björn Łukasz Chloé Søren Mária Jürgen Inês Thiago Aoife Dvořák Noël Yuki 美咲 健太 Олена Иван "
    "Ελένη Ahmet Şule Nguyễn Fatma"
)
LAST_NAMES = (
    "Silva Müller García Nowak Østergård O'Brien Kovács Andersson Ferreira Dubois Ångström Çelik D'Amico Novák "
    "Papadopoulos Іваненко 田中 佐藤 Trần Smith-Jones"
)
CITIES = ("São Paulo", "Köln", "Kraków", "Lisboa", "Malmö", "Genève", "Αθήνα", "Київ", "東京", "Cork", "Praha", "İzmir")
GOODS = {
    "Tea": ("Darjeeling", "Sencha 煎茶", "Earl Grey", "Rooibos", "Maté", "Lapsang Souchong"),
    "Coffee": ("Santos", "Yirgacheffe", "Crème Brûlée Espresso", "Decaf", "Sumatra", "House Blend ☕"),
    "Crockery": ("Teapot", "Mug", "Gaiwan 蓋碗", "Espresso Cup", "Saucer", "Milk Jug"),
    "Sweets": ("Baklava", "Pastel de Nata", "Stroopwafel", "Marzipan", "Mochi 餅", "Shortbread"),
}
SIZES = ("small", "medium", "large", "gift box")
REMARKS = (
    None,
    None,
    None,
    "ring twice; dog!",
    "leave it at N° 7",
    "50% now, the rest later",
    "für Oma 🎁",
    'say "hello"',
)
TITLE_STARTS = (
    "The Lost",
    "A Short History of",
    "Mein",
    "O Livro de",
    "Remembering",
    "Às margens de",
    "Under the",
    "Café",
)
TITLE_ENDS = ("Lighthouse", "Maps", "Jardín", "Zürich", "Winter", "Saudade", "Машина", "夜", "Ghosts", "Rivers")
START = datetime.date(2024, 1, 1)


@dataclass(frozen=True)
class Table:
    """Rows for a table; its key is left out where the server numbers rows from 1 in their order."""

    name: str
    columns: Sequence[str]
    rows: list[tuple[Any, ...]]


Maker = Callable[[int], list[Table]]


def shop(seed: int = 1) -> list[Table]:
    """Return the tables of a shop, in an order that satisfies their foreign keys."""
    chance = random.Random(seed)
    products = [
        (category, f"{name}, {size}", price(chance, 300, 4000), chance.randrange(0, 400), picture(chance))
        for category, names in enumerate(GOODS.values(), start=1)
        for name in names
        for size in SIZES
    ]
    orders, items, payments = [], [], []
    for order in range(1, 1201):
        day = moment(chance)
        status = chance.choices(("paid", "open", "cancelled"), (85, 10, 5))[0]
        orders.append((chance.randrange(1, 401), day, status, chance.choice(REMARKS)))
        total = Decimal(0)
        for product in sorted(chance.sample(range(1, len(products) + 1), chance.randrange(1, 6))):
            quantity = chance.randrange(1, 5)
            items.append((order, product, quantity, products[product - 1][2]))
            total += quantity * products[product - 1][2]
        if status == "paid":
            payments.append(
                (order, day + datetime.timedelta(minutes=3), total, chance.choice(("card", "transfer", "cash")))
            )
    return [
        Table("customers", ("name", "email", "city", "joined"), people(chance, 400)),
        Table("categories", ("name",), [(name,) for name in GOODS]),
        Table("products", ("category_id", "name", "price", "stock", "picture"), products),
        Table("orders", ("customer_id", "ordered_at", "status", "remark"), orders),
        Table("order_items", ("order_id", "product_id", "quantity", "unit_price"), items),
        Table("payments", ("order_id", "paid_at", "amount", "method"), payments),
    ]


def library(seed: int = 2) -> list[Table]:
    """Return the tables of a lending library, in an order that satisfies their foreign keys."""
    chance = random.Random(seed)
    authors = [(person(chance), chance.randrange(1880, 1990)) for dummy in range(60)]
    books = [
        (
            chance.randrange(1, 61),
            f"{chance.choice(TITLE_STARTS)} {chance.choice(TITLE_ENDS)}",
            f"978{chance.randrange(10**9, 10**10)}",
            chance.randrange(1950, 2025),
            picture(chance) if chance.random() < 0.3 else None,
        )
        for dummy in range(300)
    ]
    copies = [
        (chance.randrange(1, 301), f"{chance.choice('ABCD')}-{chance.randrange(1, 40):02}") for dummy in range(700)
    ]
    loans = []
    for _borrowing in range(1500):
        lent = START + datetime.timedelta(days=chance.randrange(700))
        returned = lent + datetime.timedelta(days=chance.randrange(1, 60)) if chance.random() < 0.9 else None
        loans.append((chance.randrange(1, 701), chance.randrange(1, 251), lent, returned))
    return [
        Table("members", ("name", "email", "city", "joined"), people(chance, 250)),
        Table("authors", ("name", "born"), authors),
        Table("books", ("author_id", "title", "isbn", "published", "cover"), books),
        Table("copies", ("book_id", "shelf"), copies),
        Table("loans", ("copy_id", "member_id", "lent", "returned"), loans),
    ]


def people(chance: random.Random, count: int) -> list[tuple[Any, ...]]:
    """Return rows of name, unique e-mail address, city and day of joining."""
    return [
        (person(chance), f"reader{n}@example.org", chance.choice(CITIES), START + datetime.timedelta(days=n % 365))
        for n in range(1, count + 1)
    ]


def person(chance: random.Random) -> str:
    """Return a full name."""
    return f"{chance.choice(FIRST_NAMES.split())} {chance.choice(LAST_NAMES.split())}"


def price(chance: random.Random, low: int, high: int) -> Decimal:
    """Return an amount between two amounts that are given in cents."""
    return Decimal(chance.randrange(low, high)) / 100


def moment(chance: random.Random) -> datetime.datetime:
    """Return a second of two years, without a zone."""
    return datetime.datetime.combine(START, datetime.time()) + datetime.timedelta(
        seconds=chance.randrange(2 * 365 * 86400)
    )


def picture(chance: random.Random, side: int = 16) -> bytes:
    """Return a square PNG picture of random colours, ``side`` pixels wide."""
    lines = b"".join(b"\0" + chance.randbytes(3 * side) for dummy in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, data) for kind, data in chunks)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
