# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules about source text catch what they are for, and nothing else."""

from __future__ import annotations

import ast

import pytest

from tests.unit import source_rules


@pytest.mark.parametrize(
    "source",
    [
        'path / "x"',
        '"x" / path',
        "folder / name",
        'config.base_path / f"{name}.sql"',
        "path /= name",
        "os.path.join(folder, name)",
        "Path(folder, name)",
        'Path(f"{folder}/{name}")',
        'Path(folder + "/x")',
        'folder.joinpath("x")',
        'Path(folder).parent.joinpath(f"{name}.gz")',
    ],
)
def test_a_joined_path_is_seen(source: str) -> None:
    assert len(source_rules.path_joins(ast.parse(source))) == 1


@pytest.mark.parametrize(
    "source", ["size_bytes / 1024", "done / total", "len(rows) / duration_seconds", "size /= 1024", "a // b", "Path(a)"]
)
def test_a_division_is_no_joined_path(source: str) -> None:
    assert source_rules.path_joins(ast.parse(source)) == []


def test_a_name_that_a_listing_gave_may_be_joined() -> None:
    assert source_rules.path_joins(ast.parse("folder.joinpath(filename)")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess",
        "from subprocess import run",
        "def f():\n    import subprocess",
        "os.system('true')",
        "os.execv(path, argv)",
        "os.posix_spawn(path, argv, {})",
    ],
)
def test_a_way_to_start_a_process_is_seen(source: str) -> None:
    assert len(source_rules.process_starts(ast.parse(source))) == 1


def test_other_calls_of_os_start_no_process() -> None:
    assert source_rules.process_starts(ast.parse("import os\nos.rename(a, b)\nos.killpg(group, 9)")) == []


@pytest.mark.parametrize("source", ["print(x)", "sys.stdout.write(x)", "x = sys.stderr"])
def test_printing_is_seen(source: str) -> None:
    assert len(source_rules.prints(ast.parse(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "import yaml",
        "from pydantic import BaseModel",
        "import tomllib",
        "try:\n    import yaml\nexcept ValueError:\n    pass",
        "try:\n    pass\nexcept ImportError:\n    import yaml",
        "class A:\n    import yaml",
        "if TYPE_CHECKING:\n    pass\nelse:\n    import yaml",
    ],
)
def test_an_unguarded_import_is_seen(source: str) -> None:
    assert len(source_rules.unguarded_imports(ast.parse(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "import json, os.path",
        "from . import errors",
        "from ansible.module_utils.basic import AnsibleModule",
        "try:\n    import yaml\nexcept ImportError:\n    yaml = None",
        "try:\n    import yaml\nexcept (ValueError, ImportError):\n    yaml = None",
        "try:\n    import yaml\nexcept ImportError:\n    yaml = None\nelse:\n    from pydantic import BaseModel",
        "if typing.TYPE_CHECKING:\n    import yaml",
        "def load():\n    import yaml",
    ],
)
def test_a_guarded_import_passes(source: str) -> None:
    assert source_rules.unguarded_imports(ast.parse(source)) == []


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("from . import catalog", {"artifacts"}),
        ("from .catalog import Artifact", {"artifacts"}),
        ("from .. import errors, layout", {"errors", "layout"}),
        ("from ..models.config import AppConfig", {"models"}),
        ("def late():\n    from ..backups import run", {"backups"}),
        ("import json", set()),
    ],
)
def test_the_parts_that_a_file_needs_are_seen(source: str, parts: set[str]) -> None:
    assert source_rules.imported_parts(ast.parse(source), ("artifacts", "store")) == parts
