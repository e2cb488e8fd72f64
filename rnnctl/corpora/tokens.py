"""A corpus as symbols: its vocabulary, and the symbols of each split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from rnnctl.corpora.bpe import trained
from rnnctl.corpora.corpus import Corpus
from rnnctl.corpora.splits import FRACTIONS, Windows, cuts
from rnnctl.corpora.vocabulary import LEVELS, Bytes, Characters, Undecodable, Vocabulary
from rnnctl.words import did_you_mean


@dataclass(frozen=True, eq=False)
class Tokens:
    """The splits of a corpus, each encoded in the symbols of the same vocabulary.

    ids: split -> (N,) uint8 or uint16, read-only. Decoded and joined, they are the corpus.
    """

    corpus: Corpus
    vocabulary: Vocabulary
    ids: dict[str, np.ndarray]

    def windows(self, split: str, length: int) -> Windows:
        """Return windows of `length` symbols of a split. Raise ValueError if the split is shorter than a window."""
        return Windows(self.ids[split], length, split)


def tokens_of(
    corpus: Corpus, level: str, vocabulary: int | None = None, fractions: Sequence[float | Fraction] = FRACTIONS
) -> Tokens:
    """Encode a corpus in the symbols of a level.

    vocabulary: number of symbols for level bpe, None for the other levels. The bpe vocabulary is trained on the
    training split only, so that it contains no information about the other splits.

    Raises ValueError, with a message of one line, for an unknown level, an empty split, a text that is not UTF-8 at
    level chars, and as `trained` does for level bpe.
    """
    if level not in LEVELS:
        raise ValueError(f"level {level}; allowed: {', '.join(LEVELS)}{did_you_mean(level, LEVELS)}")
    if (level == "bpe") != (vocabulary is not None):
        problem = "needs a vocabulary size" if level == "bpe" else "takes no vocabulary size, only bpe does"
        raise ValueError(f"level {level} {problem}")
    texts = {name: corpus.text[positions] for name, positions in cuts(corpus.text, fractions).items()}
    chosen: Vocabulary
    try:
        if vocabulary is not None:
            chosen = trained(texts["train"], vocabulary)
        else:
            chosen = Bytes() if level == "bytes" else Characters(corpus.text)
    except Undecodable as error:
        where = corpus.locate(error.offset)
        raise ValueError(f"{where}: not valid UTF-8, which level chars needs; use level bytes") from error
    return Tokens(corpus, chosen, {name: chosen.encode(text) for name, text in texts.items()})
