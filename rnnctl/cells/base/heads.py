"""Heads: what is read off the hidden states, its loss, and the gradient that it sends into them.

    y_t = h_t W_hy + b_hy

for the last step, or for every step. The loss is the mean over all answers of a batch (sequences, and steps of a head
that reads every step) of -log softmax(y)[target], in nats, or of (y - target)^2, in the mean over the values of an
answer.

A pack's answers of the last step are one batched product; those of every step are ragged, and go run by run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch.nn.functional import one_hot

from rnnctl.cells.base.cell import Weights
from rnnctl.cells.base.products import run_by_run
from rnnctl.cells.base.tape import FusedTape, Tape
from rnnctl.question import NOT_ASKED, Question


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
    """Return the loss of each answer, (R, N), 0 where it is not asked. targets_RN: (R, N, O) for answers of several
    values.
    """
    if question.partial:
        asked_RN, targets_RN = split_asked(question, targets_RN)
        return losses(replace(question, partial=False), y_RNO, targets_RN) * asked_RN
    if question.values > 1:
        return (y_RNO - targets_RN).square_().mean(2)
    if question.loss == "squared_error":
        return (y_RNO.squeeze(2) - targets_RN).square_()
    # A difference: what is certain costs 0, where a minus alone would make it -0.
    return 0.0 - y_RNO.log_softmax(2).gather(2, targets_RN.unsqueeze(2)).squeeze(2)


def split_asked(question: Question, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return whether each answer is asked, and targets that have a class or a number in place of what says not.

    targets: of any shape; with a last axis, which the first result lacks, for answers of several values.
    """
    if question.loss == "cross_entropy":
        return targets != NOT_ASKED, targets.clamp(min=0)
    asked = ~targets.isnan()
    return asked.any(-1) if question.values > 1 else asked, targets.nan_to_num(0.0)


def shares_of(asked_SB: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return the weight of each answer in the loss of a batch, (S, B): equal for all sequences that are asked anything,
    and for all answers of a sequence. The sum is 1, or 0 if nothing is asked.
    """
    answers_B = asked_SB.sum(0)
    sequences = (answers_B > 0).sum().clamp(min=1)
    return asked_SB.to(dtype) / (answers_B.clamp(min=1) * sequences)


def wrong(question: Question, y_SBO: torch.Tensor, targets_SB: torch.Tensor) -> torch.Tensor:
    """Return the error of each sequence, (B,) float64 in [0, 1], from one run's outputs at the S steps that are read.

    It is 0 or 1, or the share of wrong steps where each step is judged.
    """
    if question.judged == "last" and not question.partial:
        y_SBO, targets_SB = y_SBO[-1:], targets_SB[-1:]
    if question.partial:
        asked_SB, targets_SB = split_asked(question, targets_SB)
        wrong_SB = ~_right(question, y_SBO, targets_SB) & asked_SB
        return wrong_SB.double().sum(0) / asked_SB.sum(0).clamp(min=1)
    right_SB = _right(question, y_SBO, targets_SB)
    if question.judged == "each":
        return 1 - right_SB.double().mean(0)
    return (~right_SB.all(0)).double()


def _right(question: Question, y_MNO: torch.Tensor, targets_MN: torch.Tensor) -> torch.Tensor:
    """Return whether each answer is right, (M, N)."""
    if question.values > 1:
        return ((y_MNO - targets_MN).abs() <= question.tolerance).all(2)
    if question.loss == "squared_error":
        return (y_MNO.squeeze(2) - targets_MN).abs() <= question.tolerance
    # argmax picks the first of several NaNs, which would count as an answer.
    return (y_MNO.argmax(2) == targets_MN) & y_MNO.isfinite().all(2)


def _count_errors(
    question: Question, y_RNO: torch.Tensor, targets_RN: torch.Tensor, errors_R: torch.Tensor, *, compiled: bool
) -> None:
    """Write how many answers of each row are wrong. compiled: by a compiled loop; torch's operations take as long as an
    eighth of an update of a small network.
    """
    if question.partial:
        for i, y_NO in enumerate(y_RNO):
            errors_R[i] = wrong(question, y_NO[None], targets_RN[i : i + 1]).sum()
        return
    if not compiled or question.values > 1:
        torch.sum(~_right(question, y_RNO, targets_RN), 1, out=errors_R)
        return
    from rnnctl.kernels.heads import count_far, count_wrong

    y, targets, errors = y_RNO.numpy(), targets_RN.numpy(), errors_R.numpy()
    if question.loss == "squared_error":
        count_far(y, targets, question.tolerance, errors)
    else:
        count_wrong(y, targets, errors)


def backpropagate(
    question: Question,
    weights: Weights,
    tape: Tape,
    targets: Sequence[torch.Tensor],
    grads: Weights,
    errors_R: torch.Tensor | None = None,
    scales_R: torch.Tensor | None = None,
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Return the loss of each row after the forward pass of `tape`, (R,), and the gradients that the head sends into
    the last S hidden states of each row, (S, B, H). Write the gradients of W_hy and b_hy to grads.

    targets: for each row (B,), or (T_i, B) for a head that reads every step, with a last axis for answers of several
    values. errors_R: written with the sum of the errors of each row's sequences (see `wrong`), unless it is None.
    scales_R: factors of the gradients of each row, as if its loss were multiplied by it; the losses are not.
    """
    rows = range(len(targets))
    if not question.every_step:
        h_RBH = torch.stack([tape.out(i)[-1] for i in rows])
        targets_RB = torch.stack(list(targets))
        shares = (
            [shares_of(split_asked(question, t)[0][None], h_RBH.dtype)[0] for t in targets] if question.partial else []
        )
        y_RBO, losses_R, d_RBH = _row_gradients(question, weights, h_RBH, targets_RB, grads, scales_R, shares)
        if errors_R is not None:
            _count_errors(question, y_RBO, targets_RB, errors_R, compiled=isinstance(tape, FusedTape))
        return losses_R, [d_RBH[i : i + 1] for i in rows]
    means, direct = [], []
    for i in rows:
        h_TBH, one = tape.out(i), slice(i, i + 1)
        own, own_grads = ({name: w[one] for name, w in each.items()} for each in (weights, grads))
        flat = h_TBH.reshape(1, -1, h_TBH.shape[2])
        scale = None if scales_R is None else scales_R[one]
        shares = [shares_of(split_asked(question, targets[i])[0], flat.dtype).flatten()] if question.partial else []
        aims = targets[i].flatten(0, 1)[None]
        y_RNO, loss_1, d_RNH = _row_gradients(question, own, flat, aims, own_grads, scale, shares)
        if errors_R is not None:
            errors_R[i] = wrong(question, y_RNO.view(*targets[i].shape[:2], -1), targets[i]).sum()
        means.append(loss_1)
        direct.append(d_RNH.view(h_TBH.shape))
    return torch.cat(means), direct


def _row_gradients(
    question: Question,
    weights: Weights,
    h_RNH: torch.Tensor,
    targets_RN: torch.Tensor,
    grads: Weights,
    scales_R: torch.Tensor | None,
    shares: Sequence[torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the outputs, (R, N, O), the loss of each row, (R,), and the gradients by its hidden states, (R, N, H).

    shares: for each row the weights of its answers, (N,), if some are not asked; empty if the loss is their mean.
    """
    y_RNO = read(weights, h_RNH)
    if shares:
        shares_RN = torch.stack(list(shares))
        _, known_RN = split_asked(question, targets_RN)
        dy_RNO = _slopes(question, y_RNO, known_RN).mul_(shares_RN.unsqueeze(2))
    else:
        # The loss is the mean of N answers.
        dy_RNO = _slopes(question, y_RNO, targets_RN).div_(targets_RN.shape[1])
    if scales_R is not None:
        dy_RNO.mul_(scales_R.view(-1, 1, 1))
    grads["W_hy"].copy_(run_by_run(h_RNH.transpose(1, 2), dy_RNO))
    for i, dy_NO in enumerate(dy_RNO):
        torch.sum(dy_NO, 0, out=grads["b_hy"][i])
    d_RNH = run_by_run(dy_RNO, weights["W_hy"].transpose(1, 2))
    each_RN = losses(question, y_RNO, targets_RN)
    if shares:
        return y_RNO, torch.stack([row.sum() for row in each_RN * shares_RN]), d_RNH
    return y_RNO, torch.stack([row.mean() for row in each_RN]), d_RNH


def _slopes(question: Question, y_RNO: torch.Tensor, targets_RN: torch.Tensor) -> torch.Tensor:
    """Return the derivative of each answer's loss by its outputs."""
    if question.values > 1:
        return (y_RNO - targets_RN).mul_(2 / question.values)
    if question.loss == "squared_error":
        return (y_RNO - targets_RN.unsqueeze(2)).mul_(2)
    return y_RNO.softmax(2).sub_(one_hot(targets_RN, y_RNO.shape[2]))
