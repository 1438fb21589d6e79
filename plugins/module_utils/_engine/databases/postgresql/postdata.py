# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which statements of the post-data can be loaded side by side: the groups that its sections are made of.

pg_dump writes the post-data as an archive; its table of contents names each entry by the object's identity in the
catalogue, which says what the entry needs. pg_restore then renders any choice of entries as text. So no text is ever
taken apart by patterns, neither here nor when a dump is restored.

Only indexes, the constraints that rest on them, and foreign keys are taken out of the archive's order, and of these
only those that need nothing else of the post-data. All other entries follow in their order, as the last group.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PG_CLASS = 1259
# A partitioned table has no rows of its own.
NO_PART = -1
# Kinds of entries that always are post-data. An entry of another kind was moved there by pg_dump, since it
# needs something of the post-data, and others may need it in turn (a view that groups by a primary key).
USUAL_KINDS = (
    *("CHECK CONSTRAINT", "COMMENT", "CONSTRAINT", "DEFAULT ACL", "EVENT TRIGGER", "FK CONSTRAINT", "INDEX"),
    *("MATERIALIZED VIEW DATA", "POLICY", "PUBLICATION", "ROW SECURITY", "RULE", "SECURITY LABEL", "STATISTICS"),
    *("SUBSCRIPTION", "TRIGGER"),
)
_ENTRY = re.compile(rb"(?P<id>\d+); (?P<catalogue>\d+) (?P<oid>\d+) (?P<described>.*)")
_INDEX = b"INDEX "
_USUAL = re.compile(rb"(?:%s) " % b"|".join(kind.encode("ascii") for kind in USUAL_KINDS))

# Of ordinary and partitioned tables, which always are in the pre-data; of foreign keys, those that no partition has.
OBJECTS = """
    SELECT CASE WHEN k.oid IS NULL THEN 1259 ELSE 2606 END, coalesce(k.oid, i.indexrelid), n.nspname, c.relname,
        NULL, NULL, pg_catalog.pg_relation_size(i.indexrelid), i.indexprs IS NULL AND i.indpred IS NULL
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indrelid AND c.relkind IN ('r', 'p')
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
    UNION ALL
    SELECT 2606, k.oid, n.nspname, c.relname, m.nspname, r.relname, pg_catalog.pg_relation_size(c.oid), true
    FROM pg_catalog.pg_constraint k
    JOIN pg_catalog.pg_class c ON c.oid = k.conrelid AND c.relkind = 'r' AND NOT c.relispartition
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_class r ON r.oid = k.confrelid AND r.relkind = 'r' AND NOT r.relispartition
    JOIN pg_catalog.pg_namespace m ON m.oid = r.relnamespace
    WHERE k.contype = 'f'
"""


@dataclass(frozen=True)
class Object:
    """An index, a constraint or a foreign key: where the catalogue has it, its table, and the table it refers to.

    ``plain`` says that it needs nothing but columns; ``size_bytes`` is about how much must be read or built.
    """

    catalogue: int
    oid: int
    table: str
    referenced: str | None
    size_bytes: int
    plain: bool

    @classmethod
    def of_row(cls, row: tuple[Any, ...]) -> Object:
        """Return the object of a row of OBJECTS."""
        catalogue, oid, schema, table, other_schema, other, size_bytes, plain = row
        referenced = None if other is None else f"{other_schema}.{other}"
        return cls(catalogue, int(oid), f"{schema}.{table}", referenced, int(size_bytes), plain)


@dataclass(frozen=True)
class Group:
    """Entries of an archive that become one section.

    ``depends_on`` are positions of groups before it; None is everything before it. The rows of ``tables`` must be
    there too.
    """

    entries: tuple[int, ...]
    tables: tuple[str, ...] = ()
    depends_on: tuple[int, ...] | None = None


@dataclass
class _Pile:
    """Entries that will be a group."""

    entries: list[int] = field(default_factory=list)
    tables: set[str] = field(default_factory=set)
    size_bytes: int = 0

    def add(self, entry: int, found: Object) -> None:
        self.entries.append(entry)
        self.tables |= {found.table} if found.referenced is None else {found.table, found.referenced}
        self.size_bytes += found.size_bytes


def plan_groups(
    contents: bytes, objects: Iterable[Object], part_of: Mapping[str, int], large: Collection[str]
) -> list[Group]:
    """Given an archive's table of contents and the objects, return the groups in order.

    ``part_of`` tells the number of the part that has a table's rows. The tables of a part share a group of constraints
    and indexes, and one of foreign keys; of ``large`` tables, each index has a group of its own.
    """
    known = {(found.catalogue, found.oid): found for found in objects}
    constraints: dict[int, _Pile] = {}
    indexes: dict[int, _Pile] = {}
    foreign_keys: dict[int, _Pile] = {}
    rest: list[int] = []
    moved = False
    for entry in _entries(contents):
        moved = moved or not entry.is_usual
        found = known.get((entry.catalogue, entry.oid))
        if found is None or (moved and not found.plain):
            rest.append(entry.id)
            continue
        part = part_of.get(found.table, NO_PART)
        if found.referenced is not None:
            pile = foreign_keys.setdefault(part, _Pile())
        elif found.table in large and found.catalogue == PG_CLASS:
            pile = indexes.setdefault(entry.id, _Pile())
        else:
            pile = constraints.setdefault(part, _Pile())
        pile.add(entry.id, found)
    groups: list[Group] = []
    # What waits for each other would wait for each other's locks anyway, or lock each other out for good.
    _append(groups, constraints.values(), lambda: ())
    after_constraints = tuple(groups)
    _append(groups, indexes.values(), lambda: after_constraints)
    _append(groups, foreign_keys.values(), lambda: groups)
    return [*groups, Group(tuple(rest))]


def _append(groups: list[Group], piles: Iterable[_Pile], before: Callable[[], Sequence[Group]]) -> None:
    """Append a group for each pile, the largest first, which waits for those of ``before`` that share a table."""
    for pile in sorted(piles, key=lambda pile: -pile.size_bytes):
        waits = tuple(position for position, group in enumerate(before()) if pile.tables & set(group.tables))
        groups.append(Group(tuple(pile.entries), tuple(sorted(pile.tables)), waits))


@dataclass(frozen=True)
class _Entry:
    """A line of a table of contents."""

    id: int
    catalogue: int
    oid: int
    is_usual: bool


def _entries(contents: bytes) -> Iterator[_Entry]:
    for line in contents.splitlines():
        found = _ENTRY.match(line)
        if found:
            catalogue = int(found["catalogue"])
            is_relation = catalogue == PG_CLASS and not found["described"].startswith(_INDEX)
            is_usual = not is_relation and _USUAL.match(found["described"]) is not None
            yield _Entry(int(found["id"]), catalogue, int(found["oid"]), is_usual)
