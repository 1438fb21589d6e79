# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
r"""The restricted mode of psql, in which a text cannot run psql's own commands (CVE-2025-8714).

pg_dump begins each dump with a line ``\restrict KEY`` and ends it with ``\unrestrict KEY``. Whoever writes a dump
himself knows that key, or leaves the lines out. So psql is in restricted mode by a key of ours before it reads the
dump, whose own lines are taken out, since they would be refused; every other command is refused by psql.

Of an ``\unrestrict`` psql expands the argument before it compares the key, also by a program in backquotes (seen with
15.18). So one that is not taken out ends the load before psql can read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from secrets import token_hex

from ... import errors, process, stream
from .. import programs
from ..values import Finding

_RESTRICT = re.compile(rb"^\\restrict ", re.M)
# The first minor version of each major whose psql knows \restrict; later majors all do.
SINCE = {13: 22, 14: 19, 15: 14, 16: 10, 17: 6}
#: What psql says of a command that it does not run.
REFUSAL = "backslash commands are restricted"
HINT = "Restore a dump as pg_dump wrote it, or load it by hand where nothing can be lost"
KEY_BYTES = 24
# Blank lines and comments, and what pg_dump writes behind them; a comment ends with a line, however that ends.
_COMMENTS = re.compile(rb"(?:--[^\r\n]*[\r\n]|\s)*")
_BEGINNING = re.compile(_COMMENTS.pattern + rb"(\\restrict ([^\s\\]+))(?=\r?\n)")
# It begins with what is searched for quickly.
_END = rb"\n(\\unrestrict %s)(?=\r?\n)"
# How much longer the line at the end is than the one at the beginning, with the ends of lines around it, at the most.
_END_LONGER_BYTES = len(b"un\n\r\n")
_UNRESTRICT = re.compile(rb"\\unrestrict\s")
# What stands before a command, and as much of it as can come with a block without being whole.
_CONTEXT_BYTES = 3
_UNFINISHED_BYTES = _CONTEXT_BYTES + len(rb"\unrestrict")


def knows(program: programs.Program) -> bool:
    """Say whether this psql has a restricted mode."""
    major, minor = (*programs.numbers(program.version), 0)[:2]
    return major >= min(SINCE) and minor >= SINCE.get(major, 0)


def require(program: programs.Program, text: stream.Text) -> None:
    """Raise ConfigError unless this psql can read the text."""
    if _RESTRICT.search(text.head) and not knows(program):
        raise errors.ConfigError(f"{_this(program)} does not know the \\restrict of this dump", _update(program))


def findings(program: programs.Program, text: stream.Text | None, is_known: bool) -> Iterator[Finding]:
    """Yield what stands against loading a text by this psql; ``is_known`` says whether metadata tells of the text."""
    if knows(program):
        return
    if text is not None:
        try:
            require(program, text)
        except errors.ConfigError as error:
            yield Finding.of(error)
            return
    this, update = _this(program), _update(program)
    if is_known:
        yield Finding(None, f"{this} cannot keep what it loads from running programs on this host: {update.lower()}")
    else:
        yield Finding("config_error", f"{this} cannot keep a dump from running programs on this host", update)


def _this(program: programs.Program) -> str:
    return f"{program.path} is version {program.version} and"


def _update(program: programs.Program) -> str:
    return f"Update postgresql-client-{max(programs.numbers(program.version)[0], min(SINCE))}"


def beginning() -> process.PrivateFile:
    """Return what psql is to read first: the command that restricts it, with a key that nobody else knows."""
    return process.PrivateFile(b"\\restrict %s\n" % token_hex(KEY_BYTES).encode("ascii"), option="--file=")


def loadable(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the text of dumps, one after another, as a psql that is in restricted mode already can load it.

    Raise ValidationError before a command that psql would expand.
    """
    return _without_unrestrict(_without_own_lines(_Ahead(iter(blocks))))


@dataclass
class _Ahead:
    """A text with what has been read of it and not been taken yet."""

    blocks: Iterator[bytes]
    held: bytes = b""

    def read(self) -> bool:
        """Read one more block; say whether there was one."""
        block = next(self.blocks, b"")
        self.held += block
        return bool(block)

    def take(self, length: int) -> bytes:
        """Return the first bytes, and hold the others."""
        taken, self.held = self.held[:length], self.held[length:]
        return taken


def _without_own_lines(text: _Ahead) -> Iterator[bytes]:
    """Yield a text without the lines of pg_dump, whose ends stay, so that the numbers of lines do.

    They are taken out only where they can be: behind the comments that a dump begins with, and by the key that is
    named there. A wrong guess would break a dump and let nothing pass, since psql is restricted by another key.
    """
    while True:
        while not _has_begun(text.held) and text.read():
            pass
        beginning = _BEGINNING.match(text.held)
        if beginning is None:
            yield text.take(len(text.held))
            yield from text.blocks
            return
        yield text.take(beginning.start(1))
        line = text.take(len(beginning[1]))
        pattern = re.compile(_END % re.escape(beginning[2]))
        while (end := pattern.search(text.held)) is None:
            yield text.take(max(0, len(text.held) - len(line) - _END_LONGER_BYTES))
            if not text.read():
                yield text.take(len(text.held))
                return
        yield text.take(end.start(1))
        text.take(len(end[1]))


def _has_begun(held: bytes) -> bool:
    """Say whether the first line that is no comment is there, as far as it is looked for."""
    comments = _COMMENTS.match(held)
    return len(held) >= stream.HEAD_BYTES or b"\n" in held[comments.end() if comments else 0 :]


def _without_unrestrict(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a text as it is. Raise ValidationError before anything in it that psql could take for an unrestrict."""
    held, known = b"", 0
    for block in blocks:
        held += block
        places = [found.start() for found in _UNRESTRICT.finditer(held, known)]
        if not all(_is_data(held[max(0, place - 2) : place]) for place in places):
            raise errors.ValidationError(
                "the dump holds an \\unrestrict that is not pg_dump's own, by which psql could run a program", HINT
            )
        # psql reads a line up to it and then joins the next one, so that it could cut a word in two.
        if b"\0" in block:
            raise errors.ValidationError("the dump holds a zero byte, which no text of PostgreSQL can hold", HINT)
        if len(held) > _UNFINISHED_BYTES:
            yield held[:-_UNFINISHED_BYTES]
            held, known = held[-_UNFINISHED_BYTES:], _CONTEXT_BYTES
    yield held


def _is_data(before: bytes) -> bool:
    """Given the two bytes before a backslash, say whether psql takes it for no beginning of a command.

    In a row the backslash is doubled. Where text is no row, psql refuses a doubled one, but in some encodings of
    clients alone the first of the two can be the second byte of a character.
    """
    return before[-1:] == b"\\" and not before[:1] >= b"\x80"
