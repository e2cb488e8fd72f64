"""Sentences of a template grammar, character by character (see rnnctl.grammars and rnnctl.tasks.windows).

All different sentences of the grammar are divided at random into training, validation and test, each template in
proportion. The text of a split is a stream of its sentences, a space after each and one before the first, drawn with
the probabilities of the grammar, divided by the sum of those of the split. Windows, streams and the floor (a bigram of
the training text) are those of `text`.

Three entropies, in nats per character:

- The entropy of the grammar: of the endless stream of all its sentences. It does not depend on the division. A reader
  that knows the grammar and has read long enough loses no less.
- The entropy of a split's own stream. It is lower, by about log(1 / share of the split) / mean length of a sentence: a
  reader that knows which sentences the split has does not expect the others.
- The perfect loss: that of a reader that knows the grammar, on the very windows that runs are validated on. It does not
  know where in a sentence a window begins, like a network that begins without a state.

A validation loss is compared with the perfect loss, not with the entropy of the split's own stream. Which sentences are
held out is drawn at random, and training shows only the others. What a network can learn from these that helps with the
held-out ones is the grammar. To pass the perfect loss, it would have to give the training sentences less than their
share. Training on them teaches the opposite: learning them by heart makes a network worse on held-out ones. On the
training text it can be better than the grammar, down to the entropy of that split.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cached_property, lru_cache, partial
from math import fsum
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field

from rnnctl import seeds
from rnnctl.corpora.splits import SPLITS, fractions_of
from rnnctl.corpora.vocabulary import as_bytes
from rnnctl.grammars import alphabet
from rnnctl.grammars.division import Division, divided, restricted
from rnnctl.grammars.grammar import Grammar
from rnnctl.grammars.lexicons import grammar_of
from rnnctl.grammars.process import Process
from rnnctl.section import also_called
from rnnctl.tasks.base import Baseline, Batch, Plateaus
from rnnctl.tasks.windows import KnownText, State, Test, Text, Validation, Window, WindowsSection

TEXTS = (seeds.TRAIN_TEXT, seeds.VALIDATION_TEXT, seeds.TEST_TEXT)
DRAWN_BYTES = 40  # of each sentence while the text is drawn, besides its characters


class GrammarSection(WindowsSection):
    """The next character of sentences that a template grammar generates, at every step of windows.

    Validation and test have sentences that training does not have. The exact probability of every next character is
    known, and so is the loss that no model can pass.
    """

    name: Annotated[Literal["grammar"], also_called(grammar=("elman", "template_grammar", "sentences", "synthetic"))]
    lexicon: Annotated[Literal["lab", "elman"], also_called("grammar", "words")] = Field(
        "lab", description="words and templates: English sentences with determiners, or those of Elman (1990)"
    )
    corpus_seed: Annotated[int, also_called("data_seed", "text_seed", "grammar_seed")] = Field(
        1, ge=0, description="which sentences are held out, and what is drawn of each split"
    )
    sentences: Annotated[int, also_called("n_sentences", "num_sentences", "corpus_size", "size")] = Field(
        10_000, ge=100, le=500_000, description="number of sentences in the texts of all splits together"
    )
    window: Window = 100
    state: State = "reset"
    validation: Validation = Field(
        0.1, description="share of the different sentences, and of the text, held out for validation"
    )
    test: Test = Field(0.1, description="share of the different sentences, and of the text, held out for test")

    @property
    def symbol(self) -> str:
        return "character"

    @property
    def grammar(self) -> Grammar:
        """The grammar. Raises ValueError if its lexicon has been edited."""
        return grammar_of(self.lexicon)

    @property
    def data_bytes(self) -> int:
        return int(self.sentences * (self.grammar.process.automaton.mean_length + DRAWN_BYTES))

    def identified(self) -> Self:
        """Return the section. Raise ValueError if a split has no sentences, or less text than a window."""
        task = self.make()
        for split in SPLITS:
            task.known.windows(split, self.window)
        return self

    def make(self) -> GrammarText:
        key = self.lexicon, self.corpus_seed, self.sentences, self.validation, self.test
        return GrammarText(self.grammar, partial(known_sentences, *key), self.window, self.state == "carried")


class Letters:
    """The alphabet of grammars as a vocabulary of texts."""

    level, symbols, sha256 = "letters", alphabet.V, ""

    def __init__(self) -> None:
        self.bytes_per_symbol = np.ones(self.symbols, np.int64)

    def encode(self, text: bytes | str) -> np.ndarray:
        """Return the symbols of a text, (N,) uint8. Raise ValueError for a character that is not in the alphabet."""
        return alphabet.encode(as_bytes(text).decode("utf-8", "replace"))

    def decode(self, ids: np.ndarray) -> bytes:
        """Return the text of symbols (N,)."""
        return alphabet.decode(ids).encode()


class KnownSentences(KnownText):
    """The sentences and the text of each split of a grammar. shares: split -> share. size: of all texts, in sentences.

    Raises ValueError if a split would have no sentences.
    """

    def __init__(self, grammar: Grammar, seed: int, size: int, shares: dict[str, Fraction]) -> None:
        self.sentences: Division = divided(grammar, shares, seeds.generator(seed, seeds.DIVISION))
        self.processes = {split: restricted(sentences) for split, sentences in self.sentences.items()}
        space = np.array([alphabet.SPACE], np.uint8)
        ids = {
            split: np.concatenate([space, process.draw(seeds.generator(seed, stream), int(size * shares[split]))])
            for (split, process), stream in zip(self.processes.items(), TEXTS, strict=True)
        }
        super().__init__(Letters(), ids)


@lru_cache(maxsize=4)
def known_sentences(lexicon: str, seed: int, size: int, *held_out: float) -> KnownSentences:
    """Return the texts of a grammar, drawn once for all runs of a process. held_out: shares of validation and test."""
    shares = dict(zip(SPLITS, fractions_of(*held_out), strict=True))
    return KnownSentences(grammar_of(lexicon), seed, size, shares)


class GrammarText(Text):
    """Windows of the text of a split, and the grammar that it is drawn from. read: returns the texts."""

    def __init__(
        self, grammar: Grammar, read: Callable[[], KnownSentences], window: int, carries: bool, split: str = "train"
    ) -> None:
        super().__init__(read, window, carries, split)
        self.grammar, self._sentences = grammar, read

    @cached_property
    def known(self) -> KnownSentences:
        return self._sentences()

    @property
    def process(self) -> Process:
        """The stream of all sentences of the grammar."""
        return self.grammar.process

    @property
    def n_inputs(self) -> int:
        return alphabet.V

    def ids(self, split: str) -> np.ndarray:
        """Return the text of a split, (T,) uint8."""
        return self.known.ids[split]

    def split(self, name: str) -> GrammarText:
        self.known.windows(name, self.max_steps)
        return GrammarText(self.grammar, lambda: self.known, self.max_steps, False, name)

    @property
    def entropy_of_windows(self) -> float:
        """The mean entropy of a character given those before it in its window, anywhere in the grammar's stream."""
        return fsum(self.process.entropy_given_last(k) for k in range(1, self.max_steps + 1)) / self.max_steps

    @cached_property
    def plateaus(self) -> Plateaus:
        return *super().plateaus, (self.entropy_of_windows, "perfect loss")

    def baseline(self, batches: Sequence[Batch]) -> Baseline:
        """Return the floor and the chance error on windows of this split, and the perfect loss."""
        nats = fsum(float(self.surprisals(batch).sum()) for batch in batches)
        return replace(super().baseline(batches), perfect=nats / sum(batch.targets.size for batch in batches))

    def surprisals(self, batch: Batch) -> np.ndarray:
        """Return the losses at the targets of windows, (T, B) nats, of a reader that knows the grammar.

        It does not know where in a sentence a window begins.
        """
        windows = np.concatenate([batch.inputs[:1], batch.targets]).T
        return np.stack([self.process.surprisals(window, at_start=False)[1:] for window in windows], axis=1)
