# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about source text, each a function of a syntax tree; test_source_rules.py shows what they catch."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence

OWN_PACKAGES = {"ansible", "ansible_collections", "__future__"}
# In the standard library of the Python that runs the tests, but not in that of the oldest target.
NEWER_THAN_TARGETS = {"tomllib"}
PROCESS_FUNCTIONS = re.compile(r"os\.(system|popen|fork|forkpty|startfile|exec\w+|spawn\w+|posix_spawnp?)")
PROCESS_PACKAGES = {"subprocess", "pty", "multiprocessing"}
JOINING_FUNCTIONS = {"os.path.join", "posixpath.join", "path.join"}
PATH_CLASSES = {"Path", "PurePath", "PosixPath", "PurePosixPath"}
NUMBER_FUNCTIONS = {"len", "int", "float", "sum", "round", "abs", "min", "max"}
NUMBER_NAMES = re.compile(
    r"(^|_)(bytes|count|done|duration|elapsed|interval|level|number|rate|seconds|size|total)$", re.I
)


def imported_packages(tree: ast.AST) -> set[str]:
    """Return the top-level packages that a file imports absolutely, wherever in it."""
    return {package for node in ast.walk(tree) for package in _packages(node)}


def third_party_packages(tree: ast.AST) -> set[str]:
    """Return the imported packages that are neither of the standard library nor of Ansible."""
    return {package for package in imported_packages(tree) if _is_third_party(package)}


def unguarded_imports(tree: ast.AST) -> list[str]:
    """Return the third-party imports that break the import of the file where the package is missing.

    Guarded is the body of a ``try`` that catches ImportError, and its ``else``; a function body, and what
    only a type checker reads, are not run by an import.
    """
    return sorted(set(_unguarded(tree)))


def imported_parts(tree: ast.AST, path: Sequence[str]) -> set[str]:
    """Return which parts of its package a file imports relatively, given where it is in there, as its names.

    A part is a file or a folder at the top of the package.
    """
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    return {
        [*path[: -node.level], *(node.module.split(".") if node.module else []), alias.name][0]
        for node in imports
        for alias in node.names
    }


def process_starts(tree: ast.AST) -> list[str]:
    """Return the imports and calls by which a file could start a process."""
    calls = {name for node in ast.walk(tree) if PROCESS_FUNCTIONS.fullmatch(name := _dotted(node))}
    return sorted((imported_packages(tree) & PROCESS_PACKAGES) | calls)


def prints(tree: ast.AST) -> list[str]:
    """Return each use of print and of the standard output and error, with its line."""
    found = {"print", "sys.stdout", "sys.stderr"}
    return [f"{_dotted(node)} in line {node.lineno}" for node in _expressions(tree) if _dotted(node) in found]


def path_joins(tree: ast.AST) -> list[str]:
    """Return each expression that makes a path of parts: ``/``, ``os.path.join``, ``Path(a, b)`` and the like.

    A division needs a plain number on one side to pass. ``folder.joinpath(name)`` with what a listing gave is
    no naming and passes; with a text of the file's own it does not.
    """
    return [f"{ast.unparse(node)} in line {node.lineno}" for node in _expressions(tree) if _joins(node)]


def _expressions(tree: ast.AST) -> Iterator[ast.expr | ast.AugAssign]:
    return (node for node in ast.walk(tree) if isinstance(node, (ast.expr, ast.AugAssign)))


def _joins(node: ast.AST) -> bool:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return not (_is_number(node.left) or _is_number(node.right))
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Div):
        return not (_is_number(node.target) or _is_number(node.value))
    if not isinstance(node, ast.Call):
        return False
    if _dotted(node.func) in JOINING_FUNCTIONS:
        return True
    if _dotted(node.func).rpartition(".")[2] in PATH_CLASSES:
        return len(node.args) > 1 or any(map(_is_composed, node.args))
    is_joinpath = isinstance(node.func, ast.Attribute) and node.func.attr == "joinpath"
    return is_joinpath and any(isinstance(text, ast.Constant) or _is_composed(text) for text in node.args)


def _is_composed(node: ast.AST) -> bool:
    return isinstance(node, (ast.JoinedStr, ast.BinOp))


def _is_number(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, (int, float))
    if isinstance(node, ast.BinOp):
        return _is_number(node.left) or _is_number(node.right)
    if isinstance(node, ast.Call):
        return _dotted(node.func) in NUMBER_FUNCTIONS
    return bool(NUMBER_NAMES.search(_dotted(node).rpartition(".")[2]))


def _dotted(node: ast.AST) -> str:
    """Return a name such as ``os.path.join``, or the end of one that begins with an expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return ""


def _packages(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return {node.module.partition(".")[0]}
    return set()


def _is_third_party(package: str) -> bool:
    standard = package in sys.stdlib_module_names and package not in NEWER_THAN_TARGETS
    return not standard and package not in OWN_PACKAGES


def _unguarded(node: ast.AST) -> Iterator[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return
    skipped: list[ast.stmt] = []
    if isinstance(node, ast.Try) and any(map(_catches_import_error, node.handlers)):
        skipped = [*node.body, *node.orelse]
    elif isinstance(node, ast.If) and _dotted(node.test).rpartition(".")[2] == "TYPE_CHECKING":
        skipped = node.body
    yield from filter(_is_third_party, _packages(node))
    for child in ast.iter_child_nodes(node):
        if child not in skipped:
            yield from _unguarded(child)


def _catches_import_error(handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or _dotted(kind) in {"ImportError", "Exception"} for kind in caught)
