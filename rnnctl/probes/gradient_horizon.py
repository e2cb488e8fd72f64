"""Gradient horizon: how far back does the loss of a single step reach?

L_t is the loss of the answer at step t of one sequence alone (not the sum over steps that training descends, whose
gradient at h_{t-k} has parts of all later losses). The norm at lag k is

    g_k = mean of ||dL_t / dh_{t-k}||_2,     k = 0, 1, ..., K,

over held-out sequences and over the same steps t for every k: steps with a loss that have K steps before them, at most
STEPS of them, evenly spaced. dL_t/dh is the total derivative by every path, in float64, for the LSTM as its tape
defines it (with the cell state c_{t-k} held fixed), for the layered cell by the states of all layers.

The horizon at a share s is the lag at which g_k falls below s g_0 for the first time: between the last lag that is not
below, k - 1, and the first one that is, k, log g is taken to be linear. It is exact for a linear network whose W_hh is
r times an orthogonal matrix, where g_k = r^k g_0 and the horizon is log(s) / log(r). It is None if g stays above s g_0
up to lag K.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from rnnctl.probes.base import Answer, Asked, Probe, Question, QuestionError, Seed, Table
from rnnctl.probes.replicates import Value, mean_curves, means_table, number_named, the_answer
from rnnctl.probes.sequences import any_length, held_out, parts, states_after
from rnnctl.question import Question as TaskQuestion
from rnnctl.study.run import RunSpec
from rnnctl.tasks.base import Batch
from rnnctl.words import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.cells.base.cell import Cell, Weights
    from rnnctl.training.trained import Trained, WeightsAt

LAGS = 50  # greatest lag by default, where every step has a loss
STEPS = 20  # greatest number of steps of a sequence whose losses are carried back: each takes a pass of its own
HORIZONS: Mapping[str, float] = {"tenth": 0.1, "twentieth": 0.05}
DRAWN = 1e-4  # least share of g_0 in figures
SHARES_AT = (5, 10, 25)  # lags whose share of g_0 is a headline number


class GradientHorizon(Probe):
    """The norm of dL_t/dh_{t-k} by lag k, and where it has fallen to a tenth and a twentieth."""

    about: ClassVar[str] = """Show how far back the gradient of a single step's loss reaches.

    Of held-out sequences, the mean norm of dL_t/dh_{t-k} by lag k, L_t being the loss of step t alone, and the lags at
    which it falls below a tenth and a twentieth of its value at lag 0 (interpolated in its logarithm). A task that asks
    for one answer has one such loss, at the last step. Windows of a text are lengthened by the greatest lag, so that
    every loss has as many steps before it, whatever the window of training was. In an LSTM the path from one cell state
    to the next is not part of it.
    """
    figure: ClassVar[str | None] = "gradient-horizon"

    name: Literal["gradient-horizon"] = "gradient-horizon"
    lags: int | None = Field(
        None, ge=1, le=2_000, description=f"Greatest lag. Default: {LAGS}, or all steps of a task with one loss."
    )
    samples: int = Field(100, ge=1, le=10_000, description="Number of sequences.")
    seed: Seed = Field(1, description="Seed of the sequences.")

    def questions(self, spec: RunSpec) -> list[Question]:
        steps, usual = spec.task.sizes.steps, LAGS
        length = steps + (self.lags or LAGS)
        if not any_length(spec):
            length = steps
            usual = min(LAGS, steps - 1) if spec.task.question.every_step else steps - 1
            if not 1 <= (self.lags or usual) < steps:
                raise QuestionError("lags", f"sequences of {steps:,} steps have lags up to {steps - 1:,}")
        return [{"lags": self.lags or usual, "length": length, "samples": self.samples, "seed": self.seed}]

    def ask(self, trained: Trained, question: Question, weights: WeightsAt) -> Answer:
        lags, length, samples = (question[key] for key in ("lags", "length", "samples"))
        try:
            batch = held_out(trained.spec, length, samples, question["seed"])
        except ValueError as error:  # the split is too short
            raise QuestionError("lags", str(error)) from error
        views = trained.cell.layout.views(weights.flat_N.double()[None])
        norms = mean_norms(trained.cell, trained.task.question, views, batch, lags)
        shares = {f"share_{lag}": float(norms[lag] / norms[0]) for lag in SHARES_AT if lag <= lags and norms[0] > 0}
        return {
            **{name: horizon(norms, share) for name, share in HORIZONS.items()},
            **shares,
            "norms": norms.tolist(),
        }

    def tabulate(self, runs: Sequence[Asked]) -> list[Table | str]:
        """Return the horizons and shares, a row for each configuration."""
        lags = sorted({question["lags"] for run in runs for question, _ in run.answers})
        columns = {f"lag at 1/{1 / share:g}": number_named(name) for name, share in HORIZONS.items()}
        columns |= {f"share at {lag}": _share(lag) for lag in SHARES_AT if lag <= lags[-1]}
        within = f"{lags[0]:,}" if len(lags) == 1 else f"{lags[0]:,} to {lags[-1]:,}"
        return [
            "gradient of the loss of a single step by the hidden state k steps before it\n"
            f"{self.samples:,} held-out sequences, k up to {within} (-: not below)",
            means_table(runs, columns, digits=3),
        ]

    def draw(self, runs: Sequence[Asked], title: str) -> Figure | None:
        """Draw the norm relative to that at lag 0, means over seeds with bands from the lowest to the highest."""
        from plots.by_lag import ByLag, by_lag

        def shares(run: Asked) -> list[float | None]:
            first, *others = the_answer(run)["norms"]
            return [1.0, *(None if norm is None or not first else norm / first for norm in others)]

        return by_lag(
            [
                ByLag(
                    curve.configuration.label,
                    curve.configuration.group,
                    np.arange(len(curve.mean)),
                    *curve.values,
                    runs=len(curve.configuration.runs),
                )
                for curve in mean_curves(runs, shares)
            ],
            r"$|dL_t/dh_{t-k}|$ relative to $k$ = 0",
            levels=[(share, f"1/{1 / share:g}") for share in HORIZONS.values()],
            least=DRAWN,
            groups=runs[0].groups if runs else (),
            title=f"{title}: gradient of single steps' losses",
            notes=[f"{self.samples:,} held-out sequences"],
        )

    def sentence(self, question: Question, answer: Answer) -> str:
        reached = {name: answer[name] for name in HORIZONS}
        lags = [f"a {name} {_at(lag, question['lags'])}" for name, lag in reached.items()]
        return f"the gradient falls to {', to '.join(lags)}"


def _at(lag: float | None, most: int) -> str:
    return f"beyond lag {most:,}" if lag is None else f"at lag {number(lag, 3)}"


def _share(lag: int) -> Value:
    return lambda run: the_answer(run).get(f"share_{lag}")


# --- what is computed ------------------------------------------------------------------------------------------------


def horizon(norms: np.ndarray, share: float) -> float | None:
    """Return the lag at which norms, (K + 1,), first fall below `share` of the first one; None if they do not.

    log g is taken to be linear between two lags. A norm that falls to 0 does so at its own lag.
    """
    bound = share * norms[0]
    below = np.flatnonzero(norms < bound)
    if not len(below):
        return None
    lag = int(below[0])
    before, after = norms[lag - 1], norms[lag]
    if after == 0:
        return float(lag)
    return lag - 1 + math.log(before / bound) / math.log(before / after)


def mean_norms(cell: Cell, question: TaskQuestion, weights: Weights, batch: Batch, lags: int) -> np.ndarray:
    """Return g_k for k = 0..lags, (lags + 1,).

    weights: of one run, (1, *shape) float64 by name. batch: sequences of more than `lags` steps. Raise
    FloatingPointError if a loss is not finite.
    """
    length, samples = batch.inputs.shape[:2]
    first = lags + 1 if question.every_step else length
    ends = np.unique(np.linspace(first, length, min(STEPS, length + 1 - first)).round().astype(int)).tolist()
    sums = np.zeros(lags + 1)
    for part in parts(samples, lags, cell.state_size):
        sums += _sums(cell, question, weights, batch.sequences(part, question), lags, ends)
    norms: np.ndarray = sums / (len(ends) * samples)
    return norms


def _sums(
    cell: Cell, question: TaskQuestion, weights: Weights, batch: Batch, lags: int, ends: Sequence[int]
) -> np.ndarray:
    """Return the sums of norms over sequences and the losses at these steps, counted from 1: (lags + 1,)."""
    import torch

    from rnnctl.cells.base.heads import losses, read
    from rnnctl.training.validation import as_tensor

    dtype = torch.float64
    inputs, targets = (as_tensor(array, dtype, "cpu") for array in (batch.inputs, batch.targets))
    states = states_after(cell, weights, inputs, {end - lags for end in ends})
    tape = cell.torch_tape(cell, 1, lags, inputs.shape[1], dtype=dtype, device="cpu")
    unused = {name: torch.empty_like(weight) for name, weight in weights.items()}  # gradients that nobody reads
    sums = torch.zeros(lags + 1, dtype=dtype)
    for end in ends:
        tape.forward(weights, [inputs[end - lags : end]], [states[end - lags]])
        h_1BH = tape.out(0)[-1:].clone().requires_grad_()
        targets_1B = targets[end - 1 : end] if question.every_step else targets[None]
        loss_1B = losses(question, read(weights, h_1BH), targets_1B)
        if not loss_1B.isfinite().all():
            raise FloatingPointError("the network's outputs are not finite")
        (direct_1BH,) = torch.autograd.grad(loss_1B.sum(), h_1BH)
        tape.backward(weights, [direct_1BH], unused)
        sums += tape.d(0).norm(dim=2).sum(1).flip(0)
    array: np.ndarray = sums.numpy()
    return array
