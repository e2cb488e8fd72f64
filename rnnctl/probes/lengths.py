"""Lengths: the task with sequences of other lengths than a network was trained on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, ValidationError, field_validator

from rnnctl import seeds
from rnnctl.corpora.floors import bits_per_byte
from rnnctl.probes.base import (
    Answer,
    Asked,
    Probe,
    Question,
    QuestionError,
    Samples,
    Seed,
    Table,
    chunk_of,
    weights_heading,
)
from rnnctl.study.run import RunSpec
from rnnctl.tasks.base import Baseline
from rnnctl.words import number

if TYPE_CHECKING:
    import torch
    from matplotlib.figure import Figure

    from rnnctl.training.trained import Trained, WeightsAt

LONGEST = 1_000_000  # the states of a few longer sequences would not fit into memory
SAME = 0.03  # floors differ a little from one sample of sequences to the next


class Lengths(Probe):
    """Loss and errors at each of several lengths."""

    about: ClassVar[str] = """Put fresh sequences of given lengths to trained networks.

    A length is what min_length and max_length mean in the task, and in text the window; text is that of the test split.
    Shown are errors beside the chance error; of text bits per byte beside the floor, which is a bigram's.
    """
    figure: ClassVar[str | None] = "generalisation"
    topic = "generalisation"

    name: Literal["lengths"] = "lengths"
    lengths: tuple[Annotated[int, Field(ge=1, le=LONGEST)], ...] = Field(
        min_length=1, description="Lengths, separated by commas.", examples=["50,100,200"]
    )
    samples: Samples = Field(
        10_000, ge=1, description="Number of sequences of each length: up to 1,000, or a multiple of it."
    )
    seed: Seed = Field(1, description="Seed of the sequences.")

    @field_validator("lengths")
    @classmethod
    def _in_order(cls, lengths: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(set(lengths)))

    def questions(self, spec: RunSpec) -> list[Question]:
        for length in self.lengths:
            try:
                spec.task.at_length(length)
            except ValueError as error:
                message = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
                reason = message.removeprefix("Value error, ")
                raise QuestionError("lengths", f"{spec.task.name} has no length {length}: {reason}") from error
        return [{"length": length, "samples": self.samples, "seed": self.seed} for length in self.lengths]

    @classmethod
    def that_ask(cls, question: Question) -> list[Self]:
        return super().that_ask({**question, "lengths": [question["length"]]})

    def recalled(self, spec: RunSpec, kept: Sequence[tuple[Question, Answer]]) -> list[tuple[Question, Answer]]:
        """Return the answers about all lengths, whenever they were asked."""
        alike = [pair for pair in kept if (pair[0]["samples"], pair[0]["seed"]) == (self.samples, self.seed)]
        return sorted(alike, key=lambda pair: int(pair[0]["length"]))

    def ask(self, trained: Trained, question: Question, weights: WeightsAt) -> Answer:
        length, samples, seed = (question[key] for key in ("length", "samples", "seed"))
        try:
            result = at_length(trained.spec, weights.flat_N, length, samples, seed)
        except ValueError as error:  # a split that is too short
            raise QuestionError("lengths", str(error)) from error
        floor = result.baseline
        return {
            "loss": result.loss,
            "error": result.error,
            "floor": floor.loss,
            "chance_error": floor.error,
            "bytes_per_answer": floor.bytes_per_answer,
        }

    def tabulate(self, runs: Sequence[Asked]) -> list[Table | str]:
        """Return one table: a row for each run, and for each task a row of the floor or chance, by length."""
        measure = measure_of([answer for run in runs for _, answer in run.answers])
        lengths = list(dict.fromkeys(int(question["length"]) for run in runs for question, _ in run.answers))
        heads = ["label", weights_heading(runs), *(f"{measure.heading} at {length:,}" for length in lengths)]
        rows: list[list[str | None]] = []
        floors: dict[str, list[str]] = {}
        for run, kind in zip(runs, kinds_of_sequences([run.spec for run in runs]), strict=True):
            known = {question["length"]: answer for question, answer in run.answers}
            values, without = (
                [number(measure.scale * read(known[length]), 3) if length in known else "-" for length in lengths]
                for read in (measure.value, measure.without)
            )
            rows.append([run.label, f"{run.step:,}", *values])
            floors.setdefault(kind, without)
        for kind, without in floors.items():
            rows.append([f"{measure.predictor} ({kind})" if kind else measure.predictor, "", *without])
        return [Table(heads, rows)]

    def draw(self, runs: Sequence[Asked], title: str) -> Figure | None:
        """Draw what is shown against length, with the floor or chance if all runs share it."""
        from plots.generalisation import ByLength, generalisation

        answers = [answer for run in runs for _, answer in run.answers]
        measure, without = measure_of(answers), [measure_of(answers).without(answer) for answer in answers]
        shared = max(without) - min(without) <= SAME * max(without)
        ranges = {run.spec.task.lengths for run in runs}
        trained = ranges.pop() if len(ranges) == 1 else None
        return generalisation(
            [
                ByLength(run.label, run.group, *np.array([(q["length"], measure.value(a)) for q, a in run.answers]).T)
                for run in runs
            ],
            measure.axis,
            # A single length has no width to shade.
            trained=trained if trained is not None and trained[0] < trained[1] else None,
            without=(fmean(without), measure.predictor) if shared else None,
            samples=self.samples if measure.is_share else None,
            groups=runs[0].groups if runs else (),
            title=f"{title}: generalisation",
        )

    def sentence(self, question: Question, answer: Answer) -> str:
        loss, error = number(answer["loss"]), number(100 * answer["error"])
        return f"at length {question['length']:,} loss {loss}, error {error} %"

    def numbers(self, question: Question, answer: Answer) -> dict[str, float]:
        return super().numbers(question, {**answer, "bits_per_byte": _bits_per_byte(answer)})

    def record(self, question: Question, answer: Answer) -> dict[str, Any]:
        return {**question, **answer, "bits_per_byte": _bits_per_byte(answer)}


# --- what is shown ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """What answers are compared by, and the floor or chance on the same sequences."""

    axis: str
    heading: str  # above a column of a table
    scale: float  # tables multiply it by this
    is_share: bool  # of answers
    value: Callable[[Answer], float]
    predictor: str
    without: Callable[[Answer], float]


def _bits(answer: Answer, key: str) -> float:
    """Return a loss in bits per byte; NaN if it is not finite."""
    return math.nan if answer[key] is None else bits_per_byte(answer[key], answer["bytes_per_answer"])


def _bits_per_byte(answer: Answer) -> float | None:
    """Return the loss in bits per byte, None for what is not text."""
    return None if answer["bytes_per_answer"] is None else _bits(answer, "loss")


ERROR = Shown(
    "share of wrong answers",
    "error %",
    scale=100,
    is_share=True,
    value=lambda answer: float(answer["error"]),
    predictor="chance",
    without=lambda answer: float(answer["chance_error"]),
)
BITS = Shown(
    "bits per byte",
    "bits per byte",
    scale=1,
    is_share=False,
    value=lambda answer: _bits(answer, "loss"),
    predictor="floor",
    without=lambda answer: _bits(answer, "floor"),
)


def measure_of(answers: Sequence[Answer]) -> Shown:
    """Return bits per byte if all is text, so that levels can be compared, else errors."""
    return BITS if all(answer["bytes_per_answer"] is not None for answer in answers) else ERROR


def kinds_of_sequences(specs: Sequence[RunSpec]) -> list[str]:
    """Return what tells the sequences of runs apart: task, and of text the symbol and the corpus, if they differ."""
    parts = [(spec.task.name, spec.task.symbol, (spec.task.data or ("", ""))[1][:8]) for spec in specs]
    differ = [i for i in range(3) if len({part[i] for part in parts}) > 1]
    return [", ".join(str(part[i]) for i in differ if part[i]) for part in parts]


# --- what is computed ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AtLength:
    """Mean loss, share of wrong answers, and floor and chance on the same sequences."""

    loss: float
    error: float
    baseline: Baseline


def at_length(spec: RunSpec, weights_N: torch.Tensor, length: int, samples: int, seed: int) -> AtLength:
    """Put `samples` sequences of one length to a network; text is that of the test split.

    The sequences depend on task, length, seed and number of samples alone. samples: up to 1,000, or a multiple of it.
    Raise ValueError for other numbers, and if the task has no such length.
    """
    import torch

    from rnnctl.training.member import network_of
    from rnnctl.training.networks import Networks
    from rnnctl.training.validation import Validator

    chunk = chunk_of(samples)
    task = spec.task.at_length(length).make().split("test")
    rng, model = seeds.generator(seed, seeds.EVALUATION), network_of(spec.model, task)
    dtype = getattr(torch, spec.train.dtype)
    validator = Validator(task.question, model, task.max_steps, chunk, dtype=dtype, device="cpu")
    network = Networks(weights_N.unsqueeze(0), [model])
    loss, errors, sequences, baselines = 0.0, 0.0, 0, []
    with torch.no_grad():
        for batch in task.held_out(rng, samples, chunk):
            mean, wrongs = validator.judge(network, *validator.tensors(batch))
            size = batch.inputs.shape[1]
            loss, errors, sequences = loss + float(mean) * size, errors + float(wrongs), sequences + size
            baselines.append(task.baseline([batch]))
    return AtLength(loss / sequences, errors / sequences, _mean(baselines))


def _mean(baselines: Sequence[Baseline]) -> Baseline:
    """Return the mean over chunks, which have equally many answers."""
    bytes_per_answer = [b.bytes_per_answer for b in baselines if b.bytes_per_answer is not None]
    return Baseline(
        fmean(b.loss for b in baselines),
        fmean(b.error for b in baselines),
        bytes_per_answer=fmean(bytes_per_answer) if bytes_per_answer else None,
    )
