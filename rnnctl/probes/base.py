"""What a probe is: a question put to trained networks.

Each probe is a section whose fields are what a user can ask; the command line makes its options from them. Importing a
probe loads no torch.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, ValidationError

from rnnctl.parts import names_of
from rnnctl.section import Section
from rnnctl.study.run import RunSpec
from rnnctl.weights import BEST, in_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.training.trained import Trained, WeightsAt

# JSON objects: all that decides an answer besides the weights, and the answer. Non-finite numbers in an answer are kept
# as None.
Question = dict[str, Any]
Answer = dict[str, Any]

CHUNK = 1000  # sequences that are computed at a time


def chunk_of(samples: int) -> int:
    """Return the chunk size for a number of sequences. Raise ValueError if it is above CHUNK and not a multiple."""
    chunk = min(CHUNK, samples)
    if samples < 1 or samples % chunk:
        raise ValueError(f"{samples} is neither at most {CHUNK:,} nor a multiple of it")
    return chunk


def _whole_chunks(samples: int) -> int:
    chunk_of(samples)
    return samples


# Types of fields that several probes have.
Samples = Annotated[int, AfterValidator(_whole_chunks)]
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]


class QuestionError(ValueError):
    """A question that a run cannot be asked, such as a context that its window does not hold.

    field: what is wrong; None if it is none of the fields, such as a package that is not installed.
    """

    def __init__(self, field: str | None, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Table:
    """Columns and rows of text; None for an empty cell."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str | None]]


@dataclass(frozen=True)
class Asked:
    """A run and its answers, in the order of its questions. step: the updates that its weights have had.

    weights: their name (see rnnctl.weights).
    groups: those of all configurations of the study, so that a configuration looks the same in every figure.
    """

    study: str
    label: str
    group: str  # the label without a seed, which replicates share
    run_id: str
    spec: RunSpec
    step: int
    answers: Sequence[tuple[Question, Answer]]
    groups: Sequence[str] = ()
    weights: str = BEST


def weights_heading(runs: Sequence[Asked]) -> str:
    """Return the heading of a column with the updates that weights have had, such as `best weights of`."""
    (name,) = {run.weights for run in runs}
    return "weights of" if name.isdigit() else f"{in_words(name)} of"


class Probe(Section, ABC):
    """A question put to trained networks; its fields are what a user can ask, each with a description.

    about: what the help of its command says; the first sentence stands alone in overviews. figure: the end of the name
    of its figure's file, None if it draws none. single: whether it is for one run at a time. lone_object: whether the
    JSON of one run is an object, and not a list. topic: the part of a report that shows its answers.
    """

    about: ClassVar[str]
    figure: ClassVar[str | None] = None
    single: ClassVar[bool] = False
    lone_object: ClassVar[bool] = False
    topic: ClassVar[Literal["answers", "samples", "generalisation"]] = "answers"

    name: str

    def applies(self, spec: RunSpec) -> str | None:
        """Return None if such a run can be asked, else why not, such as `task xor is not text`."""
        return None

    def questions(self, spec: RunSpec) -> list[Question]:
        """Return the questions to ask of a run. Each is answered, and its answer kept, apart from the others.

        Raise QuestionError if the run cannot be asked one of them.
        """
        return [self.model_dump(mode="json", exclude={"name"})]

    @classmethod
    def that_ask(cls, question: Question) -> list[Self]:
        """Return probes whose settings lead to a question: what draws an answer that is kept.

        The first has all settings that the question tells. If some of them have no default but what follows from the
        run, such as its length, the second leaves these to the run.
        """
        known = {name: value for name, value in question.items() if name in cls.model_fields}
        of_the_run = [name for name in known if cls.model_fields[name].default is None]
        choices = [known, {name: value for name, value in known.items() if name not in of_the_run}]
        return [made for settings in choices[: 1 + bool(of_the_run)] if (made := cls._with(settings)) is not None]

    @classmethod
    def _with(cls, settings: Mapping[str, Any]) -> Self | None:
        """Return the probe with settings as JSON has them; None if it does not take them."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()
        }
        try:
            return cls(name=names_of(cls)[0], **values)
        except ValidationError:
            return None

    def recalled(self, spec: RunSpec, kept: Sequence[tuple[Question, Answer]]) -> list[tuple[Question, Answer]]:
        """Return those kept answers about a run that a figure of this probe shows; none if one is missing."""
        try:
            questions = self.questions(spec) if self.applies(spec) is None else []
        except QuestionError:
            return []
        pairs = [pair for question in questions for pair in kept if pair[0] == question]
        return pairs if len(pairs) == len(questions) else []

    @abstractmethod
    def ask(self, trained: Trained, question: Question, weights: WeightsAt) -> Answer:
        """Return the answer to one of `questions` of a network with these weights; the same whenever it is asked.

        weights: one of `trained.weights`.
        Raise QuestionError if the network cannot be asked this, and FloatingPointError if its outputs are not finite.
        """

    @abstractmethod
    def tabulate(self, runs: Sequence[Asked]) -> list[Table | str]:
        """Return tables and lines of text that show the answers of these runs, at least one."""

    def draw(self, runs: Sequence[Asked], title: str) -> Figure | None:
        """Return a figure of the answers, None if there is none. title: the name of the runs together."""
        return None

    def sentence(self, question: Question, answer: Answer) -> str:
        """Return an answer in a few words, shown as soon as it is there; empty for none."""
        return ""

    def numbers(self, question: Question, answer: Answer) -> dict[str, float]:
        """Return the headline numbers of an answer by name; by default those at its top level. All are finite."""
        return {
            name: float(value)
            for name, value in answer.items()
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        }

    def record(self, question: Question, answer: Answer) -> dict[str, Any]:
        """Return question and answer as one record of JSON."""
        return {**question, **answer}
