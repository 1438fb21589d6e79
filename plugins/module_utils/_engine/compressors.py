# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gzip by the best library that is installed; every one gives ordinary gzip members.

Measured on dumps of text, numbers and blobs (docs/performance.md): at levels 1 and 2, ISA-L is several times as fast as
any other and smaller than gzip; from 3 on, libdeflate is the smallest at two to five times gzip's speed. It needs a
whole block at once, which a member is. zlib-ng comes after them, and zlib, which is always there, last.
"""

from __future__ import annotations

import zlib
from types import ModuleType
from typing import Any, Callable, Optional

_deflate: Optional[ModuleType]
try:
    import deflate as _deflate
except ImportError:
    _deflate = None

_isal: Optional[ModuleType]
try:
    from isal import isal_zlib as _isal
except ImportError:
    _isal = None

_zlib: ModuleType
try:
    from zlib_ng import zlib_ng as _zlib
except ImportError:
    _zlib = zlib

GZIP_WINDOW_BITS = 31
FAST_LEVELS = (1, 2)
ISAL_LEVEL = 2
SLOW_LIBRARY = "zlib"
SLOW_WARNING = (
    "none of the Python packages deflate, isal and zlib-ng is installed, so compression takes several times as long"
)

Compress = Callable[[bytes], bytes]


def compressor(level: int) -> Compress:
    """Given a level 1-9, return a function that turns a block into one whole gzip member."""
    library = name(level)
    if library == "libdeflate":
        return lambda block: bytes(_deflate.gzip_compress(block, level))  # type: ignore[union-attr]
    if library == "isal":
        return lambda block: _member(_isal, ISAL_LEVEL, block)
    # zlib-ng's own level 1 is far larger than gzip's.
    return lambda block: _member(_zlib, max(level, 2) if library == "zlib_ng" else level, block)


def _member(library: Any, level: int, block: bytes) -> bytes:
    member = library.compressobj(level, zlib.DEFLATED, GZIP_WINDOW_BITS)
    return bytes(member.compress(block) + member.flush())


def name(level: int) -> str:
    """Return the name of the library that compresses at a level, for messages and metadata."""
    if level in FAST_LEVELS and _isal is not None:
        return "isal"
    if level not in FAST_LEVELS and _deflate is not None:
        return "libdeflate"
    return SLOW_LIBRARY if _zlib is zlib else "zlib_ng"


class DamagedError(Exception):
    """The compressed data is not what a compressor wrote."""


def inflate(member: Any, block: bytes, limit_bytes: int) -> bytes:
    """Give a member's decompression object more data; return at most ``limit_bytes`` of its text.

    Raise DamagedError when the data is none of gzip's.
    """
    try:
        return bytes(member.decompress(block, limit_bytes))
    except (zlib.error, _zlib.error) as error:
        raise DamagedError(str(error)) from error


def decompressor() -> Any:
    """Return a fresh zlib-style decompression object for one gzip member."""
    return _zlib.decompressobj(GZIP_WINDOW_BITS)
