"""The answers of the probe `lengths` as rows: what trained runs do with sequences of certain lengths."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from store import answers
from store.answers import Answer
from store.connection import Store

PROBE = "lengths"
_ASKED = ("length", "samples", "seed")
_ANSWER = ("loss", "error", "floor", "chance_error", "bytes_per_answer")


@dataclass(frozen=True)
class Evaluation:
    """Weights of one run, by their step, on `samples` sequences of one length, which are drawn from `seed`."""

    run_id: str
    step: int
    length: int
    samples: int
    seed: int
    loss: float  # nan if it is not finite
    error: float  # share of wrong answers, in [0, 1]
    floor: float
    chance_error: float
    bytes_per_answer: float | None = None  # bytes that a target stands for, on average; None for other tasks than text


def add(store: Store, evaluations: Sequence[Evaluation], now: float) -> None:
    """Add evaluations; what is known already stays as it is."""
    answers.add(
        store,
        [
            Answer(
                evaluation.run_id,
                PROBE,
                evaluation.step,
                {name: getattr(evaluation, name) for name in _ASKED},
                {name: getattr(evaluation, name) for name in _ANSWER},
            )
            for evaluation in evaluations
        ],
        now,
    )


def of_runs(store: Store, run_ids: Iterable[str]) -> list[Evaluation]:
    """Return all evaluations of the runs, by run, step, length, samples and seed."""
    evaluations = [
        Evaluation(
            answer.run_id,
            answer.step,
            **answer.asked,
            **{**answer.answer, "loss": math.nan if answer.answer["loss"] is None else answer.answer["loss"]},
        )
        for answer in answers.of_runs(store, run_ids, PROBE)
    ]
    return sorted(evaluations, key=lambda e: (e.run_id, e.step, e.length, e.samples, e.seed))
