"""What a symbol is: levels `bytes` and `chars`, and what a vocabulary of any level can do.

bytes  256 symbols, whatever the text.
chars  the characters of the whole corpus in the order of their code points. That a character occurs at all is taken
       from every split, or a test text could not be written down; how often it does is not.
bpe    in bpe.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Protocol

import numpy as np

LEVELS = ("bytes", "chars", "bpe")
MOST = 2**16  # symbols: an id fits two bytes, and a pair of ids four
BLOCK = 1 << 22  # bytes that are turned into symbols at a time: what this takes does not grow with the text
CODE_POINTS = 0x110000


class Vocabulary(Protocol):
    """Symbols 0 to symbols - 1, and the bytes that each stands for."""

    level: str
    symbols: int
    bytes_per_symbol: np.ndarray  # (symbols,) int64
    sha256: str  # of the level and what its symbols stand for

    def encode(self, text: bytes | str) -> np.ndarray:
        """The symbols of a text: (N,) uint8 for up to 256 symbols, else uint16. Raises ValueError if it has none for
        it.
        """
        ...

    def decode(self, ids: np.ndarray) -> bytes:
        """The text that symbols (N,) stand for. Of what `encode` gave, the same bytes."""
        ...


class Undecodable(ValueError):
    """A text is no UTF-8; `offset` is that of the first byte that is wrong."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"no UTF-8 from byte {offset:,} on, which level chars takes")
        self.offset = offset


class Bytes:
    """A symbol is a byte."""

    level, symbols = "bytes", 256

    def __init__(self) -> None:
        self.bytes_per_symbol = np.ones(self.symbols, np.int64)
        self.sha256 = hashlib.sha256(b"bytes").hexdigest()

    def encode(self, text: bytes | str) -> np.ndarray:
        """(N,) uint8 over the text's own memory, to be read alone."""
        return np.frombuffer(as_bytes(text), np.uint8)

    def decode(self, ids: np.ndarray) -> bytes:
        return np.asarray(ids, np.uint8).tobytes()


class Characters:
    """A symbol is a character (a Unicode code point) of a text.

    Raises Undecodable if the text is no UTF-8, ValueError if it has more than 65,536 characters.
    """

    level = "chars"

    def __init__(self, text: bytes) -> None:
        occurs = np.zeros(CODE_POINTS, bool)
        for points in _code_points(text):
            occurs[points] = True
        self.points = np.flatnonzero(occurs).astype("<u4")  # (symbols,) the characters' code points, ascending
        self.symbols = len(self.points)
        if self.symbols > MOST:
            raise ValueError(f"{self.symbols:,} characters, and level chars takes up to {MOST:,}; take bytes or bpe")
        self._ids = np.full(CODE_POINTS, -1, np.int32)
        self._ids[self.points] = np.arange(self.symbols)
        self.bytes_per_symbol = 1 + sum((self.points >= first).astype(np.int64) for first in (0x80, 0x800, 0x10000))
        self.sha256 = hashlib.sha256(b"chars" + self.decode(np.arange(self.symbols))).hexdigest()

    def encode(self, text: bytes | str) -> np.ndarray:
        found = [self._known(points) for points in _code_points(as_bytes(text))]
        return np.concatenate([np.empty(0, id_dtype(self.symbols)), *found])

    def _known(self, points: np.ndarray) -> np.ndarray:
        ids = self._ids[points]
        if (ids < 0).any():
            point = int(points[ids < 0][0])
            raise ValueError(f"the character {chr(point)!r} (U+{point:04X}) does not occur in the corpus")
        return ids.astype(id_dtype(self.symbols))

    def decode(self, ids: np.ndarray) -> bytes:
        return self.points[np.asarray(ids, np.int64)].tobytes().decode("utf-32-le").encode()


def id_dtype(symbols: int) -> type[np.unsignedinteger]:
    return np.uint8 if symbols <= 256 else np.uint16


def as_bytes(text: bytes | str) -> bytes:
    """A text in UTF-8. Bytes of a command line that were none come back as they were."""
    return text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text


def _code_points(text: bytes) -> Iterator[np.ndarray]:
    """The code points of a text in UTF-8, block by block: (n,) uint32. Raises Undecodable."""
    start = 0
    while start < len(text):
        stop = start + BLOCK
        # No block ends within a character. Where that takes more than three steps, there is no character, and decoding
        # says so.
        for _ in range(3):
            if stop < len(text) and text[stop] & 0xC0 == 0x80:
                stop += 1
        try:
            block = text[start:stop].decode("utf-8")
        except UnicodeDecodeError as error:
            raise Undecodable(start + error.start) from error
        yield np.frombuffer(block.encode("utf-32-le"), "<u4")
        start = stop
