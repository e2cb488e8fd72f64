"""Heads: what is read off the hidden states, its loss, and the gradient that it sends into them.

    y_t = h_t W_hy + b_hy

for the last step, or for every step. The loss is the mean over all answers of a batch (sequences, and steps of a head
that reads every step) of -log softmax(y)[target], in nats, or of (y - target)^2.

A pack's answers of the last step are one batched product; those of every step are ragged, and go run by run.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.functional import one_hot

from rnnctl.cells.base.cell import Weights
from rnnctl.cells.base.products import run_by_run
from rnnctl.cells.base.tape import Tape
from rnnctl.question import Question


def read(weights: Weights, h_RNH: torch.Tensor) -> torch.Tensor:
    """Return the outputs, (R, N, O), for N hidden states of each run."""
    w_RHO = weights["W_hy"]
    if w_RHO.shape[2] == 1:
        # A batched product with one column has other bits for one run than for several.
        y_RNO = torch.stack([torch.mm(h_NH, w_HO) for h_NH, w_HO in zip(h_RNH, w_RHO, strict=True)])
    else:
        y_RNO = torch.bmm(h_RNH, w_RHO)
    return y_RNO + weights["b_hy"].unsqueeze(1)


def losses(question: Question, y_RNO: torch.Tensor, targets_RN: torch.Tensor) -> torch.Tensor:
    """Return the loss of each answer, (R, N)."""
    if question.loss == "squared_error":
        return (y_RNO.squeeze(2) - targets_RN).square_()
    # A difference: what is certain costs 0, where a minus alone would make it -0.
    return 0.0 - y_RNO.log_softmax(2).gather(2, targets_RN.unsqueeze(2)).squeeze(2)


def wrong(question: Question, y_SBO: torch.Tensor, targets_SB: torch.Tensor) -> torch.Tensor:
    """Return the error of each sequence, (B,) float64 in [0, 1], from one run's outputs at the S steps that are read.

    It is 0 or 1, or the share of wrong steps where each step is judged.
    """
    if question.judged == "last":
        y_SBO, targets_SB = y_SBO[-1:], targets_SB[-1:]
    if question.loss == "squared_error":
        right_SB = (y_SBO.squeeze(2) - targets_SB).abs() <= question.tolerance
    else:
        # argmax picks the first of several NaNs, which would count as an answer.
        right_SB = (y_SBO.argmax(2) == targets_SB) & y_SBO.isfinite().all(2)
    if question.judged == "each":
        return 1 - right_SB.double().mean(0)
    return (~right_SB.all(0)).double()


def backpropagate(
    question: Question, weights: Weights, tape: Tape, targets: Sequence[torch.Tensor], grads: Weights
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return the loss of each row after the forward pass of `tape`, and the gradients that the head sends into the last
    S hidden states of each row, (S, B, H). Write the gradients of W_hy and b_hy to grads.

    targets: for each row (B,), or (T_i, B) for a head that reads every step.
    """
    rows = range(len(targets))
    if not question.every_step:
        h_RBH = torch.stack([tape.out(i)[-1] for i in rows])
        means, d_RBH = _row_gradients(question, weights, h_RBH, torch.stack(list(targets)), grads)
        return means, [d_RBH[i : i + 1] for i in rows]
    means, direct = [], []
    for i in rows:
        h_TBH, one = tape.out(i), slice(i, i + 1)
        own, own_grads = ({name: w[one] for name, w in each.items()} for each in (weights, grads))
        flat = h_TBH.reshape(1, -1, h_TBH.shape[2])
        (loss,), d_RNH = _row_gradients(question, own, flat, targets[i].reshape(1, -1), own_grads)
        means.append(loss)
        direct.append(d_RNH.view(h_TBH.shape))
    return means, direct


def _row_gradients(
    question: Question, weights: Weights, h_RNH: torch.Tensor, targets_RN: torch.Tensor, grads: Weights
) -> tuple[list[torch.Tensor], torch.Tensor]:
    y_RNO = read(weights, h_RNH)
    # The loss is the mean of N answers.
    dy_RNO = _slopes(question, y_RNO, targets_RN).div_(targets_RN.shape[1])
    grads["W_hy"].copy_(run_by_run(h_RNH.transpose(1, 2), dy_RNO))
    for i, dy_NO in enumerate(dy_RNO):
        torch.sum(dy_NO, 0, out=grads["b_hy"][i])
    d_RNH = run_by_run(dy_RNO, weights["W_hy"].transpose(1, 2))
    return [row.mean() for row in losses(question, y_RNO, targets_RN)], d_RNH


def _slopes(question: Question, y_RNO: torch.Tensor, targets_RN: torch.Tensor) -> torch.Tensor:
    """Return the derivative of each answer's loss by its outputs."""
    if question.loss == "squared_error":
        return (y_RNO - targets_RN.unsqueeze(2)).mul_(2)
    return y_RNO.softmax(2).sub_(one_hot(targets_RN, y_RNO.shape[2]))
