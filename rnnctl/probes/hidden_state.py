"""Hidden state: what values do the hidden units have while a network reads held-out sequences?

h is h_t of all steps, sequences and units (of a layered cell: the states of all layers), from a state of zeros.

    mean, std, min, max    over all values
    saturated              share of values nearer to a limit of theirs than `check.saturation` of the run; the distance
                           is that of rnnctl.diagnostics.saturation, and cells without two limits have none
    slope                  mean of phi'(h); only where h is a value of an activation phi
    dead, inactive         where units can be dead (relu): share of units that pass no gradient on at any step of any
                           sequence, and share of all values that pass none on
    growth                 where h has no two limits: the factor by which |h_t| grows in a step, (|h_T| / |h_S|)^(1 /
                           (T - S)) with S = T / 2, the geometric mean over sequences
    rho                    largest modulus of an eigenvalue of W_hh, the recurrent matrix of the new content

What a cell does not have is None. A linear network whose inputs are forgotten grows by rho.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from rnnctl.probes.base import Answer, Asked, Probe, Question, QuestionError, Seed, Table
from rnnctl.probes.replicates import Value, mean_curves, means_table, the_answer
from rnnctl.probes.sequences import any_length, held_out, states
from rnnctl.study.run import RunSpec
from rnnctl.words import number

if TYPE_CHECKING:
    import torch
    from matplotlib.figure import Figure

    from rnnctl.cells.base.cell import Cell, Weights
    from rnnctl.training.trained import Trained, WeightsAt

LONG = 200  # least number of steps by default, where the state is carried from window to window
MOST_VALUES = 50_000_000  # of hidden units, 400 MB in float64
PERCENTS = tuple(range(101))  # percentiles of h that are kept
# Heads of columns, the most important first, and what their values are multiplied by.
COLUMNS = {
    "mean": ("mean", 1),
    "std": ("std", 1),
    "saturated": ("saturated %", 100),
    "dead": ("dead %", 100),
    "inactive": ("inactive %", 100),
    "growth": ("growth", 1),
    "slope": ("slope", 1),
    "rho": ("rho", 1),
    "min": ("min", 1),
    "max": ("max", 1),
}


class HiddenState(Probe):
    """Mean, deviation, range and saturation of the hidden units on held-out sequences."""

    about: ClassVar[str] = """Show what values hidden units have: mean, deviation, range, saturated share, slope.

    On held-out sequences. What else is told depends on the limits of the units: how many of them are saturated (tanh,
    sigmoid, gated cells) or dead (relu), and how their norm grows from step to step (relu, identity). rho is the
    spectral radius of W_hh.
    """
    figure: ClassVar[str | None] = "hidden-state"

    name: Literal["hidden-state"] = "hidden-state"
    length: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description=f"Steps of each sequence of a text. Default: the window, or {LONG} where the state is carried.",
    )
    samples: int = Field(100, ge=1, le=10_000, description="Number of sequences.")
    seed: Seed = Field(1, description="Seed of the sequences.")

    def questions(self, spec: RunSpec) -> list[Question]:
        steps = spec.task.sizes.steps
        if self.length is not None and not any_length(spec) and self.length != steps:
            raise QuestionError("length", f"sequences of {spec.task.name} have {steps:,} steps here")
        length = self.length or (max(steps, LONG) if spec.task.make().carries else steps)
        return [
            {"length": length, "samples": self.samples, "seed": self.seed, "saturation": spec.check.saturation},
        ]

    def ask(self, trained: Trained, question: Question, weights: WeightsAt) -> Answer:
        try:
            batch = held_out(trained.spec, question["length"], question["samples"], question["seed"])
        except ValueError as error:  # the split is too short
            raise QuestionError("length", str(error)) from error
        if (values := batch.inputs.shape[0] * batch.inputs.shape[1] * trained.cell.state_size) > MOST_VALUES:
            raise QuestionError(
                "samples", f"{values:,} values of hidden units are more than {MOST_VALUES:,}: take fewer"
            )
        views = trained.cell.layout.views(weights.flat_N.double()[None])
        h_TBH = states(trained.cell, views, batch)
        if not h_TBH.isfinite().all():
            raise FloatingPointError("the network's hidden states are not finite")
        return statistics(trained.cell, h_TBH, views, question["saturation"])

    def tabulate(self, runs: Sequence[Asked]) -> list[Table | str]:
        """Return what there is, a row for each configuration."""
        columns = {
            head: _scaled(key, scale)
            for key, (head, scale) in COLUMNS.items()
            if any(the_answer(run)[key] is not None for run in runs)
        }
        return [f"hidden units on {self.samples:,} held-out sequences", means_table(runs, columns, digits=3)]

    def draw(self, runs: Sequence[Asked], title: str) -> Figure | None:
        """Draw percentiles of h, and its root mean square by step; means over seeds."""
        from plots.hidden_state import StateCurves, hidden_state

        percentiles, rms = (mean_curves(runs, _curve(key)) for key in ("percentiles", "rms"))
        return hidden_state(
            [
                StateCurves(
                    by_share.configuration.label,
                    by_share.configuration.group,
                    by_share.mean,
                    by_step.mean,
                    len(by_share.configuration.runs),
                )
                for by_share, by_step in zip(percentiles, rms, strict=True)
            ],
            groups=runs[0].groups if runs else (),
            title=f"{title}: hidden units",
            notes=[f"{self.samples:,} held-out sequences"],
        )

    def sentence(self, question: Question, answer: Answer) -> str:
        told = {head: answer[key] for key, (head, scale) in COLUMNS.items() if scale == 1 and answer[key] is not None}
        return ", ".join(f"{head} {number(value, 3)}" for head, value in list(told.items())[:4])


def _scaled(key: str, scale: float) -> Value:
    return lambda run: None if (value := the_answer(run)[key]) is None else scale * value


def _curve(key: str) -> Any:
    return lambda run: the_answer(run)[key]


# --- what is computed ------------------------------------------------------------------------------------------------


def statistics(cell: Cell, h_TBH: torch.Tensor, weights: Weights, threshold: float) -> Answer:
    """Return all numbers of the probe for finite hidden states, and percentiles (101,) and rms by step (T,).

    threshold: the distance from a limit below which a value counts as saturated.
    """
    from rnnctl.diagnostics.saturation import ONE_RUN, saturation
    from rnnctl.diagnostics.spectrum import spectrum

    bounds = cell.bounds
    scalars, traces = saturation(h_TBH, bounds, threshold, ONE_RUN)
    at_limit = None if bounds.dead_at is None else h_TBH == bounds.dead_at
    values = h_TBH.numpy()
    rho = spectrum(cell.candidate(weights)[0].numpy())["rho"]
    return {
        "mean": float(values.mean()),
        "std": scalars["hidden_std"],
        "min": float(values.min()),
        "max": float(values.max()),
        "saturated": scalars.get("saturated_units"),
        "slope": float(traces["slope_time"].mean(dtype=np.float64)) if "slope_time" in traces else None,
        "dead": None if at_limit is None else float(at_limit.all(0).all(0).double().mean()),
        "inactive": None if at_limit is None else float(at_limit.double().mean()),
        "growth": growth(h_TBH) if bounds.saturation is None else None,
        "rho": rho if math.isfinite(rho) else None,
        "percentiles": np.percentile(values, PERCENTS).tolist(),
        "rms": np.sqrt(np.square(values).mean((1, 2))).tolist(),
    }


def growth(h_TBH: torch.Tensor) -> float | None:
    """Return the factor by which |h_t| grows in a step, over the second half of the sequences.

    None for a single step, and if the norm of a sequence is 0 at one of the two ends of that half.
    """
    last = len(h_TBH)
    middle = last // 2
    if middle < 1:
        return None
    before_B, after_B = h_TBH[middle - 1].norm(dim=1), h_TBH[last - 1].norm(dim=1)
    if not (before_B.all() and after_B.all()):
        return None
    return math.exp(float((after_B / before_B).log().mean()) / (last - middle))
