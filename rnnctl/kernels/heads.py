"""The softmax head of rnnctl.cells.base.heads over many answers of one run.

With few outputs and many answers, batched products and softmaxes of libraries are slow.
"""

from __future__ import annotations

import math

import numpy as np

from rnnctl.kernels.compiled import kernel
from rnnctl.kernels.elementwise import copy_row, exp_row
from rnnctl.kernels.tiled import VECTOR_BYTES, set_product, set_transposed_product, transpose


@kernel
def softmax_head(h_NH, w_HO, b_O, targets_N, d_NH, w_grad_HO, b_grad_O):
    """Return the mean over N answers of -log softmax(h w + b)[target], and write its gradients by h, w and b.

    h_NH, d_NH, w_HO, w_grad_HO: C-contiguous, of one dtype. b_O, b_grad_O: of the same dtype. targets_N: int64.
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
    exp_row(y_NP.reshape(-1))
    for n in range(answers):
        y, total = y_NP[n], h_NH.dtype.type(0)
        for o in range(outputs):
            total += y[o]
        loss += math.log(total)
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
    return loss / answers
