"""Activations and their slopes, over rows; an activation goes by its place in ACTIVATIONS."""

from __future__ import annotations

import math

import numpy as np

from rnnctl.kernels.compiled import inlined, part

ACTIVATIONS = ("tanh", "sigmoid", "relu", "identity")
TANH, SIGMOID, RELU, IDENTITY = range(4)

# A rational approximation of tanh, odd over even, fitted to [-7.9, 7.9], beyond which float32 has no more digits to
# give; its largest error is 9e-7. math.tanh cannot be vectorised, and took half of a forward pass.
LIMIT = np.float32(7.90531110763549805)
P1, P3, P5, P7, P9, P11, P13 = (
    np.float32(c)
    for c in (
        4.89352455891786e-03,
        6.37261928875436e-04,
        1.48572235717979e-05,
        5.12229709037114e-08,
        -8.60467152213735e-11,
        2.00018790482477e-13,
        -2.76076847742355e-16,
    )
)
Q0, Q2, Q4, Q6 = (
    np.float32(c) for c in (4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06)
)


# exp as 2^n exp(r), where r is what is left of x beyond n ln 2, and exp(r) eight terms of its series; the largest
# relative error down to LEAST is 3e-7. Below it, float32 has no exp(x) of full precision.
LEAST = np.float32(-87.0)
LOG2_E, LN_2 = np.float32(1 / math.log(2)), np.float32(math.log(2))
S2, S3, S4, S5, S6, S7 = (np.float32(1 / math.factorial(k)) for k in range(2, 8))
ONE, HALF = np.float32(1), np.float32(0.5)
# A float32 with the exponent n has n + 127 in its bits from 23 on.
EXPONENT_ZERO, EXPONENT_AT = np.int32(127), np.int32(23)


@inlined
def copy_row(source_N, target_N):
    """target := source. Five times as fast as an assignment to a slice, which looks for overlap first."""
    for n in range(target_N.size):
        target_N[n] = source_N[n]


@inlined
def join(direct_SBH, length, t, d_BH):
    """d_t += what the head sends into step t, of the last S of `length` steps."""
    s = t - 1 - (length - direct_SBH.shape[0])
    if s >= 0:
        for b in range(d_BH.shape[0]):
            row, direct = d_BH[b], direct_SBH[s, b]
            for n in range(row.size):
                row[n] += direct[n]


@inlined
def _tanh32(x):
    # Comparisons that are false for NaN let it pass.
    if x > LIMIT:
        x = LIMIT
    if x < -LIMIT:
        x = -LIMIT
    s = x * x
    p = ((((((P13 * s + P11) * s + P9) * s + P7) * s + P5) * s + P3) * s + P1) * x
    q = ((Q6 * s + Q4) * s + Q2) * s + Q0
    return p / q


@part
def tanh_rows(x_BN):
    """x := tanh(x)."""
    for b in range(x_BN.shape[0]):
        row = x_BN[b]
        if x_BN.itemsize == 4:
            for n in range(row.size):
                row[n] = _tanh32(row[n])
        else:
            for n in range(row.size):
                row[n] = math.tanh(row[n])


@part
def sigmoid_rows(x_BN):
    """x := 1 / (1 + exp(-x)), by way of tanh."""
    half = x_BN.dtype.type(0.5)
    for b in range(x_BN.shape[0]):
        row = x_BN[b]
        if x_BN.itemsize == 4:
            for n in range(row.size):
                row[n] = half * _tanh32(half * row[n]) + half
        else:
            for n in range(row.size):
                row[n] = half * math.tanh(half * row[n]) + half


@inlined
def _exp32(x):
    # A comparison that is false for NaN lets it pass.
    if x < LEAST:
        x = LEAST
    n = np.float32(math.floor(x * LOG2_E + HALF))
    r = x - n * LN_2
    series = ((((((S7 * r + S6) * r + S5) * r + S4) * r + S3) * r + S2) * r + ONE) * r + ONE
    return series * np.int32((np.int32(n) + EXPONENT_ZERO) << EXPONENT_AT).view(np.float32)


@part
def exp_row(x_N):
    """x := exp(x), for x up to 0. math.exp cannot be vectorised."""
    if x_N.itemsize == 4:
        for n in range(x_N.size):
            x_N[n] = _exp32(x_N[n])
    else:
        for n in range(x_N.size):
            x_N[n] = math.exp(x_N[n])


@part
def activate(x_BN, activation):
    """x := phi(x)."""
    zero = x_BN.dtype.type(0)
    if activation == TANH:
        tanh_rows(x_BN)
    elif activation == SIGMOID:
        sigmoid_rows(x_BN)
    elif activation == RELU:
        for b in range(x_BN.shape[0]):
            row = x_BN[b]
            for n in range(row.size):
                if row[n] < zero:
                    row[n] = zero


@part
def times_slope(d_BN, h_BN, activation, out_BN):
    """out := d * phi'(h), the slope as a function of h = phi(a)."""
    zero, one = d_BN.dtype.type(0), d_BN.dtype.type(1)
    for b in range(d_BN.shape[0]):
        d, h, out = d_BN[b], h_BN[b], out_BN[b]
        if activation == TANH:
            for n in range(d.size):
                out[n] = d[n] * (one - h[n] * h[n])
        elif activation == SIGMOID:
            for n in range(d.size):
                out[n] = d[n] * (h[n] - h[n] * h[n])
        elif activation == RELU:
            for n in range(d.size):
                out[n] = d[n] if h[n] > zero else zero
        else:
            for n in range(d.size):
                out[n] = d[n]
