"""What a probe is: a question put to trained networks.

Each probe is a section whose fields are what a user can ask; the command line makes its options from them. Importing a
probe loads no torch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from rnnctl.section import Section
from rnnctl.study.run import RunSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.training.trained import Trained

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
    """A question that a run cannot be asked, such as a context that its window does not hold. field: what is wrong."""

    def __init__(self, field: str, message: str) -> None:
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


class Probe(Section, ABC):
    """A question put to trained networks; its fields are what a user can ask, each with a description.

    about: what the help of its command says; the first sentence stands alone in overviews. figure: the end of the name
    of its figure's file, None if it draws none. single: whether it is for one run at a time.
    """

    about: ClassVar[str]
    figure: ClassVar[str | None] = None
    single: ClassVar[bool] = False

    name: str

    def applies(self, spec: RunSpec) -> str | None:
        """Return None if such a run can be asked, else why not, such as `task xor is not text`."""
        return None

    def questions(self, spec: RunSpec) -> list[Question]:
        """Return the questions to ask of a run. Each is answered, and its answer kept, apart from the others.

        Raise QuestionError if the run cannot be asked one of them.
        """
        return [self.model_dump(mode="json", exclude={"name"})]

    @abstractmethod
    def ask(self, trained: Trained, question: Question) -> Answer:
        """Return the answer of the best weights to one of `questions`; the same whenever it is asked.

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

    def record(self, question: Question, answer: Answer) -> dict[str, Any]:
        """Return question and answer as one record of JSON."""
        return {**question, **answer}
