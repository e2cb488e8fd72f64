"""The alphabet of all grammars: the space and the letters a to z, whatever letters the words of a grammar have.

A network that is trained on one grammar can therefore read words that the grammar does not have.
"""

from __future__ import annotations

import numpy as np

SYMBOLS = " abcdefghijklmnopqrstuvwxyz"  # the id of a symbol is its position
SPACE = SYMBOLS.index(" ")
V = len(SYMBOLS)
IDS = {symbol: position for position, symbol in enumerate(SYMBOLS)}


def encode(text: str) -> np.ndarray:
    """Return the symbols of a text, (T,) uint8.

    Raise ValueError, in one line, for a character that is not in the alphabet. It names the character and its place.
    """
    for place, character in enumerate(text, 1):
        if character not in IDS:
            raise ValueError(f"character {place}, {character!r}, is not in the alphabet: a to z and the space")
    return np.array([IDS[character] for character in text], np.uint8)


def decode(ids: np.ndarray) -> str:
    """Return the text of symbols, (T,) integers; the inverse of `encode`."""
    return "".join(SYMBOLS[symbol] for symbol in ids.tolist())
