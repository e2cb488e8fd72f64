"""A text of words, divided into sentences that a grammar has and stretches that are none."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Divided:
    """The numbers of words and sentences of a text.

    words: complete ones, those with a space after them. real: those that the grammar has. sentences: of the grammar.
    inside: words in them. broken: stretches of words between sentences that belong to none. unfinished: words at the
    end that may be the beginning of a sentence; they belong to no sentence and no stretch.
    """

    words: int
    real: int
    sentences: int
    inside: int
    broken: int
    unfinished: int

    @property
    def real_share(self) -> float | None:
        """Share of words that the grammar has; None without words."""
        return self.real / self.words if self.words else None

    @property
    def accepted_share(self) -> float | None:
        """Sentences as a share of sentences and broken stretches; None without both."""
        total = self.sentences + self.broken
        return self.sentences / total if total else None

    @property
    def inside_share(self) -> float | None:
        """Share of words that are in sentences, of those that are not in an unfinished sentence; None without them."""
        total = self.words - self.unfinished
        return self.inside / total if total else None


def words_of(text: str) -> list[str]:
    """Return the complete words of a text: all that end before a space. Two spaces in a row have an empty word between
    them.
    """
    return text.split(" ")[:-1]


def divide(words: Sequence[str], known: Collection[str], sentences: Collection[tuple[str, ...]]) -> Divided:
    """Divide words into sentences so that as many words as possible are in sentences, and these are few.

    Nothing marks the end of a sentence, and some sentences are the beginning of others: `the cat watches the boy runs`
    can be divided in one way only, and this finds it. known: all words of the grammar. sentences: as tuples of words.
    """
    sentences = set(sentences)
    lengths = sorted({len(sentence) for sentence in sentences}, reverse=True)
    # The best division of the first n words: words inside, minus the number of sentences, and the last sentence's
    # length, 0 where the last word is in none.
    best: list[tuple[int, int, int]] = [(0, 0, 0)]
    for n in range(1, len(words) + 1):
        inside, fewest, _ = best[n - 1]
        choice = (inside, fewest, 0)
        for length in lengths:
            if length <= n and tuple(words[n - length : n]) in sentences:
                inside, fewest, _ = best[n - length]
                # Strictly better, so that of equal divisions the one with the longest last sentence is taken.
                choice = max(choice, (inside + length, fewest - 1, length), key=lambda each: each[:2])
        best.append(choice)
    outside, n, accepted = [False] * len(words), len(words), 0
    while n:
        length = best[n][2]
        outside[n - 1] = not length
        accepted += bool(length)
        n -= length or 1
    unfinished = _unfinished(words, outside, sentences)
    last = len(words) - unfinished
    broken = sum(outside[i] and not (i and outside[i - 1]) for i in range(last))
    inside = len(words) - sum(outside)
    return Divided(len(words), sum(word in known for word in words), accepted, inside, broken, unfinished)


def _unfinished(words: Sequence[str], outside: Sequence[bool], sentences: Collection[tuple[str, ...]]) -> int:
    """Return the number of words at the end that are in no sentence and are the beginning of one; the most of them."""
    beginnings = {sentence[:n] for sentence in sentences for n in range(1, len(sentence))}
    tail = 0
    while tail < len(words) and outside[-1 - tail]:
        tail += 1
    return next((n for n in range(tail, 0, -1) if tuple(words[-n:]) in beginnings), 0)
