# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as a page, as CSV and JSON: nothing of it is taken for anything but text."""

from __future__ import annotations

import csv
import html.parser
import io
import json
import re
from itertools import product
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.report import (
    exports,
    gathering,
    page,
    style,
    telling,
    wording,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engine.report.data import Expectations, ReportData

from tests.unit.reports import HOSTILE_NAMES, KB, NOW, artifact, days_of, drill, fleet, removal, row, sources

ALLOWED_ELEMENTS = set(
    re.findall(
        r"\S+",
        """
        a b bdi body br code dd details div dl dt figcaption figure footer g h1 h2 h3 h4 head header html i li main
        meta p path rect section small span strong style summary svg table tbody td th thead time title tr ul use
        """,
    )
)
ALLOWED_ATTRIBUTES = set(
    re.findall(
        r"\S+",
        """
        aria-hidden aria-label charset class content d data-label datetime height href http-equiv id lang name
        preserveaspectratio role scope viewbox width x y
        """,
    )
)


class Elements(html.parser.HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += attrs


def gathered(*artifacts: Any, **more: Any) -> ReportData:
    return gathering.gather(sources(*artifacts, **more), Expectations(), NOW)


def rendered(data: ReportData) -> str:
    return page.render(data, "Database backups", "0" * 64)


def test_a_page_has_no_element_and_no_attribute_but_those_of_the_template() -> None:
    elements = Elements(rendered(gathering.gather(fleet(), Expectations(), NOW)))
    assert elements.names <= ALLOWED_ELEMENTS
    assert {name for name, _value in elements.attributes} <= ALLOWED_ATTRIBUTES
    links = {value for name, value in elements.attributes if name == "href"}
    assert all(link and re.fullmatch(r"#[a-z]+\d*", link) for link in links)


def test_a_page_needs_no_other_file() -> None:
    text = rendered(gathering.gather(fleet(), Expectations(), NOW))
    assert re.findall(r"https?:|url\(|@import|src=[^x]", text) == []


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_what_others_wrote_is_text_wherever_it_stands(name: str) -> None:
    one = artifact(name, hostname=name, verification=drill(error=name))
    data = gathered(
        one,
        audited=[row(name, status="failed", error_message=name), row(None, status="failed", error_message=name)],
        planned=[removal(one, True, name)],
        problems=[name],
    )
    text = page.render(data, name, "0" * 64)
    elements = Elements(text)
    assert elements.names <= ALLOWED_ELEMENTS
    assert {attribute for attribute, _value in elements.attributes} <= ALLOWED_ATTRIBUTES
    assert {"\x00", "\u202e"}.isdisjoint(text)
    assert "{{ 7" in text or "{{ 7" not in name


def test_what_cannot_be_seen_is_written_out() -> None:
    assert wording.visible("a\nb\x00c\u202ed e\u00e9") == "a\\u000ab\\u0000c\\u202ed e\u00e9"
    assert wording.sentence("one\n  two\u200b ") == "one two\\u200b"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.25, "0.2 s"),
        (119, "119.0 s"),
        (120, "2 minutes"),
        (7199, "119 minutes"),
        (93600, "26 hours"),
        (172800, "2 days"),
    ],
)
def test_a_span_is_told_in_a_unit_that_fits(seconds: float, text: str) -> None:
    assert wording.span(seconds) == text


def test_a_missing_package_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "jinja2", None)
    with pytest.raises(errors.ConfigError, match=r"Jinja2 is missing\. Install Jinja2"):
        rendered(gathered())


@pytest.mark.parametrize(
    ("made_of", "tone", "text"),
    [
        (sources(), "warn", "There is nothing to report on yet"),
        (sources(configured=["a"]), "bad", "There is no backup of anything"),
        (sources(artifact(verification=drill())), "good", "The database has a fresh backup"),
        (sources(artifact()), "warn", "The database has a fresh backup, but not all is well"),
        (sources(artifact(hours_ago=40)), "bad", "1 of 1 database has no fresh backup"),
        (sources(artifact(), configured=["a"]), "bad", "1 instance without any backup"),
    ],
)
def test_the_verdict_says_what_matters_most(made_of: Any, tone: str, text: str) -> None:
    verdict = telling.verdict(gathering.gather(made_of, Expectations(), NOW).summary)
    assert (verdict.tone, verdict.text) == (tone, text)


def test_attention_names_what_is_wrong_and_nothing_else() -> None:
    data = gathered(
        artifact("fine", verification=drill()),
        artifact("old", hours_ago=40, verification=drill()),
        artifact("bare"),
        configured=["prod-postgres-01", "silent"],
    )
    assert telling.attention(data) == [
        "prod-postgres-01/old on db01: stale",
        "prod-postgres-01/bare on db01: not verified",
        "silent on db01: no backup",
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "  =", "\r="])
def test_no_cell_of_the_csv_is_a_formula(start: str) -> None:
    name = f"{start}cmd|' /C calc'!A0"
    text = exports.to_csv(gathered(artifact(name), audited=[row(name, status="failed", error_message=name)]))
    heading, cells = csv.reader(io.StringIO(text, newline=""))
    assert len(cells) == len(heading)
    found = dict(zip(heading, cells))
    assert found["database_name"] == found["last_failure"] == f"'{name}"


def test_the_csv_has_a_line_for_each_database_and_numbers_as_they_are() -> None:
    text = exports.to_csv(gathered(*days_of("shop", 3, 100 * KB), artifact('a,b\n"c"', verification=drill())))
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [each["database_name"] for each in rows] == ["shop", 'a,b\n"c"']
    assert rows[0]["last_good_size_bytes"] == str(100 * KB)
    assert rows[0]["last_good_at"] == "2026-01-09T02:00:00+01:00"
    assert rows[0]["last_verified_at"] == ""
    assert rows[1]["last_verified_level"] == "restore"


def test_the_json_holds_all_that_the_page_says() -> None:
    data = gathering.gather(fleet(), Expectations(), NOW)
    described = json.loads(exports.to_json(data))
    assert described["version"] == "1.0"
    assert described["generated_at"] == "2026-01-09T08:00:00+01:00"
    assert [each["name"] for each in described["databases"]] == [one.name for one in data.databases]
    assert described["summary"]["databases"] == len(data.databases)
    assert exports.canonical_json(exports.to_json(data)) == exports.canonical(data)


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, as https://www.w3.org/TR/WCAG21/#dfn-relative-luminance has it."""
    shares = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [style.LIGHT, style.DARK], ids=["light", "dark"])
def test_every_text_has_enough_contrast_to_its_ground(theme: dict[str, str]) -> None:
    plain = ("text", "muted", "accent", "good", "warn", "bad")
    pairs = [
        *product(plain, ("ground", "card", "sunken")),
        *((tone, f"{tone}-soft") for tone in ("good", "warn", "bad")),
    ]
    contrasts = {}
    for text, ground in pairs:
        darker, lighter = sorted((luminance(theme[text]), luminance(theme[ground])))
        contrasts[text, ground] = (lighter + 0.05) / (darker + 0.05)
    assert {pair: contrast for pair, contrast in contrasts.items() if contrast < 4.5} == {}
    assert len(style.LIGHT) == len(style.DARK)
