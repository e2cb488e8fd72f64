"""Finite data: sequences that lie in a file, which training goes through epoch by epoch.

All sequences are divided once into training, validation and test, at random by `split_seed`; a file can bring its own
validation sequences. An epoch takes the training sequences in an order of its own, which follows from the seed of the
run and the number of the epoch. Its last batch can be smaller: it is filled up with sequences that are asked nothing
(see rnnctl.question), so its gradient is the mean over the sequences that it has, and in means over updates it counts
as its share of a batch. Sequences of a batch are as long as its longest one; what lies behind the end of a sequence is
0 and is asked nothing.

The floor is the lowest loss, on the very answers that runs are validated on, of these predictors: the best constant for
these answers; and, counted or averaged over the training sequences, an answer for each step, and, where inputs are
symbols, for each symbol. None of them has a memory. Real inputs are not looked at: a network without memory that reads
them can be below this floor.
"""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from rnnctl import seeds
from rnnctl.question import NOT_ASKED, Question
from rnnctl.section import DERIVED, HOST, PLACE, Mark, also_called
from rnnctl.tasks.asked import Answers
from rnnctl.tasks.base import Baseline, Batch, Plateaus
from rnnctl.tasks.layout import UNKNOWN, Layout
from rnnctl.tasks.section import FixedSection, Sizes

Split = str  # train, validation or test


@dataclass(frozen=True)
class Sequences:
    """Sequences and what is asked about them.

    inputs: (N, T) uint16 symbols or (N, T, I) float32. targets: (N,) or (N, T) int64 classes, or float32 values, with a
    last axis for answers of several. lengths_N: the steps of each sequence.
    """

    inputs: np.ndarray
    targets: np.ndarray
    lengths_N: np.ndarray

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class FileData:
    """What a file holds. sha256: the hash of the content. own: its own validation sequences, None if it has none.

    symbols, classes: how many there are; None for real inputs, and for values. asked: see `Layout`.
    """

    sha256: str
    sequences: Sequences
    own: Sequences | None
    symbols: int | None
    classes: int | None
    asked: Literal["last", "ends", "every", "some"]


class FiniteSection(FixedSection, ABC):
    """A task whose sequences lie in a file. They are identified by the hash of the arrays, wherever the file lies."""

    not_keys: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("X", "y", "inputs", "targets", "mask"), "it is an array in the .npz file that `file` names"),
        **dict.fromkeys(
            ("train_size", "train", "train_split", "train_ratio", "train_fraction"),
            "training has the sequences that validation and test leave",
        ),
    }

    file: Annotated[
        str, PLACE, also_called("path", "data", "data_path", "filename", "npz", "dataset", "train_data")
    ] = Field("", description="the .npz file; it must be named")
    sha256: Annotated[str | None, DERIVED] = Field(
        None, description="hash of the arrays; found when the study is registered"
    )
    layout: Annotated[str | None, DERIVED] = Field(
        None,
        description="numbers of sequences (training + validation + test), steps, inputs and outputs; found when the "
        "study is registered",
    )
    validation: Annotated[
        float, HOST, also_called("val", "val_split", "validation_split", "val_fraction", "val_ratio")
    ] = Field(
        0.2,
        gt=0,
        lt=1,
        description="share of the sequences held out for validation, if the file brings no validation sequences",
    )
    test: Annotated[float, HOST, also_called("test_split", "test_size", "test_fraction", "test_ratio")] = Field(
        0.0, ge=0, lt=1, description="share of the sequences held out for test, on which `evaluate` judges"
    )
    split_seed: Annotated[int, also_called("data_seed", "shuffle_seed", "random_state")] = Field(
        42, ge=0, description="seed by which sequences are divided into training, validation and test"
    )
    tolerance: Annotated[float, also_called("tol", "threshold")] = Field(
        0.1, gt=0, description="error of a number beyond which an answer is wrong; of answers that are numbers"
    )

    real_inputs: ClassVar[bool] = True
    is_finite: ClassVar[bool] = True

    @abstractmethod
    def read(self) -> FileData:
        """Return what the file holds. Raise ValueError, in one line, if that is not what the task needs."""

    def _plain(self, without: Mark | None) -> dict[str, Any]:
        """Return the plain section. While a file has no hash, its place is all that distinguishes it from others."""
        plain = super()._plain(without)
        return {**plain, "file": self.file} if self.sha256 is None else plain

    def holds_after(self, changed: Collection[str]) -> frozenset[str]:
        if "file" in changed or not changed:
            return frozenset() if changed else frozenset({"sha256", "layout"})
        return frozenset({"sha256"})

    def identified(self) -> Self:
        data = self.read()
        if self.sha256 not in (None, data.sha256):
            raise ValueError(f"sha256 {self.sha256} is not that of file {self.file}, which is {data.sha256}")
        place = str(Path(os.path.expanduser(self.file)).resolve())
        derived = {"file": place, "sha256": data.sha256, "layout": str(self._layout_of(data))}
        return self.model_copy(update=derived)

    def _rows(self, data: FileData) -> dict[Split, np.ndarray]:
        """Return the places of the sequences of each split, none for validation if the file brings its own."""
        count = len(data.sequences)
        share = 0.0 if data.own is not None else self.validation
        held_out, test = (max(1, round(part * count)) if part else 0 for part in (share, self.test))
        if held_out + test >= count:
            raise ValueError(
                f"of the {count} sequences of file {self.file}, {held_out} for validation and {test} for test leave "
                "none to train on"
            )
        order = seeds.generator(self.split_seed, seeds.DATA_SPLIT).permutation(count)
        ends = test, test + held_out
        parts = np.split(order, ends)
        return {"test": parts[0], "validation": parts[1], "train": parts[2]}

    def _layout_of(self, data: FileData) -> Layout:
        rows, sequences = self._rows(data), data.sequences
        validation = len(rows["validation"]) if data.own is None else len(data.own)
        outputs = data.classes or (sequences.targets.shape[-1] if self._has_value_axis(data) else 1)
        return Layout(
            len(rows["train"]),
            validation,
            len(rows["test"]),
            sequences.inputs.shape[1],
            data.symbols or sequences.inputs.shape[2],
            "symbols" if data.symbols else "reals",
            outputs,
            "classes" if data.classes else "values",
            data.asked,
        )

    @staticmethod
    def _has_value_axis(data: FileData) -> bool:
        return data.sequences.targets.ndim == (2 if data.asked == "last" else 3)

    def splits(self) -> dict[Split, Sequences]:
        """Return the sequences of each split. Raise ValueError if the file is missing or has changed."""
        data = self.read()
        if self.sha256 is not None and self.sha256 != data.sha256:
            raise ValueError(
                f"file {self.file} is another than the run's: sha256 {data.sha256[:12]}..., not {self.sha256[:12]}..."
            )
        return _splits_of(self, data.sha256)

    def divided(self) -> dict[Split, Sequences]:
        """Return the sequences of each split of the file as it is."""
        data = self.read()
        parts = {split: _some(data.sequences, rows) for split, rows in self._rows(data).items()}
        return parts if data.own is None else {**parts, "validation": data.own}

    @property
    def known_layout(self) -> Layout:
        """What is known of the data. The file is read if the study is not registered yet."""
        if self.layout is not None:
            return Layout.read(self.layout)
        if "file" not in self.__dict__:  # the section of a pack key, which has no places
            return UNKNOWN
        try:
            return self._layout_of(self.read())
        except ValueError:
            return UNKNOWN

    @property
    def steps(self) -> int:
        return self.known_layout.steps

    @property
    def question(self) -> Question:
        return self.known_layout.question(self.tolerance)

    @property
    def reads_reals(self) -> bool:
        return self.known_layout.kind == "reals"

    @property
    def asks_every_step(self) -> bool:
        return self.known_layout.asked == "every"

    def validated(self, samples: int) -> int:
        return min(samples, self.known_layout.validation)

    @property
    def sizes(self) -> Sizes:
        layout = self.known_layout
        return Sizes(layout.steps, layout.inputs, layout.outputs)

    @property
    def data(self) -> tuple[str, str]:
        return self.file, self.sha256 or ""

    @property
    def data_bytes(self) -> int:
        layout = self.known_layout
        number = 4 * layout.inputs if layout.kind == "reals" else 2
        # Each number is there as it was read, and in its split.
        return 2 * (layout.train + layout.validation + layout.test) * layout.steps * number

    def make(self) -> Finite:
        return Finite(self.splits, self.known_layout, self.tolerance)


@lru_cache(maxsize=4)
def _splits_of(section: FiniteSection, sha256: str) -> dict[Split, Sequences]:
    """Return the sequences of each split, once for all runs of a process. sha256: of the file as it is."""
    return section.divided()


def _some(sequences: Sequences, rows: np.ndarray) -> Sequences:
    return Sequences(sequences.inputs[rows], sequences.targets[rows], sequences.lengths_N[rows])


class Finite:
    """The sequences of a split. read: returns those of all splits. It is called when a sequence is first needed."""

    carries = False

    def __init__(
        self, read: Callable[[], dict[Split, Sequences]], layout: Layout, tolerance: float, split: Split = "train"
    ) -> None:
        self._read, self.layout, self.tolerance, self.name = read, layout, tolerance, split
        self.n_inputs, self.n_outputs, self.max_steps = layout.inputs, layout.outputs, layout.steps
        self.question = layout.question(tolerance)
        classes = layout.answers == "classes"
        self.plateaus: Plateaus = ((math.log(layout.outputs), "uniform guess"),) if classes else ()

    @cached_property
    def splits(self) -> dict[Split, Sequences]:
        """The sequences of all splits."""
        return self._read()

    @property
    def sequences(self) -> Sequences:
        """The sequences of this split."""
        return self.splits[self.name]

    def split(self, name: Split) -> Finite:
        """Return the sequences of a split. Raise ValueError if it has none."""
        if not len(self.splits[name]):
            raise ValueError(f"no sequences are held out for {name}: task.{name} is 0")
        return Finite(lambda: self.splits, self.layout, self.tolerance, name)

    def draw(self, rng: np.random.Generator, batch: int, length: int | None = None) -> Batch:
        """Draw `batch` different sequences, or with repetitions if there are fewer."""
        count = len(self.sequences)
        rows = rng.permutation(count)[:batch] if batch <= count else rng.integers(count, size=batch)
        return self.batch(rows, batch, length)

    def held_out(self, rng: np.random.Generator, samples: int, chunk: int) -> list[Batch]:
        """Return each sequence once, or `samples` of them at random if there are more, in about equal chunks."""
        count = len(self.sequences)
        rows = np.arange(count) if count <= samples else rng.permutation(count)[:samples]
        return [self.batch(part, len(part)) for part in np.array_split(rows, math.ceil(len(rows) / chunk))]

    def streams(self, rng: np.random.Generator, batch: int) -> Epochs:
        """Return the batches of all epochs."""
        return Epochs(self, int(rng.integers(2**63)), batch)

    def batch(self, rows: np.ndarray, size: int, length: int | None = None) -> Batch:
        """Return sequences, filled up to `size` with some that are asked nothing."""
        sequences, missing = self.sequences, size - len(rows)
        steps = length or int(sequences.lengths_N[rows].max())
        if self.layout.asked == "last":
            steps = self.max_steps
        inputs = sequences.inputs[rows, :steps].swapaxes(0, 1)
        targets = sequences.targets[rows]
        if self.question.every_step:
            targets = targets[:, :steps].swapaxes(0, 1)
        if missing:
            axis = int(self.question.every_step)
            nothing: Any = NOT_ASKED if targets.dtype.kind == "i" else np.nan
            inputs = np.concatenate([inputs, np.zeros_like(inputs[:, :1]).repeat(missing, 1)], axis=1)
            blank = np.full_like(targets.take([0], axis), nothing).repeat(missing, axis)
            targets = np.concatenate([targets, blank], axis=axis)
        return Batch(np.ascontiguousarray(inputs), np.ascontiguousarray(targets))

    def baseline(self, batches: Sequence[Batch]) -> Baseline:
        """Return the lowest loss, and the error that goes with it, of the predictors that the module names."""
        answers = Answers.of(batches, self.question)
        fit = Answers.of([self._training], self.question)
        if self.layout.answers == "values":
            constants = [answers.mean(), fit.mean(), fit.mean_by(fit.steps_N, answers.steps_N)]
            if answers.symbols_N is not None and fit.symbols_N is not None:
                constants.append(fit.mean_by(fit.symbols_N, answers.symbols_N))
            return min((answers.of_values(each, self.tolerance) for each in constants), key=lambda floor: floor.loss)
        classes = self.n_outputs
        tables = [answers.shares(classes, smoothing=0.0), fit.shares(classes)]
        tables.append(fit.shares_by(fit.steps_N, answers.steps_N, classes))
        if answers.symbols_N is not None and fit.symbols_N is not None:
            tables.append(fit.shares_by(fit.symbols_N, answers.symbols_N, classes))
        return min((answers.of_classes(each) for each in tables), key=lambda floor: floor.loss)

    @cached_property
    def _training(self) -> Batch:
        train = Finite(lambda: self.splits, self.layout, self.tolerance, "train")
        return train.batch(np.arange(len(train.sequences)), len(train.sequences))


@dataclass(frozen=True)
class Epochs:
    """The training batches. key: the seed of the orders of all epochs."""

    task: Finite
    key: int
    size: int

    @property
    def batches(self) -> int:
        """Batches of an epoch."""
        return -(-len(self.task.sequences) // self.size)

    def window(self, number: int) -> Batch:
        """Return a batch by its number, from 0."""
        epoch, place = divmod(number, self.batches)
        rows = order_of_epoch(self.key, epoch, len(self.task.sequences))
        return self.task.batch(rows[place * self.size : (place + 1) * self.size], self.size)


@lru_cache(maxsize=64)
def order_of_epoch(key: int, epoch: int, count: int) -> np.ndarray:
    """Return the order of `count` sequences in an epoch, counted from 0."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([key, epoch]))).permutation(count)
