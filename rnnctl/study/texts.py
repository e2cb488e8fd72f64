"""Which text a run is trained on: found once, when its study is read, and part of the run from then on."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from rnnctl.corpora.corpus import STDLIB, load
from rnnctl.corpora.splits import SPLITS, fractions_of
from rnnctl.corpora.tokens import tokens_of

# Keys that are found when a study is read, from what the others tell.
HASHES = ("sha256", "vocabulary_sha256")


class Identity(NamedTuple):
    """Where a corpus lies, from anywhere, its hash, and that of its vocabulary at a level."""

    corpus: str
    sha256: str
    vocabulary_sha256: str


@lru_cache(maxsize=64)
def identified(
    reference: str, level: str, vocabulary: int | None, window: int, validation: float, test: float
) -> Identity:
    """Which text a corpus is.

    Raises ValueError, in one line, where there is no such corpus, it cannot be had at this level, or a split of it is
    shorter than a window.
    """
    corpus = load(reference)
    tokens = tokens_of(corpus, level, vocabulary, fractions_of(validation, test))
    for split in SPLITS:
        tokens.windows(split, window)
    place = STDLIB if reference == STDLIB else str(Path(reference).expanduser().resolve())
    return Identity(place, corpus.sha256, tokens.vocabulary.sha256)
