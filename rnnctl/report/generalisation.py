"""From evaluations to what is shown of them, and to the figure by length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from plots.generalisation import ByLength, generalisation
from rnnctl.corpora.floors import bits_per_byte

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.report.results import Result
    from rnnctl.study.run import RunSpec
    from store.evaluations import Evaluation

SAME = 0.03  # what a predictor without memory has differs a little from one sample of sequences to the next


@dataclass(frozen=True)
class Measure:
    """What evaluations are compared by, and what a predictor without memory has of it."""

    axis: str
    column: str
    without: str  # name of that predictor
    of: Callable[[Evaluation], float]
    of_without: Callable[[Evaluation], float]
    counted: bool  # whether it is a number of answers among all
    times: float  # what a table shows it in

    def shown(self, found: Evaluation) -> float:
        return self.times * self.of(found)

    def shown_without(self, found: Evaluation) -> float:
        return self.times * self.of_without(found)


def bits(found: Evaluation) -> float | None:
    """Bits per byte of a text; None of what is none."""
    return None if found.bytes_per_answer is None else bits_per_byte(found.loss, found.bytes_per_answer)


ERROR = Measure(
    "share of wrong answers", "error %", "chance", lambda e: e.error, lambda e: e.chance_error, counted=True, times=100
)
BITS = Measure(
    "bits per byte",
    "bits per byte",
    "bigram",
    bits,
    lambda e: bits_per_byte(e.floor, e.bytes_per_answer),
    counted=False,
    times=1,
)


def measure_of(found: Sequence[Evaluation]) -> Measure:
    """Bits per byte where all is text, so that levels compare; else errors."""
    return BITS if all(e.bytes_per_answer is not None for e in found) else ERROR


def sequences(specs: Sequence[RunSpec]) -> list[str]:
    """Return what tells the runs' sequences apart: the task, the symbol and the corpus, as far as they differ."""
    parts = [(spec.task.name, spec.task.symbol, getattr(spec.task, "sha256", "")[:8]) for spec in specs]
    differ = [i for i in range(3) if len({part[i] for part in parts}) > 1]
    return [", ".join(str(part[i]) for i in differ if part[i]) for part in parts]


def by_length(results: Sequence[Result], found: Sequence[Evaluation], title: str) -> Figure:
    """Draw the evaluations of these runs, of one number of samples, against the length of sequences."""
    measure, lines = measure_of(found), []
    for run in results:
        own = sorted((e for e in found if e.run_id == run.run), key=lambda e: e.length)
        if own:
            lines.append(ByLength(run.label, run.group, [e.length for e in own], [measure.of(e) for e in own]))
    without = [measure.of_without(e) for e in found]
    level = fmean(without) if max(without) - min(without) <= SAME * max(without) else None
    tasks = [run.spec.task for run in results]
    trained = {(getattr(task, "min_length", None), getattr(task, "max_length", None)) for task in tasks}
    low, high = trained.pop() if len(trained) == 1 else (None, None)
    return generalisation(
        lines,
        measure.axis,
        # Lengths of training end before the greatest, unless there is only one; a single one has no width to shade.
        trained=(low, high - 1) if low is not None and high - 1 > low else None,
        without=None if level is None else (level, measure.without),
        samples=found[0].samples if measure.counted else None,
        title=title,
    )
