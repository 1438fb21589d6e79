# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site of the documentation: all pages are in its navigation, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docutils import nodes
from docutils.utils import new_document
from sphinx.addnodes import pending_xref

from tools.docsite import links, pages

INDEX = (pages.SETTINGS / "index.md").read_text(encoding="utf-8")
TREES = re.findall(r"^```\{toctree\}\n(.*?)^```$", INDEX, re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


def navigation() -> list[str]:
    """Return the pages of the navigation, in its order."""
    lines = [line.strip() for tree in TREES for line in tree.splitlines()]
    return [re.sub(r".*<(.*)>", r"\1", line) for line in lines if line and not line.startswith(":")]


def test_every_page_is_in_the_navigation_once() -> None:
    assert sorted(navigation()) == sorted({*pages.names(), f"{pages.REFERENCE}/index"})


def test_every_guide_is_a_page() -> None:
    guides = {f"docs/{path.stem}" for path in (pages.REPOSITORY / "docs").glob("*.md")}
    assert guides <= pages.names()


def test_the_files_beside_the_guides_come_along(tmp_path: Path) -> None:
    pages.gather(tmp_path)
    gathered = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert {
        "index.md",
        "README.md",
        "docs/retention.md",
        "docs/images/retention.svg",
        "docs/awx/settings.yml",
    } <= gathered
    assert not any(name.startswith("docs/docsite") for name in gathered)


@pytest.mark.parametrize("page", sorted({*pages.files(*pages.PAGES)}), ids=str)
def test_every_relative_link_of_a_page_leads_to_a_file(page: Path) -> None:
    text = re.sub(
        r"^```.*?^```$", "", (pages.REPOSITORY / page).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    targets = [target for target in LINK.findall(text) if not re.match(r"[a-z]+:", target)]
    assert [target for target in targets if not (pages.REPOSITORY / page.parent / target).exists()] == []


def test_each_module_filter_and_role_has_its_kind_unless_a_playbook_has_the_name_too() -> None:
    kinds = pages.documented()
    assert kinds["db_backup"] == "module"
    assert kinds["on_calendar"] == "filter"
    assert kinds["install"] == "role"
    assert "backup" not in kinds


@pytest.mark.parametrize(
    ("label", "page"),
    [
        ("ansible_collections.ansible.builtin.setup_module", "collections/ansible/builtin/setup_module.html"),
        (
            "ansible_collections.ansible.builtin.setup_module__return-ansible_facts/nodename",
            "collections/ansible/builtin/setup_module.html",
        ),
        (
            "ansible_collections.ansible.builtin.set_fact_module__parameter-cacheable",
            "collections/ansible/builtin/set_fact_module.html",
        ),
        ("common_return_values", "reference_appendices/common_return_values.html"),
    ],
)
def test_what_belongs_to_ansible_leads_to_its_documentation(label: str, page: str) -> None:
    assert links.ansible_url(label) == f"{links.ANSIBLE}/{page}"


def test_a_label_of_nobody_leads_nowhere() -> None:
    assert links.ansible_url("ansible_collections.vya.backupdb.no_module") is None


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("docs/restore.md", "docs/restore"),
        ("roles/install/README.md", "roles/install/README"),
        ("CHANGELOG.rst", "reference/changelog"),
        ("requirements.txt", None),
        ("docs/docsite/index.md", None),
        ("docs/awx", None),
        ("docs", "index"),
    ],
)
def test_a_file_that_is_a_page_is_known(path: str, page: str | None) -> None:
    assert links.page_of(path) == page


@pytest.mark.parametrize(
    ("path", "shown"), [("requirements.txt", "blob/main/requirements.txt"), ("docs/awx", "tree/main/docs/awx")]
)
def test_what_is_no_page_is_shown_by_the_forge(path: str, shown: str) -> None:
    url = links.repository_url(path)
    assert url == f"{pages.galaxy()['repository']}/{shown}"
    assert links.path_of(str(url)) == path


def test_what_is_not_there_is_shown_by_nobody() -> None:
    assert links.repository_url("docs/nothing.md") is None
    assert links.path_of("https://www.example.org/docs/restore.md") is None


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("reference/db_backup_module", "db_backup"),
        ("reference/on_calendar_filter", "on_calendar (filter)"),
        ("reference/backup_role", "backup (role)"),
        ("reference/changelog", "Release notes"),
        ("reference/index", None),
        ("docs/restore", None),
    ],
)
def test_pages_of_the_reference_have_short_names_in_the_navigation(page: str, title: str | None) -> None:
    assert links.short_title(page) == title


def led_from(node: nodes.Element) -> nodes.Element:
    """Return what stands in a page where a node stood."""
    page = new_document("page")
    page.append(nodes.paragraph("", "", node))
    for literal in list(page.findall(nodes.literal)):
        links.lead_to_reference(literal, "docs/restore")
    for unknown in list(page.findall(pending_xref)):
        if unknown["reftype"] == "myst":
            links.lead_to_repository(unknown, "docs/awx")
    paragraph = page[0]
    assert isinstance(paragraph, nodes.paragraph)
    found = paragraph[0]
    assert isinstance(found, nodes.Element)
    return found


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("vya.backupdb.db_backup", "reference/db_backup_module"),
        ("db_backup", "reference/db_backup_module"),
        ("vya.backupdb.install", "reference/install_role"),
        ("vya.backupdb.on_calendar", "reference/on_calendar_filter"),
    ],
)
def test_a_name_leads_to_its_page_of_the_reference(name: str, page: str) -> None:
    found = led_from(nodes.literal(name, name))
    assert isinstance(found, pending_xref)
    assert (found["reftarget"], found.astext()) == (page, name)


@pytest.mark.parametrize("name", ["install", "vya.backupdb.backup", "vya.backupdb.no_module", "ansible.builtin.setup"])
def test_a_word_that_may_mean_something_else_leads_nowhere(name: str) -> None:
    assert isinstance(led_from(nodes.literal(name, name)), nodes.literal)


def test_a_name_within_a_link_is_left_alone() -> None:
    inner = nodes.literal("db_backup", "db_backup")
    found = led_from(nodes.reference("", "", inner, refuri="https://www.example.org"))
    assert found["refuri"] == "https://www.example.org"
    assert found[0] is inner


def unknown_link(target: str) -> pending_xref:
    return pending_xref("", nodes.Text("there"), refdomain=None, reftype="myst", reftarget=target)


def test_a_link_to_a_folder_leads_to_the_forge() -> None:
    found = led_from(unknown_link("awx"))
    assert found["refuri"] == f"{pages.galaxy()['repository']}/tree/main/docs/awx"


def test_a_link_to_the_changelog_leads_to_the_release_notes() -> None:
    assert led_from(unknown_link("../CHANGELOG.rst#v1-0-0"))["reftarget"] == "reference/changelog"


def test_a_link_to_nothing_is_left_for_sphinx_to_warn_of() -> None:
    assert led_from(unknown_link("nothing.md"))["reftype"] == "myst"
