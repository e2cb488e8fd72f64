"""Text: predict the next symbol at every step of windows from a corpus.

Training draws windows at random. If the state is carried, it follows streams instead, which begin evenly spread over
the training split and continue window after window, past its end to its beginning. Validation and test draw windows at
random from their splits; all of these start without a state.

The floor is the loss on these windows of a model that sees only the present symbol: the bigram model of
rnnctl.corpora.floors, fitted to the training split and smoothed in the way that is best on the validation split.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator

from rnnctl.corpora.corpus import STDLIB, load, size_of
from rnnctl.corpora.floors import Floors, NGrams
from rnnctl.corpora.splits import SPLITS, Windows, fractions_of
from rnnctl.corpora.tokens import Tokens, tokens_of
from rnnctl.question import Question
from rnnctl.section import DERIVED, HOST, PLACE, Mark, also_called
from rnnctl.tasks.base import Baseline, Batch, Plateaus
from rnnctl.tasks.section import BYTE, LENGTH, Sizes, TaskSection

QUESTION = Question(every_step=True, judged="each")
FLOOR_BYTES = 24  # measured
BYTES_IN_MEMORY = 3  # of each byte of a text: itself, in its split, and as a symbol


class TextSection(TaskSection):
    """The next symbol of a text, at every step of windows of `window` symbols.

    A text is identified by the hash of its bytes, which is computed when a study is registered. Where it lies is
    not part of a run's identity. A spec that is read back is not changed, whatever lies at that place by then.
    """

    name: Annotated[
        Literal["text"], also_called(text=("language_model", "lm", "language_modeling", "char_rnn", "corpus"))
    ]
    corpus: Annotated[str, PLACE, also_called("file", "path", "data_path", "data_dir", "filename", "dataset")] = Field(
        STDLIB, description="a file, a folder, or stdlib, the source of Python's standard library"
    )
    sha256: Annotated[str | None, DERIVED] = Field(
        None, description="hash of the text; found when the study is registered"
    )
    level: Annotated[
        Literal["bytes", "chars", "bpe"],
        also_called(
            "tokenizer", "tokens", chars=("character", "char_level"), bpe=("words", "word", "subword", "tokens")
        ),
    ] = Field("bytes", description="what a symbol is: a byte, a character, or a token of byte pair encoding")
    vocabulary: Annotated[int | None, also_called("vocab", "vocab_size", "n_vocab", "num_tokens")] = Field(
        None, gt=BYTE, le=2**16, description="number of tokens of level bpe"
    )
    vocabulary_sha256: Annotated[str | None, DERIVED] = Field(
        None, description="hash of the vocabulary of level bpe; found when the study is registered"
    )
    window: Annotated[int, also_called(*LENGTH, "block_size", "context", "context_length", "chunk_len")] = Field(
        100, ge=1, description="symbols in a window"
    )
    state: Annotated[
        Literal["reset", "carried"],
        also_called(
            "stateful", carried=("carry", "keep", "kept", "stateful", "true"), reset=("zero", "false", "stateless")
        ),
    ] = Field("reset", description="whether training windows begin without a state or go on from the window before")
    validation: Annotated[float, HOST, also_called("val", "val_split", "validation_split", "val_fraction")] = Field(
        0.05, gt=0, lt=1, description="share of the text held out for validation"
    )
    test: Annotated[float, HOST, also_called("test_split", "test_size", "test_fraction")] = Field(
        0.05, gt=0, lt=1, description="share of the text held out for test"
    )

    real_inputs: ClassVar[bool] = False
    hashes: ClassVar[tuple[str, ...]] = ("sha256", "vocabulary_sha256")

    @model_validator(mode="after")
    def _level_and_shares_fit(self) -> Self:
        if (self.level == "bpe") != (self.vocabulary is not None):
            needs = (
                "needs vocabulary, its number of tokens"
                if self.level == "bpe"
                else "takes no vocabulary: only bpe does"
            )
            raise ValueError(f"level {self.level} {needs}")
        if self.validation + self.test >= 1:
            raise ValueError(f"validation {self.validation:g} and test {self.test:g} leave nothing to train on")
        return self

    def _plain(self, without: Mark | None) -> dict[str, Any]:
        """Return the plain section. While a text has no hash, its place is all that distinguishes it from others."""
        plain = super()._plain(without)
        return {**plain, "corpus": self.corpus} if self.sha256 is None else plain

    def holds_after(self, changed: Collection[str]) -> frozenset[str]:
        if "corpus" in changed:
            return frozenset()
        return frozenset({"sha256"} if changed else self.hashes)

    def identified(self) -> Self:
        text = identify(self.corpus, self.level, self.vocabulary, self.window, self.validation, self.test)
        for key in self.hashes:
            expected = getattr(self, key)
            if expected not in (None, getattr(text, key)):
                raise ValueError(f"{key} {expected} is not that of corpus {self.corpus}, which is {getattr(text, key)}")
        # The vocabularies of the other levels follow from the text.
        vocabulary = text.vocabulary_sha256 if self.level == "bpe" else None
        hashes: dict[str, Any] = {"corpus": text.corpus, "sha256": text.sha256, "vocabulary_sha256": vocabulary}
        return self.model_copy(update=hashes)

    @property
    def question(self) -> Question:
        return QUESTION

    def at_length(self, length: int) -> Self:
        return type(self).model_validate({**self.model_dump(), "window": length})

    def mean_steps(self, piece: int | None) -> float:
        return float(min(piece or self.window, self.window))

    @property
    def sizes(self) -> Sizes:
        symbols = self.vocabulary or BYTE  # more than the characters of a text in one alphabet
        return Sizes(self.window, symbols, symbols)

    @property
    def packages(self) -> tuple[str, ...]:
        return ("tokenizers",) if self.level == "bpe" else ()

    @property
    def data(self) -> tuple[str, str]:
        return self.corpus, self.sha256 or ""

    @property
    def data_bytes(self) -> int:
        return BYTES_IN_MEMORY * known_size(self.corpus)

    @property
    def floor_bytes(self) -> int:
        return FLOOR_BYTES

    @property
    def symbol(self) -> str:
        return {"bytes": "byte", "chars": "character", "bpe": f"token of {self.vocabulary}"}[self.level]

    def make(self) -> Text:
        """Return the source of windows. Without a hash, these are of whatever text lies at the place."""
        key = self.corpus, self.sha256, self.level, self.vocabulary, self.vocabulary_sha256
        return Text(partial(known_text, *key, self.validation, self.test), self.window, self.state == "carried")


@lru_cache(maxsize=64)
def known_size(reference: str) -> int:
    """Return how many bytes a corpus has, looked up once for all runs of a process."""
    return size_of(reference)


class Identity(NamedTuple):
    """The absolute path of a corpus, its hash, and the hash of its vocabulary at a level."""

    corpus: str
    sha256: str
    vocabulary_sha256: str


@lru_cache(maxsize=64)
def identify(
    reference: str, level: str, vocabulary: int | None, window: int, validation: float, test: float
) -> Identity:
    """Return the identity of a corpus.

    Raise ValueError, in one line, if there is no such corpus, if it has no symbols at this level, or if one of its
    splits is shorter than a window.
    """
    corpus = load(reference)
    tokens = tokens_of(corpus, level, vocabulary, fractions_of(validation, test))
    for split in SPLITS:
        tokens.windows(split, window)
    place = STDLIB if reference == STDLIB else str(Path(os.path.expanduser(reference)).resolve())
    return Identity(place, corpus.sha256, tokens.vocabulary.sha256)


@lru_cache(maxsize=4)
def known_text(
    reference: str,
    sha256: str | None,
    level: str,
    vocabulary: int | None,
    vocabulary_sha256: str | None,
    *held_out: float,
) -> KnownText:
    """Return a corpus as symbols, loaded once for all runs of a process. held_out: shares of validation and test.

    Raise ValueError if the corpus, or its stored vocabulary, has changed since the run was registered.
    """
    corpus = load(reference)
    if sha256 is not None and corpus.sha256 != sha256:
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
    """The symbols of a corpus, and n-gram models of them."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens

    @cached_property
    def ngrams(self) -> NGrams:
        ids = self.tokens.ids
        return NGrams(ids["train"], ids["validation"], self.tokens.vocabulary.bytes_per_symbol)

    @lru_cache(maxsize=len(SPLITS))  # noqa: B019
    def floors(self, split: str) -> Floors:
        """Return the losses of the n-gram models on a whole split."""
        ids = self.tokens.ids[split]
        return self.ngrams.floors(ids[:-1], ids[1:])


class Text:
    """Windows of `window` symbols of a split. carries: whether training follows streams.

    read: returns the text, or raises ValueError. It is called when a symbol is first needed, so that the question and
    the unit of the loss are known even for a run whose corpus is gone.
    """

    question = QUESTION

    def __init__(self, read: Callable[[], KnownText], window: int, carries: bool, split: str = "train") -> None:
        self.max_steps, self.carries, self.name = window, carries, split
        self._read = read

    @cached_property
    def known(self) -> KnownText:
        return self._read()

    @cached_property
    def windows(self) -> Windows:
        return self.known.tokens.windows(self.name, self.max_steps)

    @property
    def n_inputs(self) -> int:
        return self.known.tokens.vocabulary.symbols

    @property
    def n_outputs(self) -> int:
        return self.n_inputs

    @cached_property
    def plateaus(self) -> Plateaus:
        floors = self.known.floors("validation")
        return (floors.uniform.nats, "uniform guess"), (floors.unigram.nats, "unigram")

    def draw(self, rng: np.random.Generator, batch: int, length: int | None = None) -> Batch:
        windows = self.windows
        if length is not None and length != self.max_steps:
            windows = Windows(windows.ids, length, self.name)
        return Batch(*windows.draw(rng, batch))

    def streams(self, rng: np.random.Generator, batch: int) -> TextStreams | None:
        """Return streams that begin evenly spread over the split, all moved by one random distance.

        Runs with different seeds therefore see different windows.
        """
        if not self.carries:
            return None
        spread = self.windows.spread(batch)
        starts_B = (spread + rng.integers(len(self.windows.ids) - 1)) % (len(self.windows.ids) - 1)
        return TextStreams(self.windows, starts_B)

    def split(self, name: str) -> Text:
        """Return the windows of a split. Raise ValueError if it is shorter than a window."""
        self.known.tokens.windows(name, self.max_steps)
        return Text(lambda: self.known, self.max_steps, False, name)

    def baseline(self, batches: Sequence[Batch]) -> Baseline:
        """Return the floor and the chance error on windows that were drawn from this split.

        The floor has two errors: windows are a sample of the split, and the split is a sample of such texts. Starts are
        drawn independently, so the variances add up, however much the windows overlap.
        """
        inputs, targets = (
            np.concatenate(arrays, axis=1)
            for arrays in zip(*((batch.inputs, batch.targets) for batch in batches), strict=True)
        )
        floors, whole = self.known.ngrams.floors(inputs, targets), self.known.floors(self.name)
        # Windows at random places leave this share of the split's symbols out: exp(-targets / symbols).
        different = -whole.targets * math.expm1(-floors.targets / whole.targets)
        return Baseline(
            floors.bigram.nats,
            floors.bigram.error,
            bytes_per_answer=floors.bytes / floors.targets,
            loss_se=math.hypot(floors.bigram.nats_se, whole.bigram.nats_se),
            different=different,
        )


@dataclass(frozen=True)
class TextStreams:
    """Streams through the windows of a split. starts_B: where they begin."""

    windows: Windows
    starts_B: np.ndarray

    def window(self, number: int) -> Batch:
        return Batch(*self.windows.stream(self.starts_B, number))
