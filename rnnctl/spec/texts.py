"""Which text a run is trained on: found once, when its study is read, and part of the run from then on."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from rnnctl.corpora.corpus import STDLIB, load
from rnnctl.corpora.splits import SPLITS, fractions_of
from rnnctl.corpora.tokens import tokens_of


@lru_cache(maxsize=64)
def identified(
    reference: str, level: str, vocabulary: int | None, window: int, validation: float, test: float
) -> dict[str, str | None]:
    """Where the corpus lies, from anywhere, its hash, and at level bpe that of its vocabulary.

    Raises ValueError, in one line, where there is no such corpus, it cannot be had at this level, or a split of it is
    shorter than a window.
    """
    corpus = load(reference)
    tokens = tokens_of(corpus, level, vocabulary, fractions_of(validation, test))
    for split in SPLITS:
        tokens.windows(split, window)
    return {
        "corpus": STDLIB if reference == STDLIB else str(Path(reference).expanduser().resolve()),
        "sha256": corpus.sha256,
        "vocabulary_sha256": tokens.vocabulary.sha256 if level == "bpe" else None,
    }
