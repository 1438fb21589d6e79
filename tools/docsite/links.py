# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the links of the site lead to, as an extension of Sphinx.

The guides are written to be read in the repository, and the reference to be read in a terminal. On the site, the full
name of a module leads to its page, a link into the repository to the page that is made of that file, and what belongs
to Ansible to Ansible's own documentation.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.util.nodes import make_refnode

from tools.docsite import pages

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

OWN = "backupdb"
ANSIBLE = "https://docs.ansible.com/projects/ansible/latest"
# Of the labels that antsibull-docs refers to, those outside of collections.
ANSIBLE_PAGES = {
    "action_plugins": "plugins/action.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}
_BUILTIN = re.compile(r"ansible_collections\.ansible\.builtin\.(\w+?_[a-z]+)(?:__.*)?")
# What is no page itself, and stands for one.
_MADE_OF = {"CHANGELOG.rst": f"{pages.REFERENCE}/changelog", "docs": "index"}


def ansible_url(label: str) -> str | None:
    """Return where Ansible's documentation has what a label stands for, None where it is none of Ansible's."""
    if label in ANSIBLE_PAGES:
        return f"{ANSIBLE}/{ANSIBLE_PAGES[label]}"
    builtin = _BUILTIN.fullmatch(label)
    return f"{ANSIBLE}/collections/ansible/builtin/{builtin[1]}.html" if builtin else None


def page_of(path: str) -> str | None:
    """Return the name of the page that is made of a file of the repository, None where there is none."""
    name = _MADE_OF.get(path, posixpath.splitext(path)[0])
    return name if path in _MADE_OF or (path.endswith(".md") and name in pages.names()) else None


def repository_url(path: str) -> str | None:
    """Return where the forge shows a file or folder of the repository, None where it has none."""
    found = pages.REPOSITORY / path
    if not found.exists():
        return None
    return f"{pages.galaxy()['repository']}/{'tree' if found.is_dir() else 'blob'}/main/{path}"


def path_of(url: str) -> str | None:
    """Return which file or folder of the repository the forge shows at a URL."""
    shown = re.fullmatch(rf"{re.escape(pages.galaxy()['repository'])}/(?:blob|tree)/main/([^#]+)", url)
    return shown[1] if shown else None


def lead(app: Sphinx, doctree: nodes.document) -> None:
    """Make links of names and of what leads into the repository, in a page that was read."""
    name = app.env.docname
    if name.startswith(f"{pages.REFERENCE}/"):
        # The theme shows the sections of a page beside it.
        for contents in [topic for topic in doctree.findall(nodes.topic) if "contents" in topic["classes"]]:
            contents.parent.remove(contents)
    else:
        for literal in list(doctree.findall(nodes.literal)):
            lead_to_reference(literal, name)
    for reference in list(doctree.findall(nodes.reference)):
        path = path_of(reference.get("refuri", ""))
        if path and page_of(path):
            reference.replace_self(pending(name, page_of(path), *reference.children))
    for unknown in list(doctree.findall(pending_xref)):
        # A link that myst_parser has found the page of has a domain.
        if unknown["reftype"] == "myst" and unknown["refdomain"] is None:
            lead_to_repository(unknown, name)


def lead_to_reference(literal: nodes.literal, page: str) -> None:
    """Make a link of the name of a module, a filter or a role, where it is not part of one.

    Names of modules alone can be told from other words without the name of the collection.
    """
    collection, _dot, name = literal.astext().rpartition(".")
    kind = pages.documented().get(name)
    meant = collection == pages.COLLECTION or (not collection and kind == "module")
    if kind and meant and not isinstance(literal.parent, (nodes.reference, nodes.title, pending_xref)):
        literal.replace_self(pending(page, f"{pages.REFERENCE}/{name}_{kind}", literal.deepcopy()))


def lead_to_repository(unknown: pending_xref, page: str) -> None:
    """Make a link to the forge of one to what is no page of the site."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), unknown["reftarget"].partition("#")[0]))
    if page_of(path):
        unknown.replace_self(pending(page, page_of(path), *unknown.children))
    elif repository_url(path):
        unknown.replace_self(nodes.reference("", "", *unknown.children, refuri=repository_url(path), internal=False))


def pending(page: str, target: str | None, *children: nodes.Node) -> pending_xref:
    """Return a link from one page to another, which Sphinx asks ``resolve`` for once all pages are read."""
    return pending_xref("", *children, refdomain="", reftype=OWN, reftarget=target, refdoc=page, refwarn=True)


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element) -> nodes.Element | None:
    """Return the link that Sphinx could not make itself, None where nobody knows what it leads to."""
    target = node["reftarget"]
    if node["reftype"] == OWN:
        known = target in env.found_docs
        return make_refnode(app.builder, node["refdoc"], target, "", content) if known else None
    url = ansible_url(target)
    return nodes.reference("", "", content, refuri=url, internal=False) if url else None


def short_title(page: str) -> str | None:
    """Return what the navigation calls a page of the reference, None where its own title is short enough."""
    folder, _slash, name = page.rpartition("/")
    if folder != pages.REFERENCE:
        return None
    if name == "changelog":
        return "Release notes"
    name, _underscore, kind = name.rpartition("_")
    return {"module": name, "filter": f"{name} (filter)", "role": f"{name} (role)"}.get(kind)


def shorten(app: Sphinx, _doctree: nodes.document) -> None:
    """Call a page of the reference in the navigation by its name alone; on the page there is more."""
    page = app.env.docname
    title = short_title(page)
    if title:
        app.env.titles[page] = nodes.title(title, title)
        heading = next(iter(app.env.tocs[page].findall(nodes.reference)))
        heading.children = [nodes.Text(title)]


def setup(app: Sphinx) -> dict[str, Any]:
    """Return what Sphinx wants to know of an extension."""
    app.connect("doctree-read", lead)
    # After Sphinx has collected titles and sections.
    app.connect("doctree-read", shorten, priority=900)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
