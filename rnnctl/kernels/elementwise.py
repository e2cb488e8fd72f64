"""Activations and their slopes over rows. An activation is an integer, its index in ACTIVATIONS."""

from __future__ import annotations

import math

import numpy as np

from rnnctl.kernels.compiled import force_inlined, inlined

ACTIVATIONS = ("tanh", "sigmoid", "relu", "identity")
TANH, SIGMOID, RELU, IDENTITY = range(4)

# A rational approximation of tanh, an odd over an even polynomial, fitted to [-7.9, 7.9]; beyond, tanh is 1 in float32.
# Its largest error is 9e-7. math.tanh is not vectorised, and took half of the time of a forward pass.
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


# exp(x) = 2^n exp(r) with r = x - n ln 2, and exp(r) from eight terms of its series. The largest relative error down to
# LEAST is 3e-7. Just below LEAST, exp(x) becomes subnormal in float32.
LEAST = np.float32(-87.0)
LOG2_E, LN_2 = np.float32(1 / math.log(2)), np.float32(math.log(2))
S2, S3, S4, S5, S6, S7 = (np.float32(1 / math.factorial(k)) for k in range(2, 8))
ONE, HALF = np.float32(1), np.float32(0.5)
# The bits of a float32 from bit 23 on hold its exponent plus 127.
EXPONENT_ZERO, EXPONENT_AT = np.int32(127), np.int32(23)


@inlined
def copy_row(source_N, target_N):
    """target := source. Five times as fast as an assignment to a slice, which first checks for overlap."""
    for n in range(target_N.size):
        target_N[n] = source_N[n]


@inlined
def join(direct_SBH, length, t, d_BH):
    """d_t += the head's gradient at step t, if t is one of the last S of `length` steps.

    direct_SBH: the head's gradients of the last S steps. d_BH: dL/dh_t.
    """
    s = t - 1 - (length - direct_SBH.shape[0])
    if s >= 0:
        for b in range(d_BH.shape[0]):
            row, direct = d_BH[b], direct_SBH[s, b]
            for n in range(row.size):
                row[n] += direct[n]


@inlined
def _tanh32(x):
    # The comparisons are false for NaN, which is propagated.
    if x > LIMIT:
        x = LIMIT
    if x < -LIMIT:
        x = -LIMIT
    s = x * x
    p = ((((((P13 * s + P11) * s + P9) * s + P7) * s + P5) * s + P3) * s + P1) * x
    q = ((Q6 * s + Q4) * s + Q2) * s + Q0
    return p / q


@force_inlined
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


@force_inlined
def sigmoid_rows(x_BN):
    """x := 1 / (1 + exp(-x)), computed as tanh(x / 2) / 2 + 1 / 2."""
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
    # The comparison is false for NaN, which is propagated.
    if x < LEAST:
        x = LEAST
    n = np.float32(math.floor(x * LOG2_E + HALF))
    r = x - n * LN_2
    series = ((((((S7 * r + S6) * r + S5) * r + S4) * r + S3) * r + S2) * r + ONE) * r + ONE
    return series * np.int32((np.int32(n) + EXPONENT_ZERO) << EXPONENT_AT).view(np.float32)


@force_inlined
def exp_row(x_N):
    """x := exp(x), for x <= 0. math.exp is not vectorised."""
    if x_N.itemsize == 4:
        for n in range(x_N.size):
            x_N[n] = _exp32(x_N[n])
    else:
        for n in range(x_N.size):
            x_N[n] = math.exp(x_N[n])


@force_inlined
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


@force_inlined
def times_slope(d_BN, h_BN, activation, out_BN):
    """out := d * phi'(a), with the slope as a function of h = phi(a)."""
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
