"""The section `task` of a study, and what the rest of the program asks of a task.

A batch has one length, drawn from min_length up to but not including max_length (the convention of the program of
Pascanu, Mikolov and Bengio 2013); equal values fix it. What the length counts, and its least value, depend on the task.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, ClassVar, NamedTuple, Self

from pydantic import Field, model_validator

from rnnctl.section import Section, also_called, content_of, with_default

if TYPE_CHECKING:
    from rnnctl.question import Question
    from rnnctl.tasks.base import Task

BYTE = 256  # number of symbols that a byte can store

# What other tools call the length of sequences; see rnnctl.section.also_called.
LENGTH = ("length", "seq_len", "sequence_length", "seq_length", "timesteps", "T")


class Sizes(NamedTuple):
    """How large the sequences of a task can be: steps, inputs (symbols, or real inputs) and outputs."""

    steps: int
    inputs: int
    outputs: int


class TaskSection(Section, ABC):
    """The section `task` of a run.

    Every task must define the abstract methods and the class variables without a value; the catalogue refuses a task
    that does not.
    """

    name: str

    real_inputs: ClassVar[bool]  # whether inputs are, or can be, real numbers and not symbols
    is_finite: ClassVar[bool] = False  # whether there are only so many sequences, which training goes through in epochs
    # Whether the target at every step is the next input, a symbol, so that a network can be fed its own answers.
    predicts_next_input: ClassVar[bool] = False

    @abstractmethod
    def make(self) -> Task:
        """Return the source of batches. It reads files only when they are needed, and may raise ValueError then."""

    @property
    @abstractmethod
    def question(self) -> Question:
        """What is asked of a network, what the loss of an answer is, and when it is wrong."""

    @property
    def reads_reals(self) -> bool:
        """Whether the inputs are real numbers and not symbols, where the data decides."""
        return self.real_inputs

    @property
    def asks_every_step(self) -> bool:
        """Whether each step of each sequence has an answer that is asked."""
        return self.question.every_step

    def validated(self, samples: int) -> int:
        """Return the number of sequences of a validation set: `samples`, or fewer if there are no more of them."""
        return samples

    @abstractmethod
    def at_length(self, length: int) -> TaskSection:
        """Return the task with sequences of one length. Raise ValueError if it cannot have that length."""

    @abstractmethod
    def mean_steps(self, piece: int | None) -> float:
        """Return the mean number of steps of an update, for estimates of costs.

        piece: steps of a batch that an update takes; None for all.
        """

    @property
    def sizes(self) -> Sizes:
        """The greatest sizes of the task's sequences, for estimates of memory. A task that reads data must estimate
        them without: where the data lies is not known here.
        """
        task = self.make()
        return Sizes(task.max_steps, task.n_inputs, task.n_outputs)

    @property
    def exact_sizes(self) -> Sizes | None:
        """`sizes`, if they are known without reading data; None for a text whose symbols have to be counted."""
        return self.sizes

    @property
    def lengths(self) -> tuple[int, int] | None:
        """The least and the greatest length of training sequences, both included; None for a task without lengths."""
        return None

    @property
    def symbol(self) -> str | None:
        """What a target stands for, such as `byte`, if losses are comparable only for equal symbols; None otherwise."""
        return None

    @property
    def packages(self) -> tuple[str, ...]:
        """The Python packages that the task needs beyond those that rnnctl always needs."""
        return ()

    @property
    def data(self) -> tuple[str, str] | None:
        """Where the data lies that the task reads, and its hash; None for tasks that generate their data."""
        return None

    def portable_data(self) -> bytes:
        """Return the data that the task reads as the content of one file: wherever that lies, the run is the same.

        Call it only where there is `data`. Raise ValueError, in one line, if the data cannot be read.
        """
        assert self.data is not None
        return content_of(self.data[0])

    @property
    def data_bytes(self) -> int:
        """About how many bytes the data takes in memory, 0 if there is none. The files are not read."""
        return 0

    @property
    def floor_bytes(self) -> int:
        """About how many bytes it takes for each answer to compute the floor, if that looks at all answers at once."""
        return 0

    @property
    def batch_multiple(self) -> tuple[int, str] | None:
        """A number that batch size and chunk size must be multiples of, and why; None if any size will do."""
        return None

    def holds_after(self, changed: Collection[str]) -> frozenset[str]:
        """Return the derived keys of the section that keep their values when the keys named in `changed` change."""
        return frozenset()

    def identified(self) -> Self:
        """Return the section with its derived keys, such as the hash of a text, filled in.

        Raise ValueError, in one line that names the key, if the data is missing or is not what the section says.
        """
        return self

    @property
    def loss_unit(self) -> str:
        """The unit of the loss."""
        unit = {"cross_entropy": "nats", "squared_error": "mean squared error"}[self.question.loss]
        return f"{unit} per {self.symbol}" if self.symbol else unit


class LengthsSection(TaskSection, ABC):
    """A task whose sequences are generated at a length that is drawn for every batch."""

    min_length: Annotated[int, also_called(*LENGTH, "min_len", "min_seq_len", "length_min")] = Field(
        50, description="least length of a batch's sequences"
    )
    max_length: Annotated[int, also_called(*LENGTH, "max_len", "max_seq_len", "length_max")] = Field(
        200, description="lengths are drawn below this one; equal to min_length, it fixes the length"
    )

    LEAST: ClassVar[int]  # the shortest length that the task can be generated at

    @model_validator(mode="after")
    def _lengths_fit(self) -> Self:
        for key in ("min_length", "max_length"):
            if (length := getattr(self, key)) < self.LEAST:
                raise ValueError(f"{key} must be at least {self.LEAST}, not {length}, where name is {self.name}")
        if self.max_length < self.min_length:
            raise ValueError(f"{with_default(self, 'max_length')} is below {with_default(self, 'min_length')}")
        return self

    @property
    def question(self) -> Question:
        return self.make().question

    def at_length(self, length: int) -> Self:
        return type(self).model_validate({**self.model_dump(), "min_length": length, "max_length": length})

    @property
    def lengths(self) -> tuple[int, int]:
        return self.min_length, max(self.max_length - 1, self.min_length)

    def mean_steps(self, piece: int | None) -> float:
        added = self.make().max_steps - self.max_length
        return sum(self.lengths) / 2 + added


class FixedSection(TaskSection, ABC):
    """A task whose sequences have one length, which follows from other keys."""

    @property
    @abstractmethod
    def steps(self) -> int:
        """Number of steps of a sequence."""

    @property
    def question(self) -> Question:
        return self.make().question

    def at_length(self, length: int) -> Self:
        if length != self.steps:
            raise ValueError(f"all sequences have {self.steps} steps")
        return self

    @property
    def lengths(self) -> tuple[int, int] | None:
        return self.steps, self.steps

    def mean_steps(self, piece: int | None) -> float:
        return float(self.steps)
