"""Describe a text before anything is trained on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnnctl.corpora.corpus import STDLIB, load
from rnnctl.corpora.floors import Floor, NGrams
from rnnctl.corpora.splits import FRACTIONS
from rnnctl.corpora.tokens import tokens_of
from rnnctl.lab.errors import LabError


@dataclass(frozen=True)
class Split:
    """A split of a text, and what is reached on it without a network.

    uniform, unigram, bigram: predictors fitted to the training split. unigram_entropy, bigram_entropy: in nats per
    symbol, what these two would pay if they had been fitted to this split.
    """

    length: int  # symbols
    bytes: int
    uniform: Floor
    unigram: Floor
    bigram: Floor
    unigram_entropy: float
    bigram_entropy: float


@dataclass(frozen=True)
class CorpusFacts:
    """A text as symbols of a level."""

    corpus: str
    bytes: int
    files: int
    sha256: str
    level: str
    symbols: int
    vocabulary_sha256: str
    splits: dict[str, Split]


def describe(
    reference: str = STDLIB,
    level: str = "bytes",
    vocabulary: int | None = None,
    fractions: Sequence[float] = tuple(map(float, FRACTIONS)),
) -> CorpusFacts:
    """Describe a text: a file, a folder, or `stdlib`, the source of Python's standard library.

    level: bytes, chars or bpe. vocabulary: the number of symbols of level bpe, which is trained if it is not kept yet.
    fractions: of the splits for training, validation and test. Raises LabError.
    """
    try:
        tokens = tokens_of(load(reference), level, vocabulary, fractions)
        known = tokens.vocabulary
        grams = NGrams(tokens.ids["train"], tokens.ids["validation"], known.bytes_per_symbol)
        floors = {name: grams.floors(ids[:-1], ids[1:]) for name, ids in tokens.ids.items()}
    except ValueError as error:
        raise LabError(str(error)) from error
    return CorpusFacts(
        corpus=tokens.corpus.name,
        bytes=len(tokens.corpus.text),
        files=len(tokens.corpus.files),
        sha256=tokens.corpus.sha256,
        level=known.level,
        symbols=known.symbols,
        vocabulary_sha256=known.sha256,
        splits={
            name: Split(
                length=len(ids),
                bytes=int(known.bytes_per_symbol[ids].sum()),
                uniform=floors[name].uniform,
                unigram=floors[name].unigram,
                bigram=floors[name].bigram,
                unigram_entropy=floors[name].unigram_entropy,
                bigram_entropy=floors[name].bigram_entropy,
            )
            for name, ids in tokens.ids.items()
        },
    )
