"""Text: the next symbol is to be named, at every step, in windows out of a corpus.

Training draws windows at random, or, where the state is carried, follows streams that begin evenly over the training
split and go on window after window, around its end. Validation and test are windows at random of their own splits,
each begun without a state.

The floor is what the present symbol alone tells: the bigram model of rnnctl.corpora.floors, fitted on the training
split, on these very windows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache

import numpy as np

from rnnctl.corpora.corpus import load
from rnnctl.corpora.floors import NGrams
from rnnctl.corpora.splits import Windows, fractions_of
from rnnctl.corpora.tokens import Tokens, tokens_of
from rnnctl.question import Question
from rnnctl.tasks.base import Baseline, Batch


@lru_cache(maxsize=4)
def known_text(
    reference: str, sha256: str, level: str, vocabulary: int | None, vocabulary_sha256: str | None, *held_out: float
) -> KnownText:
    """A corpus as symbols, once for all runs of a process. held_out: the shares of validation and test.

    Raises ValueError where the corpus, or the vocabulary that is kept of it, is another than when the run was made.
    """
    corpus = load(reference)
    if corpus.sha256 != sha256:
        raise ValueError(
            f"corpus {reference} is another than the run's: sha256 {corpus.sha256[:12]}..., not {sha256[:12]}..."
        )
    tokens = tokens_of(corpus, level, vocabulary, fractions_of(*held_out))
    if vocabulary_sha256 not in (None, tokens.vocabulary.sha256):
        raise ValueError(
            f"the vocabulary of corpus {reference} is another than the run's: sha256 "
            f"{tokens.vocabulary.sha256[:12]}..., not {vocabulary_sha256[:12]}..."
        )
    return KnownText(tokens)


class KnownText:
    """Symbols, and what n-grams know of them."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens

    @cached_property
    def ngrams(self) -> NGrams:
        return NGrams(self.tokens.ids["train"], self.tokens.vocabulary.bytes_per_symbol)


class Text:
    """Windows of `window` symbols of one split; carries: training follows streams.

    read: gives the text, or raises ValueError. It is asked for when a symbol is first needed: what is asked about a
    text, and so what its losses are measured in, is known of a run whose corpus has gone.
    """

    question = Question(every_step=True, judged="each")

    def __init__(self, read: Callable[[], KnownText], window: int, carries: bool, split: str = "train") -> None:
        self.max_steps, self.carries, self.of = window, carries, split
        self._read = read

    @cached_property
    def known(self) -> KnownText:
        return self._read()

    @cached_property
    def windows(self) -> Windows:
        return self.known.tokens.windows(self.of, self.max_steps)

    @property
    def n_inputs(self) -> int:
        return self.known.tokens.vocabulary.symbols

    @property
    def n_outputs(self) -> int:
        return self.n_inputs

    @cached_property
    def plateaus(self) -> tuple[tuple[float, str], ...]:
        ids = self.known.tokens.ids["validation"]
        found = self.known.ngrams.floors(ids[:-1], ids[1:])
        return (found.uniform.nats, "uniform guess"), (found.unigram.nats, "unigram")

    def draw(self, rng: np.random.Generator, batch: int, length: int | None = None) -> Batch:
        windows = self.windows if length in (None, self.max_steps) else Windows(self.windows.ids, length, self.of)
        return Batch(*windows.draw(rng, batch))

    def starts(self, rng: np.random.Generator, batch: int) -> np.ndarray:
        """Evenly over the split, all moved by one random distance: runs of two seeds see other windows."""
        spread = self.windows.spread(batch)
        return (spread + rng.integers(len(self.windows.ids) - 1)) % (len(self.windows.ids) - 1)

    def stream(self, starts_B: np.ndarray, window: int) -> Batch:
        return Batch(*self.windows.stream(starts_B, window))

    def split(self, name: str) -> Text:
        """Raises ValueError where this split is shorter than a window, before anybody makes room for one."""
        self.known.tokens.windows(name, self.max_steps)
        return Text(lambda: self.known, self.max_steps, False, name)

    def baseline(self, batches: Sequence[Batch]) -> Baseline:
        inputs, targets = (
            np.concatenate([x.reshape(-1) for x in part]) for part in zip(*map(_pair, batches), strict=True)
        )
        found = self.known.ngrams.floors(inputs, targets)
        return Baseline(found.bigram.nats, found.bigram.error, bytes_per_answer=found.bytes / found.targets)


def _pair(batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    return batch.inputs, batch.targets
