# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a report in a browser: light and dark, on a phone, a screen and paper, with names that are anything."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.catalog import Artifact
from ansible_collections.vya.backupdb.plugins.module_utils._engine.report import (
    exports,
    gathering,
    page,
    style,
    template,
    wording,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engine.report.data import Expectations, ReportData

from tests.integration.chromium import Page, browser
from tests.unit.reports import HOSTILE_NAMES, KB, NOW, days_of, drill, fleet, removal, row, sources

MANY, EACH = 100, 400
OPEN_ALL = "document.querySelectorAll('details').forEach(each => each.open = true)"
# What is wider than the page, but for what is hidden from the eye or cut off by what it is in.
TOO_WIDE = "document.documentElement.scrollWidth - window.innerWidth"
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def report() -> ReportData:
    return gathering.gather(fleet(), Expectations(), NOW)


@pytest.fixture(scope="module")
def path(report: ReportData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("report") / "report.html"
    written.write_text(page.render(report, "Backups of <b>db01</b>", "0" * 64), encoding="utf-8")
    return written


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_its_screen_and_is_as_light_as_its_user_likes(
    tab: Page, path: Path, tmp_path: Path, width: int, scheme: str
) -> None:
    tab.open(path, width=width, scheme=scheme)
    assert tab.evaluate("window.innerWidth") == width
    tab.evaluate(OPEN_ALL)
    assert tab.evaluate(TOO_WIDE) <= 0
    theme = style.DARK if scheme == "dark" else style.LIGHT
    ground = tuple(int(theme["ground"][start : start + 2], 16) for start in (1, 3, 5))
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == f"rgb{ground}"
    tab.screenshot(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 10_000


def test_a_phone_shows_each_value_of_the_table_with_its_name(tab: Page, path: Path) -> None:
    names = (
        "[...document.querySelectorAll('.all td')].slice(0, 7).map(each => getComputedStyle(each, '::before').content)"
    )
    tab.open(path, width=390)
    assert tab.evaluate(names) == [f'"{name}"' for name in page.COLUMNS[1:]]
    assert tab.evaluate("document.querySelector('.all thead').offsetHeight") == 1
    tab.open(path, width=1280)
    assert tab.evaluate(names) == ["none"] * 7
    assert tab.evaluate("document.querySelector('.all thead').offsetHeight") > 20


@pytest.mark.parametrize("width", [390, 1280])
def test_who_hears_the_page_is_told_its_tables_and_charts(
    tab: Page, path: Path, report: ReportData, width: int
) -> None:
    tab.open(path, width=width)
    tab.evaluate(OPEN_ALL)
    nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
    heard = [
        (node.get("role", {}).get("value"), node.get("name", {}).get("value")) for node in nodes if not node["ignored"]
    ]
    assert {("columnheader", name) for name in page.COLUMNS} <= set(heard)
    roles = [role for role, _name in heard]
    assert roles.count("rowheader") == len(report.databases)
    pictures = [name for role, name in heard if role == "image"]
    assert all(pictures)
    assert len(pictures) == 1 + 3 * sum(bool(one.history) for one in report.databases)
    shop = next(number for number, one in enumerate(report.databases, 1) if one.name == "shop")
    label = tab.evaluate(f"document.querySelector('#c{shop}').parentElement.getAttribute('aria-label')")
    assert label.startswith("Size: 740.0 MB on 2026-01-09; between ")
    assert label in pictures
    levels = tab.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map(each => +each.tagName[1])")
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


@pytest.mark.parametrize("guarded", [True, False], ids=["with its policy", "without its policy"])
def test_no_script_of_a_name_or_an_error_runs_and_each_is_to_be_read(
    tab: Page, path: Path, tmp_path: Path, guarded: bool
) -> None:
    text = path.read_text(encoding="utf-8")
    opened = tmp_path / "opened.html"
    opened.write_text(text if guarded else POLICY.sub("", text), encoding="utf-8")
    assert guarded == ("Content-Security-Policy" in opened.read_text(encoding="utf-8"))
    tab.open(opened)
    # An alert would keep the page from answering.
    assert tab.happened("Page.javascriptDialogOpening") == []
    assert tab.evaluate("document.querySelectorAll('script, img, iframe, object, embed, link, h1 b').length") == 0
    shown = tab.evaluate("[...document.querySelectorAll('.all tbody th a')].map(each => each.textContent)")
    assert {wording.visible(name) for name in HOSTILE_NAMES} <= set(shown)
    assert tab.evaluate("document.title") == "Backups of <b>db01</b>"
    messages = tab.evaluate(
        "[...document.querySelectorAll('.within .text, .inner .text')].map(each => each.textContent)"
    )
    assert "cannot log in <script>alert(1)</script>" in messages
    assert "permission denied for schema &lt;" in messages
    asked = [event["request"]["url"] for event in tab.happened("Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith("file:")] == []


def test_a_script_would_have_been_noticed(tab: Page, tmp_path: Path) -> None:
    opened = tmp_path / "opened.html"
    opened.write_text("<title>before</title><script>document.title = 'it ran'</script>", encoding="utf-8")
    tab.open(opened)
    assert tab.evaluate("document.title") == "it ran"
    (policy,) = POLICY.findall(template.PAGE)
    opened.write_text(f"{policy}<title>before</title><script>document.title = 'it ran'</script>", encoding="utf-8")
    tab.open(opened)
    assert tab.evaluate("document.title") == "before"


def test_the_link_of_a_database_opens_its_details(tab: Page, path: Path, report: ReportData) -> None:
    tab.open(path)
    number = next(number for number, one in enumerate(report.databases, 1) if one.name == "shop")
    target = f"document.querySelector('#d{number}')"
    assert not tab.evaluate(f"{target}.parentElement.open")
    tab.evaluate(f"document.querySelector('a[href=\"#d{number}\"]').click()")
    assert tab.evaluate(f"{target}.parentElement.open")
    assert "70 (" in tab.evaluate(f"{target}.innerText")


def test_paper_is_white_and_shows_the_details_too(tab: Page, path: Path) -> None:
    tab.open(path, scheme="dark", media="print")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.evaluate("[...document.querySelectorAll('.inner')].every(each => each.checkVisibility())")
    assert tab.evaluate(TOO_WIDE) <= 0
    tab.open(path)
    assert not tab.evaluate("[...document.querySelectorAll('.inner')].some(each => each.checkVisibility())")


def named(one: Artifact, database: str) -> Artifact:
    """Return an artifact as if it were of another database."""
    metadata = one.metadata
    info = metadata.backup_info.model_copy(update={"database_name": database})
    return dataclasses.replace(one, metadata=metadata.model_copy(update={"backup_info": info}))


def test_a_hundred_databases_with_four_hundred_backups_each_are_a_page_of_a_megabyte(tab: Page, tmp_path: Path) -> None:
    one = list(days_of("database", EACH, 900 * KB * KB, verification=drill()))
    planned_of_one = [removal(each, number < 23, "newest of day 2026-01-08") for number, each in enumerate(one)]
    artifacts, rows, planned = [], [], []
    for number in range(MANY):
        name = f"database_{number:03}"
        artifacts += [named(each, name) for each in one]
        planned += [each.model_copy(update={"database_name": name}) for each in planned_of_one]
        rows += [row(name, 24 * day + 1, "failed") for day in range(5)]
    data = gathering.gather(sources(*artifacts, audited=rows, planned=planned), Expectations(), NOW)
    text = page.render(data, "Database backups", "0" * 64)
    assert len(text.encode()) < 1_200_000
    assert len(exports.to_json(data)) < 2_000_000
    opened = tmp_path / "report.html"
    opened.write_text(text, encoding="utf-8")
    tab.open(opened)
    assert tab.evaluate("document.querySelectorAll('.all tbody tr').length") == MANY
