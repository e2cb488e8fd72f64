"""The errors that a head reports while it trains are those that a validation would count on the same outputs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rnnctl.cells.base.heads import wrong
from rnnctl.cells.base.passes import backpropagate
from rnnctl.cells.rnn.equations import Rnn
from rnnctl.question import Question

HIDDEN, INPUTS, BATCH = 5, 4, 6
QUESTIONS = [
    Question(),
    *(Question(every_step=True, judged=judged) for judged in ("last", "any", "each")),
    Question("squared_error", tolerance=0.3),
    Question("squared_error", tolerance=0.8, values=2),
    Question("squared_error", every_step=True, judged="each", tolerance=0.8, values=2),
]


@pytest.mark.parametrize("kind", ["torch_tape", "fused_tape"])
@pytest.mark.parametrize("question", QUESTIONS, ids=repr)
@pytest.mark.parametrize("scale", [0.0, 1.0, math.nan, math.inf], ids=["equal outputs", "usual", "nan", "inf"])
def test_errors_are_those_of_the_same_outputs(kind, question, scale):
    rng = np.random.default_rng(3)
    outputs = question.values if question.loss == "squared_error" else 3
    model = Rnn(INPUTS, HIDDEN, outputs, "tanh")
    flat = torch.from_numpy((scale if math.isfinite(scale) else 1.0) * rng.standard_normal((2, model.layout.size)))
    weights, grads = model.layout.views(flat), model.layout.views(torch.zeros_like(flat))
    if not math.isfinite(scale):
        weights["b_hy"][1, -1] = scale  # of one of the two runs
    tape = getattr(model, kind)(model, 2, 9, BATCH, dtype=torch.float64, device="cpu")
    lengths = [9, 7]
    tape.forward(weights, [torch.from_numpy(rng.integers(0, INPUTS, (length, BATCH))) for length in lengths])
    targets = []
    for length in lengths:
        shape: tuple[int, ...] = (length, BATCH) if question.every_step else (BATCH,)
        if question.values > 1:
            shape = (*shape, question.values)
        values = rng.standard_normal(shape) if question.loss == "squared_error" else rng.integers(0, outputs, shape)
        targets.append(torch.from_numpy(values))
    errors_R = torch.full((2,), float("nan"), dtype=torch.float64)
    backpropagate(question, weights, tape, targets, grads, errors_R)
    for i, target in enumerate(targets):
        h_SBH = tape.out(i) if question.every_step else tape.out(i)[-1:]
        y_SBO = h_SBH @ weights["W_hy"][i] + weights["b_hy"][i]
        expected = wrong(question, y_SBO, target.view(*y_SBO.shape[:2], *([2] if question.values > 1 else []))).sum()
        assert errors_R[i].item() == pytest.approx(expected.item())
