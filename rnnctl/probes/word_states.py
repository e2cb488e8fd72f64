"""Words of a text and the hidden states in which a network reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Occurrence:
    """A word of a text: its letters are text[start:stop], and text[stop] is the space after it."""

    word: str
    start: int
    stop: int


def occurrences(text: str) -> list[Occurrence]:
    """Return the words of a text in their order. Words end before a space; one without a space after it is left out."""
    words, start = [], 0
    for at, character in enumerate(text):
        if character == " ":
            if at > start:
                words.append(Occurrence(text[start:at], start, at))
            start = at + 1
    return words


def by_word(words: Sequence[Occurrence]) -> dict[str, list[Occurrence]]:
    """Return the occurrences of each word, in the order of first occurrences."""
    groups: dict[str, list[Occurrence]] = {}
    for occurrence in words:
        groups.setdefault(occurrence.word, []).append(occurrence)
    return groups


def states_at(h_TH: np.ndarray, words: Sequence[Occurrence], offset: int) -> np.ndarray:
    """Return the hidden states at a place of each occurrence, (n, H), counted from the end of the word.

    offset: 0 is the last letter, -1 the one before it, 1 the space after the word.
    """
    places = np.array([word.stop - 1 + offset for word in words], dtype=np.int64)
    return h_TH[places]


def mean_states(h_TH: np.ndarray, groups: Mapping[str, Sequence[Occurrence]], offset: int = 0) -> np.ndarray:
    """Return the mean hidden state of each word at a place counted from its end, (words, H)."""
    return np.stack([states_at(h_TH, words, offset).mean(0) for words in groups.values()])


def cosine(a_H: np.ndarray, b_H: np.ndarray) -> float:
    """Return the cosine of the angle between two vectors; NaN if one of them is zero."""
    lengths = float(np.linalg.norm(a_H)) * float(np.linalg.norm(b_H))
    return float(a_H @ b_H) / lengths if lengths else float("nan")


def cosines(a_H: np.ndarray, b_NH: np.ndarray) -> np.ndarray:
    """Return the cosine of the angle between a vector and each of several, (N,)."""
    return np.array([cosine(a_H, b_H) for b_H in b_NH])
