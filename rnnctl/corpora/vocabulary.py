"""Vocabularies: the interface of all levels, and the levels `bytes` and `chars`.

bytes  256 symbols for every text.
chars  the characters of the whole corpus, ordered by code point. The set of characters is taken from all splits, since
       otherwise other splits could not be encoded; their frequencies are not used.
bpe    see bpe.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Protocol

import numpy as np

IdType = np.uint8 | np.uint16

LEVELS = ("bytes", "chars", "bpe")
MOST_SYMBOLS = 2**16  # so that an id fits into two bytes, and a pair of ids into four
BLOCK = 1 << 22  # bytes encoded at a time, which bounds the memory for intermediate results
CODE_POINTS = 0x110000


class Vocabulary(Protocol):
    """The symbols 0 to symbols - 1, and the bytes that each stands for."""

    level: str
    symbols: int
    bytes_per_symbol: np.ndarray  # (symbols,) int64
    sha256: str  # of the level and the bytes of its symbols

    def encode(self, text: bytes | str) -> np.ndarray:
        """Return the symbols of a text: (N,) uint8 for a vocabulary of up to 256 symbols, else uint16.

        Raises ValueError if the vocabulary lacks a symbol.
        """
        ...

    def decode(self, ids: np.ndarray) -> bytes:
        """Return the text of symbols (N,), the inverse of `encode`."""
        ...


class Undecodable(ValueError):
    """A text is not valid UTF-8; `offset` is the position of the first invalid byte."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"not valid UTF-8 at byte {offset:,}, which level chars needs")
        self.offset = offset


class Bytes:
    """The vocabulary of bytes."""

    level, symbols = "bytes", 256

    def __init__(self) -> None:
        self.bytes_per_symbol = np.ones(self.symbols, np.int64)
        self.sha256 = hashlib.sha256(b"bytes").hexdigest()

    def encode(self, text: bytes | str) -> np.ndarray:
        """Return the bytes of a text, (N,) uint8: a read-only view, no copy."""
        return np.frombuffer(as_bytes(text), np.uint8)

    def decode(self, ids: np.ndarray) -> bytes:
        """Return the text of symbols (N,)."""
        return np.asarray(ids, np.uint8).tobytes()


class Characters:
    """The vocabulary of the characters (Unicode code points) of a text.

    Raises Undecodable if the text is not valid UTF-8, ValueError if it has more than 65,536 different characters.
    """

    level = "chars"

    def __init__(self, text: bytes) -> None:
        occurs = np.zeros(CODE_POINTS, bool)
        for points in _code_points(text):
            occurs[points] = True
        self.points = np.flatnonzero(occurs).astype("<u4")  # (symbols,) the characters' code points, ascending
        self.symbols = len(self.points)
        if self.symbols > MOST_SYMBOLS:
            raise ValueError(
                f"{self.symbols:,} different characters, but level chars allows {MOST_SYMBOLS:,}; "
                "use level bytes or bpe"
            )
        self._ids = np.full(CODE_POINTS, -1, np.int32)
        self._ids[self.points] = np.arange(self.symbols)
        self.bytes_per_symbol = np.ones(self.symbols, np.int64)
        for first in (0x80, 0x800, 0x10000):  # the first code points that take 2, 3 and 4 bytes in UTF-8
            self.bytes_per_symbol += self.points >= first
        self.sha256 = hashlib.sha256(b"chars" + self.decode(np.arange(self.symbols))).hexdigest()

    def encode(self, text: bytes | str) -> np.ndarray:
        """Return the symbols of a text, (N,). Raise ValueError for a character that is not in the vocabulary."""
        blocks = [self._block(points) for points in _code_points(as_bytes(text))]
        return np.concatenate([np.empty(0, id_dtype(self.symbols)), *blocks])

    def _block(self, points: np.ndarray) -> np.ndarray:
        ids: np.ndarray = self._ids[points]
        if (ids < 0).any():
            point = int(points[ids < 0][0])
            raise ValueError(f"the character {chr(point)!r} (U+{point:04X}) does not occur in the corpus")
        return ids.astype(id_dtype(self.symbols))

    def decode(self, ids: np.ndarray) -> bytes:
        """Return the text of symbols (N,) in UTF-8."""
        return self.points[np.asarray(ids, np.int64)].tobytes().decode("utf-32-le").encode()


def id_dtype(symbols: int) -> type[IdType]:
    """Return the type of ids in a vocabulary of this size: uint8 for up to 256 symbols, else uint16."""
    return np.uint8 if symbols <= 256 else np.uint16


def as_bytes(text: bytes | str) -> bytes:
    """Return a text in UTF-8. Bytes of a command line that are not UTF-8 (surrogate escapes) are kept."""
    return text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text


def _code_points(text: bytes) -> Iterator[np.ndarray]:
    """Yield the code points of a text in UTF-8 block by block, (n,) uint32. Raise Undecodable for other text."""
    start = 0
    while start < len(text):
        stop = start + BLOCK
        # Move the end of the block to the end of a character. If that takes more than three bytes, the text is not
        # UTF-8, and decoding raises the error.
        for _ in range(3):
            if stop < len(text) and text[stop] & 0xC0 == 0x80:
                stop += 1
        try:
            block = text[start:stop].decode("utf-8")
        except UnicodeDecodeError as error:
            raise Undecodable(start + error.start) from error
        yield np.frombuffer(block.encode("utf-32-le"), "<u4")
        start = stop
