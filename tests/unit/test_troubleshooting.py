# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/troubleshooting.md has a section for each error code and no other, and quotes what the engine really says.

A sentence is the engine's when it can be put together of what stands in its source: texts and f-strings, values in
their places, and what others say, which is listed here.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.command import exits

REPOSITORY = Path(__file__).resolve().parents[2]
PLUGINS = REPOSITORY / "plugins"
PAGE = (REPOSITORY / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
SECTION = re.compile(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", re.M | re.S)
SECTIONS = dict(SECTION.findall(PAGE))
# The names in the page's examples: in a message they are values, although they look like words.
NAMES = {
    *("app", "auditor", "backup", "checkout", "mariadb", "person", "postgres", "retentoin", "root", "shoop", "shop"),
    *("cryptography", "pydantic", "rich", "typer"),
}
WORD = re.compile(r"[a-z]{2,}")
MARKS = re.compile(r"; |\. |: |, and |, ")
PLACE = "\0"


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


TREES = [parsed(path) for path in sorted(PLUGINS.rglob("*.py"))]


# The codes.


def kinds(kind: type[errors.BackupDBError] = errors.BackupDBError) -> Iterator[type[errors.BackupDBError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from kinds(each)


def texts_in(node: ast.AST) -> Iterator[str]:
    """Return the texts that an expression may come to."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from texts_in(node.body)
        yield from texts_in(node.orelse)


def codes_in(node: ast.AST) -> Iterator[str]:
    """Return the codes that a piece of source gives to something: by an argument, a function, a variable, a finding."""
    if isinstance(node, ast.keyword) and node.arg == "error_code":
        yield from texts_in(node.value)
    elif isinstance(node, ast.FunctionDef) and node.name == "error_code":
        for inner in ast.walk(node):
            if isinstance(inner, ast.Return) and inner.value is not None:
                yield from texts_in(inner.value)
    elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in {"code", "error_code"}:
        yield from texts_in(node.value)
    elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "Finding" and node.args:
        yield from texts_in(node.args[0])


def engine_codes() -> set[str]:
    """Return every error code that the engine can give."""
    given = {code for tree in TREES for node in ast.walk(tree) for code in codes_in(node)}
    return set(filter(None, given)) | {kind.error_code for kind in kinds()}


def table_codes() -> list[str]:
    """Return the codes of the README's table in their order."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8").partition("\n## Errors\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", text.partition("|---|")[2], re.M)


def command_codes() -> dict[str, int]:
    """Return the exit codes in the table of docs/command.md by their error codes."""
    text = (REPOSITORY / "docs" / "command.md").read_text(encoding="utf-8")
    return {code: int(number) for number, code in re.findall(r"^\| (\d+) \|[^|]*\| `(\w+)`", text, re.M)}


def test_every_error_code_of_the_engine_has_its_section_and_no_other_has() -> None:
    assert set(SECTIONS) == engine_codes()
    assert len(SECTION.findall(PAGE)) == len(SECTIONS)


def test_the_sections_come_in_the_order_of_the_table_in_the_readme() -> None:
    table = table_codes()
    assert table
    assert [code for code in SECTIONS if code in table] == table


@pytest.mark.parametrize("code", SECTIONS)
def test_each_section_tells_the_exit_code_that_the_command_has(code: str) -> None:
    told = re.findall(r"^Exit code of the command: (\d+)\.", SECTIONS[code], re.M)
    assert told == [str(exits.CODES.get(code, exits.OTHER))]


def test_the_exit_codes_in_the_documentation_of_the_command_are_those_of_the_command() -> None:
    assert command_codes() == {**exits.CODES, errors.LockedError.error_code: exits.OTHER}


# The sentences.


@dataclass(frozen=True)
class Template:
    """A text of the source as it is said: the pieces of its own, with values between them."""

    pieces: tuple[str, ...]

    def ways_to_say(self, text: str) -> Iterator[list[str]]:
        """Yield each way to say a text by this one, as the values in its places."""
        first, *others = self.pieces
        if text.startswith(first):
            yield from _ways(text[len(first) :], others)


def _ways(text: str, pieces: Sequence[str]) -> Iterator[list[str]]:
    """Yield each way to divide a text into values that are followed by these pieces, to its end."""
    if not pieces:
        if not text:
            yield []
        return
    piece, *others = pieces
    if not others:
        if text.endswith(piece):
            yield [text[: len(text) - len(piece)]]
        return
    # Between two values that stand side by side, one ends where a word does.
    for found in re.finditer(re.escape(piece) if piece else r"^|(?= )|$", text):
        for values in _ways(text[found.end() :], others):
            yield [text[: found.start()], *values]


def wording(node: ast.AST) -> str | None:
    """Return what a text or an f-string says, with a mark in the place of each value; None where it is neither."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(wording(part) or PLACE for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = wording(node.left), wording(node.right)
        return None if left is None and right is None else (left or PLACE) + (right or PLACE)
    return None


def docstrings(tree: ast.Module) -> set[ast.AST]:
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, holders)]
    return {body[0].value for body in bodies if body and isinstance(body[0], ast.Expr)}


@functools.cache
def templates() -> list[Template]:
    """Return what the plugins can say, as far as it has words for its values and fits on a line."""
    found = set()
    for tree in TREES:
        left_out = docstrings(tree)
        found |= {wording(node) for node in ast.walk(tree) if node not in left_out}
    worded = {text.strip() for text in found if text and text.count(PLACE) <= 3 * len(WORD.findall(text))}
    return [Template(tuple(text.split(PLACE))) for text in sorted(worded) if text and "\n" not in text]


# What servers, libraries and the operating system say themselves, with what they have to say about.
OTHERS = [
    re.compile(text)
    for text in (
        # pydantic
        r"Extra inputs are not permitted|Field required|Input should be [\w ]+",
        # The operating system
        r"(\[Errno -?\d+\] )?(Connection refused|Name or service not known)",
        r"Permission denied|Not a directory|Read-only file system|No space left on device",
        # PostgreSQL, libpq and OpenSSL
        r'connection to server at "[\w.]+", port \d+ failed: .+',
        r'could not translate host name "[\w.]+" to address: .+',
        r"psql:<stdin>:\d+: error: backslash commands are restricted; only \\unrestrict is allowed",
        # MySQL, MariaDB, PyMySQL and Python's ssl
        r"Can't connect to MySQL server on '[\w.]+' \(.+\)",
        r"SSL is required but the server doesn't support it|Lost connection to MySQL server during query",
        r"Access denied for user '\w+'@'[\w.]+' \(using password: YES\)",
        r"SELECT command denied to user '\w+'@'[\w.]+' for table `mysql`\.`user`",
    )
]


def is_value(text: str) -> bool:
    """Say whether a text has no words of prose, but names, numbers and paths."""
    words = [word.strip("(),?") for word in text.split()]
    return all(word in NAMES or not WORD.fullmatch(word) for word in words)


def is_said(sentence: str) -> bool:
    """Say whether the engine can say a sentence: by one text of its own, by several, or by what others say."""
    fit = [template for template in templates() if all(piece in sentence for piece in template.pieces)]

    @functools.cache
    def can_be(text: str) -> bool:
        if is_value(text) or any(other.fullmatch(text) for other in OTHERS):
            return True
        for template in fit:
            for values in template.ways_to_say(text):
                if text not in values and all(can_be(value.strip()) for value in values):
                    return True
        return any(can_be(text[: mark.start()]) and can_be(text[mark.end() :]) for mark in MARKS.finditer(text))

    return can_be(sentence)


def quoted_sentences(page: str) -> list[str]:
    """Return the sentences in the page's blocks of text; a line that is indented goes on with the one before."""
    blocks = re.findall(r"^```text\n(.*?)^```", page, re.M | re.S)
    return [line for block in blocks for line in re.sub(r"\n +", " ", block).splitlines() if line]


SENTENCES = quoted_sentences(PAGE)


def test_the_page_quotes_sentences_for_every_code_that_users_meet() -> None:
    assert [code for code, section in SECTIONS.items() if not quoted_sentences(section)] == []


@pytest.mark.parametrize("sentence", SENTENCES)
def test_each_quoted_sentence_is_one_that_the_engine_says(sentence: str) -> None:
    assert is_said(sentence)


def own_words(sentence: str) -> list[str]:
    """Return the words of a sentence that are prose, and not what others say."""
    for other in OTHERS:
        sentence = other.sub("", sentence)
    return [word for word in sentence.split() if WORD.fullmatch(word) and word not in NAMES]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_quoted_sentence_with_another_word_would_be_found_out(sentence: str) -> None:
    word = max(own_words(sentence), key=len)
    assert not is_said(re.sub(rf"(?<![^ ]){word}(?![^ ])", "zebra", sentence, count=1)), word
