"""The softmax head of rnnctl.models.heads over many answers of one run. Outputs are few and answers many, which is
where batched products and library softmaxes are at their worst.
"""

from __future__ import annotations

import math

import numpy as np

from rnnctl.kernels.compiled import kernel
from rnnctl.kernels.elementwise import exp_row
from rnnctl.kernels.tiled import VECTOR_BYTES, add_transposed_product, set_product


@kernel
def softmax_head(h_NH, w_HO, b_O, targets_N, d_NH, w_grad_HO, b_grad_O):
    """Mean over N answers of -log softmax(h w + b)[target]; its gradients by h, w and b are written."""
    answers, hidden = h_NH.shape
    outputs = w_HO.shape[1]
    # As wide as a vector, so that products go in tiles; what is added is zero, and takes no part in anything.
    width = max(outputs, VECTOR_BYTES // h_NH.itemsize)
    w_HP, transposed_PH = np.zeros((hidden, width), h_NH.dtype), np.zeros((width, hidden), h_NH.dtype)
    for j in range(hidden):
        for o in range(outputs):
            w_HP[j, o] = w_HO[j, o]
            transposed_PH[o, j] = w_HO[j, o]
    y_NP, w_grad_HP = np.empty((answers, width), h_NH.dtype), np.zeros((hidden, width), h_NH.dtype)
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
    add_transposed_product(h_NH, y_NP, w_grad_HP)
    for j in range(hidden):
        for o in range(outputs):
            w_grad_HO[j, o] = w_grad_HP[j, o]
    set_product(y_NP, transposed_PH, d_NH)
    return loss / answers
