# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of Sphinx for the site that ``make docs`` builds; tools/docsite gathers its pages."""

from __future__ import annotations

from tools.docsite import pages

project = "vya.backupdb"
author = "Contributors to the vya.backupdb project"
copyright = author  # noqa: A001
version = release = pages.version()

extensions = ["myst_parser", "sphinx_antsibull_ext", "tools.docsite.links"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
# No plugin has variables of the environment to list.
exclude_patterns = ["reference/environment_variables.rst"]
nitpicky = True
# Options begin with two hyphens, and quotes are to be copied.
smartquotes = False
# Anchors as the forge makes them, so that links work in both places.
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"{project} {release}"
html_copy_source = False
html_show_sphinx = False
html_use_index = False
html_static_path = ["static"]
html_css_files = ["site.css"]
antsibull_ext_color_scheme = "none"
