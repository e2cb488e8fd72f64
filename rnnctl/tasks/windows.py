"""Symbols of a text at every step of windows: what the tasks have in common that predict the next symbol.

Training draws windows at random. If the state is carried, it follows streams instead, which begin evenly spread over
the training split and continue window after window, past its end to its beginning. Validation and test draw windows at
random from their splits; all of these start without a state.

The floor is the loss on these windows of a model that sees only the present symbol: the bigram model of
rnnctl.corpora.floors, fitted to the training split and smoothed in the way that is best on the validation split.
"""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from rnnctl.corpora.floors import Floors, NGrams
from rnnctl.corpora.splits import SPLITS, Windows
from rnnctl.corpora.vocabulary import Vocabulary
from rnnctl.question import Question
from rnnctl.section import HOST, also_called
from rnnctl.tasks.base import Baseline, Batch, DrawnTask, Plateaus
from rnnctl.tasks.section import LENGTH, TaskSection

QUESTION = Question(every_step=True, judged="each")
FLOOR_BYTES = 42  # of each answer, measured with 3 million of them


# Keys of such tasks. Each section has them where they belong in its order, which is that of labels.
Window = Annotated[
    int,
    also_called(*LENGTH, "block_size", "context", "context_length", "chunk_len"),
    Field(ge=1, description="symbols in a window"),
]
State = Annotated[
    Literal["reset", "carried"],
    also_called(
        "stateful", carried=("carry", "keep", "kept", "stateful", "true"), reset=("zero", "false", "stateless")
    ),
    Field(description="whether training windows begin without a state or go on from the window before"),
]
Validation = Annotated[
    float, HOST, also_called("val", "val_split", "validation_split", "val_fraction"), Field(gt=0, lt=1)
]
Test = Annotated[float, HOST, also_called("test_split", "test_size", "test_fraction"), Field(gt=0, lt=1)]


class WindowsSection(TaskSection, ABC):
    """A task that predicts the next symbol of a text, at every step of windows of `window` symbols."""

    if TYPE_CHECKING:
        window: int
        state: Literal["reset", "carried"]
        validation: float
        test: float

    real_inputs: ClassVar[bool] = False
    predicts_next_input: ClassVar[bool] = True

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        if self.validation + self.test >= 1:
            raise ValueError(f"validation {self.validation:g} and test {self.test:g} leave nothing to train on")
        return self

    @property
    def question(self) -> Question:
        return QUESTION

    def at_length(self, length: int) -> Self:
        return type(self).model_validate({**self.model_dump(), "window": length})

    def mean_steps(self, piece: int | None) -> float:
        return float(min(piece or self.window, self.window))

    @property
    def floor_bytes(self) -> int:
        return FLOOR_BYTES


class KnownText:
    """The symbols of a text, and n-gram models of them. ids: split -> (N,) uint8 or uint16."""

    def __init__(self, vocabulary: Vocabulary, ids: Mapping[str, np.ndarray]) -> None:
        self.vocabulary, self.ids = vocabulary, ids

    def windows(self, split: str, length: int) -> Windows:
        """Return windows of `length` symbols of a split. Raise ValueError if the split is shorter than a window."""
        return Windows(self.ids[split], length, split)

    @cached_property
    def ngrams(self) -> NGrams:
        return NGrams(self.ids["train"], self.ids["validation"], self.vocabulary.bytes_per_symbol)

    @lru_cache(maxsize=len(SPLITS))  # noqa: B019
    def floors(self, split: str) -> Floors:
        """Return the losses of the n-gram models on a whole split."""
        ids = self.ids[split]
        return self.ngrams.floors(ids[:-1], ids[1:])


class Text(DrawnTask):
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
        return self.known.windows(self.name, self.max_steps)

    @property
    def n_inputs(self) -> int:
        return self.known.vocabulary.symbols

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
        self.known.windows(name, self.max_steps)
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
