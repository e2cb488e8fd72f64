"""A corpus as symbols: its vocabulary, and the symbols of each split."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from rnnctl.corpora.bpe import trained
from rnnctl.corpora.corpus import Corpus
from rnnctl.corpora.splits import FRACTIONS, Windows, cuts
from rnnctl.corpora.vocabulary import LEVELS, Bytes, Characters, Undecodable, Vocabulary


@dataclass(frozen=True, eq=False)
class Tokens:
    """Every split of a corpus for itself in the symbols of one vocabulary.

    ids: by split, (N,) uint8 or uint16, to be read alone. Together they stand for the corpus, byte by byte.
    """

    corpus: Corpus
    vocabulary: Vocabulary
    ids: dict[str, np.ndarray]

    def windows(self, split: str, length: int) -> Windows:
        """Windows of `length` symbols of a split. Raises ValueError if it is shorter than one."""
        return Windows(self.ids[split], length, split)


def tokens_of(
    corpus: Corpus, level: str, vocabulary: int | None = None, fractions: Sequence[float | Fraction] = FRACTIONS
) -> Tokens:
    """A corpus in the symbols of a level.

    vocabulary: how many symbols bpe is to have; no other level is given it. The vocabulary of bpe is trained on the
    training split alone, so that nothing of the test text shows in it.

    Raises ValueError, in one line: no such level; a split without a byte; a text that is no UTF-8 at level chars; what
    `trained` raises for bpe.
    """
    if level not in LEVELS:
        near = difflib.get_close_matches(level, LEVELS, n=1)
        raise ValueError(
            f"level {level}; allowed: {', '.join(LEVELS)}" + (f"; did you mean {near[0]}?" if near else "")
        )
    if (level == "bpe") != (vocabulary is not None):
        needs = "needs a vocabulary: how many symbols" if level == "bpe" else "takes no vocabulary: bpe does"
        raise ValueError(f"level {level} {needs}")
    parts = {name: corpus.text[part] for name, part in cuts(corpus.text, fractions).items()}
    try:
        known = _vocabulary(corpus.text, level) if vocabulary is None else trained(parts["train"], vocabulary)
    except Undecodable as error:
        raise ValueError(f"{corpus.place(error.offset)}: no UTF-8, which level chars takes; take bytes") from error
    return Tokens(corpus, known, {name: known.encode(part) for name, part in parts.items()})


def _vocabulary(text: bytes, level: str) -> Vocabulary:
    return Bytes() if level == "bytes" else Characters(text)
