"""The softmax head of rnnctl.cells.base.heads over many answers of one run.

With few outputs and many answers, batched products and softmaxes of libraries are slow.
"""

from __future__ import annotations

import math

import numpy as np

from rnnctl.kernels.compiled import kernel
from rnnctl.kernels.elementwise import copy_row, exp_row
from rnnctl.kernels.tiled import VECTOR_BYTES, set_product, set_transposed_product, transpose

JUDGED = ("last", "any", "each")  # when a sequence is wrong, see rnnctl.question
LAST, ANY = 0, 1


@kernel
def softmax_head(h_NH, w_HO, b_O, targets_N, d_NH, w_grad_HO, b_grad_O, steps, judged):
    """Return the mean over N answers of -log softmax(h w + b)[target], and the sum of the errors of the sequences.
    Write the gradients of the mean by h, w and b.

    h_NH, d_NH, w_HO, w_grad_HO: C-contiguous, of one dtype. b_O, b_grad_O: of the same dtype. targets_N: int64. steps:
    of each sequence; answers of a step stand together. judged: when a sequence is wrong, a place in JUDGED.
    """
    answers, hidden = h_NH.shape
    outputs = w_HO.shape[1]
    # At least as wide as a vector, so that the products use tiles; the added columns are zero and change no result.
    width = max(outputs, VECTOR_BYTES // h_NH.itemsize)
    w_HP, w_grad_HP = w_HO, w_grad_HO
    if outputs < width:
        w_HP, w_grad_HP = np.zeros((hidden, width), h_NH.dtype), np.empty((hidden, width), h_NH.dtype)
        for j in range(hidden):
            copy_row(w_HO[j], w_HP[j, :outputs])
    turned_PH, y_NP = np.empty((width, hidden), h_NH.dtype), np.empty((answers, width), h_NH.dtype)
    transpose(w_HP, turned_PH)
    set_product(h_NH, w_HP, y_NP)
    right_N = np.zeros(answers, np.bool_)
    share, loss = h_NH.dtype.type(1) / answers, 0.0
    b_grad_O[:] = h_NH.dtype.type(0)
    for n in range(answers):
        y, greatest = y_NP[n], y_NP[n, 0] + b_O[0]
        for o in range(outputs):
            y[o] += b_O[o]
            greatest = max(greatest, y[o])
        for o in range(outputs):
            y[o] -= greatest
        loss -= y[targets_N[n]]
        right_N[n] = _is_first_zero(y, targets_N[n])
    exp_row(y_NP.reshape(-1))
    for n in range(answers):
        y, total = y_NP[n], h_NH.dtype.type(0)
        for o in range(outputs):
            total += y[o]
        loss += math.log(total)
        right_N[n] &= total == total  # one output that is no number makes the answer wrong
        scale = share / total
        for o in range(outputs):
            y[o] *= scale
        y[targets_N[n]] -= share
        for o in range(outputs):
            b_grad_O[o] += y[o]
    set_transposed_product(h_NH, y_NP, w_grad_HP)
    if outputs < width:
        for j in range(hidden):
            copy_row(w_grad_HP[j, :outputs], w_grad_HO[j])
    set_product(y_NP, turned_PH, d_NH)
    return loss / answers, _errors(right_N.reshape(steps, -1), judged)


@kernel
def _is_first_zero(y_O, target):
    """Return whether y[target] is 0 and none before it is: the first of the greatest, which is subtracted from all."""
    first = target if y_O[target] == 0 else -1
    for o in range(first):
        if y_O[o] == 0:
            first = o
            break
    return first == target


@kernel
def _errors(right_SB, judged):
    """Return the sum over sequences of their errors: 0 or 1, or the share of wrong steps where each is judged."""
    steps, batch = right_SB.shape
    total = 0.0
    for b in range(batch):
        wrong = 0
        for s in range(steps - 1 if judged == LAST else 0, steps):
            wrong += not right_SB[s, b]
        if judged in (LAST, ANY):
            total += wrong > 0
        else:
            total += wrong / steps
    return total


@kernel
def count_wrong(y_RNO, targets_RN, errors_R):
    """Write for each of R rows how many of its N answers are wrong.

    An answer is right if all outputs are finite and the first of the greatest ones is that of the target.
    """
    rows, answers, outputs = y_RNO.shape
    for r in range(rows):
        right = 0
        for n in range(answers):
            greatest, finite = 0, True
            for o in range(outputs):
                finite &= math.isfinite(y_RNO[r, n, o])
                if y_RNO[r, n, o] > y_RNO[r, n, greatest]:
                    greatest = o
            right += finite and greatest == targets_RN[r, n]
        errors_R[r] = answers - right


@kernel
def count_far(y_RNO, targets_RN, tolerance, errors_R):
    """Write for each of R rows how many of its N answers, with one output each, are not within `tolerance`."""
    rows, answers, _ = y_RNO.shape
    limit = y_RNO.dtype.type(tolerance)
    for r in range(rows):
        right = 0
        for n in range(answers):
            right += abs(y_RNO[r, n, 0] - targets_RN[r, n]) <= limit
        errors_R[r] = answers - right
